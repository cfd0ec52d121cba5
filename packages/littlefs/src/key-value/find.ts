/** Finding what a key is bound to. What is in memory is found by plain functions. */

import { KeyValueError, keyOf, type Op } from '@caravan/core'
import { type Directory, entryType, openDirectory } from '../directory.js'
import type { Entry } from '../metadata-pair.js'
import type { Volume } from '../volume.js'

/** `undefined`: no such key; `'unread'`: not all of the way is in memory. */
export function findCached(
  volume: Volume,
  segments: readonly string[],
): Entry | undefined | 'unread' {
  let entry = volume.pairs.find(volume.root)?.entries[0]
  if (entry === undefined) return 'unread'
  for (let i = 0; i < segments.length; i++) {
    if (entryType(entry) !== 'directory') return undefined
    const { directory }: Entry = entry
    if (directory === undefined) return 'unread'
    entry = directory.find(segments[i] as string)
    if (entry === undefined) return undefined
  }
  return entry
}

/** `undefined` where there is no such key, its parent is missing, or its parent is a value. */
export function* find(volume: Volume, segments: readonly string[]): Op<Entry | undefined> {
  let entry: Entry = yield* volume.readRoot()
  for (const segment of segments) {
    if (entryType(entry) !== 'directory') return undefined
    const directory: Directory = entry.directory ?? (yield* openDirectory(volume, entry))
    const child = directory.find(segment)
    if (child === undefined) return undefined
    entry = child
  }
  return entry
}

/** @throws KeyValueError `NotFound`. */
export function* requireEntryAt(volume: Volume, segments: readonly string[]): Op<Entry> {
  const entry = yield* find(volume, segments)
  if (entry === undefined) throw new KeyValueError('NotFound', keyOf(segments))
  return entry
}

/** @throws KeyValueError `NotFound`, `ValueExpected`. */
export function* requireValue(volume: Volume, segments: readonly string[]): Op<Entry> {
  const entry = yield* requireEntryAt(volume, segments)
  if (isDictionary(entry)) throw new KeyValueError('ValueExpected', keyOf(segments))
  return entry
}

export function isDictionary(entry: Entry): boolean {
  return entryType(entry) === 'directory'
}
