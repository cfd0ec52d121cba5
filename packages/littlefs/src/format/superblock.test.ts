import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf, cleanNames, imageOf, manifestOf } from '../../test/golden-images.js'
import { byteString } from './name.js'
import {
  decodeSuperblock,
  encodeSuperblock,
  MAGIC,
  MAGIC_OFFSET_BYTES,
  SUPERBLOCK_SIZE_BYTES,
} from './superblock.js'

/** Behind the magic, the magic's tag and the struct's own. */
const STRUCT_AT = MAGIC_OFFSET_BYTES + MAGIC.length + 4
const STRUCT_END = STRUCT_AT + SUPERBLOCK_SIZE_BYTES

describe('superblocks that the reference wrote', () => {
  it('say what the manifest says, and encode to the same bytes: every clean image that begins with one', () => {
    const judged = []
    for (const name of cleanNames) {
      const manifest = manifestOf(name)
      // A block count that was grown, a version that was raised, stand in a later commit.
      if (/^grown|upgraded/.test(name)) continue
      const image = imageOf(name)
      const inForce = image.subarray(0, manifest.blockSize)
      const bytes = inForce.slice(STRUCT_AT, STRUCT_END)
      if (byteString(inForce, MAGIC_OFFSET_BYTES, MAGIC_OFFSET_BYTES + 8) !== MAGIC) continue
      const superblock = decodeSuperblock(bytes)
      const { blockSize, blockCount, nameMax, fileMax, attrMax, diskVersion } = manifest
      const [majorVersion, minorVersion] = diskVersion.split('.').map(Number)
      const expected = { majorVersion, minorVersion, blockSize, blockCount }
      expect(superblock, name).toEqual({ ...expected, nameMax, fileMax, attrMax })
      expect(encodeSuperblock(superblock), name).toEqual(bytes)
      judged.push(name)
    }
    expect(judged.length).toBeGreaterThan(60)
  })

  it('grow in place: grown, block 1, counts 24 blocks first and 48 in the end', () => {
    const block = blockOf('grown', 1)
    const counts = new Set<number>()
    for (let at = 0; at + 24 <= block.length; at++) {
      const found = decodeSuperblock(block.subarray(at, at + 24))
      if (found.majorVersion === 2 && found.blockSize === 512) counts.add(found.blockCount)
    }
    expect(Math.max(...counts)).toBe(48)
  })
})

describe('decodeSuperblock', () => {
  it('reads as zero what a short struct lacks', () => {
    const bytes = blockOf('fresh-512-ff', 0).slice(STRUCT_AT, STRUCT_END)
    expect(decodeSuperblock(bytes.subarray(0, 12))).toEqual({
      majorVersion: 2,
      minorVersion: 1,
      blockSize: 512,
      blockCount: 40,
      nameMax: 0,
      fileMax: 0,
      attrMax: 0,
    })
    expect(decodeSuperblock(new Uint8Array(0)).majorVersion).toBe(0)
  })

  it('takes what encodeSuperblock makes', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff })
    const half = fc.nat(0xffff)
    const superblocks = fc.record({
      majorVersion: half,
      minorVersion: half,
      blockSize: word,
      blockCount: word,
      nameMax: word,
      fileMax: word,
      attrMax: word,
    })
    fc.assert(
      fc.property(superblocks, (superblock) => {
        expect(decodeSuperblock(encodeSuperblock(superblock))).toEqual(superblock)
      }),
      propertyParameters(),
    )
  })
})
