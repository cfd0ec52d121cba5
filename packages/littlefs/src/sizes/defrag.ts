/**
 * Defragmenting in place: directories in as few metadata pairs as they need, then the pairs, then each
 * file in one piece, one behind the other from the first block on, and what is free behind them.
 *
 * 1. What stands where something is to go is first moved out of the way, to the end. What is too large
 *    for the free blocks stays where it is, and the others go around it.
 * 2. What has its place is not touched again: once more finds nothing to do.
 */

import { assert, isErrno, type Op } from '@caravan/core'
import type { Volume } from '../volume.js'
import { type BlockRange, type Moves, type OnMoved, rearrange } from './moves.js'
import {
  type FileItem,
  type Item,
  type Occupancy,
  type PairItem,
  readOccupancy,
} from './occupancy.js'
import { checkHandles } from './shrink.js'

/** How what is in use lies on the medium. */
export interface Fragmentation {
  /** Files that have blocks of their own. */
  readonly fileCount: number
  /** Those of them whose blocks do not follow each other. */
  readonly fragmentedCount: number
  /** Pieces in which they lie: as many as files where none is fragmented. */
  readonly fragmentCount: number
  readonly pairCount: number
  readonly usedBlocks: number
  readonly freeBlocks: number
  /** Free blocks behind the last one in use. */
  readonly freeAtEnd: number
}

export interface DefragReport {
  readonly before: Fragmentation
  readonly after: Fragmentation
  /** Blocks of files and metadata logs that were written. */
  readonly writtenBlocks: number
}

const SYSCALL = 'defrag'

/** @throws FormatError on a damaged image. */
export function* measureFragmentation(volume: Volume): Op<Fragmentation> {
  return fragmentationOf(volume, yield* readOccupancy(volume))
}

function fragmentationOf({ layout }: Volume, occupancy: Occupancy): Fragmentation {
  const counts = occupancy.files.map(({ blocks }) => fragmentCountOf(blocks))
  const { usedCount: usedBlocks, files, pairs, end } = occupancy
  return {
    fileCount: files.length,
    fragmentedCount: counts.filter((count) => count > 1).length,
    fragmentCount: counts.reduce((sum, count) => sum + count, 0),
    pairCount: pairs.length,
    usedBlocks,
    freeBlocks: layout.blockCount - usedBlocks,
    freeAtEnd: layout.blockCount - end,
  }
}

function fragmentCountOf(blocks: readonly number[]): number {
  return blocks.filter((block, index) => index === 0 || block !== (blocks[index - 1] as number) + 1)
    .length
}

/**
 * Defragments, each move a change of its own: after a power cut the tree is whole, and once more
 * goes on.
 *
 * @throws FormatError on a damaged image; FsError `EBUSY` where open files hold what the tree does not
 *   have: then nothing has changed.
 */
export function* defrag(volume: Volume, onMoved: OnMoved): Op<DefragReport> {
  let writtenBlocks = 0
  const count: OnMoved = (item, blockCount) => {
    writtenBlocks += blockCount
    onMoved(item, blockCount)
  }
  yield* checkHandles(volume, 0, SYSCALL)
  let before: Fragmentation | undefined
  yield* rearrange(volume, SYSCALL, count, function* (moves) {
    before ??= fragmentationOf(volume, moves.occupancy)
    yield* mergePairs(moves)
  })
  assert(before !== undefined, 'what is rearranged was looked at')
  yield* rearrange(volume, SYSCALL, count, function* (moves) {
    yield* new Placement(moves).run()
    yield* rewriteLogs(moves, count)
  })
  return { before, after: yield* measureFragmentation(volume), writtenBlocks }
}

function* mergePairs(moves: Moves): Op<void> {
  const { occupancy } = moves
  for (let i = 0; i < occupancy.pairs.length; i++) {
    while (yield* moves.mergeNext(occupancy.pairs[i] as PairItem));
  }
}

/** Logs with more than one commit: what they say of earlier times goes, and later commits have room. */
function* rewriteLogs(moves: Moves, onRewritten: OnMoved): Op<void> {
  const { volume, occupancy } = moves
  for (const item of occupancy.pairs) {
    const visit = volume.caches.beginVisit()
    const { summary } = yield* volume.readPair(item.blocks)
    visit.release()
    if (summary.commitCount === 1) continue
    yield* moves.rewrite(item)
    onRewritten(item, 1)
  }
}

/** Gives everything its place. */
class Placement {
  private readonly occupancy: Occupancy
  private readonly blockCount: number
  private readonly placed = new Set<Item>()
  /** All blocks before it have been given away. */
  private begin = 0

  constructor(private readonly moves: Moves) {
    const { layout } = moves.volume
    this.occupancy = moves.occupancy
    this.blockCount = Math.min(layout.blockCount, layout.heldBlockCount)
  }

  *run(): Op<void> {
    // In the order in which they lie, so that few are in each other's way.
    const files = [...this.occupancy.files].sort(
      (a, b) => (a.blocks[0] as number) - (b.blocks[0] as number),
    )
    for (const item of [...this.occupancy.pairs, ...files]) yield* this.place(item)
  }

  private *place(item: Item): Op<void> {
    while (!item.isFixed) {
      const at = this.firstRun(item.blocks.length)
      // Around what cannot be moved there may be no room for it in one piece.
      if (at === undefined) return
      const kept = keptCount(item, at)
      const target = { begin: at + kept, end: at + item.blocks.length }
      const isThere = (block: number) => block >= at && block < target.end
      if (item.kind === 'pair' ? !item.blocks.every(isThere) : kept < item.blocks.length) {
        const obstacle =
          (yield* this.clear(item, target)) ?? (yield* this.moveTo(item, kept, target))
        if (obstacle !== undefined) {
          obstacle.isFixed = true
          continue
        }
      }
      this.placed.add(item)
      return
    }
  }

  /** The first so many blocks in a row that nothing has for good. */
  private firstRun(count: number): number | undefined {
    while (this.isGiven(this.begin)) this.begin++
    let length = 0
    for (let block = this.begin; block < this.blockCount; block++) {
      length = this.isGiven(block) ? 0 : length + 1
      if (length === count) return block + 1 - count
    }
    return undefined
  }

  private isGiven(block: number): boolean {
    const owner = this.occupancy.ownerOf(block)
    return owner !== undefined && (owner.isFixed || this.placed.has(owner))
  }

  /** Moves what stands in a range out of it. @returns what cannot be moved. */
  private *clear(item: Item, target: BlockRange): Op<Item | undefined> {
    const inTheWay = this.itemsIn(item, target)
    const obstacle = this.firstTooLarge(inTheWay, target)
    if (obstacle !== undefined) return obstacle
    const { moves } = this
    for (const each of inTheWay) {
      const range = this.rangeAtEnd(target.end, leavingOf(each, target).length)
      if (range === undefined) return each
      const isDone = yield* succeeds(
        each.kind === 'file'
          ? moves.moveFile(each, firstIn(each, target), range)
          : moves.movePair(each, (block) => !isIn(block, target), range),
      )
      if (!isDone) return each
    }
    return undefined
  }

  /** A pair that is to stand there may have a block there already. */
  private itemsIn(item: Item, target: BlockRange): Set<Item> {
    const found = new Set<Item>()
    for (let block = target.begin; block < target.end; block++) {
      const owner = this.occupancy.ownerOf(block)
      if (owner !== undefined && (owner !== item || item.kind === 'file')) found.add(owner)
    }
    return found
  }

  /** Of what is to go elsewhere, one after the other: the first that finds too few free blocks behind. */
  private firstTooLarge(items: Iterable<Item>, target: BlockRange): Item | undefined {
    let free = this.blockCount - target.end - this.occupancy.usedIn(target.end, this.blockCount)
    for (const each of items) {
      const leaving = leavingOf(each, target)
      if (leaving.length > free) return each
      const freed = leaving.filter((block) => block >= target.end)
      free += freed.length - leaving.length
    }
    return undefined
  }

  /** The last blocks of which so many are free; none before `least`. */
  private rangeAtEnd(least: number, count: number): BlockRange | undefined {
    const end = this.blockCount
    let free = 0
    for (let begin = end - 1; begin >= least; begin--) {
      if (this.occupancy.ownerOf(begin) === undefined) free++
      if (free === count) return { begin, end }
    }
    return undefined
  }

  private *moveTo(item: Item, kept: number, target: BlockRange): Op<Item | undefined> {
    const { moves } = this
    const isDone = yield* succeeds(
      item.kind === 'file'
        ? moves.moveFile(item, kept, target)
        : moves.movePair(item, (block) => isIn(block, target), target),
    )
    return isDone ? undefined : item
  }
}

function isIn(block: number, { begin, end }: BlockRange): boolean {
  return block >= begin && block < end
}

/** The index of a file's first block in a range. */
function firstIn({ blocks }: FileItem, range: BlockRange): number {
  return blocks.findIndex((block) => isIn(block, range))
}

/** The blocks that an item gives up, to leave a range. */
function leavingOf(item: Item, range: BlockRange): readonly number[] {
  return item.kind === 'file'
    ? item.blocks.slice(firstIn(item, range))
    : item.blocks.filter((block) => isIn(block, range))
}

/** How many of a file's blocks are where they shall be: those of a pair may be in either order. */
function keptCount(item: FileItem | PairItem, at: number): number {
  if (item.kind === 'pair') return 0
  const { blocks } = item
  const index = blocks.findIndex((block, i) => block !== at + i)
  return index === -1 ? blocks.length : index
}

/** False where there was no space for it: what readers still need, or went bad, is not to be had. */
function* succeeds(move: Op<void>): Op<boolean> {
  try {
    yield* move
    return true
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error
    return false
  }
}
