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

import { FormatError, FsError, type Op, type Request } from '@caravan/core'
import { compact, totalSize } from './compaction.js'
import { type CommitEncoder, encodedSize } from './format/commit-encoder.js'
import { type GlobalState, xorStates } from './format/global-state.js'
import type { BlockPair, EntryContent } from './format/metadata-log.js'
import { contentMaxIn, ENTRIES_MAX, fileEntryMaxIn } from './format/split-plan.js'
import { TagType } from './format/tag.js'
import {
  erasedState,
  erasedStateAt,
  type PairState,
  putGlobalDelta,
  putTail,
} from './log-writer.js'
import type { Entry, MetadataPair } from './metadata-pair.js'
import { progVerified } from './verified-prog.js'
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

/**
 * Commits changes to one pair, and nothing else: a pair that moved is for the caller to make known.
 *
 * @param mayMove false where it must stay as long as its blocks are good.
 * @returns true where the pair now has another block.
 * @throws FsError `ENOSPC`.
 */
export function* commitToPair(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
  mayMove: boolean,
): Op<boolean> {
  checkSound(volume, pair, changes)
  checkEntriesFit(volume, pair, changes)
  const state = applyChanges(pair, changes)
  const mustSplit = outgrows(volume, pair, changes, state)
  volume.metadataEpoch++
  if (!mustSplit && (yield* append(volume, pair, changes, state))) {
    pair.setEntries(state.entries, state.contents)
    return false
  }
  return yield* compact(volume, pair, state, mustSplit, mayMove)
}

/**
 * Refuses what damage alone brings about: a pair that takes a block of the superblock's, or a change
 * of an entry that is not in its pair, since it was met on two ways.
 *
 * @throws FormatError `CORRUPT_PAIR`.
 */
function checkSound(volume: Volume, pair: MetadataPair, changes: readonly Change[]): void {
  const [a, b] = pair.blocks
  if ((a < 2 || b < 2) && !volume.isFirstPair(pair)) {
    throw unsound(pair, 'takes a block of the superblock pair {0, 1}')
  }
  let count = pair.entries.length
  for (const change of changes) {
    if (change.kind === 'tail') continue
    if (change.kind === 'create') count++
    if (change.id < 0 || change.id >= count) throw unsound(pair, 'is part of two directories')
    if (change.kind === 'delete') count--
  }
}

function unsound({ blocks }: MetadataPair, what: string): FormatError {
  return new FormatError(
    'CORRUPT_PAIR',
    `The metadata pair {${blocks[0]}, ${blocks[1]}} ${what}: the image is damaged, and nothing is written there. Copy its files to a new image.`,
    { structure: 'metadata pair', block: blocks[0] },
  )
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
  const count = state.contents.length
  if (count > ENTRIES_MAX && count > pair.entries.length) return true
  const most = contentMaxIn(volume.metadataMax)
  // A log is at least as long as what it holds.
  if (appendedBound(pair, changes) <= most) return false
  const size = totalSize(state.contents)
  return size > most && size > totalSize(pair.entries.map((entry) => entry.content))
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
  if (!pair.nextIsErased || state.entries.length > ENTRIES_MAX) return false
  const { encoder } = volume
  const globalDelta = encodeAppend(volume, pair, changes)
  if (!encoder.fits) return false

  const block = pair.blocks[0]
  const { leavesRoom } = encoder
  const erased = leavesRoom
    ? yield* erasedStateAt(volume, block, encoder.end, summary.erasedByte)
    : undefined
  if (leavesRoom && erased === undefined) return false
  encoder.finish(erased)
  // Until it went through nobody knows what stands behind the log.
  pair.nextIsErased = false
  const begin = summary.end
  if ((yield* progVerified(volume, block, begin, encoder.encoded, encoder.at)) === undefined) {
    return false
  }
  adoptAppended(volume, pair, state, globalDelta, leavesRoom)
  return true
}

/**
 * A commit behind a log that has room for it, as most are: planned by plain functions, so that who
 * commits can yield its request near the top.
 */
interface PlannedAppend {
  readonly request: Request
  /** Once answered. @returns false where the block did not take it: then nothing has changed. */
  readonly finish: () => boolean
}

/**
 * `undefined` where {@link commitToPair} has to see to it.
 *
 * @throws FsError `ENOSPC`.
 */
export function planAppend(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
): PlannedAppend | undefined {
  const { summary } = pair
  if (!pair.nextIsErased) return undefined
  checkSound(volume, pair, changes)
  checkEntriesFit(volume, pair, changes)
  if (appendedBound(pair, changes) > contentMaxIn(volume.metadataMax)) return undefined
  const { encoder } = volume
  const globalDelta = encodeAppend(volume, pair, changes)
  const { leavesRoom } = encoder
  if (!encoder.fits || (leavesRoom && summary.erasedByte === undefined)) return undefined
  const state = applyChanges(pair, changes)
  if (state.entries.length > ENTRIES_MAX) return undefined

  encoder.finish(leavesRoom ? erasedState(volume, summary.erasedByte as number) : undefined)
  volume.metadataEpoch++
  pair.nextIsErased = false
  const { verifiedProg } = volume
  return {
    request: verifiedProg.plan(
      pair.blocks[0],
      summary.end,
      encoder.encoded,
      encoder.at,
      volume.dataIsUnsynced,
    ),
    finish() {
      if (verifiedProg.back() === undefined) return false
      adoptAppended(volume, pair, state, globalDelta, leavesRoom)
      pair.setEntries(state.entries, state.contents)
      return true
    },
  }
}

/** At least what a log holds after an append. */
function appendedBound(pair: MetadataPair, changes: readonly Change[]): number {
  let bound = pair.summary.end
  for (const change of changes) {
    if (change.kind === 'create' || change.kind === 'set') bound += encodedSize(change.content)
  }
  return bound
}

/** Encodes a commit up to its end. @returns the pair's share of the global state after it. */
function encodeAppend(
  volume: Volume,
  pair: MetadataPair,
  changes: readonly Change[],
): GlobalState | undefined {
  const { encoder } = volume
  const { summary } = pair
  encoder.beginAppend(summary.end, summary.lastTag, volume.metadataMax)
  putChanges(encoder, pair, changes)
  const delta = xorStates(volume.state.change(), volume.state.orphanedDelta)
  return putGlobalDelta(encoder, summary.globalDelta, delta)
}

/** The device has taken what the encoder holds. */
function adoptAppended(
  volume: Volume,
  pair: MetadataPair,
  state: PairState,
  globalDelta: GlobalState | undefined,
  leavesRoom: boolean,
): void {
  const { summary } = pair
  const { encoder } = volume
  // Field by field: this is on the way of every commit, and a copy by spreading is slow.
  pair.summary = {
    revision: summary.revision,
    end: encoder.at,
    lastTag: encoder.lastTag,
    commitCount: summary.commitCount + 1,
    tail: state.tail,
    hardTail: state.hardTail,
    globalDelta,
    crcFold: summary.crcFold,
    timeDialect: summary.timeDialect,
    creationBytes: summary.creationBytes,
    erasedByte: summary.erasedByte,
    leavesRoom: summary.leavesRoom,
  }
  pair.nextIsErased = leavesRoom
  volume.state.committed()
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
        putTail(encoder, change.tail, change.hard)
        break
    }
  }
}
