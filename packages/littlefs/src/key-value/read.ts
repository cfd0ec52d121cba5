/** What a store reads, as operations. */

import {
  checkRange,
  type EntryKind,
  KeyValueError,
  keyOf,
  type Op,
  type PartialRange,
  segmentToText,
} from '@caravan/core'
import {
  contentType,
  type Directory,
  openDirectory,
  shownContents,
  shownEntries,
} from '../directory.js'
import { fileBlocksOf, readBlocksAt, readMemory } from '../file-read.js'
import type { EntryContent } from '../format/metadata-log.js'
import type { Entry } from '../metadata-pair.js'
import type { Volume } from '../volume.js'
import { isDictionary, requireEntryAt, requireValue } from './find.js'

/** A value as it was when it was looked at: a change meanwhile makes another. */
interface ValueView {
  readonly size: number
  readAt(position: number, target: Uint8Array): Op<number>
}

/** Bytes that are asked of a damaged entry's data before room is made for all of it. */
const PROBE_SIZE_BYTES = 1

/** @throws FormatError where the value's entry is damaged. */
export function viewValue(volume: Volume, entry: Entry): ValueView {
  const { layout } = volume
  const { struct } = entry.content
  if (struct?.kind === 'inline') {
    const { bytes } = struct
    return {
      size: bytes.length,
      readAt: (position, target) => readMemory(bytes, position, target),
    }
  }
  const size = struct?.kind === 'ctz' ? struct.size : 0
  if (struct?.kind === 'ctz' && size === 0) return { size, readAt: readNothing }
  const blocks = fileBlocksOf(layout, entry)
  return {
    size,
    readAt: (position, target) => readBlocksAt(layout, blocks, size, position, target),
  }
}

// biome-ignore lint/correctness/useYield: nothing is there to be read.
function* readNothing(): Op<number> {
  return 0
}

export function* readValue(
  volume: Volume,
  segments: readonly string[],
  { offset = 0, length = Number.POSITIVE_INFINITY }: PartialRange,
): Op<Uint8Array> {
  checkRange(offset, length)
  const view = viewValue(volume, yield* requireValue(volume, segments))
  const end = Math.min(view.size, offset + length)
  if (offset >= end) return new Uint8Array(0)
  yield* view.readAt(offset, new Uint8Array(PROBE_SIZE_BYTES))
  const bytes = new Uint8Array(end - offset)
  yield* view.readAt(offset, bytes)
  return bytes
}

export function* readValueInto(
  volume: Volume,
  segments: readonly string[],
  target: Uint8Array,
): Op<number> {
  return yield* viewValue(volume, yield* requireValue(volume, segments)).readAt(0, target)
}

/** @throws KeyValueError `NotFound`, `DictionaryExpected`. */
export function* requireDictionary(volume: Volume, segments: readonly string[]): Op<Directory> {
  const entry = yield* requireEntryAt(volume, segments)
  if (!isDictionary(entry)) throw new KeyValueError('DictionaryExpected', keyOf(segments))
  return entry.directory ?? (yield* openDirectory(volume, entry))
}

/** A dictionary's entries, in byte order of their names. */
export function sortedEntries(volume: Volume, directory: Directory): Entry[] {
  const entries: Entry[] = []
  for (const pair of directory.chain) {
    for (const entry of shownEntries(volume, pair)) entries.push(entry)
  }
  const names = entries.map(({ content }) => content.name)
  if (isSorted(names)) return entries
  return entries.sort((a, b) => (a.content.name < b.content.name ? -1 : 1))
}

/** littlefs has a longer name before what it begins with: nearly in byte order, but not quite. */
function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) {
    if ((names[i] as string) < (names[i - 1] as string)) return false
  }
  return true
}

export type Listing = (readonly [name: string, kind: EntryKind])[]

/** What one entry of a listing takes in memory, roughly. */
const LISTED_BYTES = 120

export function listingOf(volume: Volume, directory: Directory): Listing {
  const made = directory.listing
  // A rename that waits for its second commit hides an entry without a commit.
  const isSettled = volume.state.pendingMove === undefined
  if (isSettled && made?.version === directory.version) return made.listing.slice()
  const contents: EntryContent[] = []
  for (const pair of directory.chain) {
    for (const { content } of shownContents(volume, pair)) contents.push(content)
  }
  if (!isSorted(contents.map(({ name }) => name))) {
    contents.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  const listing = contents.map(
    (content) =>
      Object.freeze([
        segmentToText(content.name),
        contentType(content) === 'directory' ? 'dictionary' : 'value',
      ]) as readonly [string, EntryKind],
  )
  if (!isSettled || !directory.hasIndex) return listing
  volume.layout.ledger.bytes += LISTED_BYTES * listing.length
  directory.listing = { version: directory.version, listing }
  return listing.slice()
}
