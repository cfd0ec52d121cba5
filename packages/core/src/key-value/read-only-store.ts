/**
 * ReadOnlyStore: the key-value contract over a format that is read alone. What the format answers is
 * one operation for both forms of a call; what would change it is refused.
 */

import { MisuseError } from '../errors.js'
import type { Op } from '../op.js'
import { KeyValueError } from './error.js'
import { type Key, keyOf, keyText, parseKey, segmentToText } from './key.js'
import type { BatchResult, EntryKind, KeyValueStore, PartialRange } from './store.js'
import type { Timestamp } from './timestamp.js'

/** How a store's operations are run. */
export interface ReadRunner {
  read<T>(op: Op<T>): Promise<T>
  readSync<T>(op: Op<T>): T
}

/** What stands in a dictionary. */
export interface StoredEntry {
  /** A byte string. */
  readonly name: string
  readonly kind: EntryKind
  /** True for a dictionary whose entries are met elsewhere: nothing is listed below it. */
  readonly isLink?: boolean
}

/** What a store says of itself. */
export interface ReadOnlyWords {
  /** What to do instead of a change. */
  readonly whenChanged: string
  /** A sentence for who uses it after it was disconnected. */
  readonly whenDisconnected: string
}

export abstract class ReadOnlyStore implements KeyValueStore {
  private connected = true

  constructor(
    private readonly runner: ReadRunner,
    private readonly words: ReadOnlyWords,
  ) {}

  // What the format answers; segments are byte strings. Thrown is what the contract says.

  protected abstract kindAt(segments: readonly string[]): Op<EntryKind | undefined>
  protected abstract partAt(segments: readonly string[], range: PartialRange): Op<Uint8Array>
  /** Fills `target` from the beginning of the value. @returns the bytes that were filled. */
  protected abstract intoAt(segments: readonly string[], target: Uint8Array): Op<number>
  protected abstract sizeAt(segments: readonly string[]): Op<number>
  /** In byte order of the names. */
  protected abstract entriesAt(segments: readonly string[]): Op<readonly StoredEntry[]>
  protected abstract timeAt(segments: readonly string[]): Op<Timestamp | undefined>
  /** Bytes that nobody else holds. */
  protected abstract digestAt(segments: readonly string[]): Op<Uint8Array>

  exists(key: Key): Promise<EntryKind | undefined> {
    return this.run(() => this.kindAt(parseKey(key)))
  }

  existsSync(key: Key): EntryKind | undefined {
    return this.runSync(() => this.kindAt(parseKey(key)))
  }

  get(key: Key): Promise<Uint8Array> {
    return this.run(() => this.partAt(parseKey(key), {}))
  }

  getSync(key: Key): Uint8Array {
    return this.runSync(() => this.partAt(parseKey(key), {}))
  }

  getInto(key: Key, target: Uint8Array): Promise<number> {
    return this.run(() => this.intoAt(parseKey(key), target))
  }

  getIntoSync(key: Key, target: Uint8Array): number {
    return this.runSync(() => this.intoAt(parseKey(key), target))
  }

  getPartial(key: Key, range: PartialRange): Promise<Uint8Array> {
    return this.run(() => this.partAt(parseKey(key), range))
  }

  getPartialSync(key: Key, range: PartialRange): Uint8Array {
    return this.runSync(() => this.partAt(parseKey(key), range))
  }

  size(key: Key): Promise<number> {
    return this.run(() => this.sizeAt(parseKey(key)))
  }

  sizeSync(key: Key): number {
    return this.runSync(() => this.sizeAt(parseKey(key)))
  }

  async list(key: Key): Promise<(readonly [name: string, kind: EntryKind])[]> {
    return listingOf(await this.run(() => this.entriesAt(parseKey(key))))
  }

  listSync(key: Key): (readonly [name: string, kind: EntryKind])[] {
    return listingOf(this.runSync(() => this.entriesAt(parseKey(key))))
  }

  lastModified(key: Key): Promise<Timestamp | undefined> {
    return this.run(() => this.timeAt(parseKey(key)))
  }

  lastModifiedSync(key: Key): Timestamp | undefined {
    return this.runSync(() => this.timeAt(parseKey(key)))
  }

  digest(key: Key): Promise<Uint8Array> {
    return this.run(() => this.digestAt(parseKey(key)))
  }

  digestSync(key: Key): Uint8Array {
    return this.runSync(() => this.digestAt(parseKey(key)))
  }

  async *entries(key: Key = '/'): AsyncGenerator<[key: string, kind: EntryKind], void, void> {
    const pending = new PendingEntries()
    for (let path: readonly string[] | undefined = parseKey(key); path !== undefined; ) {
      const dictionary = path
      pending.add(dictionary, await this.run(() => this.entriesAt(dictionary)))
      path = yield* pending.untilDictionary()
    }
  }

  *entriesSync(key: Key = '/'): Generator<[key: string, kind: EntryKind], void, void> {
    const pending = new PendingEntries()
    for (let path: readonly string[] | undefined = parseKey(key); path !== undefined; ) {
      const dictionary = path
      pending.add(
        dictionary,
        this.runSync(() => this.entriesAt(dictionary)),
      )
      path = yield* pending.untilDictionary()
    }
  }

  /** What it reads from stays as it is. */
  async disconnect(): Promise<void> {
    this.disconnectSync()
  }

  disconnectSync(): void {
    this.enter()
    this.connected = false
  }

  async set(key: Key): Promise<void> {
    throw this.refusal(key)
  }

  setSync(key: Key): void {
    throw this.refusal(key)
  }

  async setPartial(key: Key): Promise<void> {
    throw this.refusal(key)
  }

  setPartialSync(key: Key): void {
    throw this.refusal(key)
  }

  async allocate(key: Key): Promise<void> {
    throw this.refusal(key)
  }

  allocateSync(key: Key): void {
    throw this.refusal(key)
  }

  async remove(key: Key): Promise<void> {
    throw this.refusal(key)
  }

  removeSync(key: Key): void {
    throw this.refusal(key)
  }

  async rename(source: Key): Promise<void> {
    throw this.refusal(source)
  }

  renameSync(source: Key): void {
    throw this.refusal(source)
  }

  async batch(): Promise<BatchResult> {
    throw this.refusal('/')
  }

  batchSync(): BatchResult {
    throw this.refusal('/')
  }

  private refusal(key: Key): KeyValueError {
    return new KeyValueError('ReadOnly', keyText(key), { hint: this.words.whenChanged })
  }

  private async run<T>(op: () => Op<T>): Promise<T> {
    this.enter()
    return this.runner.read(op())
  }

  private runSync<T>(op: () => Op<T>): T {
    this.enter()
    return this.runner.readSync(op())
  }

  private enter(): void {
    if (!this.connected) throw new MisuseError('UNMOUNTED', this.words.whenDisconnected)
  }
}

function listingOf(entries: readonly StoredEntry[]): (readonly [string, EntryKind])[] {
  return entries.map(({ name, kind }) => [segmentToText(name), kind] as const)
}

/** What an iteration has still to tell: depth first, a dictionary before what is in it. */
class PendingEntries {
  /** The next one last. */
  private readonly entries: (StoredEntry & { readonly path: readonly string[] })[] = []

  add(path: readonly string[], entries: readonly StoredEntry[]): void {
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as StoredEntry
      this.entries.push({ ...entry, path: [...path, entry.name] })
    }
  }

  /** Tells entries up to a dictionary to go into, which it returns; `undefined` at the end. */
  *untilDictionary(): Generator<
    [key: string, kind: EntryKind],
    readonly string[] | undefined,
    void
  > {
    for (let next = this.entries.pop(); next !== undefined; next = this.entries.pop()) {
      const { path, kind, isLink } = next
      yield [keyOf(path), kind]
      if (kind === 'dictionary' && isLink !== true) return path
    }
    return undefined
  }
}
