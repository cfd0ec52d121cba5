/**
 * Moves of what stands in blocks, while the filesystem is mounted: files, metadata pairs.
 *
 * 1. Every move is a change of its own: a power cut finds what is moved at its old place or at its
 *    new one, and the tree whole.
 * 2. A move frees as many blocks as it takes, once it has ended. Meanwhile it takes as many as it
 *    writes: of a file all from the first block that moves, since each block points to earlier ones.
 * 3. No pair moves but the one that is asked to, and no log is split that need not be: what was
 *    planned beforehand holds.
 *
 * Source: littlefs DESIGN.md, "CTZ skip-lists", "The move problem".
 */

import { assert, FsError, type Op } from '@caravan/core'
import { noSpace } from '../allocator.js'
import type { Change } from '../commit.js'
import { hasRoomForMore } from '../compaction.js'
import { openDirectory } from '../directory.js'
import { fileBlocksOf } from '../file-read.js'
import { adopt, writePart } from '../file-write.js'
import { encodedSize } from '../format/commit-encoder.js'
import { dataStart } from '../format/ctz-list.js'
import type { BlockPair } from '../format/metadata-log.js'
import { ENTRIES_MAX, planSplit } from '../format/split-plan.js'
import { TagType } from '../format/tag.js'
import type { Entry, MetadataPair } from '../metadata-pair.js'
import { commit, makeRoomBefore } from '../thread.js'
import { findParentEntry, findPredecessor } from '../thread-search.js'
import { giveBackBlocks, setContent } from '../tree-change.js'
import type { Volume } from '../volume.js'
import {
  type FileItem,
  type Item,
  type Occupancy,
  type PairItem,
  readOccupancy,
} from './occupancy.js'

/** Blocks from `begin` up to `end`. */
export interface BlockRange {
  readonly begin: number
  readonly end: number
}

/** Told of every item that has moved, and how many blocks were written for it. */
export type OnMoved = (item: Item, blockCount: number) => void

/** Thrown where something else has moved, as when a block goes bad: what is known is no longer so. */
class Outdated extends Error {}

/**
 * Rearranges what is in use: reads where it is, and hands it over; again where a block went bad.
 *
 * @param syscall for errors.
 */
export function* rearrange(
  volume: Volume,
  syscall: string,
  onMoved: OnMoved,
  body: (moves: Moves) => Op<void>,
): Op<void> {
  volume.rearranging = { moving: undefined }
  try {
    // A read-only mount is refused here, and what a power cut has left undone is done.
    yield* volume.change(syscall, nothing)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const occupancy = yield* readOccupancy(volume)
      try {
        return yield* body(new Moves(volume, occupancy, syscall, onMoved))
      } catch (error) {
        if (!(error instanceof Outdated)) throw error
      }
    }
  } finally {
    volume.rearranging = undefined
    volume.allocator.unconfine()
  }
  throw new FsError('EIO', {
    syscall,
    hint: `blocks went bad ${ATTEMPTS_MAX} times while others were moved: the medium is worn out`,
  })
}

/** Each needs a block that has just gone bad. */
const ATTEMPTS_MAX = 100

function* nothing(): Op<void> {}

export class Moves {
  constructor(
    readonly volume: Volume,
    readonly occupancy: Occupancy,
    private readonly syscall: string,
    private readonly onMoved: OnMoved,
  ) {}

  /**
   * Writes a file anew from one of its blocks on, into a range of blocks, the lowest that are free.
   *
   * @throws FsError `ENOSPC` where they are too few: then nothing has changed.
   */
  *moveFile(item: FileItem, from: number, range: BlockRange): Op<void> {
    const { volume } = this
    volume.allocator.confine(range.begin, range.end)
    let blocks: number[] = []
    yield* this.change(0, function* () {
      const entry = yield* entryOf(volume, item)
      const { struct } = entry.content
      assert(struct?.kind === 'ctz', 'a file that has blocks is a list of them')
      const old = fileBlocksOf(volume.layout, entry)
      const position = dataStart(from, volume.layout.blockSize)
      const written = yield* writePart(volume, entry, position, NO_BYTES)
      const followers = [...volume.openFiles].filter(
        (file) => file.entry === entry && file.seesOnly(struct),
      )
      yield* setContent(volume, entry, { ...entry.content, struct: written.struct })
      adopt(entry, written)
      for (const file of followers) file.follow()
      yield* giveBackBlocks(volume, entry, old, undefined, from, followers.length)
      blocks = item.blocks.map((block, index) =>
        index < from ? block : (written.blocks?.get(index) as number),
      )
    })
    this.occupancy.moved(item, blocks)
    this.onMoved(item, blocks.length - from)
  }

  /**
   * Moves both halves of a pair into a range of blocks, as far as they are not there.
   *
   * @throws FsError `ENOSPC` where it has no free block, or where those that lead to the pair are too
   *   full to be changed.
   */
  *movePair(item: PairItem, isThere: (block: number) => boolean, range: BlockRange): Op<void> {
    const { volume } = this
    if (item.blocks.every(isThere)) return
    yield* this.makeRoomToMove(item, range)
    let count = 0
    while (!item.blocks.every(isThere)) {
      // The half in force is written into the other one first, where that is to stay.
      const moves = !isThere(item.blocks[1])
      volume.allocator.confine(range.begin, range.end)
      yield* this.rewrite(item, moves)
      if (moves) count++
    }
    this.onMoved(item, count)
  }

  /** Writes a pair's log anew, into its other block or, where it moves, into a fresh one. */
  *rewrite(item: PairItem, moves = false): Op<void> {
    const { volume } = this
    let pair: MetadataPair | undefined
    yield* this.change(moves ? 1 : 0, function* () {
      const found: MetadataPair = yield* volume.readPair(item.blocks)
      pair = found
      if (moves) volume.rearranging = { moving: found }
      // So that nothing is appended.
      found.nextIsErased = false
      try {
        yield* commit(volume, found, [])
      } finally {
        volume.rearranging = { moving: undefined }
      }
    })
    if (pair !== undefined) this.occupancy.moved(item, pair.blocks)
  }

  /**
   * Sees to it that those that lead to a pair can take its new place. Other writers fill logs so far
   * that they cannot: such a one gets an empty pair behind it, or is split.
   */
  private *makeRoomToMove(item: PairItem, range: BlockRange): Op<void> {
    const { volume } = this
    const isTooFull = (pair: MetadataPair | undefined) =>
      pair !== undefined && !hasRoomForMore(volume, pair)
    const predecessor = yield* findPredecessor(volume, item.blocks)
    const parent = yield* findParentEntry(volume, item.blocks)
    if (!isTooFull(predecessor) && !isTooFull(parent?.pair)) return
    volume.allocator.confine(range.begin, range.end)
    if (isTooFull(predecessor)) {
      yield* volume.change(this.syscall, () => makeRoomBefore(volume, item.blocks))
    } else if (parent !== undefined) {
      yield* volume.change(this.syscall, function* () {
        parent.pair.nextIsErased = false
        yield* commit(volume, parent.pair, [])
      })
      if (isTooFull(parent.pair)) throw noSpace(volume.layout.blockCount)
    }
    // There are more pairs now.
    throw new Outdated()
  }

  /**
   * Takes the entries of the next pair of a directory into the one before it, where they fit.
   *
   * @returns false where they do not.
   */
  *mergeNext({ blocks }: PairItem): Op<boolean> {
    const { volume } = this
    let merged: BlockPair | undefined
    yield* this.change(0, function* () {
      const pair = yield* volume.readPair(blocks)
      const { tail, hardTail } = pair.summary
      if (tail === undefined || !hardTail) return
      const next = yield* volume.readPair(tail)
      if (!fitTogether(volume, pair, next)) return
      merged = next.blocks
      yield* merge(volume, pair, next)
    })
    if (merged === undefined) return false
    const item = this.occupancy.ownerOf(merged[0])
    assert(item?.kind === 'pair', 'a pair that was merged into another was an item')
    this.occupancy.remove(item)
    return true
  }

  private *change(moveCount: number, body: () => Op<void>): Op<void> {
    const { volume, syscall } = this
    const before = volume.relocatedCount
    yield* volume.change(syscall, body)
    const moved = volume.relocatedCount - before
    if (!volume.allocator.hasReaders) volume.caches.trim()
    if (moved === moveCount) return
    if (moved < moveCount) throw noSpace(volume.layout.blockCount)
    throw new Outdated()
  }
}

const NO_BYTES = new Uint8Array(0)

function* entryOf(volume: Volume, { names }: FileItem): Op<Entry> {
  let entry = yield* volume.readRoot()
  for (const name of names) {
    const found = (yield* openDirectory(volume, entry)).find(name)
    assert(found !== undefined, 'what was just found in a directory is there')
    entry = found
  }
  return entry
}

/** True where one log holds the entries of both, with room for changes where the mount wants that. */
function fitTogether(volume: Volume, pair: MetadataPair, next: MetadataPair): boolean {
  // Behind a superblock that has moved its first place stays, and is no part of the directory.
  if (next.entries[0]?.content.nameType === TagType.SUPERBLOCK) return false
  const sizes = [...pair.entries, ...next.entries].map(({ content }) => encodedSize(content))
  const { metadataMax, layout, packing } = volume
  if (sizes.length > ENTRIES_MAX) return false
  return planSplit(sizes, metadataMax, layout.progSize, packing).length === 1
}

/** In one commit: the entries of the next pair come, and the list goes on behind that. */
function* merge(volume: Volume, pair: MetadataPair, next: MetadataPair): Op<void> {
  const { tail, hardTail } = next.summary
  const count = pair.entries.length
  const changes: Change[] = next.entries.map((entry, i) => ({
    kind: 'create',
    id: count + i,
    entry,
    content: entry.content,
  }))
  volume.state.inherit(next.summary.globalDelta)
  // As a compaction: an append might not fit where the whole does.
  pair.nextIsErased = false
  yield* commit(volume, pair, [...changes, { kind: 'tail', tail, hard: hardTail }])
  volume.linkBehind(pair)
  pair.directory?.removeFromChain(next)
  volume.forgetPair(next)
}
