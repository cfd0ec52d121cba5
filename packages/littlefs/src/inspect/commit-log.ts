/**
 * Commit log: what the commits that the blocks still hold did, each with a number by which the image can
 * be seen as it was right after it.
 *
 * 1. Within one pair the order is certain: by revision count, then by place in the log. Between pairs
 *    there is none on disk: the numbers go pair by pair, in the order of the list and the tree.
 * 2. What a log begins with was copied from the other half: it changed what the two differ in.
 */

import type { Geometry, Op } from '@caravan/core'
import type { Survey, SurveyedPair } from '../check/check.js'
import type { Crc32 } from '../format/crc32.js'
import { type WalkedLog, walkLog } from '../format/log-walk.js'
import {
  type BlockPair,
  decodeEntries,
  type EntryContent,
  isShown,
} from '../format/metadata-log.js'
import { byteStringToText } from '../format/name.js'
import { TagType } from '../format/tag.js'
import { isNewerRevision, readWhatCan } from '../metadata-pair.js'

export interface LoggedChange {
  readonly kind: 'added' | 'removed' | 'changed'
  readonly type: 'file' | 'directory' | 'other'
  /** From the root. */
  readonly path: string
  /** Bytes after and before the commit, of files; `undefined` where there is none. */
  readonly size: number | undefined
  readonly sizeBefore: number | undefined
  /** True where the content is another one: its bytes, or the blocks that they are in. */
  readonly content: boolean
  /** Types of the attributes that were set, changed or removed. */
  readonly attributes: readonly number[]
}

export interface LoggedCommit {
  /** What {@link LittleFSOptions.at} takes. */
  readonly number: number
  /** The directory; `undefined` where no path leads to its pair. */
  readonly path: string | undefined
  readonly pair: BlockPair
  readonly block: number
  readonly revision: number
  /** Bytes from the beginning of the block. */
  readonly start: number
  readonly end: number
  /** True where the log was written anew, and this is what it begins with. */
  readonly compacted: boolean
  /** True for the last commit of the half in force: the state that devices show. */
  readonly current: boolean
  readonly changes: readonly LoggedChange[]
}

/** A commit, and the entries that its pair had right after it. */
export interface CommitState {
  readonly commit: LoggedCommit
  readonly entries: readonly EntryContent[]
  /** The block up to the end of the commit. */
  readonly log: Uint8Array
}

interface ReadHalf {
  readonly block: number
  readonly bytes: Uint8Array
  readonly log: WalkedLog
}

/** Every commit of the pairs that were reached, the oldest of each pair first. */
export function* readCommits(survey: Survey, geometry: Geometry, crc32: Crc32): Op<LoggedCommit[]> {
  const commits: LoggedCommit[] = []
  for (const pair of survey.pairs) {
    const halves = yield* readHalves(pair, geometry, crc32)
    for (const { commit } of statesOf(pair, halves, commits.length + 1)) commits.push(commit)
  }
  return commits
}

interface FoundState {
  /** `undefined` where no commit has the number. */
  readonly state: CommitState | undefined
  /** The commit of its pair that is in force. */
  readonly now: CommitState | undefined
  /** Commits up to the pair's last one. */
  readonly count: number
}

/** The commit that {@link readCommits} gives a number; the other pairs are only counted. */
export function* findState(
  survey: Survey,
  geometry: Geometry,
  crc32: Crc32,
  number: number,
): Op<FoundState> {
  let count = 0
  for (const pair of survey.pairs) {
    const halves = yield* readHalves(pair, geometry, crc32)
    const first = count + 1
    for (const { log } of halves) count += log.commits.length
    if (number < first || number > count) continue
    const states = statesOf(pair, halves, first)
    const now = states.find(({ commit }) => commit.current)
    return { state: states[number - first], now, count }
  }
  return { state: undefined, now: undefined, count }
}

function statesOf(pair: SurveyedPair, halves: readonly ReadHalf[], first: number): CommitState[] {
  const states: CommitState[] = []
  let before: readonly EntryContent[] = []
  for (const half of halves) {
    for (const [i, { start, end }] of half.log.commits.entries()) {
      const log = half.bytes.subarray(0, end)
      const entries = decodeEntries(log)
      const isLast = i === half.log.commits.length - 1
      const commit: LoggedCommit = {
        number: first + states.length,
        path: pair.path,
        pair: pair.blocks,
        block: half.block,
        revision: half.log.revision,
        start,
        end,
        compacted: i === 0,
        current: isLast && half.block === pair.active,
        changes: changesBetween(before, entries, pair.path ?? ''),
      }
      states.push({ commit, entries, log })
      before = entries
    }
  }
  return states
}

/** Those that hold commits, the half in force last. */
function* readHalves(
  pair: SurveyedPair,
  { blockSize, blockCount }: Geometry,
  crc32: Crc32,
): Op<ReadHalf[]> {
  const there = pair.blocks.filter((block) => block < blockCount)
  const spans = there.map((block) => ({ block, offset: 0, bytes: new Uint8Array(blockSize) }))
  const readable = yield* readWhatCan(spans)
  const halves = spans.flatMap(({ block, bytes }, i) => {
    const log = walkLog(bytes, crc32)
    return readable[i] === true && log.commits.length > 0 ? [{ block, bytes, log }] : []
  })
  const active = halves.find(({ block }) => block === pair.active)
  const other = halves.find(({ block }) => block !== pair.active)
  if (active === undefined || other === undefined) return halves
  return isOlderHalf(other, active) ? [other, active] : [active]
}

/** False where the other block still holds what it was before it belonged to this pair. */
function isOlderHalf(other: ReadHalf, active: ReadHalf): boolean {
  if (!isNewerRevision(active.log.revision, other.log.revision)) return false
  const copied = namesAfter(active, 0)
  const left = namesAfter(other, other.log.commits.length - 1)
  return copied.size === 0 || left.size === 0 || [...copied].some((name) => left.has(name))
}

function namesAfter({ bytes, log }: ReadHalf, commit: number): Set<string> {
  const entries = decodeEntries(bytes.subarray(0, log.commits[commit]?.end ?? 0))
  return new Set(entries.filter(({ nameType }) => nameType !== undefined).map(({ name }) => name))
}

function changesBetween(
  before: readonly EntryContent[],
  after: readonly EntryContent[],
  directory: string,
): LoggedChange[] {
  const old = new Map(before.filter(isShown).map((entry) => [entry.name, entry]))
  const changes: LoggedChange[] = []
  for (const entry of after.filter(isShown)) {
    const earlier = old.get(entry.name)
    old.delete(entry.name)
    const change = changeOf(earlier, entry, directory)
    if (change !== undefined) changes.push(change)
  }
  for (const entry of old.values()) {
    changes.push({
      ...described(entry, directory),
      kind: 'removed',
      size: undefined,
      sizeBefore: sizeOf(entry),
      content: true,
      attributes: [],
    })
  }
  return changes
}

function changeOf(
  before: EntryContent | undefined,
  after: EntryContent,
  directory: string,
): LoggedChange | undefined {
  const attributes = changedAttributes(before, after)
  const content = before === undefined || !isSameContent(before, after)
  if (!content && attributes.length === 0) return undefined
  return {
    ...described(after, directory),
    kind: before === undefined ? 'added' : 'changed',
    size: sizeOf(after),
    sizeBefore: before && sizeOf(before),
    content,
    attributes,
  }
}

function described({ name, nameType }: EntryContent, directory: string) {
  const type =
    nameType === TagType.FILE ? 'file' : nameType === TagType.DIRECTORY ? 'directory' : 'other'
  const path = `${directory === '/' ? '' : directory}/${byteStringToText(name)}`
  return { type, path } as const
}

function sizeOf({ struct }: EntryContent): number | undefined {
  if (struct?.kind === 'inline') return struct.bytes.length
  return struct?.kind === 'ctz' ? struct.size : undefined
}

function isSameContent({ struct: a }: EntryContent, { struct: b }: EntryContent): boolean {
  if (a?.kind === 'inline' && b?.kind === 'inline') return isSameBytes(a.bytes, b.bytes)
  if (a?.kind === 'ctz' && b?.kind === 'ctz') return a.head === b.head && a.size === b.size
  if (a?.kind === 'directory' && b?.kind === 'directory') {
    return a.pair[0] === b.pair[0] && a.pair[1] === b.pair[1]
  }
  return a === undefined && b === undefined
}

function changedAttributes(before: EntryContent | undefined, after: EntryContent): number[] {
  const old = new Map((before?.attributes ?? []).map(({ type, bytes }) => [type, bytes]))
  const changed = after.attributes.flatMap(({ type, bytes }) => {
    const earlier = old.get(type)
    old.delete(type)
    return earlier !== undefined && isSameBytes(earlier, bytes) ? [] : [type]
  })
  return [...changed, ...old.keys()].sort((a, b) => a - b)
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
