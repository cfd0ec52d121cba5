/** NotafsKeyValue: the key-value contract on notafs. Every change, and every batch, is atomic. */

import {
  type AllocateOptions,
  type BatchOperation,
  type BatchOptions,
  type BatchResult,
  type HashFunction,
  type Key,
  type KeyValueStore,
  type Op,
  parseKey,
  sha256,
  Timestamp,
} from '@caravan/core'
import { secondsOf, secondsOfMs } from '../format/time.js'
import type { Stage } from '../stage.js'
import {
  allocateValue,
  bytesOf,
  changeMany,
  checkCount,
  planBatch,
  removeKey,
  renameKey,
  setPart,
  setValue,
} from './change.js'
import { asKeyValueError, NotafsReader, type ReaderHost } from './reader.js'

export interface KeyValueOptions {
  /** Where times come from: milliseconds since 1970, or a timestamp. Default: as of the mount. */
  readonly now?: () => number | Timestamp
  /** What digests are made with. Default: SHA-256 in plain JavaScript. */
  readonly hash?: HashFunction
}

/** A change that is to be made on a stage. */
type Make<T> = (stage: Stage) => Op<T>

/** How changes are made: each by itself, or as a part of a transaction. */
export interface StoreHost extends ReaderHost {
  /** True where a change is not on the device yet when its synchronous call returns. */
  readonly defersChanges: boolean
  change<T>(make: Make<T>): Promise<T>
  changeSync<T>(make: Make<T>): T
  /** Changes that give back space. */
  free(seconds: number, make: FreeingMake): Promise<void>
  freeSync(seconds: number, make: FreeingMake): void
}

export type FreeingMake = (stage: Stage, above: number | undefined) => Op<void>

const ATOMIC: BatchResult = { atomic: true }

export class NotafsKeyValue extends NotafsReader implements KeyValueStore {
  private readonly now: () => number | Timestamp

  constructor(
    private readonly host: StoreHost,
    now: () => number,
    options: KeyValueOptions = {},
  ) {
    super(host, options.hash ?? sha256)
    this.now = options.now ?? now
  }

  async set(key: Key, value: Uint8Array | string): Promise<void> {
    return this.change(key, this.setting(key, bytesOf(value)))
  }

  setSync(key: Key, value: Uint8Array | string): void {
    this.changeSync(key, this.setting(key, bytesOf(value, this.host.defersChanges)))
  }

  private setting(key: Key, bytes: Uint8Array): Make<void> {
    const segments = parseKey(key)
    const seconds = this.seconds()
    return (stage) => setValue(stage, segments, bytes, seconds)
  }

  async setPartial(key: Key, offset: number, value: Uint8Array | string): Promise<void> {
    return this.change(key, this.settingPart(key, offset, value))
  }

  setPartialSync(key: Key, offset: number, value: Uint8Array | string): void {
    this.changeSync(key, this.settingPart(key, offset, value))
  }

  private settingPart(key: Key, offset: number, value: Uint8Array | string): Make<void> {
    const segments = parseKey(key)
    const bytes = bytesOf(value)
    checkCount('offset', offset)
    const seconds = this.seconds()
    return (stage) => setPart(stage, segments, offset, bytes, seconds)
  }

  async allocate(key: Key, sizeBytes: number, options: AllocateOptions = {}): Promise<void> {
    return this.change(key, this.allocating(key, sizeBytes, options))
  }

  allocateSync(key: Key, sizeBytes: number, options: AllocateOptions = {}): void {
    this.changeSync(key, this.allocating(key, sizeBytes, options))
  }

  private allocating(key: Key, sizeBytes: number, { lastModified }: AllocateOptions): Make<void> {
    const segments = parseKey(key)
    checkCount('size', sizeBytes)
    const seconds = lastModified === undefined ? this.seconds() : secondsOf(lastModified)
    return (stage) => allocateValue(stage, segments, sizeBytes, seconds)
  }

  async remove(key: Key): Promise<void> {
    const segments = parseKey(key)
    return this.free(key, (stage, above) => removeKey(stage, segments, above))
  }

  removeSync(key: Key): void {
    const segments = parseKey(key)
    this.freeSync(key, (stage, above) => removeKey(stage, segments, above))
  }

  async rename(source: Key, dest: Key): Promise<void> {
    return this.change(source, this.renaming(source, dest))
  }

  renameSync(source: Key, dest: Key): void {
    this.changeSync(source, this.renaming(source, dest))
  }

  private renaming(source: Key, dest: Key): Make<void> {
    const [from, to] = [parseKey(source), parseKey(dest)]
    const seconds = this.seconds()
    return (stage) => renameKey(stage, from, to, seconds)
  }

  /** All of it or nothing, always: `atomic` asks for nothing more. */
  async batch(
    operations: Iterable<BatchOperation>,
    _options: BatchOptions = {},
  ): Promise<BatchResult> {
    const batch = planBatch(operations, true)
    const seconds = this.seconds()
    const make = (stage: Stage) => changeMany(stage, batch, seconds)
    await (batch.onlyRemoves ? this.free('/', make) : this.change('/', make))
    return ATOMIC
  }

  batchSync(operations: Iterable<BatchOperation>, _options: BatchOptions = {}): BatchResult {
    const batch = planBatch(operations, this.host.defersChanges)
    const seconds = this.seconds()
    const make = (stage: Stage) => changeMany(stage, batch, seconds)
    if (batch.onlyRemoves) this.freeSync('/', make)
    else this.changeSync('/', make)
    return ATOMIC
  }

  private seconds(): number {
    const now = this.now()
    return now instanceof Timestamp ? secondsOf(now) : secondsOfMs(now)
  }

  private async change<T>(key: Key, make: Make<T>): Promise<T> {
    this.enter()
    try {
      return await this.host.change(make)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private changeSync<T>(key: Key, make: Make<T>): T {
    this.enter()
    try {
      return this.host.changeSync(make)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private async free(key: Key, make: FreeingMake): Promise<void> {
    this.enter()
    try {
      await this.host.free(this.seconds(), make)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }

  private freeSync(key: Key, make: FreeingMake): void {
    this.enter()
    try {
      this.host.freeSync(this.seconds(), make)
    } catch (error) {
      throw asKeyValueError(error, key)
    }
  }
}
