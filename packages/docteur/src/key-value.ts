/**
 * DocteurKeyValue: the key-value contract on an image, for reading; changes are refused.
 *
 * 1. Blobs are values, trees are dictionaries, a submodule is a dictionary with nothing in it.
 * 2. A link is what it leads to. One that leads nowhere is a value that cannot be got.
 * 3. What is below a key is met where it lies: nothing is looked for behind a link, so that links
 *    never lead round.
 */

import {
  checkRange,
  type EntryKind,
  isErrno,
  KeyValueError,
  keyOf,
  type Op,
  type PartialRange,
  ReadOnlyStore,
  type ReadRunner,
  type StoredEntry,
  Timestamp,
} from '@caravan/core'
import { copyBlob, openContent, readBlob, sizeOf } from './content.js'
import type { MountedCommit } from './mounted-commit.js'
import { ENTRIES_MAX, resolveNow, resolvePath, treeOfEntry, treeTooLarge } from './resolve.js'
import type { Entry } from './tree.js'

const WORDS = {
  whenChanged:
    'an image of docteur is never changed: make another, with `caravan git make SOURCE IMAGE`',
  whenDisconnected: 'This store was disconnected. Make another with keyValue() to go on.',
}

/** Codes of paths that lead nowhere. */
const NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const

export class DocteurKeyValue extends ReadOnlyStore {
  /** @internal */
  constructor(
    private readonly mounted: MountedCommit,
    runner: ReadRunner,
  ) {
    super(runner, WORDS)
  }

  protected *kindAt(segments: readonly string[]): Op<EntryKind | undefined> {
    const { entry, dangling } = yield* this.lookUp(segments)
    if (entry === undefined) return dangling === undefined ? undefined : 'value'
    return kindOf(entry)
  }

  protected *partAt(
    segments: readonly string[],
    { offset = 0, length = Number.POSITIVE_INFINITY }: PartialRange,
  ): Op<Uint8Array> {
    checkRange(offset, length)
    const entry = yield* this.requireValue(segments)
    const { image } = this.mounted
    if (offset === 0 && length === Number.POSITIVE_INFINITY) return yield* copyBlob(image, entry)
    const size = yield* sizeOf(image, entry)
    const end = Math.min(size, offset + length)
    if (offset >= end) return new Uint8Array(0)
    if (size <= image.pack.settings.wholeMaxBytes) {
      return (yield* readBlob(image, entry)).slice(offset, end)
    }
    const content = yield* openContent(image, entry)
    const bytes = new Uint8Array(end - offset)
    yield* content.readAt(offset, bytes)
    return bytes
  }

  protected *intoAt(segments: readonly string[], target: Uint8Array): Op<number> {
    const content = yield* openContent(this.mounted.image, yield* this.requireValue(segments))
    return yield* content.readAt(0, target)
  }

  protected *sizeAt(segments: readonly string[]): Op<number> {
    const { image } = this.mounted
    const top = yield* this.require(segments)
    let sum = 0
    let count = 0
    const pending = [{ entry: top, path: [...segments] }]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { entry, path } = next
      if (++count > ENTRIES_MAX) throw treeTooLarge()
      if (entry.type === 'file') sum += yield* sizeOf(image, entry)
      if (entry.type !== 'directory') continue
      for (const each of (yield* treeOfEntry(image, entry)).entries) {
        const below = [...path, each.name]
        if (each.type !== 'symlink') pending.push({ entry: each, path: below })
        else {
          const { entry: found } = yield* this.lookUp(below)
          if (found?.type === 'file') sum += yield* sizeOf(image, found)
        }
      }
    }
    return sum
  }

  /** In byte order of the names; git has a directory as if its name ended in a slash. */
  protected *entriesAt(segments: readonly string[]): Op<readonly StoredEntry[]> {
    const entry = yield* this.require(segments)
    if (kindOf(entry) !== 'dictionary') {
      throw new KeyValueError('DictionaryExpected', keyOf(segments))
    }
    if (entry.type !== 'directory') return []
    const listed: StoredEntry[] = []
    for (const { name, type } of (yield* treeOfEntry(this.mounted.image, entry)).entries) {
      const isLink = type === 'symlink'
      const kind = isLink
        ? ((yield* this.kindAt([...segments, name])) ?? 'value')
        : kindOf({ type })
      listed.push({ name, kind, isLink })
    }
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  protected *timeAt(segments: readonly string[]): Op<Timestamp> {
    yield* this.require(segments)
    return Timestamp.fromMs(this.mounted.commit.committer.seconds * 1000)
  }

  /** Git's id: of the blob, of the tree; of a submodule that of its commit. */
  protected *digestAt(segments: readonly string[]): Op<Uint8Array> {
    return (yield* this.require(segments)).id.slice()
  }

  private *require(segments: readonly string[]): Op<Entry> {
    const { entry, dangling } = yield* this.lookUp(segments)
    if (entry !== undefined) return entry
    const details = dangling === undefined ? {} : { hint: dangling }
    throw new KeyValueError('NotFound', keyOf(segments), details)
  }

  private *requireValue(segments: readonly string[]): Op<Entry> {
    const entry = yield* this.require(segments)
    if (kindOf(entry) === 'value') return entry
    throw new KeyValueError('ValueExpected', keyOf(segments))
  }

  /** What a key leads to; where that is a link to nowhere, why. */
  private *lookUp(
    segments: readonly string[],
  ): Op<{ readonly entry?: Entry; readonly dangling?: string }> {
    const { image, root } = this.mounted
    const now = resolveNow(image, root, segments)
    if (now !== undefined && now.type !== 'symlink') return { entry: now }
    try {
      return { entry: (yield* resolvePath(image, root, segments, true)).entry }
    } catch (error) {
      if (!NOWHERE.some((code) => isErrno(error, code))) throw error
      const reason = (error as Error).message
      try {
        const { entry } = yield* resolvePath(image, root, segments, false)
        return entry.type === 'symlink' ? { dangling: `a link that leads nowhere: ${reason}` } : {}
      } catch (second) {
        if (!NOWHERE.some((code) => isErrno(second, code))) throw second
        return {}
      }
    }
  }
}

function kindOf({ type }: Pick<Entry, 'type'>): EntryKind {
  return type === 'directory' || type === 'submodule' ? 'dictionary' : 'value'
}
