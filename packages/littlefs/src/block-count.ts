/** How many blocks a filesystem has, changed while it is mounted. */

import { FsError, isErrno, type Op } from '@caravan/core'
import type { Struct } from './format/metadata-log.js'
import { encodeSuperblock } from './format/superblock.js'
import { TagType } from './format/tag.js'
import { setContent } from './tree-change.js'
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
  yield* commitBlockCount(volume, blockCount)
}

/**
 * Gives up the blocks at the end. Nothing is moved: they must be free. After a power cut it has all
 * of them, or none.
 *
 * @throws FsError `EINVAL` for more than there are, or fewer than two; `EBUSY` where a block is in
 *   use there, with the first of them: then nothing has changed.
 */
export function shrink(volume: Volume, blockCount: number): Op<void> {
  return volume.change('ftruncate', () => shrinkAlone(volume, blockCount))
}

function* shrinkAlone(volume: Volume, blockCount: number): Op<void> {
  const { allocator } = volume
  const before = volume.layout.blockCount
  if (!Number.isInteger(blockCount) || blockCount > before || blockCount < BLOCK_COUNT_MIN) {
    const hint = `it has ${before} blocks, and can have ${BLOCK_COUNT_MIN} to ${before} after that`
    throw new FsError('EINVAL', { syscall: 'ftruncate', hint })
  }
  if (blockCount === before) return
  const first = yield* volume.space.firstUse(blockCount)
  if (first !== undefined) {
    const whose = first.path === undefined ? '' : ` by ${first.path}`
    const hint = `block ${first.block} is in use${whose}, beyond the new end at ${blockCount} blocks`
    throw new FsError('EBUSY', { syscall: 'ftruncate', hint })
  }
  // What the commits take must not lie in what goes.
  allocator.setBlockCount(blockCount)
  try {
    yield* commitBlockCount(volume, blockCount)
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

/**
 * Commits a number of blocks to the superblock, and goes by it from then on. Where the superblock was
 * expanded every copy says it, and never less than the one in force: the pairs behind a copy must lie
 * within what it says.
 */
function* commitBlockCount(volume: Volume, blockCount: number): Op<void> {
  const superblock = { ...volume.superblock, blockCount }
  const struct: Struct = { kind: 'inline', bytes: encodeSuperblock(superblock) }
  const isSmaller = blockCount < volume.layout.blockCount
  if (!isSmaller) yield* commitToCopies(volume, struct)
  const inForce = yield* volume.readRoot()
  yield* setContent(volume, inForce, { ...inForce.content, struct })
  volume.setBlockCount(superblock)
  if (isSmaller) yield* commitToCopies(volume, struct)
}

/** Commits to the superblocks before the one in force. */
function* commitToCopies(volume: Volume, struct: Struct): Op<void> {
  let pair = yield* volume.readPair([0, 1])
  while (!volume.isRoot(pair.blocks) && pair.summary.tail !== undefined) {
    const entry = pair.entries[0]
    // On a damaged image another pair may stand before the one in force.
    if (entry?.content.nameType === TagType.SUPERBLOCK) {
      yield* setContent(volume, entry, { ...entry.content, struct })
    }
    pair = yield* volume.readPair(pair.summary.tail)
  }
}
