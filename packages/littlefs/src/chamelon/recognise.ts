/**
 * Telling a volume of chamelon from one of littlefs, of which it is a dialect.
 *
 * Both begin with the superblock of version 2.0. chamelon's has limits of its own, and none of the
 * tags that littlefs cannot do without; its two first blocks hold the same bytes, where littlefs
 * never gives both halves of a pair the same revision count.
 */

import type { Op } from '@caravan/core'
import { TAG_SIZE_BYTES } from '../format/metadata-log.js'
import {
  ATTR_MAX_DEFAULT,
  decodeSuperblock,
  FILE_MAX_DEFAULT,
  MAGIC_OFFSET_BYTES,
  SUPERBLOCK_SIZE_BYTES,
  type Superblock,
} from '../format/superblock.js'
import { TagType } from '../format/tag.js'
import { readWhatReads } from '../probe.js'
import type { Layout } from '../volume.js'
import { type ChamelonLog, decodeLog } from './log.js'

const NAME_MAX = 32

/** Behind the revision count, and the name with its tag. */
const STRUCT_OFFSET_BYTES = MAGIC_OFFSET_BYTES + 8 + TAG_SIZE_BYTES

/** The superblock, where the volume is chamelon's. */
export function* recogniseChamelon(
  layout: Pick<Layout, 'blockSize' | 'blockCount'>,
): Op<Superblock | undefined> {
  const { blockSize, blockCount } = layout
  if (blockCount < 2 || blockSize < 128) return undefined
  const blocks = [0, 1].map((block) => ({ block, offset: 0, bytes: new Uint8Array(blockSize) }))
  yield* readWhatReads(blocks)
  const logs = blocks.map(({ bytes }) => decodeLog(bytes))
  const superblocks = blocks.map(({ bytes }) => superblockIn(bytes))
  const superblock = superblocks.find((each) => each !== undefined && hasLimits(each, blockSize))
  if (superblock === undefined) return undefined
  const [first, second] = logs
  if ([first, second].some((log) => log !== undefined && hasForeignTags(log))) return undefined
  const isTwin = first !== undefined && second !== undefined && first.revision === second.revision
  const isZeroed = blocks.every(({ bytes }, i) => logs[i] === undefined || endsInZeros(bytes))
  return isTwin || isZeroed ? superblock : undefined
}

/** True for a superblock that chamelon could have written. */
export function hasChamelonLimits(superblock: Superblock): boolean {
  const { majorVersion, minorVersion, nameMax, fileMax, attrMax } = superblock
  return (
    majorVersion === 2 &&
    minorVersion === 0 &&
    nameMax === NAME_MAX &&
    fileMax === FILE_MAX_DEFAULT &&
    attrMax === ATTR_MAX_DEFAULT
  )
}

function hasLimits(superblock: Superblock, blockSize: number): boolean {
  return hasChamelonLimits(superblock) && superblock.blockSize === blockSize
}

function superblockIn(block: Uint8Array): Superblock | undefined {
  const name = new TextDecoder().decode(block.subarray(MAGIC_OFFSET_BYTES, MAGIC_OFFSET_BYTES + 8))
  if (name !== 'littlefs') return undefined
  return decodeSuperblock(
    block.subarray(STRUCT_OFFSET_BYTES, STRUCT_OFFSET_BYTES + SUPERBLOCK_SIZE_BYTES),
  )
}

/** Tags that chamelon never writes. */
function hasForeignTags({ commits }: ChamelonLog): boolean {
  return commits.some(({ tags }) =>
    tags.some(({ type }) => {
      const family = type & 0x700
      if (family === 0x400) return type !== TagType.DELETE
      if (family === 0x600) return type !== TagType.HARD_TAIL
      return family === 0x700
    }),
  )
}

function endsInZeros(block: Uint8Array): boolean {
  return block.subarray(block.length >> 1).every((byte) => byte === 0)
}
