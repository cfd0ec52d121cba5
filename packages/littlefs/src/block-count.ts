/** How many blocks a filesystem has, changed while it is mounted. */

import { FsError, isErrno, type Op } from '@caravan/core'
import { type DefragOptions, onMovedItem } from './sizes/occupancy.js'
import { moveBelow } from './sizes/shrink.js'
import { commitSuperblocks } from './superblock-change.js'
import type { Volume } from './volume.js'

/**
 * Takes more blocks of the device into use.
 *
 * @throws FsError `EINVAL` for fewer than there are, or more than the device has.
 */
export function grow(volume: Volume, blockCount: number, deviceBlockCount: number): Op<void> {
  return volume.change('ftruncate', () => growAlone(volume, blockCount, deviceBlockCount))
}

function* growAlone(volume: Volume, blockCount: number, deviceBlockCount: number): Op<void> {
  if (!Number.isInteger(blockCount) || blockCount < volume.layout.blockCount) {
    const hint = `it has ${volume.layout.blockCount} blocks: a filesystem becomes smaller by shrink`
    throw new FsError('EINVAL', { syscall: 'ftruncate', hint })
  }
  if (blockCount > deviceBlockCount) {
    const hint = `the device has ${deviceBlockCount} blocks: make it larger first`
    throw new FsError('EINVAL', { syscall: 'ftruncate', hint })
  }
  yield* commitSuperblocks(volume, { blockCount })
}

export interface ShrinkOptions extends DefragOptions {
  /** Whether what lies beyond the new end is moved: else it must be free. Default true. */
  readonly moves?: boolean
}

/**
 * Gives up the blocks at the end; what is in use there is moved first. After a power cut it has all of
 * them, or none; the tree is the same, and once more does what is left.
 *
 * @throws FsError `EINVAL` for more than there are, or fewer than two; `ENOSPC` where what is in use
 *   does not fit, and by how much; `EBUSY` where a block stays in use there, with the first of them:
 *   then nothing has changed but places.
 */
export function* shrink(
  volume: Volume,
  blockCount: number,
  { moves = true, onMoved }: ShrinkOptions = {},
): Op<void> {
  const before = volume.layout.blockCount
  if (!Number.isInteger(blockCount) || blockCount > before || blockCount < BLOCK_COUNT_MIN) {
    const hint = `it has ${before} blocks, and can have ${BLOCK_COUNT_MIN} to ${before} after that`
    throw new FsError('EINVAL', { syscall: 'ftruncate', hint })
  }
  if (blockCount < before && moves) {
    yield* moveBelow(volume, blockCount, 'ftruncate', onMovedItem(onMoved))
  }
  yield* volume.change('ftruncate', () => giveUpEnd(volume, blockCount))
}

/** All of it must be free. */
function* giveUpEnd(volume: Volume, blockCount: number): Op<void> {
  const { allocator } = volume
  const before = volume.layout.blockCount
  if (blockCount === before) {
    // A power cut may have left copies of the superblock as they were before.
    yield* commitSuperblocks(volume, { blockCount })
    return
  }
  const first = yield* volume.space.firstUse(blockCount)
  if (first !== undefined) {
    const whose = first.path === undefined ? '' : ` by ${first.path}`
    const hint = `block ${first.block} is in use${whose}, beyond the new end at ${blockCount} blocks`
    throw new FsError('EBUSY', { syscall: 'ftruncate', hint })
  }
  // What the commits take must not lie in what goes.
  allocator.setBlockCount(blockCount)
  try {
    yield* commitSuperblocks(volume, { blockCount })
  } catch (error) {
    // After a device's error nobody knows which number is in force: the smaller one is safe.
    if (volume.layout.blockCount === before && isErrno(error, 'ENOSPC')) {
      allocator.setBlockCount(Math.min(before, volume.layout.heldBlockCount))
    }
    throw error
  }
}

/** The superblock's own. */
const BLOCK_COUNT_MIN = 2
