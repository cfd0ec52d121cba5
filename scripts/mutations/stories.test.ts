/**
 * Images made by hand, each with good checksums around one thing that cannot be: what random images
 * once found, written down.
 */

import { CaravanError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { ReferenceFS } from '@caravan/littlefs'
import { describe, expect, it } from 'vitest'
import { extractImage } from './extracted.js'
import { type Entry, encodeLog, NO_ID, tagged, words } from './metadata.js'

const BLOCK_SIZE = 512
const BLOCK_COUNT = 24

type Logs = Readonly<Record<number, readonly Entry[]>>

/** The logs by their blocks, the odd ones newer; the first one begins with a superblock. */
function imageOf(logs: Logs, claimedBlocks = BLOCK_COUNT): Uint8Array {
  const image = new Uint8Array(BLOCK_SIZE * BLOCK_COUNT).fill(0xff)
  const superblock = [
    tagged(0x0ff, 0, [...Buffer.from('littlefs')]),
    tagged(0x201, 0, words(0x00020001, BLOCK_SIZE, claimedBlocks, 255, 0x7fffffff, 1022)),
  ]
  for (const [block, entries] of Object.entries(logs)) {
    const at = Number(block) * BLOCK_SIZE
    const all = block === '0' ? [...superblock, ...entries] : entries
    encodeLog(image.subarray(at, at + BLOCK_SIZE), 1 + (Number(block) % 2), [all])
  }
  return image
}

const named = (type: number, id: number, name: string, struct?: Entry): Entry[] => [
  tagged(0x401, id, []),
  tagged(type, id, [...Buffer.from(name)]),
  ...(struct === undefined ? [] : [struct]),
]
const inline = (id: number, name: string) =>
  named(0x001, id, name, tagged(0x201, id, [...Buffer.from(name)]))
const ctzFile = (id: number, name: string, head: number, size: number) =>
  named(0x001, id, name, tagged(0x202, id, words(head, size)))
const directory = (id: number, name: string, a: number, b: number) =>
  named(0x002, id, name, tagged(0x200, id, words(a, b)))
const softTail = (a: number, b: number) => tagged(0x600, NO_ID, words(a, b))
const hardTail = (a: number, b: number) => tagged(0x601, NO_ID, words(a, b))
const orphans = (count: number) => tagged(0x7ff, NO_ID, words(0x80000000 | count, 0, 0))

function mounted(image: Uint8Array): { fs: ReferenceFS; device: MemoryDevice } {
  const device = new MemoryDevice(image, { blockSize: BLOCK_SIZE })
  return { fs: ReferenceFS.mountSync(device), device }
}

const failure = (code: string) => expect.objectContaining({ name: 'FormatError', code })

/** Does it; what is thrown must be an error of ours. */
function attempt(use: () => unknown): void {
  try {
    use()
  } catch (error) {
    expect(error).toBeInstanceOf(CaravanError)
  }
}

describe('sizes that nothing can hold', () => {
  // It once made room for two gigabytes before it looked at the first block.
  it('a file of 2 GiB, on a volume that claims as much, in an image of 12 KiB', () => {
    const image = imageOf({ 0: ctzFile(1, 'large', 9, 0x7fffffff) }, 0x7fffffff)
    const fs = ReferenceFS.mountSync(new MemoryDevice(image, { blockSize: BLOCK_SIZE }), {
      readOnly: true,
    })
    const before = process.memoryUsage().arrayBuffers
    expect(() => fs.readFileSync('/large')).toThrow(failure('CORRUPT_FILE'))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24)
  })
})

describe('a directory off the list, whose pairs lead back', () => {
  it('every change ends, and what was there is read', () => {
    const { fs, device } = mounted(
      imageOf({
        0: [...directory(1, 'a', 4, 5), ...inline(2, 'file')],
        4: [...inline(0, 'inside'), hardTail(6, 7)],
        6: [hardTail(4, 5)],
      }),
    )
    attempt(() => fs.readdirSync('/a'))
    attempt(() => fs.gcSync())
    attempt(() => fs.makeConsistentSync())
    attempt(() => fs.writeFileSync('/a/new', 'new'))
    attempt(() => fs.rmSync('/a', { recursive: true }))
    attempt(() => fs.dfSync())
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/file', 'utf8')).toBe('file')
  })
})

describe('a directory that seems to have moved to where it cannot be read whole', () => {
  // The repair once led the list there, and then nothing behind it could be mounted.
  it('the list stays as it is', () => {
    const { fs, device } = mounted(
      imageOf({
        0: [...directory(1, 'a', 4, 9), ...inline(2, 'file'), softTail(4, 5), orphans(1)],
        4: [...inline(0, 'inside'), hardTail(10, 11)],
        5: inline(0, 'newer'),
      }),
    )
    attempt(() => fs.makeConsistentSync())
    attempt(() => fs.writeFileSync('/new', 'new'))
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/file', 'utf8')).toBe('file')
  })
})

describe('an entry without a name', () => {
  it('is neither listed as a file nor extracted, and ends nothing', async () => {
    const image = imageOf({
      0: [tagged(0x401, 1, []), tagged(0x201, 1, [1, 2, 3]), ...inline(2, 'file')],
    })
    const { fs } = mounted(image.slice())
    expect(fs.readFileSync('/file', 'utf8')).toBe('file')
    expect(await extractImage(image, BLOCK_SIZE)).toBeUndefined()
  })
})

describe("a directory of which one block is the superblock's", () => {
  it('is not written to, and the superblock stays', () => {
    const { fs, device } = mounted(
      imageOf({
        0: [...directory(1, 'a', 4, 1), ...inline(2, 'file'), softTail(4, 1)],
        4: inline(0, 'inside'),
      }),
    )
    expect(() => fs.writeFileSync('/a/new', 'x'.repeat(100))).toThrow(failure('CORRUPT_PAIR'))
    expect(() => fs.removeSync('/a/inside')).toThrow(failure('CORRUPT_PAIR'))
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/file', 'utf8')).toBe('file')
    expect(again.readFileSync('/a/inside', 'utf8')).toBe('inside')
  })
})

describe('directories that take the blocks of the root between them', () => {
  // To find one of them in memory the others were read, and so on for ever.
  it('a look at what is in them ends', () => {
    const { fs } = mounted(
      imageOf({
        0: [...directory(1, 'a', 1, 3), ...inline(2, 'file')],
        3: [...directory(0, 'b', 3, 0), ...inline(1, 'inside')],
      }),
    )
    for (let round = 0; round < 2; round++) {
      for (const path of ['/a', '/a/b', '/a/b/inside', '/a/b/b/inside', '/a/inside']) {
        attempt(() => fs.statSync(path))
        attempt(() => fs.getAttributesSync(path))
      }
    }
    expect(fs.readFileSync('/file', 'utf8')).toBe('file')
  })
})

describe('two directories that share a pair', () => {
  const image = () =>
    imageOf({
      0: [...directory(1, 'a', 4, 5), ...directory(2, 'b', 6, 7), softTail(4, 5)],
      4: [...inline(0, 'one'), hardTail(6, 7)],
      6: inline(0, 'two'),
    })

  it('the one that is left without pairs says so', () => {
    const { fs, device } = mounted(image())
    expect(fs.readdirSync('/a')).toEqual(['one', 'two'])
    expect(fs.readdirSync('/b')).toEqual(['two'])
    fs.removeSync('/a/two')
    expect(() => fs.writeFileSync('/b/new', 'new')).toThrow(failure('CORRUPT_PAIR'))
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/a/one', 'utf8')).toBe('one')
  })

  it('a handle opened by one way, whose file is removed by the other, harms nothing', () => {
    const { fs, device } = mounted(image())
    const handle = fs.openSync('/b/two', { write: true })
    handle.writeSync(Buffer.from('late'))
    fs.removeSync('/a/two')
    attempt(() => handle.closeSync())
    const again = ReferenceFS.mountSync(device, { readOnly: true })
    expect(again.readFileSync('/a/one', 'utf8')).toBe('one')
    expect(again.readdirSync('/a')).toEqual(['one'])
  })
})
