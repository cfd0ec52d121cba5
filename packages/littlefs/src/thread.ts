/**
 * The threaded list: every metadata pair, joined by its tail to the next, so that all can be found
 * without the tree. A pair stands in the list and, where it begins a directory, in the tree; a
 * change that touches both goes in steps that a power cut may part.
 *
 * 1. Before the list and the tree may disagree, the global state says that there may be orphans;
 *    the commit that ends the disagreement takes it back.
 * 2. A half-orphan is a pair that moved: the tree has its new blocks, the list its old ones. A full
 *    orphan is on the list but not in the tree.
 *
 * Source: littlefs DESIGN.md, "The move problem", "Directories".
 */

import { isErrno, type Op } from '@caravan/core'
import { type Change, commitToPair, planAppend } from './commit.js'
import { hasRoomForMore, shallMove } from './compaction.js'
import type { BlockPair, EntryContent } from './format/metadata-log.js'
import { writeNewPair } from './log-writer.js'
import {
  type Entry,
  isBadBlock,
  isSamePair,
  type MetadataPair,
  sharesBlock,
} from './metadata-pair.js'
import { checkSteps, FIRST_PAIR, findParentEntry, findPredecessor } from './thread-search.js'
import type { MovedPair, Volume } from './volume.js'

/**
 * Commits changes to a pair, and makes known where it now is. What they refer to is durable first.
 *
 * @throws FsError `ENOSPC`.
 */
export function* commit(volume: Volume, pair: MetadataPair, changes: readonly Change[]): Op<void> {
  const append = becomesEmpty(pair, changes) ? undefined : planAppend(volume, pair, changes)
  let isAppended = false
  if (append !== undefined) {
    try {
      yield append.request
      isAppended = append.finish()
    } catch (error) {
      if (!isBadBlock(error)) throw error
    }
  }
  if (isAppended) {
    volume.dataIsUnsynced = false
    volume.allocator.keepTaken()
    volume.unreached = undefined
    return
  }
  yield* volume.syncData()
  // Those that the caller has announced are its own to take back.
  const announced = volume.state.orphanCount
  if (yield* commitLeavingOrphans(volume, pair, changes, true)) {
    yield* removeOrphans(volume, false, announced)
  }
}

/**
 * Sees to it that the pair before these blocks on the list can take a change of state: with nothing
 * changed but an empty pair behind it, where it is too full. To be done before a change that ends
 * there: one that could not end would end all writing.
 *
 * @throws FsError `ENOSPC`, with nothing changed.
 */
export function* makeRoomBefore(volume: Volume, blocks: BlockPair): Op<void> {
  const predecessor = yield* findPredecessor(volume, blocks)
  if (predecessor !== undefined) yield* makeRoomIn(volume, predecessor)
}

/** @returns the pair itself, or the empty one that now follows it. */
export function* makeRoomIn(volume: Volume, pair: MetadataPair): Op<MetadataPair> {
  if (hasRoomForMore(volume, pair)) return pair
  const announced = volume.state.orphanCount
  const { relay, orphans } = yield* relayBehind(volume, pair, true)
  if (orphans) yield* removeOrphans(volume, false, announced)
  return relay
}

/** A new empty pair that continues the directory of one, and from which the list goes on. */
function* relayBehind(
  volume: Volume,
  pair: MetadataPair,
  mayMove: boolean,
): Op<{ relay: MetadataPair; orphans: boolean }> {
  const { tail, hardTail } = pair.summary
  const relay = yield* writeNewPair(volume, { entries: [], contents: [], tail, hardTail })
  const changes: Change[] = [{ kind: 'tail', tail: relay.blocks, hard: true }]
  const orphans = yield* commitLeavingOrphans(volume, pair, changes, mayMove)
  volume.pairs.keep(relay)
  pair.directory?.insertIntoChain(pair, [relay])
  volume.linkBehind(pair)
  volume.linkBehind(relay)
  return { relay, orphans }
}

/** Takes a directory that nothing refers to any more off the list, all of its pairs. */
export function* dropFromThread(volume: Volume, chain: readonly MetadataPair[]): Op<void> {
  const head = chain[0] as MetadataPair
  const last = chain[chain.length - 1] as MetadataPair
  const predecessor = yield* findPredecessor(volume, head.blocks)
  if (predecessor !== undefined) {
    for (const pair of chain) volume.state.inherit(pair.summary.globalDelta)
    const { tail, hardTail } = last.summary
    yield* commit(volume, predecessor, [{ kind: 'tail', tail, hard: hardTail }])
    volume.linkBehind(predecessor)
  }
  for (const pair of chain) volume.forgetPair(pair)
}

/**
 * Only the first pair may move for wear: where those that are told of it moved in their turn, it
 * would stay off the list while further commits are on their way, and one to itself would be written
 * over the log that the list still leads to.
 *
 * @param mayMove false also for the first: while half-orphans are being mended.
 * @returns true where pairs moved in a row, leaving half-orphans behind.
 */
function* commitLeavingOrphans(
  volume: Volume,
  first: MetadataPair,
  changes: readonly Change[],
  mayMove: boolean,
): Op<boolean> {
  let moved = yield* commitOrDrop(volume, first, changes, mayMove)
  let orphans = false
  while (moved !== undefined) {
    const { pair, before }: MovedPair = moved
    if (volume.isRoot(before)) volume.setRoot(pair)
    const entry: Entry | undefined = yield* findParentEntry(volume, before)
    if (entry !== undefined) {
      volume.state.addOrphan()
      const plan = (parent: MetadataPair) => pointTo(volume, parent, entry, pair.blocks)
      moved = yield* commitOne(volume, entry.pair, plan, false)
      if (moved !== undefined) {
        orphans = true
        continue
      }
    }
    const predecessor: MetadataPair | undefined = yield* findPredecessor(volume, before)
    // A pair that nothing leads to yet is new: whoever made it will put it in its place.
    if (predecessor === undefined) {
      volume.unreached = undefined
      pair.isUnlisted = false
      break
    }
    if (entry !== undefined) volume.state.removeOrphan()
    const plan = (pred: MetadataPair): Change[] => [
      ...deleteMovedEntry(volume, pred),
      { kind: 'tail', tail: pair.blocks, hard: pred.summary.hardTail },
    ]
    moved = yield* commitOne(volume, predecessor, plan, false)
    pair.isUnlisted = false
    pair.predecessor = predecessor
  }
  return orphans
}

function* commitOne(
  volume: Volume,
  pair: MetadataPair,
  plan: (pair: MetadataPair) => readonly Change[],
  mayMove: boolean,
): Op<MovedPair | undefined> {
  const before = pair.blocks
  let moves = false
  if (mayMove && shallMove(volume, pair)) {
    moves = yield* canMove(volume, pair)
    if (!moves) volume.crowded.push(pair)
  }
  const relocated = yield* commitToPair(volume, pair, plan(pair), moves)
  volume.allocator.keepTaken()
  if (relocated) {
    pair.isUnlisted = true
    volume.relocatedCount++
  }
  // What moved before is reached by this commit, once this pair is.
  volume.unreached = relocated ? { pair, before } : undefined
  return volume.unreached
}

/** True where a pair would become empty. */
function becomesEmpty(pair: MetadataPair, changes: readonly Change[]): boolean {
  let count = pair.entries.length
  let deletes = false
  for (const { kind } of changes) {
    if (kind === 'create') count++
    else if (kind === 'delete') {
      count--
      deletes = true
    }
  }
  return deletes && count === 0
}

/** False where those that lead to the pair are too full to take, with its place, a change of state. */
function* canMove(volume: Volume, pair: MetadataPair): Op<boolean> {
  const predecessor = yield* findPredecessor(volume, pair.blocks)
  if (predecessor !== undefined && !hasRoomForMore(volume, predecessor)) return false
  const entry = yield* findParentEntry(volume, pair.blocks)
  return entry === undefined || hasRoomForMore(volume, entry.pair)
}

/** For worn pairs that could not move: before the next change they may. Without space they stay. */
export function* makeRoomForMoves(volume: Volume): Op<void> {
  for (const pair of volume.crowded.splice(0)) {
    if (!volume.pairs.has(pair)) continue
    try {
      yield* makeRoomBefore(volume, pair.blocks)
    } catch (error) {
      // With a pair on its way this is no matter of comfort.
      if (!isErrno(error, 'ENOSPC') || volume.unreached !== undefined) throw error
      volume.allocator.invalidate()
    }
  }
}

/** A pair that continues a directory and would become empty is taken off the list instead. */
function* commitOrDrop(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
  mayMove: boolean,
): Op<MovedPair | undefined> {
  if (becomesEmpty(pair, changes)) {
    const predecessor = yield* findPredecessor(volume, pair.blocks)
    // One too full to take the change of state that comes with it keeps an empty pair behind it.
    if (predecessor?.summary.hardTail === true && hasRoomForMore(volume, predecessor)) {
      volume.state.inherit(pair.summary.globalDelta)
      const { tail, hardTail } = pair.summary
      const change: Change = { kind: 'tail', tail, hard: hardTail }
      const moved = yield* commitOne(volume, predecessor, () => [change], mayMove)
      volume.linkBehind(predecessor)
      pair.directory?.removeFromChain(pair)
      volume.forgetPair(pair)
      return moved
    }
  }
  return yield* commitOne(volume, pair, () => changes, mayMove)
}

/**
 * Where a rename waits for the removal of its source here, the removal: a pair that moves would
 * leave the global state naming blocks that it no longer has.
 */
function deleteMovedEntry(volume: Volume, pair: MetadataPair): Change[] {
  const move = volume.state.wantedMove
  if (move === undefined || !sharesBlock(move.pair, pair.blocks)) return []
  volume.state.setMove(undefined)
  return move.id < pair.entries.length ? [{ kind: 'delete', id: move.id }] : []
}

/** The changes that make a directory's entry lead to its new blocks. */
function pointTo(
  volume: Volume,
  parent: MetadataPair,
  entry: Entry,
  blocks: BlockPair,
): readonly Change[] {
  const content: EntryContent = { ...entry.content, struct: { kind: 'directory', pair: blocks } }
  const id = parent.entries.indexOf(entry)
  const changes = deleteMovedEntry(volume, parent)
  const shift = changes.some((change) => change.kind === 'delete' && change.id < id) ? 1 : 0
  return [...changes, { kind: 'set', id: id - shift, content }]
}

/**
 * Brings list and tree together: half-orphans first, since their old blocks may hide full ones.
 *
 * @param alsoFull false where full orphans are made on purpose just now.
 * @param remaining how many of those stay announced.
 */
function* removeOrphans(volume: Volume, alsoFull: boolean, remaining = 0): Op<void> {
  if (!volume.state.wantsOrphans) return
  for (let pass = 0; pass < 2; ) {
    pass = (yield* orphanPass(volume, pass, alsoFull)) ? 0 : pass + 1
  }
  volume.state.leaveOrphans(remaining)
}

/** @returns true where the fixes have made further half-orphans. */
function* orphanPass(volume: Volume, pass: number, alsoFull: boolean): Op<boolean> {
  let more = false
  const visit = volume.caches.beginVisit()
  let pair: MetadataPair = yield* volume.readPair(FIRST_PAIR)
  for (let steps = 0; pair.summary.tail !== undefined; steps++) {
    const { tail } = pair.summary
    checkSteps(volume, steps, tail)
    const next: MetadataPair = yield* volume.readPair(tail)
    next.predecessor = pair
    if (!pair.summary.hardTail) {
      const entry = yield* findParentEntry(volume, tail)
      const struct = entry?.content.struct
      if (pass === 0 && struct?.kind === 'directory' && !isSamePair(struct.pair, tail)) {
        // Damaged, it would end the list for whatever comes behind it: nothing is written then.
        yield* checkRest(volume, struct.pair)
        const changes: Change[] = [
          ...deleteMovedEntry(volume, pair),
          { kind: 'tail', tail: struct.pair, hard: false },
        ]
        if (yield* commitLeavingOrphans(volume, pair, changes, false)) more = true
        const listed = volume.findPair(struct.pair)
        if (listed !== undefined) listed.isUnlisted = false
        continue
      }
      if (pass === 1 && entry === undefined && alsoFull) {
        if (!hasRoomForMore(volume, pair)) {
          const { orphans } = yield* relayBehind(volume, pair, false)
          if (orphans) more = true
          continue
        }
        if (yield* dropOrphan(volume, pair, next)) more = true
        continue
      }
    }
    pair = next
    visit.release(pair)
  }
  return more
}

/** @throws FormatError where the list cannot be read to its end from there. */
function* checkRest(volume: Volume, from: BlockPair): Op<void> {
  let next: BlockPair | undefined = from
  for (let steps = 0; next !== undefined; steps++) {
    checkSteps(volume, steps, next)
    const visit = volume.caches.beginVisit()
    next = (yield* volume.readPair(next)).summary.tail
    visit.release()
  }
}

/** Takes a directory that the tree does not have off the list, all that continues it included. */
function* dropOrphan(volume: Volume, predecessor: MetadataPair, head: MetadataPair): Op<boolean> {
  const chain = [head]
  let last = head
  while (last.summary.hardTail && last.summary.tail !== undefined) {
    checkSteps(volume, chain.length, last.summary.tail)
    last = yield* volume.readPair(last.summary.tail)
    chain.push(last)
  }
  for (const pair of chain) volume.state.inherit(pair.summary.globalDelta)
  const changes: Change[] = [{ kind: 'tail', tail: last.summary.tail, hard: false }]
  const more = yield* commitLeavingOrphans(volume, predecessor, changes, false)
  for (const pair of chain) volume.forgetPair(pair)
  return more
}

/**
 * Finishes what a power cut has left undone, before the first write.
 *
 * @throws FormatError `CORRUPT_GLOBAL_STATE` where the pending move makes no sense.
 */
export function* makeConsistent(volume: Volume): Op<void> {
  // First the list gets the places of pairs that have moved: to finish the move may move pairs whose
  // predecessor would else be found as its old log.
  if (volume.state.wantsOrphans) while (yield* orphanPass(volume, 0, false));
  yield* finishMove(volume)
  yield* removeOrphans(volume, true)
  if (volume.state.isPending) {
    yield* commit(volume, yield* volume.readPair(volume.root), [])
  }
}

function* finishMove(volume: Volume): Op<void> {
  const move = volume.state.wantedMove
  if (move === undefined) return
  volume.state.checkMove(move)
  const pair = yield* volume.readPair(move.pair)
  volume.state.setMove(undefined)
  // A move of what is not there is dropped: deleting by its id would hit another entry.
  if (move.id >= pair.entries.length) return
  yield* commit(volume, pair, [{ kind: 'delete', id: move.id }])
}
