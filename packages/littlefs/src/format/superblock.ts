/**
 * Superblock: version, geometry and limits, as an inline struct under the name "littlefs", which
 * is the first entry of the first metadata pair (blocks 0 and 1).
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { readDataWord, writeWord } from './word.js'

export const MAGIC = 'littlefs'

/** Where the magic stands in a block: behind the revision count and the name's tag. */
export const MAGIC_OFFSET_BYTES = 8

export const SUPERBLOCK_SIZE_BYTES = 24

/** The smallest block that holds what the format needs. */
export const BLOCK_SIZE_MIN_BYTES = 128

/** What a name may be without being told otherwise. */
export const NAME_MAX_DEFAULT = 255
export const FILE_MAX_DEFAULT = 2147483647
export const ATTR_MAX_DEFAULT = 1022
/** Lengths that the format can hold at all: ten bits, 0x3ff meaning "deleted". */
export const NAME_MAX_LIMIT = 1022

export interface Superblock {
  readonly majorVersion: number
  readonly minorVersion: number
  readonly blockSize: number
  readonly blockCount: number
  /** Longest name in bytes; 0: the driver's own limit. Likewise the next two. */
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

/** Fields in their order on disk, the two halves of the version word first. */
export function decodeSuperblock(bytes: Uint8Array): Superblock {
  const word = (i: number) => readDataWord(bytes, 0, bytes.length, i)
  return {
    majorVersion: word(0) >>> 16,
    minorVersion: word(0) & 0xffff,
    blockSize: word(1),
    blockCount: word(2),
    nameMax: word(3),
    fileMax: word(4),
    attrMax: word(5),
  }
}

export function encodeSuperblock(superblock: Superblock): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE_BYTES)
  const version = (superblock.majorVersion << 16) | superblock.minorVersion
  const { blockSize, blockCount, nameMax, fileMax, attrMax } = superblock
  const words = [version, blockSize, blockCount, nameMax, fileMax, attrMax]
  words.forEach((word, i) => {
    writeWord(bytes, 4 * i, word)
  })
  return bytes
}
