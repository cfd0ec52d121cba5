/**
 * Locate: where in a raw dump of a flash a littlefs begins, by its superblocks.
 *
 * Two stand one block apart and each says the size of a block, so that either leads to the beginning.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { type BlockDevice, type Geometry, type Op, run } from '@caravan/core'
import { MAGIC_OFFSET_BYTES, type Superblock } from '../format/superblock.js'
import { HEAD_SIZE_BYTES, readBytes, superblockAt } from '../probe.js'

export interface LocatedFilesystem {
  /** Bytes from the beginning of the device. */
  readonly offset: number
  /** Bytes. */
  readonly blockSize: number
}

const CHUNK_SIZE_BYTES = 64 * 1024

/**
 * Every place at which a littlefs may begin, in order. Reads all of the device.
 *
 * @throws DeviceError.
 */
export function locate(device: BlockDevice): Promise<LocatedFilesystem[]> {
  return run(findAll(device.geometry), device)
}

function* findAll(geometry: Geometry): Op<LocatedFilesystem[]> {
  const sizeBytes = geometry.blockSize * geometry.blockCount
  const superblocks = new Map<number, Superblock>()
  for (let start = 0; start < sizeBytes; start += CHUNK_SIZE_BYTES) {
    const length = Math.min(CHUNK_SIZE_BYTES + HEAD_SIZE_BYTES, sizeBytes - start)
    const chunk = yield* readBytes(geometry, start, length)
    for (let at = 0; at < Math.min(CHUNK_SIZE_BYTES, length); at += 4) {
      if (chunk[at + MAGIC_OFFSET_BYTES] !== FIRST_OF_MAGIC) continue
      const superblock = superblockAt(chunk, at)
      if (superblock !== undefined) superblocks.set(start + at, superblock)
    }
  }
  const found: LocatedFilesystem[] = []
  /** Where the one before ends: copies of its superblock stand within. */
  let end = 0
  for (const [at, { blockSize, blockCount }] of superblocks) {
    if (at < end) continue
    const hasSecond = superblocks.get(at + blockSize)?.blockSize === blockSize
    // Alone it may be the second of two. Partitions begin at an even number of blocks.
    const isSecond = !hasSecond && at % (2 * blockSize) === blockSize
    const offset = isSecond ? at - blockSize : at
    found.push({ offset, blockSize })
    end = Math.min(sizeBytes, offset + blockSize * Math.max(2, blockCount))
  }
  return found
}

/** The letter that the magic begins with. */
const FIRST_OF_MAGIC = 0x6c
