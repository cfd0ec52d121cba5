/** What a store reads, as operations on a view. */

import {
  checkRange,
  type DigestedEntry,
  digestDictionary,
  type EntryKind,
  type HashFunction,
  KeyValueError,
  keyOf,
  latest,
  type Op,
  type PartialRange,
  plain,
  segmentToBytes,
  segmentToText,
  type Timestamp,
} from '@caravan/core'
import { timestampOf } from '../format/time.js'
import type { Pages } from '../pages.js'
import { readRange, readSize, readSizes } from '../rope-read.js'
import { type FileValue, filesUnder, type Value, type View } from '../tree.js'
import { requireKey, requireValue } from './change.js'

export type Listing = (readonly [name: string, kind: EntryKind])[]

export function kindOf(value: Value | undefined): EntryKind | undefined {
  if (value === undefined) return undefined
  return value.kind === 'file' ? 'value' : 'dictionary'
}

export function* readValue(
  pages: Pages,
  view: View,
  segments: readonly string[],
  { offset = 0, length = Number.POSITIVE_INFINITY }: PartialRange,
): Op<Uint8Array> {
  checkRange(offset, length)
  const file = requireValue(view, segments)
  const size = yield* readSize(pages, file)
  const bytes = new Uint8Array(Math.max(0, Math.min(size - offset, length)))
  if (bytes.length > 0) yield* readRange(pages, file, offset, bytes)
  return bytes
}

export function listingOf(view: View, segments: readonly string[]): Listing {
  const value = requireKey(view, segments)
  if (value.kind === 'file') throw new KeyValueError('DictionaryExpected', keyOf(segments))
  return view
    .list(value.directory)
    .map(([name, child]) => [segmentToText(name), child.kind === 'file' ? 'value' : 'dictionary'])
}

export function* sumOfSizes(pages: Pages, view: View, value: Value): Op<number> {
  const files = [...filesUnder(view, value)]
  yield* readSizes(pages, files)
  return files.reduce((sum, file) => sum + file.size, 0)
}

/** The latest of a value's own time and of all below. */
export function lastModifiedOf(view: View, top: Value): Timestamp | undefined {
  let last: Timestamp | undefined
  const pending = [top]
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    last = latest(last, timestampOf(value.mtime))
    if (value.kind === 'file') continue
    for (const [, child] of view.list(value.directory)) pending.push(child)
  }
  return last
}

/** Bytes hashed at once. */
const PIECE_BYTES = 256 * 1024

/** Digests, each value's kept as long as it has that content. */
export class Digests {
  private readonly known = new WeakMap<FileValue, Uint8Array>()

  constructor(
    private readonly pages: Pages,
    private readonly hash: HashFunction,
  ) {}

  *of(view: View, value: Value): Op<Uint8Array> {
    if (value.kind === 'file') return yield* this.ofFile(value)
    const entries: DigestedEntry[] = []
    for (const [name, child] of view.list(value.directory)) {
      const digest = yield* this.of(view, child)
      const kind = child.kind === 'file' ? 'value' : 'dictionary'
      entries.push({ name: segmentToBytes(name), kind, digest })
    }
    return digestDictionary(this.hash, entries)
  }

  private *ofFile(file: FileValue): Op<Uint8Array> {
    const known = this.known.get(file)
    if (known !== undefined) return known
    const hasher = this.hash()
    const size = yield* readSize(this.pages, file)
    const piece = new Uint8Array(Math.min(PIECE_BYTES, size))
    for (let position = 0; position < size; position += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, size - position))
      yield* readRange(this.pages, file, position, part)
      hasher.update(part)
    }
    const digest = plain(hasher.digest())
    this.known.set(file, digest)
    return digest
  }
}
