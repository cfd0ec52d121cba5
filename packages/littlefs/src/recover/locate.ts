/**
 * Locate: where in a raw dump of a flash a littlefs begins, by its superblocks, and what speaks for
 * each place.
 *
 * Two stand one block apart and each says the size of a block, so that either leads to the beginning.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { type BlockDevice, type Geometry, type Op, run } from '@caravan/core'
import { MAGIC_OFFSET_BYTES, type Superblock } from '../format/superblock.js'
import { HEAD_SIZE_BYTES, isSound as holdsGoodCommit, readBytes, superblockAt } from '../probe.js'

export interface LocatedFilesystem {
  /** Bytes from the beginning of the device. */
  readonly offset: number
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  /** Bytes that its superblock claims. */
  readonly sizeBytes: number
  /** As its superblock says: `2.1`. */
  readonly diskVersion: string
  /** Which of the two copies of the superblock stand where they belong. */
  readonly superblocks: 'both' | 'first' | 'second'
  /** A superblock is the end of a commit with a good CRC: this is no accident of bytes. */
  readonly isSound: boolean
  /** All of it lies on the device. */
  readonly isWhole: boolean
  /** What speaks for the place, and what against, in words: `both superblocks`, `CRC good`. */
  readonly evidence: readonly string[]
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
  const superblocks = yield* findSuperblocks(geometry, sizeBytes)
  const found: LocatedFilesystem[] = []
  /** Where the one before ends: copies of its superblock stand within. */
  let end = 0
  for (const [at, superblock] of superblocks) {
    if (at < end) continue
    const { blockSize } = superblock
    const hasSecond = superblocks.get(at + blockSize)?.blockSize === blockSize
    // Alone it may be the second of two. Partitions begin at an even number of blocks.
    const isSecond = !hasSecond && at % (2 * blockSize) === blockSize
    const offset = isSecond ? at - blockSize : at
    const isSound =
      (yield* holdsGoodCommit(geometry, at, blockSize)) ||
      (hasSecond && (yield* holdsGoodCommit(geometry, at + blockSize, blockSize)))
    const copies = hasSecond ? 'both' : isSecond ? 'second' : 'first'
    const place = describe(offset, superblock, copies, isSound, sizeBytes)
    found.push(place)
    // A size that cannot be says nothing of where the next one may begin.
    end = offset + (place.isWhole ? place.sizeBytes : 2 * blockSize)
  }
  return found
}

/** What may be a superblock, by its place in bytes, in order. */
function* findSuperblocks(geometry: Geometry, sizeBytes: number): Op<Map<number, Superblock>> {
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
  return superblocks
}

function describe(
  offset: number,
  { majorVersion, minorVersion, blockSize, blockCount }: Superblock,
  superblocks: LocatedFilesystem['superblocks'],
  isSound: boolean,
  deviceBytes: number,
): LocatedFilesystem {
  const sizeBytes = blockSize * blockCount
  const isWhole = blockCount >= 2 && offset + sizeBytes <= deviceBytes
  return {
    ...{ offset, blockSize, blockCount, sizeBytes, superblocks, isSound, isWhole },
    diskVersion: `${majorVersion}.${minorVersion}`,
    evidence: [
      superblocks === 'both' ? 'both superblocks' : `only the ${superblocks} superblock`,
      isSound ? 'CRC good' : 'no good CRC',
      isWhole ? 'size plausible' : 'ends beyond the dump',
    ],
  }
}

/** The letter that the magic begins with. */
const FIRST_OF_MAGIC = 0x6c
