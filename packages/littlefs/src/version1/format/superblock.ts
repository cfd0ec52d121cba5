/**
 * Superblock of littlefs 1: the only entry of the metadata pair of blocks 0 and 1.
 *
 *     16  2e 14 00 08      type, lengths (the type is 0xe2 where library v1.0 wrote it)
 *     20  root             the root directory's first pair
 *     28  block size, block count, version (major << 16 | minor)
 *     40  "littlefs"
 *
 * Source: littlefs v1 SPEC.md, "Superblock".
 */

import type { BlockPair } from '../../format/metadata-log.js'
import { byteString } from '../../format/name.js'
import { MAGIC } from '../../format/superblock.js'
import { readWord } from '../../format/word.js'

/** Where the magic stands in a block. */
export const MAGIC_OFFSET_BYTES = 0x28

/** Bytes of a block up to behind the superblock's CRC. */
export const SUPERBLOCK_BLOCK_BYTES = 0x34

/** The smallest block that the library works with. */
export const BLOCK_SIZE_MIN_BYTES = 104

export interface Superblock {
  readonly root: BlockPair
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  readonly majorVersion: number
  readonly minorVersion: number
}

/** What a block says as a superblock; `undefined` where the magic is not in its place. */
export function decodeSuperblock(block: Uint8Array): Superblock | undefined {
  if (block.length < SUPERBLOCK_BLOCK_BYTES) return undefined
  const magicEnd = MAGIC_OFFSET_BYTES + MAGIC.length
  if (byteString(block, MAGIC_OFFSET_BYTES, magicEnd) !== MAGIC) return undefined
  const version = readWord(block, 36)
  return {
    root: [readWord(block, 20), readWord(block, 24)],
    blockSize: readWord(block, 28),
    blockCount: readWord(block, 32),
    majorVersion: version >>> 16,
    minorVersion: version & 0xffff,
  }
}

/** True for a version that this module reads: 1.0 was never written, and is the same. */
export function isSupported({ majorVersion, minorVersion }: Superblock): boolean {
  return majorVersion === 1 && minorVersion <= 1
}
