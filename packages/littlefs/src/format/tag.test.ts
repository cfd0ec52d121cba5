import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf } from '../../test/golden-images.js'
import {
  DELETED,
  FIRST_PREVIOUS_TAG,
  makeTag,
  NO_ID,
  readStoredTag,
  TagFamily,
  TagType,
  tagChunk,
  tagDataLength,
  tagFamily,
  tagId,
  tagIsCommitCrc,
  tagIsDeleted,
  tagIsValid,
  tagSplice,
  tagType,
  writeStoredTag,
} from './tag.js'

/** The tags of a golden block from `places[0]` on, each XORed with the one before. */
function tagsOf(name: string, block: number, before: number, places: readonly number[]): number[] {
  const bytes = blockOf(name, block)
  let previous = before
  return places.map((at) => {
    previous = readStoredTag(bytes, at) ^ previous
    return previous
  })
}

const parts = (tag: number) => [tagType(tag), tagId(tag), tagDataLength(tag)]

describe('tags that the reference wrote', () => {
  it('of a superblock and its end: fresh-512-ff, block 0', () => {
    const tags = tagsOf('fresh-512-ff', 0, FIRST_PREVIOUS_TAG, [4, 16, 44, 56])
    expect(tags.map(parts)).toEqual([
      [TagType.SUPERBLOCK, 0, 8],
      [TagType.INLINE_STRUCT, 0, 24],
      [TagType.FORWARD_CRC, NO_ID, 8],
      [TagType.CRC, NO_ID, 4],
    ])
    expect(tags.map(tagIsCommitCrc)).toEqual([false, false, false, true])
    expect(tags.map(tagIsValid)).toEqual([true, true, true, true])
  })

  it('that say the first bit of what follows: fresh-512-00 leaves zeros, so the next must be 1', () => {
    const [crc] = tagsOf('fresh-512-00', 0, makeTag(TagType.INLINE_STRUCT, 0, 24), [44])
    expect(parts(crc as number)).toEqual([TagType.CRC + 1, NO_ID, 16])
    expect(tagIsCommitCrc(crc as number)).toBe(true)
  })

  it('of new and removed entries, tails and moves: rename-mix, block 1', () => {
    const crc = makeTag(TagType.CRC, NO_ID, 4)
    const created = tagsOf('rename-mix', 1, crc, [64, 68, 75, 87])
    expect(created.map(parts)).toEqual([
      [TagType.CREATE, 1, 0],
      [TagType.DIRECTORY, 1, 3],
      [TagType.DIRECTORY_STRUCT, 1, 8],
      [TagType.SOFT_TAIL, NO_ID, 8],
    ])
    expect(created.map(tagFamily)).toEqual([
      TagFamily.SPLICE,
      TagFamily.NAME,
      TagFamily.STRUCT,
      TagFamily.TAIL,
    ])
    const removed = tagsOf('rename-mix', 1, makeTag(TagType.CRC, NO_ID, 9), [256, 260])
    expect(removed.map(parts)).toEqual([
      [TagType.DELETE, 3, 0],
      [TagType.MOVE_STATE, NO_ID, 12],
    ])
    expect([created[0], removed[0]].map((tag) => tagSplice(tag as number))).toEqual([1, -1])
  })

  it('never begin in erased bytes: behind the commits of fresh-512-ff and fresh-512-00', () => {
    const ff = readStoredTag(blockOf('fresh-512-ff', 0), 64) ^ makeTag(TagType.CRC, NO_ID, 4)
    expect(tagIsValid(ff)).toBe(false)
    const previous = makeTag(TagType.CRC + 1, NO_ID, 16) ^ (1 << 31)
    expect(tagIsValid(readStoredTag(blockOf('fresh-512-00', 0), 64) ^ previous)).toBe(false)
  })
})

describe('makeTag', () => {
  const type = fc.nat(0x7ff)
  const tenBits = fc.nat(0x3ff)

  it('holds what it was made of', () => {
    fc.assert(
      fc.property(type, tenBits, tenBits, (kind, id, length) => {
        const tag = makeTag(kind, id, length)
        expect(tagType(tag)).toBe(kind)
        expect(tagFamily(tag) | tagChunk(tag)).toBe(kind)
        expect(tagId(tag)).toBe(id)
        expect(tagIsDeleted(tag)).toBe(length === DELETED)
        expect(tagDataLength(tag)).toBe(length === DELETED ? 0 : length)
        expect(tagIsValid(tag)).toBe(true)
        expect(tagIsValid(tag | (1 << 31))).toBe(false)
      }),
      propertyParameters(),
    )
  })

  it('is stored big-endian, so that the end bit is the first bit of all', () => {
    const bytes = new Uint8Array(6)
    writeStoredTag(bytes, 1, makeTag(TagType.CREATE, 1, 2) | (1 << 31))
    expect([...bytes]).toEqual([0, 0xc0, 0x10, 0x04, 0x02, 0])
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (stored) => {
        const bytes = new Uint8Array(4)
        writeStoredTag(bytes, 0, stored)
        expect(readStoredTag(bytes, 0)).toBe(stored)
      }),
      propertyParameters(),
    )
  })

  it('tells a commit CRC from a forward CRC, which shares its family', () => {
    for (let chunk = 0; chunk < 256; chunk++) {
      const tag = makeTag(TagFamily.CRC | chunk, NO_ID, 4)
      expect(tagIsCommitCrc(tag), `chunk ${chunk}`).toBe(chunk < 0x80)
    }
  })
})
