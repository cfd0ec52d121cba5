import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { imageOf, manifestOf, sha256 } from '../../test/golden-images.js'
import { crc32 } from './crc32.js'
import { blockCountOf, blockIndexAt, dataOffset, dataStart, pointerCount } from './ctz-list.js'
import { decodeEntries, scanLog } from './metadata-log.js'
import { byteStringToText } from './name.js'
import { readWord } from './word.js'

interface GoldenFile {
  readonly name: string
  readonly head: number
  readonly size: number
}

/** The skip-lists that the logs of an image name, of whatever directory. */
function filesOf(image: Uint8Array, blockSize: number): GoldenFile[] {
  const files = new Map<string, GoldenFile>()
  for (let at = 0; at + blockSize <= image.length; at += blockSize) {
    const block = image.subarray(at, at + blockSize)
    const log = scanLog(block, { progSize: 16, crc32, hasForwardCrc: true })
    if (log === undefined) continue
    for (const { name, struct } of decodeEntries(block.subarray(0, log.end))) {
      if (struct?.kind !== 'ctz') continue
      const file = { name: byteStringToText(name), head: struct.head, size: struct.size }
      files.set(`${file.name} ${file.head} ${file.size}`, file)
    }
  }
  return [...files.values()]
}

/** All blocks of a file, first to last, by the first pointer of each alone. */
function chainOf(image: Uint8Array, blockSize: number, { head, size }: GoldenFile): number[] {
  const chain = [head]
  for (let left = blockCountOf(size, blockSize) - 1; left > 0; left--) {
    chain.unshift(readWord(image, (chain[0] as number) * blockSize))
  }
  return chain
}

describe.each([
  'ctz-sizes-128',
  'ctz-sizes-256',
  'ctz-sizes-512',
  'ctz-sizes-4096',
  'ctz-200-blocks-4096',
])('skip-lists that the reference wrote: %s', (name) => {
  const { blockSize, entries } = manifestOf(name)
  const image = imageOf(name)
  const files = filesOf(image, blockSize)
  const contents = new Set(entries?.map(({ sha256 }) => sha256))

  it('have each pointer where pointerCount says, to the block 2^k before', () => {
    let pointers = 0
    for (const file of files) {
      const chain = chainOf(image, blockSize, file)
      chain.forEach((block, index) => {
        for (let k = 0; k < pointerCount(index); k++, pointers++) {
          const at = block * blockSize + 4 * k
          expect(readWord(image, at), `${file.name}, ${index}`).toBe(chain[index - 2 ** k])
        }
      })
    }
    expect(pointers).toBeGreaterThan(100)
  })

  it('have each byte where dataStart and dataOffset say', () => {
    for (const file of files) {
      const content = new Uint8Array(file.size)
      chainOf(image, blockSize, file).forEach((block, index) => {
        const start = dataStart(index, blockSize)
        const data = image.subarray(block * blockSize + dataOffset(index), (block + 1) * blockSize)
        content.set(data.subarray(0, file.size - start), start)
      })
      expect(contents.has(sha256(content)), file.name).toBe(true)
    }
    expect(files.length).toBeGreaterThan(0)
  })
})

describe('skip-lists of any size', () => {
  it('hold what DESIGN.md draws: pointers of blocks 0 to 8', () => {
    expect(Array.from({ length: 9 }, (_, i) => pointerCount(i))).toEqual([
      0, 1, 2, 1, 3, 1, 2, 1, 4,
    ])
    expect(pointerCount(2 ** 31)).toBe(32)
  })

  const blockSizes = fc.constantFrom(128, 256, 512, 1000, 4096, 65536)

  it('have their blocks end to end', () => {
    fc.assert(
      fc.property(blockSizes, fc.nat(100_000), (blockSize, index) => {
        const room = blockSize - dataOffset(index)
        expect(dataStart(index + 1, blockSize)).toBe(dataStart(index, blockSize) + room)
      }),
      propertyParameters(500),
    )
  })

  it('are found by position, up to the largest file', () => {
    fc.assert(
      fc.property(blockSizes, fc.nat(2147483647), (blockSize, position) => {
        const index = blockIndexAt(position, blockSize)
        expect(dataStart(index, blockSize)).toBeLessThanOrEqual(position)
        expect(dataStart(index + 1, blockSize)).toBeGreaterThan(position)
        expect(blockCountOf(position + 1, blockSize)).toBe(index + 1)
      }),
      propertyParameters(500),
    )
    expect(blockCountOf(0, 512)).toBe(0)
    expect(blockCountOf(512, 512)).toBe(1)
    expect(blockCountOf(513, 512)).toBe(2)
    expect(blockCountOf(512 + 508, 512)).toBe(2)
    expect(blockCountOf(512 + 508 + 1, 512)).toBe(3)
  })
})
