/** Sizes changed in place by moving what is in the way: everything stays, and what does not fit is said. */

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { DeviceError, type Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { CrashDevice, checkLittlefs, cutsInOrder, Random } from '@caravan/testkit'
import { parseTar } from 'nanotar'
import { describe, expect, it } from 'vitest'
import { LittleFS, ReferenceFS } from '../src/index.js'
import {
  cleanNames,
  goldenFolder,
  goldenNames,
  imageOf,
  type Manifest,
  manifestOf,
} from './golden-images.js'
import { MadeImage } from './made-image.js'
import { treeOf } from './repair-run.js'

const GEOMETRY = { blockSize: 512, blockCount: 64, readSize: 16, progSize: 16 }
const ERASED = 0xff

function freshDevice(blockCount = 64): MemoryDevice {
  const device = new MemoryDevice({ ...GEOMETRY, blockCount })
  LittleFS.formatSync(device)
  return device
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff)
}

/** Thousands of bytes, one of which alone may be another. */
function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(found.length).toBe(expected.length)
  expect(Buffer.compare(found, expected)).toBe(0)
}

function expectSound(device: MemoryDevice, blockCount: number): void {
  expect(checkLittlefs(device.bytes, { ...GEOMETRY, blockCount, eraseValue: ERASED })).toEqual([])
}

/** Files of these numbers of blocks, written one after the other from the first free block on. */
function withFiles(device: MemoryDevice, blocks: Readonly<Record<string, number>>): LittleFS {
  const fs = LittleFS.mountSync(device)
  for (const [name, count] of Object.entries(blocks)) {
    // Each block but the first begins with pointers.
    fs.writeFileSync(name, bytesOf(count * (GEOMETRY.blockSize - 8), count))
  }
  return fs
}

describe('shrink', () => {
  it('moves files and directories below the new end, each once, and says so', () => {
    const device = freshDevice()
    const fs = LittleFS.mountSync(device)
    for (const name of ['/a', '/b', '/c']) fs.mkdirSync(name)
    fs.writeFileSync('/a/large', bytesOf(6000, 1))
    fs.writeFileSync('/b/large', bytesOf(3000, 2))
    fs.writeFileSync('/c/small', 'inline')
    fs.setAttributeSync('/a/large', 0x74, bytesOf(8, 3))
    const plan = fs.planShrinkSync()
    const { usedBlocks } = fs.dfSync()
    expect(plan).toMatchObject({ blockCount: usedBlocks, missingBlocks: 0, usedBlocks })
    const before = treeOf(device.bytes.slice(), 512)
    const moved: (readonly [string | undefined, number])[] = []
    fs.shrinkSync(plan.blockCount, { onMoved: (path, count) => moved.push([path, count]) })
    expect(fs.info().blockCount).toBe(usedBlocks)
    expect(fs.dfSync()).toMatchObject({ usedBlocks, freeBlocks: 0 })
    expectSound(device, usedBlocks)
    const cut = device.bytes.slice(0, usedBlocks * 512)
    expect(treeOf(cut, 512)).toEqual(before)
    for (const { path, blocks } of plan.files) expect(moved).toContainEqual([path, blocks])
    expect(moved.filter(([path]) => path === undefined)).toHaveLength(plan.pairCount)
    // Nothing is left to be done.
    const after = device.bytes.slice()
    fs.shrinkSync(usedBlocks)
    expectBytes(device.bytes, after)
  })

  it('of what does not fit says by how many blocks, before anything is moved', () => {
    const device = freshDevice()
    const fs = withFiles(device, { '/a': 20 })
    const { usedBlocks } = fs.dfSync()
    const before = device.bytes.slice()
    expect(fs.planShrinkSync(10)).toMatchObject({
      missingBlocks: usedBlocks - 10,
      smallestBlockCount: usedBlocks,
    })
    expect(() => fs.shrinkSync(10)).toThrow(
      expect.objectContaining({
        code: 'ENOSPC',
        message: expect.stringContaining(
          `${usedBlocks} blocks are in use, and 10 would be left: it can have ${usedBlocks} blocks at least, ${usedBlocks - 10} more`,
        ),
      }),
    )
    expectBytes(device.bytes, before)
    // The blocks beyond are still there to be used.
    fs.writeFileSync('/b', bytesOf(35 * 500, 1))
    expectSound(device, 64)
  })

  it('a file with more blocks to move than are free below goes through those beyond', () => {
    let throughCount = 0
    const long = 7
    // A list that goes on from the last block of the device to the first that are free.
    for (let first = 1; first < 28; first++) {
      const device = freshDevice(32)
      const fs = withFiles(device, { '/first': first })
      fs.rmSync('/first')
      fs.writeFileSync('/long', bytesOf(long * 504, long))
      const { usedBlocks } = fs.dfSync()
      const plan = fs.planShrinkSync()
      const tail = plan.files.find(({ path }) => path === '/long')?.blocks ?? 0
      const below = fs.blockUseSync().filter(({ block }) => block < usedBlocks).length
      if (plan.smallestBlockCount > usedBlocks || tail <= usedBlocks - below) continue
      throughCount++
      const writes: number[] = []
      fs.shrinkSync(usedBlocks, {
        onMoved: (path, count) => {
          if (path === '/long') writes.push(count)
        },
      })
      // All of it, then what went beyond the end.
      expect(writes).toHaveLength(2)
      expect(writes[0]).toBe(tail)
      expectSound(device, usedBlocks)
      expectBytes(fs.readFileSync('/long'), bytesOf(long * 504, long))
    }
    expect(throughCount).toBeGreaterThan(0)
  })

  it('a file larger than all that is free bounds the size, and the plan says so', () => {
    const device = freshDevice(32)
    const fs = withFiles(device, { '/first': 2, '/long': 22 })
    fs.rmSync('/first')
    const { usedBlocks, freeBlocks } = fs.dfSync()
    const { smallestBlockCount } = fs.planShrinkSync()
    const long = fs
      .blockUseSync()
      .filter(({ path }) => path === '/long')
      .map(({ block }) => block)
    expect(freeBlocks).toBeLessThan(long.length)
    expect(smallestBlockCount).toBeGreaterThanOrEqual(usedBlocks)
    if (smallestBlockCount > usedBlocks) {
      expect(() => fs.shrinkSync(smallestBlockCount - 1)).toThrow(/more blocks from its first one/)
    }
    fs.shrinkSync(smallestBlockCount)
    expect(fs.readFileSync('/long')).toEqual(bytesOf(22 * 504, 22))
    expectSound(device, smallestBlockCount)
  })

  it('moves the root where the superblock was expanded, and tells both superblocks', () => {
    const device = new MemoryDevice({ ...GEOMETRY, blockCount: 128 })
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device, { blockCycles: 1 })
    for (let i = 0; i < 150; i++) fs.writeFileSync('/f', `${i}`)
    fs.mkdirSync('/d')
    fs.writeFileSync('/d/large', bytesOf(4000, 4))
    expect(fs.info().rootPair).not.toEqual([0, 1])
    const { blockCount } = fs.planShrinkSync()
    fs.shrinkSync(blockCount)
    expect(Math.max(...fs.info().rootPair)).toBeLessThan(blockCount)
    expectSound(device, blockCount)
    const again = ReferenceFS.mountSync(device, { blockCount })
    expect(again.readFileSync('/f', 'utf8')).toBe('149')
    expectBytes(again.readFileSync('/d/large'), bytesOf(4000, 4))
  })

  it('cut between two superblocks is finished by the same once more', () => {
    const setup = { ...GEOMETRY, blockCount: 120, eraseValue: ERASED }
    const device = new CrashDevice(setup)
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device, { blockCycles: 1 })
    for (let i = 0; i < 100; i++) fs.writeFileSync('/f', `${i}`)
    const { blockCount } = fs.planShrinkSync()
    device.startRecording()
    fs.shrinkSync(blockCount)
    const options = { geometry: setup, eraseValue: ERASED, random: new Random(1) }
    let betweenCount = 0
    for (const { state, label } of cutsInOrder(device.stopRecording(), options)) {
      const reborn = new CrashDevice({ ...setup, strict: false, state })
      const again = ReferenceFS.mountSync(reborn, { blockCycles: 1 })
      if (again.info().blockCount === blockCount) betweenCount++
      again.shrinkSync(blockCount)
      expect(superblockCounts(reborn.bytes), label).toEqual(new Set([blockCount]))
      expect(again.readFileSync('/f', 'utf8'), label).toBe('99')
    }
    expect(betweenCount).toBeGreaterThan(1)
  })

  it('open files go along; what they have not saved is not moved', () => {
    const device = freshDevice()
    const fs = withFiles(device, { '/a': 4, '/b': 5 })
    const reader = fs.openEngineFileSync('/b')
    const first = new Uint8Array(700)
    reader.readSync(first)
    const { blockCount } = fs.planShrinkSync()
    fs.shrinkSync(blockCount)
    const rest = new Uint8Array(5 * 504)
    const count = reader.readSync(rest)
    const whole = new Uint8Array([...first, ...rest.subarray(0, count)])
    expectBytes(whole, bytesOf(5 * 504, 5))
    reader.closeSync()

    fs.growSync(64)
    const writer = fs.openEngineFileSync('/new', { read: true, write: true, create: true })
    for (let i = 0; i < 12; i++) writer.writeSync(bytesOf(512, i))
    // What waits to be written has no blocks before.
    expect(writer.readSync(new Uint8Array(1))).toBe(0)
    const before = device.bytes.slice()
    for (const change of [() => fs.shrinkSync(20), () => fs.defragSync()]) {
      expect(change).toThrow(expect.objectContaining({ code: 'EBUSY' }))
    }
    expectBytes(device.bytes, before)
    writer.closeSync()
    fs.shrinkSync(fs.planShrinkSync().blockCount)
    expect(fs.statSync('/new').size).toBe(12 * 512)
    expect(fs.dfSync().freeBlocks).toBe(0)
  })

  it('readers that run meanwhile read what they began to', async () => {
    const device = freshDevice()
    const fs = withFiles(device, { '/a': 12, '/b': 9 })
    fs.rmSync('/a')
    const pieces = fs.readFileInPieces('/b', 512)
    const first = await pieces.next()
    await fs.shrink(fs.planShrinkSync().blockCount)
    const all = [...(first.value as Uint8Array)]
    for await (const piece of pieces) all.push(...piece)
    expectBytes(new Uint8Array(all), bytesOf(9 * 504, 9))
  })

  it('a block that goes bad while it moves costs another one, and nothing else', () => {
    for (const bad of ['prog', 'silent'] as const) {
      const device = new WornDevice({ ...GEOMETRY, blockCount: 64 })
      LittleFS.formatSync(device)
      const fs = LittleFS.mountSync(device)
      for (const name of ['/x', '/y', '/z']) fs.mkdirSync(name)
      fs.writeFileSync('/x/large', bytesOf(7000, 1))
      fs.writeFileSync('/y/more', bytesOf(3000, 2))
      const before = treeOf(device.bytes.slice(), 512)
      const used = new Set(fs.blockUseSync().map(({ block }) => block))
      const { usedBlocks } = fs.dfSync()
      const target = usedBlocks + 4
      // Three of the free blocks that things will be moved to.
      const free = Array.from({ length: target }, (_, i) => i).filter((block) => !used.has(block))
      for (const block of free.slice(0, 3)) device.bad.set(block, bad)
      fs.shrinkSync(target)
      expect(fs.info().blockCount).toBe(target)
      expect(device.failedCount).toBeGreaterThan(0)
      expect(treeOf(device.bytes.slice(), 512)).toEqual(before)
    }
  })

  it('on a damaged image, where two things have a block, moves nothing', () => {
    const image = new MadeImage(512, 32)
    image.chain(4, 3)
    const struct = { kind: 'ctz', head: 6, size: 1400 } as const
    image.root([
      { name: 'a', struct },
      { name: 'b', struct },
    ])
    const before = image.bytes.slice()
    const fs = LittleFS.mountSync(new MemoryDevice(image.bytes, { blockSize: 512 }))
    for (const change of [
      () => fs.shrinkSync(5),
      () => fs.defragSync(),
      () => fs.planShrinkSync(),
    ]) {
      expect(change).toThrow(expect.objectContaining({ code: 'SHARED_BLOCK' }))
    }
    expectBytes(image.bytes, before)
  })

  it('is refused on a read-only mount, which plans all the same', () => {
    const device = freshDevice()
    withFiles(device, { '/a': 4 })
    const fs = LittleFS.mountSync(device, { readOnly: true })
    const { blockCount } = fs.planShrinkSync()
    for (const change of [() => fs.shrinkSync(blockCount), () => fs.defragSync()]) {
      expect(change).toThrow(expect.objectContaining({ code: 'EROFS' }))
    }
  })

  it('with the least memory does the same', () => {
    const device = freshDevice()
    const fs = LittleFS.mountSync(device, { memoryBudget: 0 })
    for (let i = 0; i < 6; i++) {
      fs.mkdirSync(`/${i}`)
      fs.writeFileSync(`/${i}/f`, bytesOf(900, i))
    }
    const before = treeOf(device.bytes.slice(), 512)
    fs.shrinkSync(fs.planShrinkSync().blockCount)
    fs.growSync(64)
    fs.defragSync()
    expect(treeOf(device.bytes.slice(), 512)).toEqual(before)
    expectSound(device, 64)
  })
})

describe('with a map of the free blocks that is a window', () => {
  it('shrinks and defragments all the same', () => {
    const device = freshDevice(700)
    const fs = LittleFS.mountSync(device, { memoryBudget: 0 })
    for (let i = 0; i < 12; i++) {
      fs.mkdirSync(`/${i}`)
      fs.writeFileSync(`/${i}/f`, bytesOf(5000 + 900 * i, i))
    }
    for (let i = 0; i < 12; i += 3) fs.rmSync(`/${i}/f`)
    const before = treeOf(device.bytes.slice(), 512)
    const { smallestBlockCount, usedBlocks } = fs.planShrinkSync()
    // More than the 128 blocks that a window has at least.
    expect(smallestBlockCount).toBeGreaterThan(140)
    fs.shrinkSync(smallestBlockCount)
    expectSound(device, usedBlocks)
    fs.growSync(700)
    const { after } = fs.defragSync()
    expect(after).toMatchObject({ fragmentedCount: 0, freeAtEnd: after.freeBlocks })
    expect(treeOf(device.bytes.slice(), 512)).toEqual(before)
    expectSound(device, 700)
  })
})

describe('defrag', () => {
  it('puts files in one piece, directories first, and what is free at the end', async () => {
    const device = freshDevice(128)
    const fs = LittleFS.mountSync(device)
    for (const name of ['/a', '/b']) fs.mkdirSync(name)
    for (let i = 0; i < 12; i++) {
      fs.appendFileSync('/a/one', bytesOf(500, i))
      fs.appendFileSync('/b/two', bytesOf(500, i + 50))
    }
    const before = treeOf(device.bytes.slice(), 512)
    const paths: (string | undefined)[] = []
    const report = await fs.defrag({ onMoved: (path) => paths.push(path) })
    expect(report.before).toEqual({ ...report.before, fileCount: 2, fragmentedCount: 2 })
    const { usedBlocks } = fs.dfSync()
    expect(report.after).toEqual({
      fileCount: 2,
      fragmentedCount: 0,
      fragmentCount: 2,
      pairCount: 3,
      usedBlocks,
      freeBlocks: 128 - usedBlocks,
      freeAtEnd: 128 - usedBlocks,
    })
    expect(paths).toContain('/a/one')
    expect(treeOf(device.bytes.slice(), 512)).toEqual(before)
    expectSound(device, 128)
    expect(await fs.fragmentation()).toEqual(report.after)
    // Metadata stands first, and shrinking has nothing to move.
    const metadata = fs.blockUseSync().filter(({ kind }) => kind === 'metadata')
    expect(Math.max(...metadata.map(({ block }) => block))).toBe(2 * report.after.pairCount - 1)
    expect(await fs.planShrink()).toMatchObject({ blockCount: usedBlocks, files: [], pairCount: 0 })
    const bytes = device.bytes.slice()
    expect((await fs.defrag()).writtenBlocks).toBe(0)
    expectBytes(device.bytes, bytes)
  })

  it('takes the pairs of a directory together that has become small', () => {
    const device = freshDevice(128)
    const fs = LittleFS.mountSync(device)
    fs.mkdirSync('/d')
    for (let i = 0; i < 60; i++) fs.writeFileSync(`/d/${String(i).padStart(3, '0')}`, `file ${i}`)
    for (let i = 0; i < 60; i++) if (i % 7 !== 0) fs.rmSync(`/d/${String(i).padStart(3, '0')}`)
    const open = fs.openEngineFileSync('/d/049')
    const { before, after } = fs.defragSync()
    expect(before.pairCount).toBeGreaterThan(4)
    expect(after.pairCount).toBe(2)
    expect(after.usedBlocks).toBe(4)
    const text = new Uint8Array(7)
    expect(open.readSync(text)).toBe(7)
    expect(new TextDecoder().decode(text)).toBe('file 49')
    fs.renameSync('/d/049', '/moved')
    open.closeSync()
    expect(fs.readdirSync('/d')).toEqual(['000', '007', '014', '021', '028', '035', '042', '056'])
    fs.writeFileSync('/d/015', 'new')
    const again = LittleFS.mountSync(device)
    expect(again.readFileSync('/moved', 'utf8')).toBe('file 49')
    expect(again.readdirSync('/d')).toContain('015')
    expectSound(device, 128)
  })

  it('forgets in its logs what was removed', () => {
    const device = freshDevice()
    const fs = LittleFS.mountSync(device)
    fs.writeFileSync('/secret', 'k3y-0f-th3-h0us3')
    fs.rmSync('/secret')
    fs.writeFileSync('/kept', 'x')
    const holds = () => Buffer.from(device.bytes).includes('k3y-0f-th3-h0us3')
    expect(holds()).toBe(true)
    // Both halves of the pair are written in turn.
    fs.defragSync()
    fs.writeFileSync('/kept', 'y')
    fs.defragSync()
    expect(holds()).toBe(false)
  })

  it('goes around a file that is larger than all that is free', () => {
    const device = freshDevice(32)
    const fs = withFiles(device, { '/a': 3, '/long': 20, '/b': 1 })
    fs.rmSync('/a')
    const before = treeOf(device.bytes.slice(), 512)
    const { after } = fs.defragSync()
    expect(after.fileCount).toBe(2)
    expect(treeOf(device.bytes.slice(), 512)).toEqual(before)
    expectSound(device, 32)
    expect(fs.defragSync().writtenBlocks).toBe(0)
  })
})

describe('what the C library left when its power was cut', () => {
  const directory = new URL('powerloss/', goldenFolder)
  const scripts = readdirSync(directory).filter((file) => file.endsWith('.json'))

  it.each(scripts)('%s: shrunk and defragmented it holds what was shown', (file) => {
    const manifests: (Manifest & { readonly img: string })[] = JSON.parse(
      readFileSync(new URL(file, directory), 'utf8'),
    )
    const archive = readFileSync(new URL(file.replace('.json', '.tar.gz'), directory))
    const images = new Map(
      parseTar(new Uint8Array(gunzipSync(archive))).map(({ name, data }) => [name, data]),
    )
    let count = 0
    for (const { img, name, blockSize, expect: answer } of manifests) {
      if (answer !== 'ok') continue
      const image = Uint8Array.from(images.get(img) as Uint8Array)
      const before = treeOf(image.slice(), blockSize)
      const fs = LittleFS.mountSync(new MemoryDevice(image, { blockSize }), { blockSize })
      const { smallestBlockCount } = fs.planShrinkSync()
      fs.shrinkSync(smallestBlockCount)
      fs.defragSync()
      expect(treeOf(image, blockSize), name).toEqual(before)
      expect(checkLittlefs(image, { blockSize, allowTornCommits: true }), name).toEqual([])
      count++
    }
    expect(count).toBeGreaterThan(0)
  })
})

describe('what the C library wrote', () => {
  it.each(cleanNames)('%s: shrunk and defragmented it holds the same', (name) => {
    const { blockSize, blockCount, progSize } = manifestOf(name)
    const before = treeOf(imageOf(name), blockSize)
    const bytes = imageOf(name)
    const device = new MemoryDevice(bytes, { blockSize, progSize })
    const fs = LittleFS.mountSync(device, { blockSize, nameMax: 1022 })
    const expectSame = () => {
      const cut = bytes.slice(0, fs.info().blockCount * blockSize)
      expect(treeOf(cut, blockSize)).toEqual(before)
      const findings = checkLittlefs(cut, { blockSize })
      expect(findings.filter(({ code }) => code !== 'superblock-limits')).toEqual([])
    }
    fs.shrinkSync(Math.ceil((fs.planShrinkSync().smallestBlockCount + blockCount) / 2))
    expectSame()
    const { before: fragments, after } = fs.defragSync()
    expect(after.usedBlocks).toBeLessThanOrEqual(fragments.usedBlocks)
    expectSame()
    const { smallestBlockCount, usedBlocks } = fs.planShrinkSync()
    fs.shrinkSync(smallestBlockCount)
    expect(fs.info().blockCount).toBeGreaterThanOrEqual(usedBlocks)
    expectSame()
  })

  it('damaged: refused, or the same after it', () => {
    let refused = 0
    for (const name of goldenNames.filter((each) => each.startsWith('corrupt'))) {
      const { blockSize } = manifestOf(name)
      const bytes = imageOf(name)
      const before = treeOf(bytes, blockSize)
      if (before === undefined) continue
      const fs = LittleFS.mountSync(new MemoryDevice(bytes, { blockSize }), {
        blockSize,
        nameMax: 1022,
      })
      try {
        fs.shrinkSync(fs.planShrinkSync().blockCount)
        fs.defragSync()
      } catch (error) {
        expect((error as Error).name, name).toMatch(/^(FormatError|FsError|DeviceError)$/)
        refused++
      }
      expect(treeOf(bytes, blockSize), name).toEqual(before)
    }
    expect(refused).toBeGreaterThan(3)
  })
})

/** What the superblocks say, wherever one stands at the beginning of a block that is in force. */
function superblockCounts(image: Uint8Array): Set<number> {
  const device = new MemoryDevice(image.slice() as Uint8Array<ArrayBuffer>, {
    blockSize: 512,
    readOnly: true,
  })
  const fs = ReferenceFS.mountSync(device)
  const counts = new Set([fs.info().blockCount])
  // The copy stands in blocks 0 and 1: the newer half, its last word of the kind.
  const view = new DataView(image.buffer, image.byteOffset)
  const half = view.getUint32(0, true) > view.getUint32(512, true) ? 0 : 512
  let found = 0
  for (let at = half; at < half + 512 - 24; at += 4) {
    // Version, block size, and the block count behind them.
    if (view.getUint32(at, true) >>> 16 === 2 && view.getUint32(at + 4, true) === 512) {
      found = view.getUint32(at + 8, true)
    }
  }
  return counts.add(found)
}

/** Blocks that do not take what is programmed. */
class WornDevice extends MemoryDevice {
  readonly bad = new Map<number, 'prog' | 'silent'>()
  failedCount = 0

  override prog(spans: readonly Span[]): void {
    for (const span of spans) {
      const way = this.bad.get(span.block)
      if (way !== undefined) this.failedCount++
      if (way === 'prog') {
        const where = { request: 'prog', block: span.block } as const
        throw new DeviceError('BAD_BLOCK', `block ${span.block} is worn out`, where)
      }
      const bytes = span.bytes.slice()
      if (way === 'silent') bytes[0] = (bytes[0] as number) ^ 1
      super.prog([{ ...span, bytes }])
    }
  }
}
