/**
 * Shrinking: what lies beyond the new end is moved, then the superblock says the new size.
 *
 * A file's block cannot be moved alone: those behind it in the file point to it. So a file is written
 * anew from its first block beyond the end on, and takes that many free blocks until its entry says
 * so. Where there are fewer below the new end, the last of them go beyond it first, which leaves that
 * much room for them. What the whole filesystem has free is therefore what one file can take, and the
 * smallest size is known beforehand.
 */

import { FsError, type Op } from '@caravan/core'
import { noSpace } from '../allocator.js'
import { BlockSet } from '../block-set.js'
import type { Volume } from '../volume.js'
import { type OnMoved, rearrange } from './moves.js'
import { type FileItem, type Occupancy, pathOf, readOccupancy } from './occupancy.js'

/** What shrinking takes. */
export interface ShrinkPlan {
  /** Blocks that there would be. */
  readonly blockCount: number
  /** The fewest that there can be: what is in use, unless a file is too large to be moved. */
  readonly smallestBlockCount: number
  readonly usedBlocks: number
  /** Blocks that are lacking: 0 where it can be done. */
  readonly missingBlocks: number
  /** The files that are moved, and how many blocks are written of each. */
  readonly files: readonly { readonly path: string; readonly blocks: number }[]
  /** Metadata pairs of which a block is moved, or both. */
  readonly pairCount: number
}

/**
 * What shrinking to so many blocks would move, the fewest where none are given. Nothing is written.
 *
 * @throws FormatError on a damaged image, in which nothing can be moved.
 */
export function* planShrink(volume: Volume, blockCount?: number): Op<ShrinkPlan> {
  return planFor(volume, yield* readOccupancy(volume), blockCount)
}

function planFor(volume: Volume, occupancy: Occupancy, wanted: number | undefined): ShrinkPlan {
  const { usedCount: usedBlocks } = occupancy
  const freeBlocks = totalBlocks(volume) - usedBlocks
  const smallestBlockCount = Math.max(
    usedBlocks,
    ...occupancy.files.map((file) => endOfUnmovable(file, freeBlocks)),
  )
  const blockCount = wanted ?? smallestBlockCount
  const isBeyond = (block: number) => block >= blockCount
  return {
    blockCount,
    smallestBlockCount,
    usedBlocks,
    missingBlocks: Math.max(0, smallestBlockCount - blockCount),
    files: occupancy.files.flatMap((file) => {
      const from = file.blocks.findIndex(isBeyond)
      return from === -1 ? [] : [{ path: pathOf(file), blocks: file.blocks.length - from }]
    }),
    pairCount: occupancy.pairs.filter(({ blocks }) => blocks.some(isBeyond)).length,
  }
}

/** Blocks that can be written to: an image may have been cut short. */
function totalBlocks({ layout }: Volume): number {
  return Math.min(layout.blockCount, layout.heldBlockCount)
}

/** After the last block of a file behind which it has more blocks than are free anywhere. */
function endOfUnmovable({ blocks }: FileItem, freeBlocks: number): number {
  let end = 0
  const count = blocks.length - freeBlocks
  for (let index = 0; index < count; index++) end = Math.max(end, (blocks[index] as number) + 1)
  return end
}

/**
 * Moves everything in use below a block. After a power cut some of it is moved, and the tree whole.
 *
 * @throws FsError `ENOSPC` where there is too little room, and how much is lacking; `EBUSY` where an
 *   open file needs blocks beyond that the tree does not have: then nothing has changed.
 */
export function* moveBelow(
  volume: Volume,
  end: number,
  syscall: string,
  onMoved: OnMoved,
): Op<void> {
  yield* rearrange(volume, syscall, onMoved, function* (moves) {
    const { occupancy } = moves
    yield* checkHandles(volume, end, syscall)
    checkRoom(planFor(volume, occupancy, end), syscall)
    for (const file of occupancy.files) {
      const isBeyond = (block: number) => block >= end
      for (let step = 0; file.blocks.some(isBeyond); step++) {
        // Twice is enough, unless readers hold blocks that nothing else needs any more.
        if (step === 2) throw noSpace(volume.layout.blockCount)
        const from = file.blocks.findIndex(isBeyond)
        const freeCount = end - occupancy.usedIn(0, end)
        const fits = file.blocks.length - from <= freeCount
        yield* moves.moveFile(file, from, { begin: 0, end: fits ? end : totalBlocks(volume) })
      }
    }
    for (const pair of occupancy.pairs) {
      yield* moves.movePair(pair, (block) => block < end, { begin: 0, end })
    }
  })
}

function checkRoom(plan: ShrinkPlan, syscall: string): void {
  const { usedBlocks, smallestBlockCount, blockCount, missingBlocks } = plan
  if (missingBlocks === 0) return
  const reason =
    usedBlocks > blockCount
      ? `${usedBlocks} blocks are in use, and ${blockCount} would be left`
      : 'a file has more blocks from its first one beyond the new end on than there are free ones to write them to'
  const hint = `${reason}: it can have ${smallestBlockCount} blocks at least, ${missingBlocks} more. Nothing was moved`
  throw new FsError('ENOSPC', { syscall, hint })
}

/**
 * Refuses to move what open handles have of their own from a block on: what they have written and not
 * saved, removed files, versions that were replaced.
 *
 * @throws FsError `EBUSY`.
 */
export function* checkHandles(volume: Volume, from: number, syscall: string): Op<void> {
  for (const file of volume.openFiles) {
    if (file.seesOnly(file.entry.content.struct)) continue
    const needed = new BlockSet()
    yield* file.addNeededTo(needed)
    const block = needed.firstFrom(from)
    if (block === undefined) continue
    const hint = `an open file needs block ${block} for what is not saved in the tree: close it first`
    throw new FsError('EBUSY', { syscall, hint })
  }
  for (const { ownBlocks } of volume.builders) {
    for (const block of ownBlocks) {
      if (block < from) continue
      const hint = `block ${block} holds files that are being added: let that end first`
      throw new FsError('EBUSY', { syscall, hint })
    }
  }
}
