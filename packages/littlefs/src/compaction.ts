/**
 * Compaction: a pair's log written anew, with only what counts, in as many pairs as it needs.
 *
 * Source: littlefs DESIGN.md, "Metadata pairs", "superblock expansion".
 */

import { FsError, isErrno, type Op } from '@caravan/core'
import { noSpace } from './allocator.js'
import { encodedSize } from './format/commit-encoder.js'
import { isZeroState, xorStates, ZERO_STATE } from './format/global-state.js'
import type { EntryContent } from './format/metadata-log.js'
import { contentMaxIn, ENTRIES_MAX, planSplit } from './format/split-plan.js'
import { type PairState, writeLog, writeNewPair } from './log-writer.js'
import { Entry, type MetadataPair } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** A pair made by a split; taken over once the commit that refers to it went through. */
interface SplitOff {
  readonly pair: MetadataPair
  readonly state: PairState
}

/** Writes the log anew, in as many pairs as it needs. */
export function* compact(
  volume: Volume,
  pair: MetadataPair,
  state: PairState,
  mustSplit: boolean,
  mayMove: boolean,
): Op<boolean> {
  const splits: SplitOff[] = []
  yield* splitAsNeeded(volume, state, splits)
  const count = state.contents.length
  const isOverfull =
    count > ENTRIES_MAX ||
    (count > 1 && totalSize(state.contents) > contentMaxIn(volume.metadataMax))
  if (mustSplit && isOverfull) {
    throw noSpace(volume.layout.blockCount)
  }
  let newRoot: MetadataPair | undefined
  if (volume.isFirstPair(pair) && shallMove(volume, pair)) {
    newRoot = yield* expandSuperblock(volume, pair, state, splits)
  }
  const relocated = yield* writePair(volume, pair, state, mayMove)
  for (const split of splits) {
    split.pair.setEntries(split.state.entries, split.state.contents)
    volume.pairs.keep(split.pair)
    volume.linkBehind(split.pair)
  }
  if (splits.length > 0) volume.linkBehind(pair)
  pair.setEntries(state.entries, state.contents)
  pair.directory?.insertIntoChain(pair, splits.map((split) => split.pair).reverse())
  if (newRoot !== undefined && volume.isRoot(pair.blocks)) {
    volume.setRoot(newRoot)
    // Only the superblock stays behind: it is no part of the directory any more.
    pair.directory?.removeFromChain(pair)
    pair.directory = undefined
  }
  return relocated
}

/** Cuts entries off the end into new pairs until the rest fits well. */
function* splitAsNeeded(volume: Volume, state: PairState, splits: SplitOff[]): Op<void> {
  const starts = planSplit(
    state.contents.map(encodedSize),
    volume.metadataMax,
    volume.layout.progSize,
    volume.rearranging === undefined ? volume.packing : 'dense',
  )
  for (const from of starts.reverse()) {
    if (from === 0) return
    try {
      splits.push(yield* splitOff(volume, state, from))
    } catch (error) {
      if (!isErrno(error, 'ENOSPC')) throw error
      // A full log may still hold it all, if worse.
      return
    }
  }
}

/** Writes the entries from an id on into a new pair, which becomes the hard tail. */
function* splitOff(volume: Volume, state: PairState, from: number): Op<SplitOff> {
  const cut: PairState = {
    entries: state.entries.slice(from),
    contents: state.contents.slice(from),
    tail: state.tail,
    hardTail: state.hardTail,
  }
  const pair = yield* writeNewPair(volume, cut)
  state.entries.length = from
  state.contents.length = from
  state.tail = pair.blocks
  state.hardTail = true
  return { pair, state: cut }
}

/**
 * Blocks 0 and 1 cannot move, so where they are written much the root moves behind them, and only
 * a superblock stays: littlefs DESIGN.md, "superblock expansion". It cannot be taken back, so it is
 * done only while an eighth of the blocks is free.
 */
function* expandSuperblock(
  volume: Volume,
  pair: MetadataPair,
  state: PairState,
  splits: SplitOff[],
): Op<MetadataPair | undefined> {
  yield* volume.space.findFreeBlocks()
  const usedBlocks = yield* volume.space.measureUse()
  const { blockCount } = volume.layout
  if (blockCount - usedBlocks <= Math.floor(blockCount / 8)) return undefined
  const superblock = state.contents[0]
  if (superblock === undefined) return undefined
  try {
    const split = yield* splitOff(volume, state, 0)
    splits.push(split)
    state.entries.push(new Entry(superblock, pair))
    state.contents.push(superblock)
    return split.pair
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error
    return undefined
  }
}

/** True where the next compaction of a pair shall move it: for wear, or since it is asked to. */
export function shallMove(volume: Volume, pair: MetadataPair): boolean {
  return volume.rearranging === undefined
    ? isWorn(volume, pair)
    : volume.rearranging.moving === pair
}

/**
 * Wear: after so many compactions a pair moves. An odd number, so that neither half stays for ever
 * and a move can end.
 */
function isWorn({ blockCycles }: Volume, { summary }: MetadataPair): boolean {
  return blockCycles > 0 && (summary.revision + 1) % ((blockCycles + 1) | 1) === 0
}

/** Writes a pair's new log into its other block, or where that fails or is worn into a new one. */
function* writePair(
  volume: Volume,
  pair: MetadataPair,
  state: PairState,
  mayMove: boolean,
): Op<boolean> {
  // The log that the list leads to is in its other block. Only where two blocks go bad in one change.
  if (pair.isUnlisted) {
    const hint = `blocks went bad while the metadata pair {${pair.blocks[0]}, ${pair.blocks[1]}} was moving; mount again to go on`
    throw new FsError('EIO', { hint })
  }
  const [active, other] = pair.blocks
  const isFirst = volume.isFirstPair(pair)
  const revision = (pair.summary.revision + 1) >>> 0
  let target = other
  let relocated = false
  if (!isFirst && mayMove && shallMove(volume, pair)) {
    const fresh = yield* volume.space.tryAllocate()
    if (fresh !== undefined) {
      target = fresh
      relocated = true
    }
  }
  for (;;) {
    // A pair that moves is not yet on the list of pairs: the change of state waits for the commit
    // that puts it there.
    const waits = relocated || !hasRoomForState(volume, pair, state)
    const change = waits ? ZERO_STATE : volume.state.change()
    const delta = xorStates(change, volume.state.orphanedDelta)
    const written = yield* writeLog(
      volume,
      target,
      revision,
      state,
      pair.summary.globalDelta,
      delta,
    )
    if (written !== undefined) {
      volume.pairs.rewritten(pair, [target, active], written)
      if (relocated) volume.giveBackBlock(other)
      volume.state.committed(waits)
      return relocated
    }
    if (isFirst) {
      const hint = `block ${target} is bad, and the pair of blocks 0 and 1 cannot move`
      throw new FsError('ENOSPC', { hint })
    }
    volume.markBadBlock(target)
    target = yield* volume.space.allocate()
    relocated = true
  }
}

/**
 * False in a log so full that it cannot take a change of state, where that change can wait: that
 * there are no more orphans another commit may say.
 */
function hasRoomForState(volume: Volume, pair: MetadataPair, state: PairState): boolean {
  if (!volume.state.onlyEndsOrphans) return true
  if (!isZeroState(pair.summary.globalDelta ?? ZERO_STATE)) return true
  return totalSize(state.contents) <= contentMaxIn(volume.metadataMax)
}

/** True where a pair's log can take a change of state besides what it holds. */
export function hasRoomForMore(volume: Volume, pair: MetadataPair): boolean {
  const contents = pair.entries.map((entry) => entry.content)
  return totalSize(contents) <= contentMaxIn(volume.metadataMax)
}

/** Bytes of entries in a compacted log. */
export function totalSize(contents: readonly EntryContent[]): number {
  return contents.reduce((sum, content) => sum + encodedSize(content), 0)
}
