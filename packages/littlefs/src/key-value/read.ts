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
import { type Directory, openDirectory, shownEntries } from '../directory.js'
import { fileBlocksOf, readBlocksAt, readMemory } from '../file-read.js'
import { isShown } from '../format/metadata-log.js'
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
  let isSorted = true
  let last = ''
  for (const pair of directory.chain) {
    const shown = volume.state.pendingMove === undefined ? pair.entries : shownEntries(volume, pair)
    for (const entry of shown) {
      const { content } = entry
      if (!isShown(content)) continue
      if (content.name < last) isSorted = false
      last = content.name
      entries.push(entry)
    }
  }
  // littlefs has a longer name before what it begins with: nearly in byte order, but not quite.
  return isSorted ? entries : entries.sort((a, b) => (a.content.name < b.content.name ? -1 : 1))
}

export type Listing = (readonly [name: string, kind: EntryKind])[]

/** Lists that were made, with the version of the directory that they show. */
const listings = new WeakMap<Directory, { readonly version: number; readonly listing: Listing }>()

export function listingOf(volume: Volume, directory: Directory): Listing {
  const made = listings.get(directory)
  // A rename that waits for its second commit hides an entry without a commit.
  const isKept = volume.state.pendingMove === undefined
  if (isKept && made?.version === directory.version) return made.listing.slice()
  const listing = sortedEntries(volume, directory).map(
    (entry) =>
      Object.freeze([
        segmentToText(entry.content.name),
        isDictionary(entry) ? 'dictionary' : 'value',
      ]) as readonly [string, EntryKind],
  )
  if (isKept) listings.set(directory, { version: directory.version, listing })
  return listing.slice()
}
