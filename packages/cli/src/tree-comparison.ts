/**
 * What two trees have different: names, types, contents, where links lead, permissions, times,
 * attributes.
 *
 * 1. Contents are compared byte by byte, whatever times and sizes say.
 * 2. What one of the two cannot hold, or does not say, is no difference.
 */

import { CaravanError } from '@caravan/core'
import type { ComparedEntry, ComparedTree } from './compared-tree.js'
import { checkInterrupted, HostError, isErrno } from './errors.js'
import type { EntryType } from './formats/format.js'
import { decodeTime } from './modification-time.js'
import { compareBytes } from './names.js'

/** One thing about an entry that is not the same, as it is in A and in B. */
export type Aspect =
  | { readonly what: 'type'; readonly a: EntryType; readonly b: EntryType }
  | {
      readonly what: 'content'
      /** Bytes. */
      readonly a: number
      readonly b: number
      /** The first byte that is not the same. */
      readonly firstByte: number
    }
  | { readonly what: 'target'; readonly a: Uint8Array; readonly b: Uint8Array }
  | { readonly what: 'commit'; readonly a: string; readonly b: string }
  | { readonly what: 'mode'; readonly a: number; readonly b: number }
  | { readonly what: 'time'; readonly a: Date; readonly b: Date }
  | {
      readonly what: 'attribute'
      readonly type: number
      readonly a: Uint8Array | undefined
      readonly b: Uint8Array | undefined
    }

/** An entry that is not the same in both: only in one of them, or with other aspects. */
export interface Difference {
  readonly path: Uint8Array
  readonly a: ComparedEntry | undefined
  readonly b: ComparedEntry | undefined
  /** Empty where it is only in one. */
  readonly aspects: readonly Aspect[]
}

interface ComparisonOptions {
  readonly times: boolean
  readonly attributes: boolean
  readonly signal: AbortSignal
}

/** An entry that could not be compared. */
interface Incomparable {
  readonly tree: ComparedTree
  readonly path: Uint8Array
  readonly error: unknown
}

export interface Comparison {
  /** A directory before what is in it, by the bytes of names. */
  readonly differences: readonly Difference[]
  readonly incomparable: readonly Incomparable[]
}

/** @throws Interrupted. */
export async function compareTrees(
  a: ComparedTree,
  b: ComparedTree,
  options: ComparisonOptions,
): Promise<Comparison> {
  const differences: Difference[] = []
  const incomparable: Incomparable[] = []
  for (const key of keysOf(a, b)) {
    checkInterrupted(options.signal)
    const [inA, inB] = [a.entries.get(key), b.entries.get(key)]
    const { path } = (inA ?? inB) as ComparedEntry
    try {
      const aspects = await compareEntries([a, inA], [b, inB], options)
      const isDifferent = inA === undefined || inB === undefined || aspects.length > 0
      if (isDifferent) differences.push({ path, a: inA, b: inB, aspects })
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      incomparable.push({ tree: error.tree, path, error: error.reason })
    }
  }
  const { root: rootA } = a
  const { root: rootB } = b
  if (rootA !== undefined && rootB !== undefined) {
    const aspects = compareAttributes(rootA, rootB, options)
    if (aspects.length > 0) differences.unshift({ path: rootA.path, a: rootA, b: rootB, aspects })
  }
  return { differences, incomparable }
}

/** As a walk would meet them: a slash sorts before every other byte. */
function keysOf(a: ComparedTree, b: ComparedTree): string[] {
  const all = new Set([...a.entries.keys(), ...b.entries.keys()])
  const sortable = [...all].map((key) => ({ key, by: key.replaceAll('/', '\0') }))
  return sortable.sort((x, y) => (x.by < y.by ? -1 : x.by > y.by ? 1 : 0)).map(({ key }) => key)
}

type Side = readonly [tree: ComparedTree, entry: ComparedEntry | undefined]

async function compareEntries(
  [treeA, a]: Side,
  [treeB, b]: Side,
  options: ComparisonOptions,
): Promise<Aspect[]> {
  if (a?.error !== undefined) throw new Unreadable(treeA, a.error)
  if (b?.error !== undefined) throw new Unreadable(treeB, b.error)
  if (a === undefined || b === undefined) return []
  if (a.type !== b.type) return [{ what: 'type', a: a.type, b: b.type }]
  const aspects: Aspect[] = []
  if (a.type === 'file') {
    const firstByte = await firstDifference([treeA, a], [treeB, b], options.signal)
    if (firstByte !== undefined) aspects.push({ what: 'content', a: a.size, b: b.size, firstByte })
  }
  if (a.target !== undefined && b.target !== undefined && compareBytes(a.target, b.target) !== 0) {
    aspects.push({ what: 'target', a: a.target, b: b.target })
  }
  if (a.type === 'submodule' && a.id !== undefined && b.id !== undefined && a.id !== b.id) {
    aspects.push({ what: 'commit', a: a.id, b: b.id })
  }
  const withHost = treeA.isHost || treeB.isHost
  aspects.push(...compareModes(a, b, withHost))
  if (options.times) aspects.push(...compareTimes(a, b, withHost))
  aspects.push(...compareAttributes(a, b, options))
  return aspects
}

/** Links have no permissions of their own; directories of git have none. */
function compareModes(a: ComparedEntry, b: ComparedEntry, withHost: boolean): Aspect[] {
  if (a.mode === undefined || b.mode === undefined || a.type !== 'file') return []
  const mask = withHost ? 0o100 : 0o777
  if ((a.mode & mask) === (b.mode & mask)) return []
  return [{ what: 'mode', a: a.mode & 0o777, b: b.mode & 0o777 }]
}

function compareTimes(a: ComparedEntry, b: ComparedEntry, withHost: boolean): Aspect[] {
  if (a.modified === undefined || b.modified === undefined) return []
  if (withHost && a.type === 'directory') return []
  const unitMs = withHost ? 1000 : 1
  const [first, second] = [a.modified, b.modified].map((time) =>
    Math.floor(time.getTime() / unitMs),
  )
  return first === second ? [] : [{ what: 'time', a: a.modified, b: b.modified }]
}

function compareAttributes(
  a: ComparedEntry,
  b: ComparedEntry,
  { attributes, times }: ComparisonOptions,
): Aspect[] {
  if (!attributes || a.attributes === undefined || b.attributes === undefined) return []
  const types = [...new Set([...a.attributes.keys(), ...b.attributes.keys()])].sort((x, y) => x - y)
  const aspects: Aspect[] = []
  for (const type of types) {
    const [first, second] = [a.attributes.get(type), b.attributes.get(type)]
    if (first !== undefined && second !== undefined && compareBytes(first, second) === 0) continue
    const isTime = [first, second].some(
      (value) => value !== undefined && decodeTime(type, value) !== undefined,
    )
    if (isTime && !times) continue
    aspects.push({ what: 'attribute', type, a: first, b: second })
  }
  return aspects
}

/** The first byte that is not the same, or at which only one ends; `undefined` for none. */
async function firstDifference(
  [treeA, a]: readonly [ComparedTree, ComparedEntry],
  [treeB, b]: readonly [ComparedTree, ComparedEntry],
  signal: AbortSignal,
): Promise<number | undefined> {
  const [piecesA, piecesB] = [new Pieces(treeA, a), new Pieces(treeB, b)]
  try {
    for (let at = 0; ; ) {
      checkInterrupted(signal)
      const [first, second] = [await piecesA.peek(), await piecesB.peek()]
      const length = Math.min(first.length, second.length)
      if (length === 0) return first.length === second.length ? undefined : at
      for (let i = 0; i < length; i++) if (first[i] !== second[i]) return at + i
      piecesA.skip(length)
      piecesB.skip(length)
      at += length
    }
  } finally {
    await piecesA.close()
    await piecesB.close()
  }
}

/** A content from piece to piece, whatever their sizes. */
class Pieces {
  private readonly iterator: AsyncIterator<Uint8Array>
  private rest: Uint8Array = new Uint8Array(0)

  constructor(
    private readonly tree: ComparedTree,
    entry: ComparedEntry,
  ) {
    this.iterator = entry.content()[Symbol.asyncIterator]()
  }

  /** What comes next; empty at the end. */
  async peek(): Promise<Uint8Array> {
    while (this.rest.length === 0) {
      const { done, value } = await this.next()
      if (done === true) break
      this.rest = value
    }
    return this.rest
  }

  private async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.iterator.next()
    } catch (error) {
      const isRead = error instanceof HostError || isErrno(error) || isOfImage(error)
      throw isRead ? new Unreadable(this.tree, error) : error
    }
  }

  skip(length: number): void {
    this.rest = this.rest.subarray(length)
  }

  async close(): Promise<void> {
    await this.iterator.return?.()
  }
}

function isOfImage(error: unknown): boolean {
  return error instanceof CaravanError && error.code !== 'INTERRUPTED' && error.code !== 'ABORTED'
}

/** An entry of one of the trees cannot be read. Told, and the others go on. */
class Unreadable extends CaravanError {
  override readonly name = 'Unreadable'
  readonly code = 'UNREADABLE'

  constructor(
    readonly tree: ComparedTree,
    readonly reason: unknown,
  ) {
    super('an entry cannot be read')
  }
}
