/** LittleFSKeyValue: the key-value contract on littlefs. Values are files, dictionaries directories. */

import {
  type AllocateOptions,
  type BatchOperation,
  type BatchOptions,
  type BatchResult,
  type EntryKind,
  type HashFunction,
  type Key,
  type KeyValueStore,
  keyOf,
  MisuseError,
  type Op,
  type PartialRange,
  parseKey,
  sha256,
  Timestamp,
} from '@caravan/core'
import type { HandleRunner } from '../file-handle.js'
import type { Entry } from '../metadata-pair.js'
import type { Volume } from '../volume.js'
import { bytesOf, changeMany, planBatch } from './batch.js'
import {
  allocateValue,
  checkCount,
  type Moment,
  removeKey,
  renameKey,
  setPart,
  setValue,
} from './change.js'
import { asKeyValueError } from './failure.js'
import { find, findCached, isDictionary, requireEntryAt } from './find.js'
import { type Listing, listingOf, readValue, readValueInto, requireDictionary } from './read.js'
import { Summary } from './summary.js'
import type { KeyValueTimes } from './time.js'

export interface KeyValueOptions {
  /** Where times come from: milliseconds since 1970, or a timestamp. Default `Date.now`. */
  readonly now?: () => number | Timestamp
  /** How times are written. Default `'t12'`, chamelon's: attribute `t`, 12 bytes, exact to the picosecond. */
  readonly time?: KeyValueTimes
  /** What digests are made with. Default: SHA-256 in plain JavaScript. */
  readonly hash?: HashFunction
}

/** How a store's operations are run: see `Face`. */
interface StoreRunner extends HandleRunner {
  settled(): Promise<unknown>
}

export class LittleFSKeyValue implements KeyValueStore {
  private readonly now: () => number | Timestamp
  private readonly dialect: KeyValueTimes
  private readonly summary: Summary
  private connected = true

  constructor(
    private readonly volume: Volume,
    private readonly runner: StoreRunner,
    { now = Date.now, time = 't12', hash = sha256 }: KeyValueOptions = {},
  ) {
    this.now = now
    this.dialect = time
    this.summary = new Summary(volume, hash)
  }

  async exists(key: Key): Promise<EntryKind | undefined> {
    const segments = parseKey(key)
    const cached = this.cached(segments)
    if (cached !== 'unread') return kindOf(cached)
    return kindOf(await this.read(key, () => find(this.volume, segments)))
  }

  existsSync(key: Key): EntryKind | undefined {
    const segments = parseKey(key)
    const cached = this.cached(segments)
    if (cached !== 'unread') return kindOf(cached)
    return kindOf(this.readSync(key, () => find(this.volume, segments)))
  }

  async get(key: Key): Promise<Uint8Array> {
    const segments = parseKey(key)
    return (
      this.inlineValue(segments)?.slice() ??
      this.read(key, () => readValue(this.volume, segments, {}))
    )
  }

  getSync(key: Key): Uint8Array {
    const segments = parseKey(key)
    return (
      this.inlineValue(segments)?.slice() ??
      this.readSync(key, () => readValue(this.volume, segments, {}))
    )
  }

  async getInto(key: Key, target: Uint8Array): Promise<number> {
    const segments = parseKey(key)
    const bytes = this.inlineValue(segments)
    if (bytes !== undefined) return copyInto(target, bytes)
    return this.read(key, () => readValueInto(this.volume, segments, target))
  }

  getIntoSync(key: Key, target: Uint8Array): number {
    const segments = parseKey(key)
    const bytes = this.inlineValue(segments)
    if (bytes !== undefined) return copyInto(target, bytes)
    return this.readSync(key, () => readValueInto(this.volume, segments, target))
  }

  async getPartial(key: Key, range: PartialRange): Promise<Uint8Array> {
    const segments = parseKey(key)
    return this.read(key, () => readValue(this.volume, segments, range))
  }

  getPartialSync(key: Key, range: PartialRange): Uint8Array {
    const segments = parseKey(key)
    return this.readSync(key, () => readValue(this.volume, segments, range))
  }

  async size(key: Key): Promise<number> {
    return this.read(key, this.summed(key, this.summary.size))
  }

  sizeSync(key: Key): number {
    return this.readSync(key, this.summed(key, this.summary.size))
  }

  async list(key: Key): Promise<Listing> {
    return this.read(key, this.listed(key))
  }

  listSync(key: Key): Listing {
    return this.readSync(key, this.listed(key))
  }

  async lastModified(key: Key): Promise<Timestamp | undefined> {
    return this.read(key, this.summed(key, this.summary.lastModified))
  }

  lastModifiedSync(key: Key): Timestamp | undefined {
    return this.readSync(key, this.summed(key, this.summary.lastModified))
  }

  async digest(key: Key): Promise<Uint8Array> {
    return (await this.read(key, this.summed(key, this.summary.digest))).slice()
  }

  digestSync(key: Key): Uint8Array {
    return this.readSync(key, this.summed(key, this.summary.digest)).slice()
  }

  async *entries(key: Key = '/'): AsyncGenerator<[key: string, kind: EntryKind], void, void> {
    const top = keyOf(parseKey(key))
    const pending: string[] = []
    pushBelow(pending, top, await this.list(top))
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const kind = await this.exists(next)
      // What was removed since is passed over.
      if (kind === undefined) continue
      yield [next, kind]
      if ((await this.exists(next)) === 'dictionary') {
        pushBelow(pending, next, await this.list(next))
      }
    }
  }

  *entriesSync(key: Key = '/'): Generator<[key: string, kind: EntryKind], void, void> {
    const top = keyOf(parseKey(key))
    const pending: string[] = []
    pushBelow(pending, top, this.listSync(top))
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const kind = this.existsSync(next)
      if (kind === undefined) continue
      yield [next, kind]
      if (this.existsSync(next) === 'dictionary') pushBelow(pending, next, this.listSync(next))
    }
  }

  async set(key: Key, value: Uint8Array | string): Promise<void> {
    const segments = parseKey(key)
    const bytes = bytesOf(value)
    const moment = this.moment()
    return this.change(key, () => setValue(this.volume, segments, bytes, moment))
  }

  setSync(key: Key, value: Uint8Array | string): void {
    const segments = parseKey(key)
    const moment = this.moment()
    this.changeSync(key, () => setValue(this.volume, segments, bytesOf(value), moment))
  }

  async setPartial(key: Key, offset: number, value: Uint8Array | string): Promise<void> {
    const segments = parseKey(key)
    const bytes = bytesOf(value)
    checkCount('offset', offset)
    const moment = this.moment()
    return this.change(key, () => setPart(this.volume, segments, offset, bytes, moment))
  }

  setPartialSync(key: Key, offset: number, value: Uint8Array | string): void {
    const segments = parseKey(key)
    const bytes = bytesOf(value)
    checkCount('offset', offset)
    const moment = this.moment()
    this.changeSync(key, () => setPart(this.volume, segments, offset, bytes, moment))
  }

  async allocate(key: Key, sizeBytes: number, options: AllocateOptions = {}): Promise<void> {
    const segments = parseKey(key)
    checkCount('size', sizeBytes)
    const moment = this.moment(options.lastModified)
    return this.change(key, () => allocateValue(this.volume, segments, sizeBytes, moment))
  }

  allocateSync(key: Key, sizeBytes: number, options: AllocateOptions = {}): void {
    const segments = parseKey(key)
    checkCount('size', sizeBytes)
    const moment = this.moment(options.lastModified)
    this.changeSync(key, () => allocateValue(this.volume, segments, sizeBytes, moment))
  }

  async remove(key: Key): Promise<void> {
    const segments = parseKey(key)
    return this.change(key, () => removeKey(this.volume, segments))
  }

  removeSync(key: Key): void {
    const segments = parseKey(key)
    this.changeSync(key, () => removeKey(this.volume, segments))
  }

  async rename(source: Key, dest: Key): Promise<void> {
    const [from, to] = [parseKey(source), parseKey(dest)]
    return this.change(source, () => renameKey(this.volume, from, to))
  }

  renameSync(source: Key, dest: Key): void {
    const [from, to] = [parseKey(source), parseKey(dest)]
    this.changeSync(source, () => renameKey(this.volume, from, to))
  }

  async batch(
    operations: Iterable<BatchOperation>,
    { atomic = false }: BatchOptions = {},
  ): Promise<BatchResult> {
    const wanted = planBatch(operations)
    const moment = this.moment()
    return this.change('/', () => changeMany(this.volume, wanted, atomic, moment))
  }

  batchSync(
    operations: Iterable<BatchOperation>,
    { atomic = false }: BatchOptions = {},
  ): BatchResult {
    const wanted = planBatch(operations)
    const moment = this.moment()
    return this.changeSync('/', () => changeMany(this.volume, wanted, atomic, moment))
  }

  /** The filesystem itself stays mounted. */
  async disconnect(): Promise<void> {
    this.enter()
    await this.runner.settled()
    this.connected = false
  }

  disconnectSync(): void {
    this.enter()
    this.connected = false
  }

  // Running operations

  private enter(): void {
    if (!this.connected) {
      throw new MisuseError(
        'UNMOUNTED',
        'This store was disconnected. Make another with keyValue() to go on.',
      )
    }
    this.runner.enter()
  }

  private cached(segments: readonly string[]): Entry | undefined | 'unread' {
    this.enter()
    return findCached(this.volume, segments)
  }

  /** The bytes of an inline value that is in memory: the way of most reads, without an operation. */
  private inlineValue(segments: readonly string[]): Uint8Array | undefined {
    const entry = this.cached(segments)
    if (entry === undefined || entry === 'unread' || isDictionary(entry)) return undefined
    const { struct } = entry.content
    return struct?.kind === 'inline' ? struct.bytes : undefined
  }

  private summed<T>(key: Key, sums: { of(entry: Entry): Op<T> }): () => Op<T> {
    const segments = parseKey(key)
    return () => sumOf(this.volume, segments, sums)
  }

  private listed(key: Key): () => Op<Listing> {
    const segments = parseKey(key)
    return () => listOf(this.volume, segments)
  }

  private async read<T>(key: Key, op: () => Op<T>): Promise<T> {
    this.enter()
    try {
      return await this.runner.read(op)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private readSync<T>(key: Key, op: () => Op<T>): T {
    this.enter()
    try {
      return this.runner.readSync(op)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private async change<T>(key: Key, op: () => Op<T>): Promise<T> {
    this.enter()
    try {
      return await this.runner.change('open', op)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private changeSync<T>(key: Key, op: () => Op<T>): T {
    this.enter()
    try {
      return this.runner.changeSync('open', op)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private moment(given?: Timestamp): Moment {
    const now = given ?? this.now()
    return { dialect: this.dialect, time: now instanceof Timestamp ? now : Timestamp.fromMs(now) }
  }
}

function* sumOf<T>(
  volume: Volume,
  segments: readonly string[],
  sums: { of(entry: Entry): Op<T> },
): Op<T> {
  return yield* sums.of(yield* requireEntryAt(volume, segments))
}

function* listOf(volume: Volume, segments: readonly string[]): Op<Listing> {
  return listingOf(volume, yield* requireDictionary(volume, segments))
}

function kindOf(entry: Entry | undefined): EntryKind | undefined {
  if (entry === undefined) return undefined
  return isDictionary(entry) ? 'dictionary' : 'value'
}

/** @returns bytes copied: what fits. */
function copyInto(target: Uint8Array, bytes: Uint8Array): number {
  if (target.length >= bytes.length) {
    target.set(bytes)
    return bytes.length
  }
  target.set(bytes.subarray(0, target.length))
  return target.length
}

/** The first child is to come next, so it is pushed last. */
function pushBelow(
  pending: string[],
  key: string,
  children: readonly (readonly [string, EntryKind])[],
): void {
  const prefix = key === '/' ? '/' : `${key}/`
  for (const [name] of [...children].reverse()) pending.push(prefix + name)
}
