/**
 * What a store changes, as the bodies of changes of the volume.
 *
 * 1. What can be known to fail fails before anything is written.
 * 2. A value and its time go in one commit: after a power cut both are old or both are new.
 */

import { KeyValueError, keyOf, MisuseError, type Op, type Timestamp } from '@caravan/core'
import type { Change } from '../commit.js'
import { type Directory, openDirectory } from '../directory.js'
import {
  adopt,
  replaceContent,
  type WrittenContent,
  writeContent,
  writePart,
  writeZeros,
} from '../file-write.js'
import type { EntryContent } from '../format/metadata-log.js'
import { nameMaxIn } from '../format/split-plan.js'
import { TagType } from '../format/tag.js'
import type { Entry, MetadataPair } from '../metadata-pair.js'
import { commit } from '../thread.js'
import {
  createDirectory,
  createEntry,
  giveBackFile,
  removeEntry,
  renameEntry,
} from '../tree-change.js'
import type { Volume } from '../volume.js'
import { find, isDictionary, requireEntryAt, requireValue } from './find.js'
import { viewValue } from './read.js'
import { type KeyValueTimes, withTime } from './time.js'

/** When a change is made, and how that is written. */
export interface Moment {
  readonly dialect: KeyValueTimes
  readonly time: Timestamp
}

/** Where a value is to go. */
interface Place {
  readonly segments: readonly string[]
  /** What has the name now. */
  readonly entry: Entry | undefined
}

/** @throws KeyValueError `ValueExpected`, `DictionaryExpected`, `BadKey`. */
export function* placeOfValue(volume: Volume, segments: readonly string[]): Op<Place> {
  const entry = yield* findWritable(volume, segments)
  if (entry !== undefined && isDictionary(entry)) {
    throw new KeyValueError('ValueExpected', keyOf(segments))
  }
  return { segments, entry }
}

/** What a key is bound to, after a check that it can be bound: `undefined` where it is not yet. */
function* findWritable(volume: Volume, segments: readonly string[]): Op<Entry | undefined> {
  let entry: Entry = yield* volume.readRoot()
  for (let depth = 0; depth < segments.length; depth++) {
    if (!isDictionary(entry)) {
      throw new KeyValueError('DictionaryExpected', keyOf(segments.slice(0, depth)))
    }
    const directory = entry.directory ?? (yield* openDirectory(volume, entry))
    const child = directory.find(segments[depth] as string)
    if (child === undefined) {
      checkSegments(volume, segments, depth)
      return undefined
    }
    entry = child
  }
  return entry
}

function checkSegments(volume: Volume, segments: readonly string[], from: number): void {
  const most = Math.min(volume.limits.nameMax, nameMaxIn(volume.metadataMax))
  for (const segment of segments.slice(from)) {
    if (segment.length <= most) continue
    throw new KeyValueError('BadKey', keyOf(segments), {
      hint: `a segment has ${segment.length} bytes, and this store takes ${most}`,
    })
  }
}

/** The directory that a key lies in, made where it is missing, with all above it. */
export function* makeParent(volume: Volume, segments: readonly string[]): Op<Directory> {
  let directory = yield* openDirectory(volume, yield* volume.readRoot())
  for (const segment of segments.slice(0, -1)) {
    const entry: Entry =
      directory.find(segment) ?? (yield* createDirectory(volume, directory, segment))
    directory = entry.directory ?? (yield* openDirectory(volume, entry))
  }
  return directory
}

/** @throws KeyValueError `ValueTooLarge`. */
export function checkValueSize(volume: Volume, segments: readonly string[], size: number): void {
  const { fileMax } = volume.limits
  if (size <= fileMax) return
  throw new KeyValueError('ValueTooLarge', keyOf(segments), {
    hint: `it has ${size} bytes, and a value may have ${fileMax}`,
  })
}

export function* setValue(
  volume: Volume,
  segments: readonly string[],
  data: Uint8Array,
  moment: Moment,
): Op<void> {
  const place = yield* placeOfValue(volume, segments)
  checkValueSize(volume, segments, data.length)
  yield* bind(volume, place, () => writeContent(volume, data), moment)
}

/**
 * Binds a key to content: one commit. The content is written right before it, since until then
 * nothing but the operation knows of its blocks.
 */
function* bind(
  volume: Volume,
  { segments, entry }: Place,
  write: () => Op<WrittenContent>,
  moment: Moment,
): Op<void> {
  if (entry !== undefined) {
    const written = yield* write()
    yield* replaceContent(volume, entry, boundContent(entry.content, written, moment), written)
    return
  }
  const directory = yield* makeParent(volume, segments)
  const written = yield* write()
  const name = segments[segments.length - 1] as string
  const content = boundContent(newContent(name), written, moment)
  adopt(yield* createEntry(volume, directory, content), written)
}

export function newContent(name: string): EntryContent {
  return { nameType: TagType.FILE, name, struct: undefined, attributes: [], others: [] }
}

export function boundContent(
  before: EntryContent,
  { struct }: WrittenContent,
  { dialect, time }: Moment,
): EntryContent {
  return { ...before, struct, attributes: withTime(before.attributes, dialect, time) }
}

export function* setPart(
  volume: Volume,
  segments: readonly string[],
  offset: number,
  data: Uint8Array,
  moment: Moment,
): Op<void> {
  const entry = yield* requireValue(volume, segments)
  const { size } = viewValue(volume, entry)
  const position = Math.min(offset, size)
  checkValueSize(volume, segments, position + data.length)
  yield* bind(volume, { segments, entry }, () => writePart(volume, entry, position, data), moment)
}

export function* allocateValue(
  volume: Volume,
  segments: readonly string[],
  sizeBytes: number,
  moment: Moment,
): Op<void> {
  const place = yield* placeOfValue(volume, segments)
  if (place.entry !== undefined) throw new KeyValueError('AlreadyPresent', keyOf(segments))
  checkValueSize(volume, segments, sizeBytes)
  yield* bind(volume, place, () => writeZeros(volume, sizeBytes), moment)
}

/** Asked before a change begins: what is thrown in it must be about the store. @throws MisuseError */
export function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `The ${name} is ${value}: give a whole number of 0 or more.`,
  )
}

export function* removeKey(volume: Volume, segments: readonly string[]): Op<void> {
  if (segments.length === 0) {
    throw new KeyValueError('NotFound', '/', { hint: 'the root is bound to nothing and stays' })
  }
  const entry = yield* find(volume, segments)
  if (entry === undefined) return
  if (isDictionary(entry)) yield* removeAllBelow(volume, entry)
  yield* removeEntry(volume, yield* parentOf(volume, segments), entry, keyOf(segments))
}

function* parentOf(volume: Volume, segments: readonly string[]): Op<Directory> {
  const parent = yield* requireEntryAt(volume, segments.slice(0, -1))
  return parent.directory ?? (yield* openDirectory(volume, parent))
}

/** Leaves first, the values of a metadata pair in one commit. */
function* removeAllBelow(volume: Volume, top: Entry): Op<void> {
  const pending: Entry[] = [top]
  for (let entry = pending.at(-1); entry !== undefined; entry = pending.at(-1)) {
    const directory = entry.directory ?? (yield* openDirectory(volume, entry))
    yield* removeValues(volume, directory)
    const [inner] = directory.contents()
    if (inner !== undefined) {
      pending.push(directory.find(inner.name) as Entry)
      continue
    }
    pending.pop()
    const parent = pending.at(-1)
    if (parent === undefined) return
    const above = parent.directory ?? (yield* openDirectory(volume, parent))
    yield* removeEntry(volume, above, entry, keyOf([entry.content.name]))
  }
}

function* removeValues(volume: Volume, directory: Directory): Op<void> {
  for (const pair of [...directory.chain].reverse()) yield* removeValuesOf(volume, directory, pair)
}

function* removeValuesOf(volume: Volume, directory: Directory, pair: MetadataPair): Op<void> {
  const doomed = pair.entries.filter((entry) => !isDictionary(entry) && isNamedEntry(entry))
  if (doomed.length === 0) return
  const changes: Change[] = doomed
    .map((entry) => pair.entries.indexOf(entry))
    .sort((a, b) => b - a)
    .map((id) => ({ kind: 'delete', id }))
  yield* commit(volume, pair, changes)
  for (const entry of doomed) {
    entry.removed = true
    if (directory.find(entry.content.name) === entry) directory.removed(entry.content.name)
    if (entry.openHandles === 0) yield* giveBackFile(volume, entry)
  }
}

/** False for the superblock's entry, which shares the root's first pair. */
function isNamedEntry({ content }: Entry): boolean {
  return content.nameType !== TagType.SUPERBLOCK
}

export function* renameKey(
  volume: Volume,
  source: readonly string[],
  dest: readonly string[],
): Op<void> {
  const entry = yield* requireEntryAt(volume, source)
  if (isSame(source, dest)) return
  const refuse = (code: 'RenameSourcePrefix' | 'DictionaryExpected' | 'ValueExpected') =>
    new KeyValueError(code, keyOf(source), { dest: keyOf(dest) })
  if (isPrefix(source, dest)) throw refuse('RenameSourcePrefix')
  let target = dest
  let replaced = yield* findWritable(volume, target)
  if (replaced !== undefined && isDictionary(replaced)) {
    // Into a dictionary that is there: below it, under its own name.
    target = [...dest, source[source.length - 1] as string]
    if (isSame(source, target)) return
    if (isPrefix(source, target)) throw refuse('RenameSourcePrefix')
    replaced = yield* findWritable(volume, target)
  }
  if (replaced !== undefined) {
    if (isDictionary(replaced)) throw refuse('ValueExpected')
    if (isDictionary(entry)) throw refuse('DictionaryExpected')
  }
  const to = yield* makeParent(volume, target)
  const from = yield* parentOf(volume, source)
  yield* renameEntry(volume, from, entry, to, target[target.length - 1] as string, keyOf(target))
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isPrefix(a, b)
}

function isPrefix(prefix: readonly string[], of: readonly string[]): boolean {
  return prefix.length <= of.length && prefix.every((segment, i) => segment === of[i])
}
