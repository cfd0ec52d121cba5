/** littlefs 1 read: the format, the faces, and images that lie. */

import { readFileSync } from 'node:fs'
import { CaravanError, FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import {
  checkLittleFS1Sync,
  LittleFS,
  LittleFS1,
  migrateInPlaceSync,
  VERSION1_MEANINGS,
} from '@caravan/littlefs'
import {
  contentOf,
  keyValueReaderConformance,
  LateDevice,
  Random,
  READER_FIXTURE,
  seedFromEnvironment,
} from '@caravan/testkit'
import { describe, expect, it, test } from 'vitest'
import {
  decodeDirectoryEntries,
  decodeDirectoryHeader,
} from '../src/version1/format/directory-block.js'
import { decodeSuperblock } from '../src/version1/format/superblock.js'
import { hex } from './golden-images.js'
import {
  DIRECTORY,
  FILE,
  Version1Image,
  version1Case,
  version1Cases,
  version1Image,
} from './version1-images.js'
import { damageVersion1, exercise, smallVersion1 } from './version1-run.js'

const EMPTY = [0xffffffff, 0] as const

function mount(image: Version1Image): LittleFS1 {
  return LittleFS1.mountSync(new MemoryDevice(image.bytes, { readOnly: true }))
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof CaravanError) return error.code
    throw error
  }
}

describe('format', () => {
  /** Blocks that the library wrote: a superblock, and a root of a directory and an empty file. */
  const SUPERBLOCK = hex(
    '02000000 34000000 03000000 02000000 2e140008 03000000 02000000 80000000 10000000 01000100 6c6974746c656673 94679486',
  )
  const ROOT = hex(
    '03000000 33000000 05000000 04000000 22080003 05000000 04000000 657463 11080004 ffffffff 00000000 7a65726f ede989bb',
  )

  it('decodes a superblock', () => {
    expect(decodeDirectoryHeader(SUPERBLOCK)).toEqual({
      revision: 2,
      size: 52,
      isContinued: false,
      tail: [3, 2],
    })
    expect(decodeSuperblock(SUPERBLOCK)).toEqual({
      root: [3, 2],
      blockSize: 128,
      blockCount: 16,
      majorVersion: 1,
      minorVersion: 1,
    })
  })

  it('decodes entries', () => {
    const header = decodeDirectoryHeader(ROOT)
    if (header === undefined) throw new Error('no header')
    expect(decodeDirectoryEntries(ROOT, header, 3)).toEqual({
      entries: [
        { type: 0x22, isMoved: false, data: [5, 4], name: 'etc', offset: 16 },
        { type: 0x11, isMoved: false, data: [0xffffffff, 0], name: 'zero', offset: 31 },
      ],
      damage: undefined,
    })
  })

  it.each([
    ['a flipped bit', (block: Uint8Array) => block.fill((block[20] as number) ^ 1, 20, 21)],
    ['a size beyond the block', (block: Uint8Array) => block.fill(0xff, 4, 7)],
    ['a size of nothing', (block: Uint8Array) => block.fill(0, 4, 8)],
  ])('refuses %s', (_, change) => {
    expect(decodeDirectoryHeader(change(SUPERBLOCK.slice()))).toBeUndefined()
  })

  it('finds no superblock where the magic is not', () => {
    expect(decodeSuperblock(SUPERBLOCK.slice().fill(0, 40, 41))).toBeUndefined()
    expect(decodeSuperblock(ROOT)).toBeUndefined()
  })
})

describe('what is shown', () => {
  it('an entry that is being moved, unless it is elsewhere already', () => {
    const marked = (data: readonly [number, number], name: string) => ({
      type: FILE | 0x80,
      data,
      name,
    })
    const image = new Version1Image(512, 8)
    image.block(2, {
      entries: [
        marked([4, 3], 'gone'),
        { type: FILE, data: [4, 3], name: 'here' },
        marked([5, 3], 'failed'),
      ],
    })
    image.bytes.set(Buffer.from('abc'), 4 * 512)
    image.bytes.set(Buffer.from('def'), 5 * 512)
    const fs = mount(image)
    expect(fs.readdirSync('/')).toEqual(['here', 'failed'])
    expect(fs.readFileSync('/failed', 'utf8')).toBe('def')
    expect(codeOf(() => fs.statSync('/gone'))).toBe('ENOENT')
    expect(fs.stateSync()).toMatchObject({ movedCount: 2, movedElsewhereCount: 1 })
  })

  it('a directory over several pairs; attributes and longer entries are skipped', () => {
    const image = new Version1Image(512, 10)
    image.block(2, {
      tail: [4, 5],
      isContinued: true,
      entries: [{ type: FILE, data: EMPTY, name: 'first', attributes: [1, 2, 3] }],
    })
    image.block(4, { entries: [{ type: FILE, data: [...EMPTY, 7], name: 'second' }] })
    expect(mount(image).readdirSync('/')).toEqual(['first', 'second'])
  })

  it('a file over many blocks, from any place on, as promises too', async () => {
    const [file] = [...mountCase('big-128').walkSync()].filter(({ type }) => type === 'file')
    const path = file?.path ?? ''
    const whole = mountCase('big-128').readFileSync(path)
    const device = new MemoryDevice(version1Image('big-128'), { readOnly: true })
    const late = await LittleFS1.mount(new LateDevice(device))
    const handle = await late.open(path)
    const random = new Random(seedFromEnvironment().seed)
    for (let i = 0; i < 50; i++) {
      const at = random.int(whole.length)
      const part = new Uint8Array(1 + random.int(500))
      const { bytesRead } = await handle.read(part, 0, part.length, at)
      expect(part.subarray(0, bytesRead)).toEqual(whole.subarray(at, at + part.length).slice())
    }
    await handle.close()
    await late.unmount()
  })

  it('changes are refused with EROFS', () => {
    const fs = mountCase('base')
    expect(codeOf(() => fs.writeFileSync('/x', ''))).toBe('EROFS')
    expect(codeOf(() => fs.mkdirSync('/x'))).toBe('EROFS')
    expect(codeOf(() => fs.rmSync('/boot'))).toBe('EROFS')
  })

  it('digests are those of the same tree in a littlefs 2', () => {
    const image = version1Image('churn-512')
    const device = new MemoryDevice(image, { blockSize: 512 })
    const before = LittleFS1.mountSync(device).keyValue().digestSync('/')
    migrateInPlaceSync(device)
    expect(LittleFS.mountSync(device).keyValue().digestSync('/')).toEqual(before)
  })
})

function mountCase(name: string): LittleFS1 {
  return LittleFS1.mountSync(new MemoryDevice(version1Image(name), { readOnly: true }))
}

/** What the conformance suite expects to find, in a littlefs 1. */
function fixture(): MemoryDevice {
  const image = new Version1Image(512, 16)
  image.block(2, {
    tail: [4, 5],
    entries: [
      { type: FILE, data: [10, READER_FIXTURE['/v']?.length ?? 0], name: 'v' },
      { type: DIRECTORY, data: [4, 5], name: 'd' },
    ],
  })
  image.block(4, {
    tail: [6, 7],
    entries: [
      { type: FILE, data: [11, 1], name: 'a' },
      { type: DIRECTORY, data: [6, 7], name: 's' },
    ],
  })
  image.block(6, { entries: [{ type: FILE, data: [12, 2], name: 'b' }] })
  Object.values(READER_FIXTURE).forEach((text, i) => {
    image.bytes.set(Buffer.from(text), (10 + i) * 512)
  })
  return new MemoryDevice(image.bytes, { readOnly: true })
}

describe.each(['sync', 'async'] as const)('as a key-value store, %s', (mode) => {
  const open = async () => LittleFS1.mountSync(fixture()).keyValue()
  for (const { name, run } of keyValueReaderConformance({ open }, { mode })) test(name, run)
})

describe('images that lie', () => {
  const damaged: readonly [what: string, image: () => Version1Image][] = [
    ['a root that is its own continuation', () => rootOf({ tail: [2, 3], isContinued: true })],
    ['a list in circles', () => rootOf({ tail: [2, 3] })],
    ['a root beyond the device', () => new Version1Image(512, 8, [100, 101])],
    ['a root nowhere', () => new Version1Image(512, 8, [0xffffffff, 0xffffffff])],
    ['a root in the superblock', () => new Version1Image(512, 8, [0, 1])],
    ['a file of 4 GiB', () => rootWith({ type: FILE, data: [4, 0xffffffff], name: 'f' })],
    ['a file of 2 GiB', () => rootWith({ type: FILE, data: [4, 0x7fffffff], name: 'f' })],
    ['a file in the superblock', () => rootWith({ type: FILE, data: [0, 10], name: 'f' })],
    [
      'a file in itself',
      () => rootWith({ type: FILE, data: [4, 2000], name: 'f' }).words(4, [4, 4]),
    ],
    ['a directory in itself', () => rootWith({ type: DIRECTORY, data: [3, 2], name: 'd' })],
    ['a directory in a file', () => rootWith({ type: DIRECTORY, data: [5, 6], name: 'd' })],
    ['a directory of the superblock', () => rootWith({ type: DIRECTORY, data: [1, 0], name: 'd' })],
  ]

  function rootOf(block: { tail: readonly [number, number]; isContinued?: boolean }) {
    return new Version1Image(512, 8).block(2, { ...block, entries: [] })
  }

  function rootWith(entry: { type: number; data: readonly number[]; name: string }) {
    return new Version1Image(512, 8).block(2, { entries: [entry] })
  }

  it.each(damaged)('%s', async (_, make) => {
    const image = make()
    const { entryCount, wrong } = await exercise(image.bytes, 512)
    expect(wrong).toBeUndefined()
    expect(entryCount).toBeLessThan(100)
    const { findings } = checkLittleFS1Sync(new MemoryDevice(image.bytes, { blockSize: 512 }))
    expect(findings.filter(({ severity }) => severity === 'error')).not.toEqual([])
  })

  it('directories that share their pairs do not multiply for ever', () => {
    const image = new Version1Image(512, 64)
    const two = (pair: readonly [number, number]) =>
      ['a', 'b'].map((name) => ({ type: DIRECTORY, data: pair, name }))
    for (let block = 2; block < 60; block += 2) {
      image.block(block, { tail: [block + 2, block + 3], entries: two([block + 2, block + 3]) })
    }
    image.block(60, { entries: [] })
    const entries = [...mount(image).walkSync()]
    expect(entries.length).toBeLessThan(1000)
    expect(entries.filter(({ error }) => error instanceof FormatError)).not.toEqual([])
  })

  it('damage of any kind: an answer or a typed error', async () => {
    const { seed, runs } = seedFromEnvironment(60)
    const counts = { images: 0, migrated: 0 }
    const recorded = smallVersion1()
    for (let run = 0; run < runs; run++) {
      const own = (seed + run) >>> 0
      expect(await damageVersion1(recorded, new Random(own), counts), `seed ${own}`).toBeUndefined()
    }
    expect(counts.migrated).toBeGreaterThan(0)
  })
})

describe('what is recognised', () => {
  it('is no UF2 file of a littlefs 2, whose magic stands where that of littlefs 1 does', () => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 16 })
    LittleFS.formatSync(device)
    const uf2 = new Uint8Array(2 * device.bytes.length)
    for (let at = 0; at < device.bytes.length; at += 256) {
      uf2.set(device.bytes.subarray(at, at + 256), 2 * at + 32)
      // The family, where littlefs 1 has the block size.
      new DataView(uf2.buffer).setUint32(2 * at + 28, 0xe48bff56, true)
    }
    expect(new TextDecoder().decode(uf2.subarray(40, 48))).toBe('littlefs')
    expect(LittleFS1.recognisesSync(new MemoryDevice(uf2, { readOnly: true }))).toBe(false)
  })

  it('is one with a bad checksum, whichever of its marks is left', () => {
    for (const damaged of [16, 38]) {
      const image = version1Image('base')
      const { blockSize } = version1Case('base')
      for (const block of [0, 1]) image[block * blockSize + damaged] = 0x55
      expect(LittleFS1.recognisesSync(new MemoryDevice(image, { readOnly: true }))).toBe(true)
    }
  })
})

describe('check', () => {
  it('finds nothing wrong where the library wrote and nothing happened since', () => {
    for (const { name, group, blockSize } of version1Cases()) {
      if (!['fresh', 'ctz', 'dir', 'churn', 'names', 'variant'].includes(group)) continue
      const { findings } = checkLittleFS1Sync(new MemoryDevice(version1Image(name)), { blockSize })
      expect(findings, name).toEqual([])
    }
  })

  it.each([
    ['corrupt-super-both', 'SUPERBLOCK_DAMAGED'],
    ['corrupt-super0', 'SUPERBLOCK_HALF_LOST'],
    ['corrupt-dir-both', 'PAIR_LOST'],
    ['corrupt-dir-cycle', 'DIRECTORY_SHARED'],
    ['corrupt-dir-pointer', 'PAIR_OUT_OF_RANGE'],
    ['corrupt-entry-length', 'ENTRY_OVERRUN'],
    ['corrupt-file-head-0', 'FILE_BLOCK_OUT_OF_RANGE'],
    ['corrupt-file-size', 'IMPOSSIBLE_SIZE'],
    ['corrupt-name-slash', 'NAME_INVALID'],
    ['corrupt-tail-cycle', 'TAIL_CYCLE'],
    ['corrupt-tail-pointer', 'LIST_BROKEN'],
    ['corrupt-truncated', 'IMAGE_TRUNCATED'],
    ['corrupt-ctz-self', 'BLOCK_USED_TWICE'],
    ['field-adafruit-rmdir-r', 'ORPHAN'],
    ['rename-failed', 'MOVE_BEGUN'],
    ['revision-equal', 'REVISIONS_EQUAL'],
    ['version-1.1-type-e2', 'OLD_SUPERBLOCK_TYPE'],
    ['version-1.2', 'UNSUPPORTED_VERSION'],
    ['entry-unknown-type', 'UNKNOWN_ENTRY_TYPE'],
  ])('%s: %s', (name, code) => {
    const { blockSize } = version1Case(name)
    const { findings } = checkLittleFS1Sync(new MemoryDevice(version1Image(name)), { blockSize })
    expect(findings.map((finding) => finding.code)).toContain(code)
  })
})

describe('docs/littlefs1.md', () => {
  const page = readFileSync(new URL('../../../docs/littlefs1.md', import.meta.url), 'utf8')

  it.each(Object.entries(VERSION1_MEANINGS))('has %s, with what it means', (code, meaning) => {
    const { severity, consequence, remedy } = meaning
    expect(page).toContain(`| ${code} | ${severity} | ${consequence} ${remedy} |`)
  })
})

test('content of a made-up file is read to the byte', () => {
  const content = contentOf(7, 1300)
  const image = new Version1Image(512, 16)
  image.block(2, { entries: [{ type: FILE, data: [8, 1300], name: 'f' }] })
  image.bytes.set(content.subarray(0, 512), 6 * 512)
  image.words(7, [6]).bytes.set(content.subarray(512, 1020), 7 * 512 + 4)
  image.words(8, [7, 6]).bytes.set(content.subarray(1020), 8 * 512 + 8)
  expect(new Uint8Array(mount(image).readFileSync('/f'))).toEqual(content)
})
