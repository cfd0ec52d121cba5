/**
 * Pair reader: each metadata pair read once, both halves looked at, and what it holds kept in few
 * bytes.
 *
 * The half in force is the one that the engine takes, and its entries are those that it shows: what is
 * wrong with the log is said beside it.
 */

import type { Op, Span } from '@caravan/core'
import type { Crc32 } from '../format/crc32.js'
import type { GlobalState } from '../format/global-state.js'
import { type WalkedLog, walkLog } from '../format/log-walk.js'
import {
  type BlockPair,
  decodeEntries,
  type EntryContent,
  scanLog,
} from '../format/metadata-log.js'
import { byteString } from '../format/name.js'
import { MAGIC, MAGIC_OFFSET_BYTES } from '../format/superblock.js'
import { TagType } from '../format/tag.js'
import { isNewerRevision, readWhatCan } from '../metadata-pair.js'
import type { Place, Report } from './findings.js'
import { beginsLikeLog, checkLogEnd, checkTags, forwardCrcIn } from './log-check.js'

export interface CheckedEntry {
  readonly nameType: number | undefined
  /** A byte string. */
  readonly name: string
  readonly struct: CheckedStruct
  /** Bytes of each attribute, by type. */
  readonly attributeSizes: ReadonlyMap<number, number>
}

type CheckedStruct =
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'directory'; readonly pair: BlockPair }
  | { readonly kind: 'ctz'; readonly head: number; readonly size: number }
  /** The bytes are kept of a superblock's entry alone. */
  | { readonly kind: 'inline'; readonly size: number; readonly bytes?: Uint8Array }

export interface CheckedPair {
  /** As whoever led to it named them. */
  readonly blocks: BlockPair
  /** The half in force. */
  readonly active: number
  readonly entries: readonly CheckedEntry[]
  readonly tail: BlockPair | undefined
  readonly hardTail: boolean
  readonly globalDelta: GlobalState | undefined
  /** True where the magic stands where a superblock has it. */
  readonly hasMagic: boolean
}

/** The same text for both orders of a pair. */
export function keyOf([a, b]: BlockPair): string {
  return a < b ? `${a},${b}` : `${b},${a}`
}

export function inWords([a, b]: BlockPair): string {
  return `{${a}, ${b}}`
}

/** What was found of a pair, whose path is not known yet. */
type PairReport = (code: Parameters<Report>[0], what: string, key: string, place: Place) => void

interface Half {
  readonly block: number
  readonly bytes: Uint8Array
  /** `undefined` where the block cannot be read. */
  readonly log: WalkedLog | undefined
}

export class PairReader {
  private readonly known = new Map<string, CheckedPair | undefined>()
  /** Forward CRCs, which an image of version 2.0 must not have. */
  readonly forwardCrcs: { readonly key: string; readonly block: number }[] = []
  /** Pairs must lie below: the image's blocks until the superblock says how many. */
  blockCount: number

  constructor(
    private readonly blockSize: number,
    /** Blocks that the image holds. */
    private readonly heldBlockCount: number,
    private readonly crc32: Crc32,
    private readonly report: PairReport,
  ) {
    this.blockCount = heldBlockCount
  }

  /** All that could be read, in the order in which they were met. */
  get pairs(): CheckedPair[] {
    return [...this.known.values()].filter((pair) => pair !== undefined)
  }

  /** `undefined` where nothing can be read of it; told the first time. */
  *pair(blocks: BlockPair): Op<CheckedPair | undefined> {
    const key = keyOf(blocks)
    if (this.known.has(key)) return this.known.get(key)
    const pair = yield* this.read(blocks, key)
    this.known.set(key, pair)
    return pair
  }

  private *read(blocks: BlockPair, key: string): Op<CheckedPair | undefined> {
    const [a, b] = blocks
    const { blockCount } = this
    if (a === b || a >= blockCount || b >= blockCount) {
      const wrong = a === b ? 'names one block twice' : `lies outside the ${blockCount} blocks`
      const what = `The metadata pair ${inWords(blocks)} ${wrong}.`
      this.report('PAIR_OUT_OF_RANGE', what, key, {})
      return undefined
    }
    const halves = yield* this.readPair(blocks, key)
    const [first, second] = halves
    const secondIsChosen =
      hasCommit(second) &&
      (!hasCommit(first) || isNewerRevision(revisionOf(second), revisionOf(first)))
    const chosen = secondIsChosen ? second : first
    const other = secondIsChosen ? first : second
    if (!hasCommit(chosen)) {
      const reasons = halves.map(
        ({ block, log }) => `block ${block}: ${log?.end.reason ?? 'unreadable'}`,
      )
      const what = `Neither block of the metadata pair ${inWords(blocks)} holds a commit with a good CRC (${reasons.join('; ')}).`
      this.report('PAIR_LOST', what, key, { block: a })
      return undefined
    }
    this.checkHalves(chosen, other, key)
    return this.checked(blocks, chosen, other, key)
  }

  private *readPair(blocks: BlockPair, key: string): Op<[Half, Half]> {
    const spans = blocks.map((block) => ({
      block,
      offset: 0,
      bytes: new Uint8Array(this.blockSize),
    }))
    const there = spans.filter(({ block }) => block < this.heldBlockCount) as Span[]
    const readable = yield* readWhatCan(there)
    const halves = spans.map(({ block, bytes }): Half => {
      const i = there.findIndex((span) => span.block === block)
      if (i !== -1 && readable[i] === true) return { block, bytes, log: walkLog(bytes, this.crc32) }
      if (i !== -1) {
        this.report('BLOCK_UNREADABLE', `The device cannot read block ${block}.`, key, { block })
      }
      return { block, bytes, log: undefined }
    })
    return halves as [Half, Half]
  }

  private checkHalves(chosen: Half & { log: WalkedLog }, other: Half, key: string): void {
    const at = { block: chosen.block }
    checkTags(chosen.log, (code, what) => this.report(code, what, key, at))
    checkLogEnd(chosen.log, chosen.bytes, this.crc32, (code, what) =>
      this.report(code, what, key, at),
    )
    for (const half of [chosen, other]) {
      if (half.log === undefined || forwardCrcIn(half.log) === undefined) continue
      this.forwardCrcs.push({ key, block: half.block })
    }
    if (other.log === undefined) return
    const { block } = other
    if (hasCommit(other)) {
      const stale = (_: unknown, what: string) =>
        this.report('STALE_DAMAGE', `In the older half: ${what}`, key, { block })
      checkLogEnd(other.log, other.bytes, this.crc32, stale)
      checkCrcTags(other.log, stale)
      if (other.log.revision === chosen.log.revision) {
        const what = `Both halves, blocks ${chosen.block} and ${block}, have revision ${chosen.log.revision}.`
        this.report('REVISIONS_EQUAL', what, key, { block })
      }
      return
    }
    if (isNewerRevision(other.log.revision, chosen.log.revision) && beginsLikeLog(other.log)) {
      const what = `Block ${block} has the newer revision ${other.log.revision} and no good commit (${other.log.end.reason}): block ${chosen.block}, revision ${chosen.log.revision}, is in force.`
      this.report('NEWER_HALF_LOST', what, key, { block })
    }
  }

  private checked(
    blocks: BlockPair,
    { block, bytes }: Half,
    other: Half,
    key: string,
  ): CheckedPair {
    const summary = scanLog(bytes, { progSize: 1, crc32: this.crc32, hasForwardCrc: false })
    const end = summary?.end ?? 0
    if (key === '0,1') this.checkFirstPair(other, key)
    return {
      blocks,
      active: block,
      entries: decodeEntries(bytes.subarray(0, end)).map(checkedEntry),
      tail: summary?.tail,
      hardTail: summary?.hardTail ?? false,
      globalDelta: summary?.globalDelta,
      hasMagic: hasMagic(bytes),
    }
  }

  /** Formatting writes both halves, and every compaction leaves the other one whole. */
  private checkFirstPair(other: Half, key: string): void {
    if (other.log !== undefined && hasCommit(other) && hasMagic(other.bytes)) return
    const reason = hasCommit(other)
      ? `"${MAGIC}" does not stand at ${MAGIC_OFFSET_BYTES}`
      : (other.log?.end.reason ?? 'it cannot be read')
    const what = `Block ${other.block}, the other copy of the superblock, holds none: ${reason}.`
    this.report('SUPERBLOCK_HALF_LOST', what, key, { block: other.block })
  }
}

function hasCommit(half: Half): half is Half & { log: WalkedLog } {
  return half.log !== undefined && half.log.commits.length > 0
}

function revisionOf({ log }: Half): number {
  return log?.revision ?? 0
}

function hasMagic(bytes: Uint8Array): boolean {
  return byteString(bytes, MAGIC_OFFSET_BYTES, MAGIC_OFFSET_BYTES + MAGIC.length) === MAGIC
}

function checkCrcTags({ commits }: WalkedLog, report: Parameters<typeof checkTags>[1]): void {
  // What the tags between say does not count any more.
  checkTags(
    { revision: 0, commits: commits.map((commit) => ({ ...commit, tags: [] })), end: NO_END },
    report,
  )
}

const NO_END: WalkedLog['end'] = { kind: 'full', offset: 0, reason: '', tags: [] }

function checkedEntry({ nameType, name, struct, attributes }: EntryContent): CheckedEntry {
  return {
    nameType,
    name,
    struct: checkedStruct(struct, nameType),
    attributeSizes: new Map(attributes.map(({ type, bytes }) => [type, bytes.length])),
  }
}

function checkedStruct(
  struct: EntryContent['struct'],
  nameType: number | undefined,
): CheckedStruct {
  if (struct === undefined) return { kind: 'none' }
  switch (struct.kind) {
    case 'unknown':
      return { kind: 'unknown' }
    case 'inline': {
      const size = struct.bytes.length
      if (nameType !== TagType.SUPERBLOCK) return { kind: 'inline', size }
      return { kind: 'inline', size, bytes: struct.bytes.slice() }
    }
    default:
      return struct
  }
}
