/**
 * Writes whole logs: into a pair's other block, or into the blocks of a new pair.
 *
 * A pair's new revision count is newer than that of whatever its other block holds.
 */

import type { Op } from '@caravan/core'
import { noSpace } from './allocator.js'
import type { CommitEncoder, ErasedState } from './format/commit-encoder.js'
import { CRC_INITIAL } from './format/crc32.js'
import {
  encodeGlobalState,
  type GlobalState,
  isZeroState,
  xorStates,
  ZERO_STATE,
} from './format/global-state.js'
import {
  type BlockPair,
  type EntryContent,
  type LogSummary,
  scanLog,
} from './format/metadata-log.js'
import { NO_ID, TagType } from './format/tag.js'
import { readWord, uniformByte } from './format/word.js'
import { type Entry, isBadBlock, MetadataPair } from './metadata-pair.js'
import { eraseBlock, progVerified, readBytesOf } from './verified-prog.js'
import type { Volume } from './volume.js'

/** What a pair will hold. */
export interface PairState {
  entries: Entry[]
  contents: EntryContent[]
  tail: BlockPair | undefined
  hardTail: boolean
}

const NULL_PAIR: BlockPair = [0xffffffff, 0xffffffff]

/** Where the list of pairs goes on. */
export function putTail(encoder: CommitEncoder, tail: BlockPair | undefined, hard: boolean): void {
  encoder.putWords(hard ? TagType.HARD_TAIL : TagType.SOFT_TAIL, NO_ID, tail ?? NULL_PAIR)
}

/** Puts the pair's own share of the global state, changed by `delta`, where that changes it. */
export function putGlobalDelta(
  encoder: CommitEncoder,
  own: GlobalState | undefined,
  delta: GlobalState,
): GlobalState | undefined {
  if (isZeroState(delta)) return own
  const changed = xorStates(own ?? ZERO_STATE, delta)
  encoder.put(TagType.MOVE_STATE, NO_ID, encodeGlobalState(changed))
  return changed
}

/** What a commit says of the medium behind it where that is one byte throughout. */
export function erasedState({ encoder, rules }: Volume, byte: number): ErasedState {
  return { firstByte: byte, unitCrc: rules.hasForwardCrc ? encoder.erasedUnitCrc(byte) : undefined }
}

/** What stands where the next commit will begin; `undefined` where the block is bad. */
export function* erasedStateAt(
  volume: Volume,
  block: number,
  at: number,
  erasedByte: number | undefined,
): Op<ErasedState | undefined> {
  const { progSize } = volume.layout
  if (erasedByte !== undefined) return erasedState(volume, erasedByte)
  try {
    const unit = yield* readBytesOf(volume, block, at, progSize)
    const unitCrc = volume.rules.hasForwardCrc
      ? volume.rules.crc32(CRC_INITIAL, unit, 0, progSize)
      : undefined
    return { firstByte: unit[0] as number, unitCrc }
  } catch (error) {
    if (isBadBlock(error)) return undefined
    throw error
  }
}

/**
 * Erases a block and writes a whole log into it.
 *
 * @returns `undefined` where the block does not take it.
 * @throws FsError `ENOSPC` where the log is larger than a block.
 */
export function* writeLog(
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
  // A share that says nothing need not be said in a new log.
  const share = xorStates(ownDelta ?? ZERO_STATE, delta)
  const globalDelta = isZeroState(share) ? undefined : share
  if (globalDelta !== undefined) {
    encoder.put(TagType.MOVE_STATE, NO_ID, encodeGlobalState(globalDelta))
  }
  if (!encoder.fits) throw noSpace(volume.layout.blockCount)

  const stale = volume.readsBack ? yield* staleBytes(volume, block) : undefined
  if (!(yield* eraseBlock(block))) return undefined
  const { leavesRoom } = encoder
  const erased = leavesRoom
    ? yield* erasedStateAt(volume, block, encoder.end, undefined)
    : undefined
  if (leavesRoom && erased === undefined) return undefined
  encoder.finish(erased)
  // Where the cut loses the erase and keeps the prog, the new log must not go on into old commits.
  const needsErase = volume.readsBack && (stale === undefined || goesOnInto(volume, encoder, stale))
  if (stale !== undefined) volume.returnBuffer(stale)
  if (needsErase) yield { kind: 'sync' }
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
    erasedByte: volume.readsBack ? uniformByte(back, encoder.at) : erased?.firstByte,
    leavesRoom,
  }
}

/** What a block holds before it is erased; `undefined` where that cannot be read. */
function* staleBytes(volume: Volume, block: number): Op<Uint8Array | undefined> {
  const bytes = volume.takeBuffer()
  try {
    yield { kind: 'read', spans: [{ block, offset: 0, bytes }] }
    return bytes
  } catch (error) {
    if (isBadBlock(error)) return undefined
    throw error
  }
}

/** True where commits of the block's last use would read as if they followed the new log. */
function goesOnInto(volume: Volume, encoder: CommitEncoder, stale: Uint8Array): boolean {
  stale.set(encoder.encoded)
  const summary = scanLog(stale, volume.rules)
  return summary !== undefined && summary.end > encoder.at
}

/** A pair that nothing refers to yet: its entries are taken over once something does. */
export function* writeNewPair(volume: Volume, state: PairState): Op<MetadataPair> {
  let target = yield* volume.space.allocate()
  const other = yield* volume.space.tryAllocate()
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
    target = yield* volume.space.allocate()
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
