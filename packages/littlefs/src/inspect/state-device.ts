/**
 * State device: an image as it was right after one of its commits, as a device that is only read.
 *
 * The log of the pair is written anew in memory: its entries as they were; its share of the global state,
 * and where the list of pairs goes on, as they are now, since the rest of the image is as it is now. Both
 * halves of the pair show it; a superblock in it says what it says now. What it leads to (blocks of files, directories) is read as the blocks hold
 * it now.
 */

import {
  type BlockDevice,
  checkSpans,
  DeviceError,
  FormatError,
  type Geometry,
  type Op,
  type Span,
} from '@caravan/core'
import { type Survey, type SurveyedPair, surveyImage } from '../check/check.js'
import { keyOf } from '../check/pair-reader.js'
import { CommitEncoder } from '../format/commit-encoder.js'
import type { Crc32 } from '../format/crc32.js'
import {
  encodeGlobalState,
  type GlobalState,
  xorStates,
  ZERO_STATE,
} from '../format/global-state.js'
import { type BlockPair, type EntryContent, scanLog } from '../format/metadata-log.js'
import { NO_ID, TagType } from '../format/tag.js'
import { putTail } from '../log-writer.js'
import { type CommitState, findState } from './commit-log.js'

/** Blocks that show other bytes than the device holds. */
export type Overlay = ReadonlyMap<number, Uint8Array>

/**
 * What an image must show to be as it was after that commit.
 *
 * @throws FormatError `NO_SUCH_STATE` where there is no commit of that number.
 */
export function* planState(geometry: Geometry, number: number, crc32: Crc32): Op<Overlay> {
  const { blockSize } = geometry
  const survey = yield* surveyImage(geometry, { crc32 })
  const { state, now, count } = yield* findState(survey, geometry, crc32, number)
  if (state === undefined) {
    throw new FormatError(
      'NO_SUCH_STATE',
      `There is no commit ${number}: the image holds ${count}. \`caravan log\` lists them.`,
    )
  }
  const entries = withSuperblockOf(now?.entries ?? [], state.entries)
  const block = rebuilt({ ...state, entries }, survey, blockSize, crc32)
  return new Map(state.commit.pair.map((half) => [half, block]))
}

/** The filesystem may have grown since, and what is on the list of pairs lies where it has. */
function withSuperblockOf(
  now: readonly EntryContent[],
  then: readonly EntryContent[],
): readonly EntryContent[] {
  const [current] = now
  const [first, ...rest] = then
  const isSuperblock = (entry: EntryContent | undefined) => entry?.nameType === TagType.SUPERBLOCK
  if (first === undefined || current === undefined) return then
  if (!isSuperblock(first) || !isSuperblock(current)) return then
  return [{ ...first, struct: current.struct }, ...rest]
}

function rebuilt(state: CommitState, survey: Survey, blockSize: number, crc32: Crc32): Uint8Array {
  const { entries, log } = state
  const pair = survey.pairs.find(({ blocks }) => keyOf(blocks) === keyOf(state.commit.pair))
  const { tail, hardTail, globalDelta } = restOf(state, pair as SurveyedPair, survey, crc32)
  const encoder = new CommitEncoder(blockSize, 1, crc32)
  encoder.beginBlock(state.commit.revision, blockSize)
  entries.forEach((content, id) => {
    encoder.putEntry(id, content, false)
  })
  if (tail !== undefined) putTail(encoder, tail, hardTail)
  if (globalDelta.tag !== 0 || globalDelta.pair[0] !== 0 || globalDelta.pair[1] !== 0) {
    encoder.put(TagType.MOVE_STATE, NO_ID, encodeGlobalState(globalDelta))
  }
  const block = new Uint8Array(blockSize).fill(0xff)
  // A full log may have no room for what it did not say: then it is shown as it stood.
  if (!encoder.fits) block.set(log)
  else {
    encoder.finish(undefined)
    block.set(encoder.encoded)
  }
  return block
}

/** What of a pair is not its entries. */
function restOf(state: CommitState, now: SurveyedPair, survey: Survey, crc32: Crc32) {
  const then = scanLog(state.log, { progSize: 1, crc32, hasForwardCrc: false })
  const byKey = new Map(survey.pairs.map((pair) => [keyOf(pair.blocks), pair]))
  const goesOn = then?.hardTail === true && then.tail !== undefined && byKey.has(keyOf(then.tail))
  let globalDelta: GlobalState = now.globalDelta ?? ZERO_STATE
  if (goesOn) return { tail: then.tail, hardTail: true, globalDelta }
  // Pairs that were split off later are not yet there: the list goes on behind them.
  let last: SurveyedPair = now
  const seen = new Set([keyOf(now.blocks)])
  while (last.hardTail && last.tail !== undefined) {
    const next = byKey.get(keyOf(last.tail))
    if (next === undefined || seen.has(keyOf(next.blocks))) break
    seen.add(keyOf(next.blocks))
    globalDelta = xorStates(globalDelta, next.globalDelta ?? ZERO_STATE)
    last = next
  }
  const tail: BlockPair | undefined = last.hardTail ? undefined : last.tail
  return { tail, hardTail: false, globalDelta }
}

/** A device of which some blocks show other bytes. */
export class StateDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = true
  readonly isRemote: boolean

  constructor(
    private readonly device: BlockDevice,
    private readonly overlay: Overlay,
  ) {
    this.geometry = device.geometry
    this.isRemote = device.isRemote === true
  }

  read(spans: readonly Span[]): void | Promise<void> {
    checkSpans(this.geometry, 'read', spans)
    const below: Span[] = []
    for (const span of spans) {
      const bytes = this.overlay.get(span.block)
      if (bytes === undefined) below.push(span)
      else span.bytes.set(bytes.subarray(span.offset, span.offset + span.bytes.length))
    }
    return below.length === 0 ? undefined : this.device.read(below)
  }

  prog(): never {
    throw readOnly('prog')
  }

  erase(): never {
    throw readOnly('erase')
  }

  sync(): void {}

  close(): void | Promise<void> {
    return this.device.close()
  }
}

function readOnly(request: 'prog' | 'erase'): DeviceError {
  return new DeviceError('READ_ONLY', 'An older state of an image is only read.', { request })
}
