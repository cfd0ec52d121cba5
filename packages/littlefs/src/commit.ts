/**
 * Commits: how a metadata pair changes, all at once or not at all.
 *
 * A commit is appended to the log where it fits; else the log is compacted into the other block,
 * splitting where it has grown too large, and moving to another block where that one is worn or
 * bad.
 *
 * 1. Nothing in memory changes before the device has taken, synced and given back what was written.
 * 2. What a commit refers to is durable before it.
 * 3. A pair's new revision count is newer than that of whatever its other block holds.
 * 4. No log grows beyond what leaves room for a tail, a share of the global state and a CRC: so what
 *    makes smaller always fits, and a full device can be emptied.
 *
 * Source: littlefs DESIGN.md, "Metadata pairs"; SPEC.md, "0x6xx LFS_TYPE_TAIL".
 */

import { FsError, isErrno, type Op } from '@caravan/core'
import { noSpace } from './allocator.js'
import { type CommitEncoder, type ErasedState, encodedSize } from './format/commit-encoder.js'
import { CRC_INITIAL } from './format/crc32.js'
import {
  encodeGlobalState,
  type GlobalState,
  isZeroState,
  xorStates,
  ZERO_STATE,
} from './format/global-state.js'
import type { BlockPair, EntryContent, LogSummary } from './format/metadata-log.js'
import { contentMaxIn, fileEntryMaxIn, planSplit } from './format/split-plan.js'
import { NO_ID, TagType } from './format/tag.js'
import { readWord } from './format/word.js'
import { Entry, isBadBlock, MetadataPair } from './metadata-pair.js'
import { eraseBlock, progVerified, readBytesOf } from './verified-prog.js'
import type { Volume } from './volume.js'

export type Change =
  | {
      readonly kind: 'create'
      readonly id: number
      readonly entry: Entry
      readonly content: EntryContent
    }
  | { readonly kind: 'delete'; readonly id: number }
  | { readonly kind: 'set'; readonly id: number; readonly content: EntryContent }
  | { readonly kind: 'tail'; readonly tail: BlockPair | undefined; readonly hard: boolean }

/** A log with that many entries is compacted, so that it may be split. */
const APPENDED_ENTRIES_MAX = 0xff

const NULL_PAIR: BlockPair = [0xffffffff, 0xffffffff]

/** What a pair will hold. */
interface PairState {
  entries: Entry[]
  contents: EntryContent[]
  tail: BlockPair | undefined
  hardTail: boolean
}

/** A pair made by a split; taken over once the commit that refers to it went through. */
interface SplitOff {
  readonly pair: MetadataPair
  readonly state: PairState
}

/**
 * Commits changes to one pair, and nothing else: a pair that moved is for the caller to make known.
 *
 * @returns true where the pair now has another block.
 * @throws FsError `ENOSPC`.
 */
export function* commitToPair(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
): Op<boolean> {
  checkEntriesFit(volume, pair, changes)
  const state = applyChanges(pair, changes)
  const mustSplit = outgrows(volume, pair, changes, state)
  volume.metadataEpoch++
  if (!mustSplit && (yield* append(volume, pair, changes, state))) {
    pair.setEntries(state.entries, state.contents)
    return false
  }
  return yield* compact(volume, pair, state, mustSplit)
}

/** @throws FsError `ENOSPC` for an entry that no log has room for. */
function checkEntriesFit(volume: Volume, pair: MetadataPair, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.kind !== 'create' && change.kind !== 'set') continue
    const size = encodedSize(change.content)
    const most = entryMax(volume, change.content)
    if (size <= most) continue
    // What another writer made that large may stay so.
    const before = change.kind === 'set' ? pair.entries[change.id]?.content : undefined
    if (before !== undefined && size <= encodedSize(before)) continue
    const hint = `the name, attributes and content kept with it take ${size} bytes, and a metadata block here holds ${most}`
    throw new FsError('ENOSPC', { hint })
  }
}

/** A file needs no room for more, once alone in its log; a directory's entry changes when it moves. */
function entryMax(volume: Volume, { nameType }: EntryContent): number {
  const { metadataMax } = volume
  return nameType === TagType.FILE ? fileEntryMaxIn(metadataMax) : contentMaxIn(metadataMax)
}

/** True where the entries would no longer leave room in one log, and it is these changes' doing. */
function outgrows(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
  state: PairState,
): boolean {
  const most = contentMaxIn(volume.metadataMax)
  let bound = pair.summary.end
  for (const change of changes) {
    if (change.kind === 'create' || change.kind === 'set') bound += encodedSize(change.content)
  }
  // A log is at least as long as what it holds.
  if (bound <= most) return false
  const size = totalSize(state.contents)
  return size > most && size > totalSize(pair.entries.map((entry) => entry.content))
}

function totalSize(contents: readonly EntryContent[]): number {
  return contents.reduce((sum, content) => sum + encodedSize(content), 0)
}

function applyChanges(pair: MetadataPair, changes: readonly Change[]): PairState {
  const entries = pair.entries.slice()
  const contents = entries.map((entry) => entry.content)
  let { tail, hardTail } = pair.summary
  for (const change of changes) {
    switch (change.kind) {
      case 'create':
        entries.splice(change.id, 0, change.entry)
        contents.splice(change.id, 0, change.content)
        break
      case 'delete':
        entries.splice(change.id, 1)
        contents.splice(change.id, 1)
        break
      case 'set':
        contents[change.id] = change.content
        break
      case 'tail':
        tail = change.tail
        hardTail = change.hard
        break
    }
  }
  return { entries, contents, tail, hardTail }
}

/** False where the changes do not fit behind the log, or the block does not take them. */
function* append(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
  state: PairState,
): Op<boolean> {
  const { summary } = pair
  if (!pair.nextIsErased || state.entries.length >= APPENDED_ENTRIES_MAX) return false
  const encoder = volume.encoder
  encoder.beginAppend(summary.end, summary.lastTag, volume.metadataMax)
  putChanges(encoder, pair, changes)
  const delta = xorStates(volume.globalStateChange(), volume.orphanedDelta)
  const globalDelta = putGlobalDelta(encoder, pair.summary.globalDelta, delta)
  if (!encoder.fits) return false

  const block = pair.blocks[0]
  const erased = encoder.leavesRoom
    ? yield* erasedStateAt(volume, block, encoder.end, summary.erasedByte)
    : undefined
  encoder.finish(erased)
  // Until it went through nobody knows what stands behind the log.
  pair.nextIsErased = false
  const begin = summary.end
  if ((yield* progVerified(volume, block, begin, encoder.encoded, encoder.at)) === undefined) {
    return false
  }
  pair.summary = {
    ...summary,
    end: encoder.at,
    lastTag: encoder.lastTag,
    commitCount: summary.commitCount + 1,
    tail: state.tail,
    hardTail: state.hardTail,
    globalDelta,
  }
  pair.nextIsErased = erased !== undefined
  volume.globalStateCommitted()
  return true
}

function putChanges(encoder: CommitEncoder, pair: MetadataPair, changes: readonly Change[]): void {
  const contents = pair.entries.map((entry) => entry.content)
  for (const change of changes) {
    switch (change.kind) {
      case 'create':
        encoder.putEntry(change.id, change.content, true)
        contents.splice(change.id, 0, change.content)
        break
      case 'delete':
        encoder.putDelete(change.id)
        contents.splice(change.id, 1)
        break
      case 'set':
        encoder.putChange(change.id, contents[change.id] as EntryContent, change.content)
        contents[change.id] = change.content
        break
      case 'tail':
        putTail(encoder, change.tail ?? NULL_PAIR, change.hard)
        break
    }
  }
}

function putTail(encoder: CommitEncoder, tail: BlockPair, hard: boolean): void {
  encoder.putWords(hard ? TagType.HARD_TAIL : TagType.SOFT_TAIL, NO_ID, tail)
}

/** Puts the pair's own share of the global state, changed by `delta`, where that changes it. */
function putGlobalDelta(
  encoder: CommitEncoder,
  own: GlobalState | undefined,
  delta: GlobalState,
): GlobalState | undefined {
  if (isZeroState(delta)) return own
  const changed = xorStates(own ?? ZERO_STATE, delta)
  encoder.put(TagType.MOVE_STATE, NO_ID, encodeGlobalState(changed))
  return changed
}

/** What stands where the next commit will begin. */
function* erasedStateAt(
  volume: Volume,
  block: number,
  at: number,
  erasedByte: number | undefined,
): Op<ErasedState> {
  const { progSize } = volume.layout
  if (erasedByte !== undefined) {
    const unitCrc = volume.rules.hasForwardCrc ? volume.erasedUnitCrc(erasedByte) : undefined
    return { firstByte: erasedByte, unitCrc }
  }
  const unit = yield* readBytesOf(volume, block, at, progSize)
  const unitCrc = volume.rules.hasForwardCrc
    ? volume.rules.crc32(CRC_INITIAL, unit, 0, progSize)
    : undefined
  return { firstByte: unit[0] as number, unitCrc }
}

/** Writes the log anew, in as many pairs as it needs. */
function* compact(
  volume: Volume,
  pair: MetadataPair,
  state: PairState,
  mustSplit: boolean,
): Op<boolean> {
  const splits: SplitOff[] = []
  yield* splitAsNeeded(volume, state, splits)
  const isOverfull = totalSize(state.contents) > contentMaxIn(volume.metadataMax)
  if (mustSplit && isOverfull && state.contents.length > 1) {
    throw noSpace(volume.layout.blockCount)
  }
  let newRoot: MetadataPair | undefined
  if (volume.isFirstPair(pair) && needsRelocation(volume, pair.summary.revision)) {
    newRoot = yield* expandSuperblock(volume, pair, state, splits)
  }
  const relocated = yield* writePair(volume, pair, state)
  for (const split of splits) {
    split.pair.setEntries(split.state.entries, split.state.contents)
    volume.pairs.keep(split.pair)
  }
  pair.setEntries(state.entries, state.contents)
  insertIntoChain(pair, splits)
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
  const usedBlocks = yield* volume.countUsedBlocks()
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

/** New pairs follow the one that they were cut off, in the directory's chain. */
function insertIntoChain(pair: MetadataPair, splits: readonly SplitOff[]): void {
  const { directory } = pair
  if (directory === undefined || splits.length === 0) return
  const place = directory.chain.indexOf(pair) + 1
  const pairs = splits.map((split) => split.pair).reverse()
  directory.chain.splice(place, 0, ...pairs)
  for (const each of pairs) each.directory = directory
}

/**
 * Wear: after so many compactions a pair moves. An odd number, so that neither half stays for ever
 * and a move can end.
 */
function needsRelocation(volume: Volume, revision: number): boolean {
  const { blockCycles } = volume
  return blockCycles > 0 && (revision + 1) % ((blockCycles + 1) | 1) === 0
}

/** Writes a pair's new log into its other block, or where that fails or is worn into a new one. */
function* writePair(volume: Volume, pair: MetadataPair, state: PairState): Op<boolean> {
  const [active, other] = pair.blocks
  const isFirst = volume.isFirstPair(pair)
  const revision = (pair.summary.revision + 1) >>> 0
  let target = other
  let relocated = false
  if (!isFirst && needsRelocation(volume, pair.summary.revision)) {
    const fresh = yield* volume.tryAllocate()
    if (fresh !== undefined) {
      target = fresh
      relocated = true
    }
  }
  for (;;) {
    // A pair that moves is not yet on the list of pairs: the change of state waits for the commit
    // that puts it there.
    const waits = relocated || !hasRoomForState(volume, pair, state)
    const change = waits ? ZERO_STATE : volume.globalStateChange()
    const delta = xorStates(change, volume.orphanedDelta)
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
      volume.globalStateCommitted(waits)
      return relocated
    }
    if (isFirst) throw noSpace(volume.layout.blockCount)
    volume.markBadBlock(target)
    target = yield* volume.allocate()
    relocated = true
  }
}

/**
 * False in a log so full that it cannot take a change of state, where that change can wait: that
 * there are no more orphans another commit may say.
 */
function hasRoomForState(volume: Volume, pair: MetadataPair, state: PairState): boolean {
  if (!volume.onlyEndsOrphans || pair.summary.globalDelta !== undefined) return true
  return totalSize(state.contents) <= contentMaxIn(volume.metadataMax)
}

/**
 * Erases a block and writes a whole log into it.
 *
 * @returns `undefined` where the block does not take it.
 * @throws FsError `ENOSPC` where the log is larger than a block.
 */
function* writeLog(
  volume: Volume,
  block: number,
  revision: number,
  state: PairState,
  ownDelta: GlobalState | undefined,
  delta: GlobalState,
): Op<LogSummary | undefined> {
  const { encoder } = volume
  const { blockSize } = volume.layout
  encoder.beginBlock(revision, volume.metadataMax)
  state.contents.forEach((content, id) => {
    encoder.putEntry(id, content, false)
  })
  if (state.tail !== undefined) putTail(encoder, state.tail, state.hardTail)
  const globalDelta = putGlobalDelta(encoder, ownDelta, delta)
  const keptDelta = globalDelta === ownDelta && ownDelta !== undefined
  if (keptDelta) encoder.put(TagType.MOVE_STATE, NO_ID, encodeGlobalState(ownDelta))
  if (!encoder.fits) throw noSpace(volume.layout.blockCount)

  if (!(yield* eraseBlock(volume, block))) return undefined
  const { leavesRoom } = encoder
  const erased = leavesRoom
    ? yield* erasedStateAt(volume, block, encoder.end, undefined)
    : undefined
  encoder.finish(erased)
  const back = yield* progVerified(volume, block, 0, encoder.encoded, blockSize)
  if (back === undefined) return undefined
  return {
    revision,
    end: encoder.at,
    lastTag: encoder.lastTag,
    commitCount: 1,
    tail: state.tail,
    hardTail: state.hardTail,
    globalDelta,
    crcFold: 0,
    erasedByte: leavesRoom ? uniformByte(back, encoder.at) : undefined,
    leavesRoom,
  }
}

/** The byte that everything from `at` on is made of. */
function uniformByte(bytes: Uint8Array, at: number): number | undefined {
  const byte = bytes[at] as number
  for (let i = at + 1; i < bytes.length; i++) if (bytes[i] !== byte) return undefined
  return byte
}

/** A pair that nothing refers to yet: its entries are taken over once something does. */
export function* writeNewPair(volume: Volume, state: PairState): Op<MetadataPair> {
  let target = yield* volume.allocate()
  const other = yield* volume.tryAllocate()
  if (other === undefined) {
    // The operation may go on without the new pair, and then has no use for half of one.
    volume.giveBackBlock(target)
    throw noSpace(volume.layout.blockCount)
  }
  for (;;) {
    // The other block keeps what it holds, which must be older than what is written now.
    const stale = yield* staleRevision(volume, other)
    const cycles = (volume.blockCycles + 1) | 1
    const begin = volume.blockCycles > 0 ? Math.ceil(stale / cycles) * cycles : stale
    const revision = (begin + 1) >>> 0
    const summary = yield* writeLog(volume, target, revision, state, undefined, ZERO_STATE)
    if (summary !== undefined) {
      return MetadataPair.written([target, other], summary)
    }
    volume.markBadBlock(target)
    target = yield* volume.allocate()
  }
}

function* staleRevision(volume: Volume, block: number): Op<number> {
  try {
    return readWord(yield* readBytesOf(volume, block, 0, 4), 0)
  } catch (error) {
    if (isBadBlock(error)) return 0
    throw error
  }
}
