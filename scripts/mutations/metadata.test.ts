import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { crc32, decodeCommits, encodeCommits, repairChecksum } from './metadata.js'
import { MUTATORS, mutate } from './mutate.js'
import { Random } from './random.js'
import { readTargets } from './targets.js'

const targets = readTargets(fileURLToPath(new URL('../../golden/littlefs', import.meta.url)))
const metadataBlocks = targets.flatMap(({ image, blockSize, metadataBlocks }) =>
  metadataBlocks.map((block) => image.slice(block * blockSize, (block + 1) * blockSize)),
)

describe('the checksum', () => {
  it('is the CRC-32 of the format, not inverted at the end', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(~0xcbf43926 >>> 0)
  })
})

describe('metadata blocks', () => {
  it('are in every target', () => {
    expect(targets.length).toBeGreaterThan(150)
    expect(targets.filter(({ metadataBlocks }) => metadataBlocks.length === 0)).toEqual([])
  })

  it('are the same bytes after taking apart and putting together', () => {
    expect(metadataBlocks.length).toBeGreaterThan(1000)
    for (const block of metadataBlocks) {
      const copy = block.slice()
      expect(encodeCommits(copy, decodeCommits(block))).toBe(true)
      expect(Buffer.compare(copy, block)).toBe(0)
    }
  })

  it('keep their commits where a byte was changed and the checksum repaired', () => {
    for (const block of metadataBlocks.slice(0, 100)) {
      const [first] = decodeCommits(block)
      if (first === undefined) throw new Error('no commit')
      block[0] = (block[0] as number) ^ 1
      expect(decodeCommits(block)).toEqual([])
      repairChecksum(block, first)
      expect(decodeCommits(block)[0]).toEqual(first)
    }
  })
})

describe('mutations', () => {
  it('are the same for a seed and an index, and others for another', () => {
    const make = (seed: number, index: number) => {
      const random = new Random(seed, index)
      return mutate(random.pick(targets), random)
    }
    expect(make(1, 2)).toEqual(make(1, 2))
    expect(make(1, 2)).not.toEqual(make(1, 3))
    expect(make(1, 2)).not.toEqual(make(2, 2))
  })

  it.each(Object.keys(MUTATORS))('%s: changes a copy, most of the time', (name) => {
    let changed = 0
    for (let index = 0; index < 100; index++) {
      const random = new Random(1, index)
      const target = random.pick(targets)
      const image = MUTATORS[name]?.(target.image.slice(), target, random) ?? target.image
      if (Buffer.compare(image, target.image) !== 0) changed++
    }
    expect(changed).toBeGreaterThan(50)
  })
})
