/** Disks out of the ordinary: vast ones, flash, names of the original's that no page holds, rot. */

import { byteString, Timestamp } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS, type NotaFSOptions } from '@caravan/notafs'
import {
  CrashDevice,
  checkNotafs,
  contentOf,
  Random,
  SparseMemoryDevice,
  seedFromEnvironment,
} from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { PayloadWriter, tokenBytes, topTokenBytes } from '../src/format/directory-payload.js'
import { encodeFreeQueueLeaf } from '../src/format/free-queue-node.js'
import {
  decodeGenerationLeaf,
  encodeGenerationLeaf,
  type GenerationLeaf,
} from '../src/format/generation-leaf.js'
import { Layout, type Pointer } from '../src/format/layout.js'
import { decodeRopeBranch, encodeRopeBranch, encodeRopeLeaf } from '../src/format/rope-node.js'
import { contentsOf, difference, type Model, modelOf, step } from './changes.js'

const PAGE = 512
const FIRST_LEAF = 5

/** Writes pages and the leaf of generation 1, as another program would have. */
function writeByHand(
  device: MemoryDevice | SparseMemoryDevice,
  leaf: Omit<GenerationLeaf, 'generation'>,
  pages: ReadonlyMap<number, Uint8Array>,
  layout: Layout,
): void {
  const head = new Uint8Array(PAGE)
  device.read([{ block: 0, offset: 0, bytes: head }])
  const page = new Uint8Array(PAGE)
  encodeGenerationLeaf(page, layout, head.slice(33, 41), { ...leaf, generation: 1 })
  const spans = [...pages].map(([block, bytes]) => ({ block, offset: 0, bytes }))
  device.prog([...spans, { block: FIRST_LEAF, offset: 0, bytes: page }])
}

function sourceOf(device: SparseMemoryDevice) {
  const { blockSize, blockCount } = device.geometry
  return {
    sizeBytes: blockSize * blockCount,
    read(at: number, length: number) {
      const bytes = new Uint8Array(length)
      device.read([{ block: Math.floor(at / blockSize), offset: at % blockSize, bytes }])
      return bytes
    },
  }
}

describe('ids of sectors, by how many there are', () => {
  test.each([
    [255, 1],
    [256, 2],
    [65_535, 2],
    [65_536, 4],
    [2 ** 32 - 1, 4],
    [2 ** 32, 8],
    [2 ** 40, 8],
  ])('%d sectors: %d bytes, and the last sectors are used', (blockCount, idBytes) => {
    const { seed } = seedFromEnvironment()
    const random = new Random(seed)
    const device = new SparseMemoryDevice({ blockSize: PAGE, blockCount })
    NotaFS.formatSync(device, { pageSize: PAGE })
    const layout = new Layout(PAGE, blockCount, 'ADLER-32')
    // All but the last 150 sectors have been used and given back: runs of the queue, which lie behind.
    const freeStart = blockCount - 150
    const queue = new Uint8Array(PAGE)
    const runs: { start: number; length: number }[] = []
    for (let start = 14; start < freeStart && runs.length < 40; ) {
      const length = Math.min(freeStart - start, 2 ** 32 - 1)
      runs.push({ start, length })
      start += length
    }
    encodeFreeQueueLeaf(queue, layout, runs)
    const freeSectors = 150 + runs.reduce((sum, { length }) => sum + length, 0)
    const leaf = {
      freeStart,
      freeQueue: { id: 13, checksum: layout.checksum(queue) },
      freeSectors,
      payload: layout.nullPointer,
      isAligned: true,
    }
    writeByHand(device, leaf, new Map([[13, queue]]), layout)
    let fs = NotaFS.mountSync(device)
    expect(fs.info().idBytes).toBe(idBytes)
    expect(fs.statfsSync('/').bfree).toBe(freeSectors)
    let model: Model = new Map()
    let highest = 0
    for (let i = 0; i < 40; i++) {
      model = step(fs, model, random, `seed ${seed}`)
      if (i % 10 === 9) {
        fs.unmountSync()
        fs = NotaFS.mountSync(device)
      }
      for (const { page } of fs.pageUseSync()) highest = Math.max(highest, page)
    }
    expect(highest).toBeGreaterThan(blockCount - 150)
    expect(difference(model, contentsOf(fs))).toBeUndefined()
    // Where forty runs do not reach, sectors are lost from the beginning.
    const isAll =
      runs.at(-1) !== undefined &&
      (runs.at(-1)?.start ?? 0) + (runs.at(-1)?.length ?? 0) === freeStart
    const codes = fs.checkSync().map(({ code }) => code)
    expect(codes).toEqual(isAll ? [] : ['LOST'])
    const { nodes, findings } = checkNotafs(sourceOf(device))
    expect(findings.length, findings[0]?.message).toBe(isAll ? 0 : 1)
    expect(difference(model, modelOf(nodes))).toBeUndefined()
    if (isAll) return
    NotaFS.repairSync(device)
    expect(NotaFS.mountSync(device).checkSync()).toEqual([])
    expect(checkNotafs(sourceOf(device)).findings).toEqual([])
  })
})

test('flash: every page is erased before it is written, and once', () => {
  const { seed, runs } = seedFromEnvironment(3)
  for (let run = 0; run < runs; run++) {
    const random = new Random(seed + run)
    const checksum = random.pick(['ADLER-32', 'NO-CHECK'] as const)
    const geometry = { blockSize: 1024, blockCount: 200, readSize: 16, progSize: 64 }
    // Strict: what is not erased may not be programmed.
    const device = new CrashDevice(geometry)
    NotaFS.formatSync(device, { pageSize: 1024, checksum, erases: true })
    const options: NotaFSOptions = { erases: true, transactionBytes: random.pick([0, 1e6]) }
    let fs = NotaFS.mountSync(device, options)
    let model: Model = new Map()
    for (let i = 0; i < 40; i++) {
      model = step(fs, model, random, `seed ${seed + run}`)
      if (!random.oneIn(8)) continue
      fs.unmountSync()
      fs = NotaFS.mountSync(device, options)
    }
    expect(difference(model, contentsOf(fs)), `seed ${seed + run}`).toBeUndefined()
    expect(checkNotafs(device.bytes).findings).toEqual([])
  }
})

test('a name of the original that no page holds: read, kept while others change, and removed', () => {
  const device = new MemoryDevice({ blockSize: PAGE, blockCount: 300 })
  NotaFS.formatSync(device, { pageSize: PAGE })
  const layout = new Layout(PAGE, 300, 'ADLER-32')
  const pages = new Map<number, Uint8Array>()
  let next = 13
  const write = (fill: (page: Uint8Array) => void): Pointer => {
    const page = new Uint8Array(PAGE)
    fill(page)
    const id = next++
    pages.set(id, page)
    return { id, checksum: layout.checksum(page) }
  }
  const content = new TextEncoder().encode('content')
  const file = write((page) => encodeRopeLeaf(page, content))
  const name = 'n'.repeat(1300)
  const bytes = new Uint8Array(topTokenBytes(1) + tokenBytes(layout, name, undefined))
  const writer = new PayloadWriter(bytes, layout, 0)
  writer.top(1)
  writer.file(byteString(new TextEncoder().encode(name), 0, name.length), 1000, file)
  const ends: number[] = []
  const leaves: Pointer[] = []
  for (let at = 0; at < bytes.length; at += layout.ropeLeafBytes) {
    const part = bytes.subarray(at, at + layout.ropeLeafBytes)
    leaves.push(write((page) => encodeRopeLeaf(page, part)))
    ends.push(at + part.length)
  }
  const payload = write((page) =>
    encodeRopeBranch(page, layout, 1, ends, (i) => leaves[i] as Pointer),
  )
  const leaf = {
    freeStart: next,
    freeQueue: layout.nullPointer,
    freeSectors: 300 - next,
    payload,
    isAligned: false,
  }
  writeByHand(device, leaf, pages, layout)
  expect(checkNotafs(device.bytes).findings).toEqual([])
  let fs = NotaFS.mountSync(device)
  expect(fs.readdirSync('/')).toEqual([name])
  for (let i = 0; i < 30; i++) {
    fs.keyValue().setSync(`other/${i % 7}`, contentOf(i, i * 40))
    expect(fs.readFileSync(`/${name}`, 'utf8')).toBe('content')
    if (i % 5 === 0) fs = NotaFS.mountSync(device)
    expect(checkNotafs(device.bytes).findings).toEqual([])
  }
  // Ours are shorter, and say so.
  expect(() => fs.writeFileSync(`/${'m'.repeat(256)}`, '')).toThrow(/ENAMETOOLONG/)
  fs.rmSync(`/${name}`)
  fs.keyValue().setSync('last', 'x')
  const pagesOf = (kind: string) => fs.pageUseSync().filter((use) => use.kind === kind).length
  expect(pagesOf('directory')).toBe(1)
  expect(checkNotafs(device.bytes).findings).toEqual([])
})

describe('directories of more than two levels of branches', () => {
  /** A disk with so many names that branches lie above branches, and what the top one's keys are. */
  function written() {
    const device = new MemoryDevice({ blockSize: PAGE, blockCount: 4000 })
    NotaFS.formatSync(device, { pageSize: PAGE })
    const fs = NotaFS.mountSync(device)
    fs.transactionSync((tx) => {
      for (let i = 0; i < 1500; i++) tx.setSync(`d${i % 7}/name-${i}`, `value ${i}`)
    })
    return { device, fs }
  }

  test('keys hold while names come, go and change: the original reads by them', () => {
    const { seed, runs } = seedFromEnvironment(1)
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run)
      let { device, fs } = written()
      for (let i = 0; i < 60; i++) {
        const kv = fs.keyValue()
        const key = `d${random.int(7)}/${random.oneIn(2) ? `more-${i}` : `name-${random.int(1500)}`}`
        if (random.oneIn(3)) kv.removeSync(key)
        else kv.setSync(key, contentOf(i, 20))
        if (random.oneIn(10)) fs = NotaFS.mountSync(device)
        if (i % 6 > 0) continue
        const { findings } = checkNotafs(device.bytes)
        expect(findings, `seed ${seed + run}, change ${i}`).toEqual([])
      }
    }
  })

  /** Makes the first key of the top branch wrong, as earlier versions wrote it. */
  function withWrongKey() {
    const { device, fs } = written()
    const expected = contentsOf(fs)
    const layout = new Layout(PAGE, 4000, 'ADLER-32')
    const head = device.bytes.slice(33, 41)
    // Generation 2 lies in the second slot; unmounting would add another.
    const leafPage = device.bytes.subarray((FIRST_LEAF + 1) * PAGE, (FIRST_LEAF + 2) * PAGE)
    const leaf = decodeGenerationLeaf(leafPage, layout, head, 2) as GenerationLeaf
    const at = leaf.payload.id * PAGE
    const page = device.bytes.subarray(at, at + PAGE)
    const { height, keys, children } = decodeRopeBranch(page, layout, leaf.payload.id)
    expect(height).toBe(2)
    const wrong = keys.map((key, i) => (i === 0 ? key - 1 : key))
    encodeRopeBranch(page, layout, height, wrong, (i) => children[i] as Pointer)
    const payload = { id: leaf.payload.id, checksum: layout.checksum(page) }
    encodeGenerationLeaf(leafPage, layout, head, { ...leaf, payload })
    return { device, expected }
  }

  test('a wrong key: check tells of it, nothing is lost, and the next change puts it right', () => {
    const { device, expected } = withWrongKey()
    expect(checkNotafs(device.bytes).findings).toHaveLength(1)
    const fs = NotaFS.mountSync(device)
    expect(fs.checkSync().map(({ code }) => code)).toEqual(['WRONG_KEY', 'WRONG_KEY'])
    expect(difference(expected, contentsOf(fs))).toBeUndefined()
    fs.keyValue().setSync('after', 'x')
    expect(fs.checkSync()).toEqual([])
    expect(checkNotafs(device.bytes).findings).toEqual([])
  })

  test('a wrong key: repair puts it right', () => {
    const { device, expected } = withWrongKey()
    const { generation, lost, repaired } = NotaFS.repairSync(device)
    expect({ generation, lost }).toEqual({ generation: 2, lost: [] })
    expect(repaired.map(({ code }) => code)).toEqual(['WRONG_KEY', 'WRONG_KEY'])
    const fs = NotaFS.mountSync(device)
    expect(difference(expected, contentsOf(fs))).toBeUndefined()
    expect(fs.checkSync()).toEqual([])
    expect(checkNotafs(device.bytes).findings).toEqual([])
  })
})

test('no clock and no caller brings a time onto the disk that the original refuses', () => {
  for (const ms of [Number.NaN, -1e18, 1e18]) {
    const device = new MemoryDevice({ blockSize: PAGE, blockCount: 300 })
    NotaFS.formatSync(device, { pageSize: PAGE })
    const fs = NotaFS.mountSync(device, { now: () => ms })
    fs.mkdirSync('/d')
    fs.writeFileSync('/d/file', 'x')
    fs.keyValue().setSync('d/value', 'x')
    fs.utimesSync('/d', 1e12, 1e12)
    const time = new Timestamp(2 ** 31, 0n)
    fs.keyValue().allocateSync('d/allocated', 3, { lastModified: time })
    fs.transactionSync((tx) => tx.setModifiedSync('d/value', time))
    const expected = contentsOf(fs)
    fs.unmountSync()
    const { nodes, findings } = checkNotafs(device.bytes)
    expect(findings).toEqual([])
    expect(difference(expected, modelOf(nodes))).toBeUndefined()
  }
})

describe('rot in the roots', () => {
  function written(changes: number) {
    const device = new MemoryDevice({ blockSize: PAGE, blockCount: 400 })
    NotaFS.formatSync(device, { pageSize: PAGE })
    const fs = NotaFS.mountSync(device)
    for (let i = 0; i < changes; i++) fs.keyValue().setSync(`key${i % 5}`, contentOf(i, 900))
    const expected = contentsOf(fs)
    const { generation } = fs.info()
    fs.unmountSync()
    const view = new DataView(device.bytes.buffer)
    const firsts = [1, 2, 3, 4].map((sector) => Number(view.getBigUint64(sector * PAGE, true)))
    const newest = firsts.flatMap((first, i) => (first === Math.max(...firsts) ? [1 + i] : []))
    const rot = (sector: number) => device.bytes.fill(0x55, sector * PAGE, (sector + 1) * PAGE)
    return { device, expected, generation, newest, rot }
  }

  function expectSound(device: MemoryDevice, expected: Model): void {
    const fs = NotaFS.mountSync(device)
    expect(difference(expected, contentsOf(fs))).toBeUndefined()
    fs.keyValue().setSync('after', 'x')
    expect(fs.checkSync()).toEqual([])
    expect(checkNotafs(device.bytes).findings).toEqual([])
  }

  test.each([0, 1])('in one of the two that are alike: nothing is lost (%d)', (which) => {
    const { device, expected, newest, rot } = written(14)
    expect(newest).toHaveLength(2)
    rot(newest[which] as number)
    expect(
      NotaFS.mountSync(device)
        .checkSync()
        .map(({ code }) => code),
    ).toEqual(['DAMAGED_ROOT'])
    expectSound(device, expected)
    // It was written anew: now the other may rot.
    rot(newest[1 - which] as number)
    expectSound(device, new Map([...expected, ['after', new TextEncoder().encode('x')]]))
  })

  test.each([3, 14, 43])('in all that lead to what is there: repair finds it (%d)', (changes) => {
    const { device, expected, generation, newest, rot } = written(changes)
    for (const sector of newest) rot(sector)
    const result = NotaFS.repairSync(device)
    expect(result.generation).toBe(generation)
    expect(result.repaired.map(({ code }) => code)).toContain('DAMAGED_ROOT')
    expectSound(device, expected)
  })

  test('in the first root: the mount says what to do', () => {
    const { device, rot } = written(3)
    rot(4)
    expect(() => NotaFS.mountSync(device)).toThrow(
      /1 of its 4 roots is damaged: caravan repair searches/,
    )
  })

  test('where nothing is whole, repair says so', () => {
    const device = new MemoryDevice({ blockSize: PAGE, blockCount: 100 })
    NotaFS.formatSync(device, { pageSize: PAGE })
    device.bytes.fill(0x55, PAGE)
    expect(() => NotaFS.repairSync(device)).toThrow(/No generation of this disk is whole/)
  })
})
