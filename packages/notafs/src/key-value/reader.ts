/** The reading half of the key-value contract, on any view: the base, a transaction's, a snapshot's. */

import {
  type EntryKind,
  FsError,
  type HashFunction,
  type Key,
  KeyValueError,
  type KeyValueErrorCode,
  type KeyValueReader,
  keyOf,
  keyText,
  MisuseError,
  type Op,
  type PartialRange,
  parseKey,
  type Timestamp,
} from '@caravan/core'
import type { Pages } from '../pages.js'
import { copyNow, readRange } from '../rope-read.js'
import type { FileValue, View } from '../tree.js'
import { requireKey, requireValue } from './change.js'
import {
  Digests,
  kindOf,
  type Listing,
  lastModifiedOf,
  listingOf,
  readValue,
  sumOfSizes,
} from './read.js'

/** Where a store's view comes from, and how its operations are run. */
export interface ReaderHost {
  readonly pages: Pages
  /** The view, where it is in memory. */
  viewNow(): View | undefined
  view(): Op<View>
  read<T>(op: () => Op<T>): Promise<T>
  readSync<T>(op: () => Op<T>): T
  /** Says that it was unmounted, where it was. */
  enter(): void
  settled(): Promise<unknown>
}

const CODES: Readonly<Record<string, KeyValueErrorCode>> = {
  ENOSPC: 'NoSpace',
  EROFS: 'ReadOnly',
  EFBIG: 'ValueTooLarge',
  ENAMETOOLONG: 'BadKey',
}

/** The engine's errors in the words of the contract; those of the bytes and the device stay. */
export function asKeyValueError(error: unknown, key: Key): unknown {
  if (!(error instanceof FsError)) return error
  const code = CODES[error.code]
  if (code === undefined) return error
  return new KeyValueError(code, keyText(key), { hint: error.message, cause: error })
}

export class NotafsReader implements KeyValueReader {
  private readonly digests: Digests
  private connected = true

  constructor(
    private readonly reading: ReaderHost,
    hash: HashFunction,
  ) {
    this.digests = new Digests(reading.pages, hash)
  }

  async exists(key: Key): Promise<EntryKind | undefined> {
    const segments = parseKey(key)
    this.enter()
    return this.run(key, (view) => kindOf(view.find(segments)))
  }

  existsSync(key: Key): EntryKind | undefined {
    const segments = parseKey(key)
    this.enter()
    return this.runSync(key, (view) => kindOf(view.find(segments)))
  }

  async get(key: Key): Promise<Uint8Array> {
    const segments = parseKey(key)
    return this.small(segments) ?? this.op(key, (view) => this.part(view, segments, {}))
  }

  getSync(key: Key): Uint8Array {
    const segments = parseKey(key)
    return this.small(segments) ?? this.opSync(key, (view) => this.part(view, segments, {}))
  }

  async getInto(key: Key, target: Uint8Array): Promise<number> {
    const segments = parseKey(key)
    return this.op(key, (view) => this.into(view, segments, target))
  }

  getIntoSync(key: Key, target: Uint8Array): number {
    const segments = parseKey(key)
    return this.opSync(key, (view) => this.into(view, segments, target))
  }

  async getPartial(key: Key, range: PartialRange): Promise<Uint8Array> {
    const segments = parseKey(key)
    return this.op(key, (view) => this.part(view, segments, range))
  }

  getPartialSync(key: Key, range: PartialRange): Uint8Array {
    const segments = parseKey(key)
    return this.opSync(key, (view) => this.part(view, segments, range))
  }

  async size(key: Key): Promise<number> {
    const segments = parseKey(key)
    return this.op(key, (view) => this.sizeIn(view, segments))
  }

  sizeSync(key: Key): number {
    const segments = parseKey(key)
    return this.opSync(key, (view) => this.sizeIn(view, segments))
  }

  async list(key: Key): Promise<Listing> {
    const segments = parseKey(key)
    return this.run(key, (view) => listingOf(view, segments))
  }

  listSync(key: Key): Listing {
    const segments = parseKey(key)
    return this.runSync(key, (view) => listingOf(view, segments))
  }

  async lastModified(key: Key): Promise<Timestamp | undefined> {
    const segments = parseKey(key)
    return this.run(key, (view) => lastModifiedOf(view, requireKey(view, segments)))
  }

  lastModifiedSync(key: Key): Timestamp | undefined {
    const segments = parseKey(key)
    return this.runSync(key, (view) => lastModifiedOf(view, requireKey(view, segments)))
  }

  async digest(key: Key): Promise<Uint8Array> {
    const segments = parseKey(key)
    return (await this.op(key, (view) => this.digestIn(view, segments))).slice()
  }

  digestSync(key: Key): Uint8Array {
    const segments = parseKey(key)
    return this.opSync(key, (view) => this.digestIn(view, segments)).slice()
  }

  async *entries(key: Key = '/'): AsyncGenerator<[key: string, kind: EntryKind], void, void> {
    const pending = below(keyOf(parseKey(key)), await this.list(key))
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const kind = await this.exists(next)
      // What was removed since is passed over.
      if (kind === undefined) continue
      yield [next, kind]
      if ((await this.exists(next)) === 'dictionary') {
        pending.push(...below(next, await this.list(next)))
      }
    }
  }

  *entriesSync(key: Key = '/'): Generator<[key: string, kind: EntryKind], void, void> {
    const pending = below(keyOf(parseKey(key)), this.listSync(key))
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const kind = this.existsSync(next)
      if (kind === undefined) continue
      yield [next, kind]
      if (this.existsSync(next) === 'dictionary') pending.push(...below(next, this.listSync(next)))
    }
  }

  /** The filesystem itself stays mounted. */
  async disconnect(): Promise<void> {
    this.enter()
    await this.reading.settled()
    this.connected = false
  }

  disconnectSync(): void {
    this.enter()
    this.connected = false
  }

  // Running

  protected enter(): void {
    if (!this.connected) {
      throw new MisuseError(
        'UNMOUNTED',
        'This store was disconnected. Make another with keyValue() to go on.',
      )
    }
    this.reading.enter()
  }

  /** A copy of a small value that is in memory: the way of most reads, without an operation. */
  private small(segments: readonly string[]): Uint8Array | undefined {
    this.enter()
    const value = this.reading.viewNow()?.find(segments)
    return value?.kind === 'file' ? copyNow(this.reading.pages, value) : undefined
  }

  private part(view: View, segments: readonly string[], range: PartialRange): Op<Uint8Array> {
    return readValue(this.reading.pages, view, segments, range)
  }

  private into(view: View, segments: readonly string[], target: Uint8Array): Op<number> {
    const file: FileValue = requireValue(view, segments)
    return readRange(this.reading.pages, file, 0, target)
  }

  private sizeIn(view: View, segments: readonly string[]): Op<number> {
    return sumOfSizes(this.reading.pages, view, requireKey(view, segments))
  }

  private digestIn(view: View, segments: readonly string[]): Op<Uint8Array> {
    return this.digests.of(view, requireKey(view, segments))
  }

  private async run<T>(key: Key, look: (view: View) => T): Promise<T> {
    this.enter()
    const view = this.reading.viewNow() ?? (await this.op(key, onlyView))
    return look(view)
  }

  private runSync<T>(key: Key, look: (view: View) => T): T {
    this.enter()
    return look(this.reading.viewNow() ?? this.opSync(key, onlyView))
  }

  private async op<T>(key: Key, make: (view: View) => Op<T>): Promise<T> {
    this.enter()
    const { reading } = this
    try {
      return await reading.read(function* () {
        return yield* make(yield* reading.view())
      })
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private opSync<T>(key: Key, make: (view: View) => Op<T>): T {
    this.enter()
    const { reading } = this
    try {
      return reading.readSync(function* () {
        return yield* make(yield* reading.view())
      })
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }
}

/** An operation that ends at once. */
function onlyView(view: View): Op<View> {
  return settledOp(view)
}

function* settledOp<T>(value: T): Op<T> {
  yield* NOTHING
  return value
}

const NOTHING: readonly never[] = []

/** Keys below one; the first is to come next, so it is last. */
function below(key: string, children: Listing): string[] {
  const prefix = key === '/' ? '/' : `${key}/`
  return children.map(([name]) => prefix + name).reverse()
}
