/**
 * DocteurKeyValue: the key-value contract on an image, for reading; changes are refused.
 *
 * 1. Blobs are values, trees are dictionaries, a submodule is a dictionary with nothing in it.
 * 2. A link is what it leads to. One that leads nowhere is a value that cannot be got.
 * 3. What is below a key is met where it lies: nothing is looked for behind a link, so that links
 *    never lead round.
 */

import {
  type BatchResult,
  type EntryKind,
  isErrno,
  type Key,
  KeyValueError,
  type KeyValueStore,
  keyOf,
  keyText,
  MisuseError,
  type Op,
  type PartialRange,
  parseKey,
  segmentToText,
  Timestamp,
} from '@caravan/core'
import { copyBlob, openContent, readBlob, sizeOf } from './content.js'
import type { MountedCommit } from './mounted-commit.js'
import { ENTRIES_MAX, resolveNow, resolvePath, treeOfEntry, treeTooLarge } from './resolve.js'
import type { Entry } from './tree.js'

/** How a store's operations are run. */
interface ReadRunner {
  read<T>(op: Op<T>): Promise<T>
  readSync<T>(op: Op<T>): T
}

type Listing = (readonly [name: string, kind: EntryKind])[]

/** Codes of paths that lead nowhere. */
const NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const

export class DocteurKeyValue implements KeyValueStore {
  private connected = true

  /** @internal */
  constructor(
    private readonly mounted: MountedCommit,
    private readonly runner: ReadRunner,
  ) {}

  exists(key: Key): Promise<EntryKind | undefined> {
    return this.run(() => this.kindAt(parseKey(key)))
  }

  existsSync(key: Key): EntryKind | undefined {
    return this.runSync(() => this.kindAt(parseKey(key)))
  }

  get(key: Key): Promise<Uint8Array> {
    return this.run(() => this.part(parseKey(key), {}))
  }

  getSync(key: Key): Uint8Array {
    return this.runSync(() => this.part(parseKey(key), {}))
  }

  getInto(key: Key, target: Uint8Array): Promise<number> {
    return this.run(() => this.into(parseKey(key), target))
  }

  getIntoSync(key: Key, target: Uint8Array): number {
    return this.runSync(() => this.into(parseKey(key), target))
  }

  getPartial(key: Key, range: PartialRange): Promise<Uint8Array> {
    return this.run(() => this.part(parseKey(key), range))
  }

  getPartialSync(key: Key, range: PartialRange): Uint8Array {
    return this.runSync(() => this.part(parseKey(key), range))
  }

  size(key: Key): Promise<number> {
    return this.run(() => this.sizeAt(parseKey(key)))
  }

  sizeSync(key: Key): number {
    return this.runSync(() => this.sizeAt(parseKey(key)))
  }

  list(key: Key): Promise<Listing> {
    return this.run(() => this.listAt(parseKey(key)))
  }

  listSync(key: Key): Listing {
    return this.runSync(() => this.listAt(parseKey(key)))
  }

  lastModified(key: Key): Promise<Timestamp | undefined> {
    return this.run(() => this.timeAt(parseKey(key)))
  }

  lastModifiedSync(key: Key): Timestamp | undefined {
    return this.runSync(() => this.timeAt(parseKey(key)))
  }

  /** Git's id: of the blob, of the tree; of a submodule that of its commit. */
  digest(key: Key): Promise<Uint8Array> {
    return this.run(() => this.idAt(parseKey(key)))
  }

  digestSync(key: Key): Uint8Array {
    return this.runSync(() => this.idAt(parseKey(key)))
  }

  async *entries(key: Key = '/'): AsyncGenerator<[key: string, kind: EntryKind], void, void> {
    const pending = pendingBelow(parseKey(key), await this.run(() => this.entriesAt(parseKey(key))))
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, kind, isLink } = next
      yield [keyOf(path), kind]
      if (kind !== 'dictionary' || isLink) continue
      pending.push(...pendingBelow(path, await this.run(() => this.entriesAt(path))))
    }
  }

  *entriesSync(key: Key = '/'): Generator<[key: string, kind: EntryKind], void, void> {
    const pending = pendingBelow(
      parseKey(key),
      this.runSync(() => this.entriesAt(parseKey(key))),
    )
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, kind, isLink } = next
      yield [keyOf(path), kind]
      if (kind !== 'dictionary' || isLink) continue
      pending.push(
        ...pendingBelow(
          path,
          this.runSync(() => this.entriesAt(path)),
        ),
      )
    }
  }

  /** The image itself stays mounted. */
  async disconnect(): Promise<void> {
    this.disconnectSync()
  }

  disconnectSync(): void {
    this.enter()
    this.connected = false
  }

  async set(key: Key): Promise<void> {
    throw refusal(key)
  }

  setSync(key: Key): void {
    throw refusal(key)
  }

  async setPartial(key: Key): Promise<void> {
    throw refusal(key)
  }

  setPartialSync(key: Key): void {
    throw refusal(key)
  }

  async allocate(key: Key): Promise<void> {
    throw refusal(key)
  }

  allocateSync(key: Key): void {
    throw refusal(key)
  }

  async remove(key: Key): Promise<void> {
    throw refusal(key)
  }

  removeSync(key: Key): void {
    throw refusal(key)
  }

  async rename(source: Key): Promise<void> {
    throw refusal(source)
  }

  renameSync(source: Key): void {
    throw refusal(source)
  }

  async batch(): Promise<BatchResult> {
    throw refusal('/')
  }

  batchSync(): BatchResult {
    throw refusal('/')
  }

  // Operations

  private *kindAt(segments: readonly string[]): Op<EntryKind | undefined> {
    const { entry, dangling } = yield* this.lookUp(segments)
    if (entry === undefined) return dangling === undefined ? undefined : 'value'
    return kindOf(entry)
  }

  private *part(
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

  private *into(segments: readonly string[], target: Uint8Array): Op<number> {
    const content = yield* openContent(this.mounted.image, yield* this.requireValue(segments))
    return yield* content.readAt(0, target)
  }

  private *sizeAt(segments: readonly string[]): Op<number> {
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

  private *listAt(segments: readonly string[]): Op<Listing> {
    const listed = yield* this.entriesAt(segments)
    return listed.map(({ name, kind }) => [segmentToText(name), kind] as const)
  }

  /** In byte order of the names; git has a directory as if its name ended in a slash. */
  private *entriesAt(segments: readonly string[]): Op<Below[]> {
    const entry = yield* this.require(segments)
    if (kindOf(entry) !== 'dictionary') {
      throw new KeyValueError('DictionaryExpected', keyOf(segments))
    }
    if (entry.type !== 'directory') return []
    const listed: Below[] = []
    for (const { name, type } of (yield* treeOfEntry(this.mounted.image, entry)).entries) {
      const isLink = type === 'symlink'
      const kind = isLink
        ? ((yield* this.kindAt([...segments, name])) ?? 'value')
        : kindOf({ type })
      listed.push({ name, kind, isLink })
    }
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  private *timeAt(segments: readonly string[]): Op<Timestamp> {
    yield* this.require(segments)
    return Timestamp.fromMs(this.mounted.commit.committer.seconds * 1000)
  }

  private *idAt(segments: readonly string[]): Op<Uint8Array> {
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

  // Running operations

  private async run<T>(op: () => Op<T>): Promise<T> {
    this.enter()
    return this.runner.read(op())
  }

  private runSync<T>(op: () => Op<T>): T {
    this.enter()
    return this.runner.readSync(op())
  }

  private enter(): void {
    if (this.connected) return
    throw new MisuseError(
      'UNMOUNTED',
      'This store was disconnected. Make another with keyValue() to go on.',
    )
  }
}

interface Below {
  /** A byte string. */
  readonly name: string
  readonly kind: EntryKind
  readonly isLink: boolean
}

/** The first is to come next, so it stands last. */
function pendingBelow(path: readonly string[], below: readonly Below[]) {
  return below.map(({ name, kind, isLink }) => ({ path: [...path, name], kind, isLink })).reverse()
}

function kindOf({ type }: Pick<Entry, 'type'>): EntryKind {
  return type === 'directory' || type === 'submodule' ? 'dictionary' : 'value'
}

/** @throws MisuseError `INVALID_ARGUMENT`. */
function checkRange(offset: number, length: number): void {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  if (isCount(offset) && (isCount(length) || length === Number.POSITIVE_INFINITY)) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `offset ${offset} and length ${length} are no part of a value: give whole numbers of 0 or more.`,
  )
}

function refusal(key: Key): KeyValueError {
  return new KeyValueError('ReadOnly', keyText(key), {
    hint: 'an image of docteur is never changed: make another, with `caravan git make SOURCE IMAGE`',
  })
}
