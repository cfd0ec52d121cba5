/**
 * The key-value contract: what every format's store answers, in the terms of mirage-kv.
 *
 * A store is a tree of dictionaries whose leaves are values. The exact answer of every function in
 * every case stands in one table, docs/key-value.md, and `keyValueConformance` of the testkit asks
 * a store for all of it.
 *
 * Every function is there as a promise and as `...Sync`, for devices that answer at once.
 */

import type { Key } from './key.js'
import type { Timestamp } from './timestamp.js'

export type EntryKind = 'value' | 'dictionary'

/** A part of a value, in bytes. */
export interface PartialRange {
  /** Default 0. */
  readonly offset?: number
  /** Default: to the end. */
  readonly length?: number
}

export interface AllocateOptions {
  /** Stored as the time of the value. Default: now. */
  readonly lastModified?: Timestamp
}

/** One change of a batch. */
export type BatchOperation =
  | { readonly op: 'set'; readonly key: Key; readonly value: Uint8Array | string }
  | { readonly op: 'remove'; readonly key: Key }

export interface BatchOptions {
  /** Refuses, with `NotAtomic` and before anything is written, what cannot be one step. */
  readonly atomic?: boolean
}

export interface BatchResult {
  /** True where a power cut leaves all of the batch or nothing of it. */
  readonly atomic: boolean
}

/** The reading half of {@link KeyValueStore}. @throws KeyValueError, FormatError, DeviceError. */
export interface KeyValueReader {
  /** What a key is bound to; the root is a dictionary. */
  exists(key: Key): Promise<EntryKind | undefined>
  existsSync(key: Key): EntryKind | undefined

  /** A copy of the value. */
  get(key: Key): Promise<Uint8Array>
  getSync(key: Key): Uint8Array

  /** Copies into `target` what of the value fits. @returns the bytes copied. */
  getInto(key: Key, target: Uint8Array): Promise<number>
  getIntoSync(key: Key, target: Uint8Array): number

  /** A part of the value: shorter where the value ends, empty beyond its end. */
  getPartial(key: Key, range: PartialRange): Promise<Uint8Array>
  getPartialSync(key: Key, range: PartialRange): Uint8Array

  /** Bytes of a value; of a dictionary the sum of all values below. */
  size(key: Key): Promise<number>
  sizeSync(key: Key): number

  /** Names and what they are bound to, in byte order of the names. */
  list(key: Key): Promise<(readonly [name: string, kind: EntryKind])[]>
  listSync(key: Key): (readonly [name: string, kind: EntryKind])[]

  /**
   * When a value was last set; of a dictionary the latest of its own stored time, if it has one,
   * and of all below. `undefined` where no time is stored.
   */
  lastModified(key: Key): Promise<Timestamp | undefined>
  lastModifiedSync(key: Key): Timestamp | undefined

  /** Of a value the hash of its bytes; of a dictionary a hash over names, kinds and digests below. */
  digest(key: Key): Promise<Uint8Array>
  digestSync(key: Key): Uint8Array

  /** Everything below a key, depth first, a dictionary before what is in it. */
  entries(key?: Key): AsyncGenerator<[key: string, kind: EntryKind], void, void>
  entriesSync(key?: Key): Generator<[key: string, kind: EntryKind], void, void>

  /** Ends the use of the store, once the changes asked for have ended. */
  disconnect(): Promise<void>
  disconnectSync(): void
}

/** Each change is durable when it is answered, and after a power cut done or not done. */
export interface KeyValueStore extends KeyValueReader {
  /** Binds a key to a value, making dictionaries on the way. Text is written as UTF-8. */
  set(key: Key, value: Uint8Array | string): Promise<void>
  setSync(key: Key, value: Uint8Array | string): void

  /** Replaces a part of a value. What goes beyond its end makes it longer; an offset beyond it appends. */
  setPartial(key: Key, offset: number, value: Uint8Array | string): Promise<void>
  setPartialSync(key: Key, offset: number, value: Uint8Array | string): void

  /** Binds a key that is not bound yet to a value of zeros. */
  allocate(key: Key, sizeBytes: number, options?: AllocateOptions): Promise<void>
  allocateSync(key: Key, sizeBytes: number, options?: AllocateOptions): void

  /** Unbinds a key; a dictionary with all below it. A key that is not bound is fine. */
  remove(key: Key): Promise<void>
  removeSync(key: Key): void

  /** Moves a value or a dictionary, in one step. Into a dictionary that is there: below it. */
  rename(source: Key, dest: Key): Promise<void>
  renameSync(source: Key, dest: Key): void

  /** Many changes at once, each key's last one counting. */
  batch(operations: Iterable<BatchOperation>, options?: BatchOptions): Promise<BatchResult>
  batchSync(operations: Iterable<BatchOperation>, options?: BatchOptions): BatchResult
}
