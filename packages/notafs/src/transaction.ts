/**
 * Transaction: any number of changes that become visible, and durable, together or not at all.
 *
 * It is a key-value store over what it has changed so far, and has what files need beside: `touch`,
 * `append`, `write`, `truncate`, `makeDirectory`. Paths are keys. Others see the state before it until
 * it ends.
 */

import {
  type BlockDevice,
  type Key,
  KeyValueError,
  keyOf,
  MisuseError,
  type Op,
  parseKey,
  run,
  runSync,
  type Timestamp,
} from '@caravan/core'
import { secondsOf, secondsOfMs } from './format/time.js'
import { bytesOf, checkCount, requireKey, requireValue, setValue } from './key-value/change.js'
import {
  type FreeingMake,
  type KeyValueOptions,
  NotafsKeyValue,
  type StoreHost,
} from './key-value/store.js'
import { readSize } from './rope-read.js'
import { Stage } from './stage.js'
import type { View } from './tree.js'
import type { Volume } from './volume.js'

export class Transaction extends NotafsKeyValue {
  constructor(
    private readonly staged: TransactionHost,
    private readonly clock: () => number,
    options: KeyValueOptions,
  ) {
    super(staged, clock, options)
  }

  /** Makes an empty file, or gives what is there the time of now. */
  async touch(key: Key): Promise<void> {
    return this.staged.change(this.touching(key))
  }

  touchSync(key: Key): void {
    this.staged.changeSync(this.touching(key))
  }

  private touching(key: Key): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    const seconds = secondsOfMs(this.clock())
    return function* (stage) {
      if (segments.length === 0) return
      if (stage.view.find(segments) === undefined) {
        yield* setValue(stage, segments, new Uint8Array(0), seconds)
      } else yield* stage.touch(segments, seconds, seconds)
    }
  }

  /** Gives a file or directory a time; those above keep theirs. */
  async setModified(key: Key, time: Timestamp): Promise<void> {
    return this.staged.change(this.dating(key, time))
  }

  setModifiedSync(key: Key, time: Timestamp): void {
    this.staged.changeSync(this.dating(key, time))
  }

  private dating(key: Key, time: Timestamp): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    return function* (stage) {
      requireKey(stage.view, segments)
      if (segments.length > 0) yield* stage.touch(segments, secondsOf(time), undefined)
    }
  }

  /** Puts bytes behind the end of a file, which is made where it is missing. */
  async append(key: Key, data: Uint8Array | string): Promise<void> {
    return this.staged.change(this.appending(key, data))
  }

  appendSync(key: Key, data: Uint8Array | string): void {
    this.staged.changeSync(this.appending(key, data))
  }

  private appending(key: Key, data: Uint8Array | string): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    const bytes = bytesOf(data)
    const seconds = secondsOfMs(this.clock())
    return function* (stage) {
      if (stage.view.find(segments) === undefined) {
        return yield* setValue(stage, segments, bytes, seconds)
      }
      const size = yield* readSize(stage.pages, requireValue(stage.view, segments))
      yield* stage.write(segments, size, bytes, seconds)
    }
  }

  /** Writes bytes at a place in a file that is there; a gap before them reads as zeros. */
  async write(key: Key, offset: number, data: Uint8Array | string): Promise<void> {
    return this.staged.change(this.writing(key, offset, data))
  }

  writeSync(key: Key, offset: number, data: Uint8Array | string): void {
    this.staged.changeSync(this.writing(key, offset, data))
  }

  private writing(key: Key, offset: number, data: Uint8Array | string): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    const bytes = bytesOf(data)
    checkCount('offset', offset)
    const seconds = secondsOfMs(this.clock())
    return function* (stage) {
      requireValue(stage.view, segments)
      yield* stage.write(segments, offset, bytes, seconds)
    }
  }

  /** Cuts a file, or makes it longer with zeros. */
  async truncate(key: Key, sizeBytes: number): Promise<void> {
    return this.staged.change(this.truncating(key, sizeBytes))
  }

  truncateSync(key: Key, sizeBytes: number): void {
    this.staged.changeSync(this.truncating(key, sizeBytes))
  }

  private truncating(key: Key, sizeBytes: number): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    checkCount('size', sizeBytes)
    const seconds = secondsOfMs(this.clock())
    return function* (stage) {
      requireValue(stage.view, segments)
      yield* stage.truncate(segments, sizeBytes, seconds)
    }
  }

  /** Makes a directory, and those above it that are missing; one that is there is fine. */
  async makeDirectory(key: Key): Promise<void> {
    return this.staged.change(this.making(key))
  }

  makeDirectorySync(key: Key): void {
    this.staged.changeSync(this.making(key))
  }

  private making(key: Key): (stage: Stage) => Op<void> {
    const segments = parseKey(key)
    const seconds = secondsOfMs(this.clock())
    return function* (stage) {
      yield* NOTHING
      for (let depth = 1; depth <= segments.length; depth++) {
        const value = stage.view.find(segments.slice(0, depth))
        if (value?.kind === 'file') {
          throw new KeyValueError('DictionaryExpected', keyOf(segments.slice(0, depth)))
        }
      }
      stage.makeDirectories(segments, seconds, 'mkdir')
    }
  }
}

const NOTHING: readonly never[] = []

/** Runs the operations of one transaction, one after the other, on its stage. */
export class TransactionHost implements StoreHost {
  readonly pages
  readonly stage: Stage
  readonly defersChanges = true
  private queue: Promise<unknown> = Promise.resolve()
  private pendingCount = 0
  private hasEnded = false
  /** What went wrong in the middle of a change: then the whole cannot be. */
  private failure: { readonly error: unknown } | undefined

  constructor(
    volume: Volume,
    private readonly device: BlockDevice,
    base: View,
  ) {
    this.pages = volume.pages
    this.stage = new Stage(volume, base)
  }

  viewNow(): View | undefined {
    // Changes that were asked for before a read come first.
    return this.pendingCount === 0 ? this.stage.view : undefined
  }

  *view(): Op<View> {
    yield* NOTHING
    return this.stage.view
  }

  read<T>(op: () => Op<T>): Promise<T> {
    return this.inTurn(op)
  }

  readSync<T>(op: () => Op<T>): T {
    this.enterSync()
    return runSync(op(), this.device)
  }

  change<T>(make: (stage: Stage) => Op<T>): Promise<T> {
    return this.inTurn(() => this.guarded(make))
  }

  changeSync<T>(make: (stage: Stage) => Op<T>): T {
    this.enterSync()
    return runSync(this.guarded(make), this.device)
  }

  free(seconds: number, make: FreeingMake): Promise<void> {
    return this.change((stage) => make(stage, seconds))
  }

  freeSync(seconds: number, make: FreeingMake): void {
    this.changeSync((stage) => make(stage, seconds))
  }

  /** Refusals of the contract come before anything is changed; anything else may come in the middle. */
  private *guarded<T>(make: (stage: Stage) => Op<T>): Op<T> {
    try {
      return yield* make(this.stage)
    } catch (error) {
      if (!(error instanceof KeyValueError)) this.failure ??= { error }
      throw error
    }
  }

  private inTurn<T>(op: () => Op<T>): Promise<T> {
    this.enter()
    this.pendingCount++
    const result = this.queue.then(() => run(op(), this.device))
    const ended = () => {
      this.pendingCount--
    }
    this.queue = result.then(ended, ended)
    return result
  }

  private enterSync(): void {
    this.enter()
    if (this.pendingCount === 0) return
    throw new MisuseError(
      'NEEDS_ASYNC',
      'Calls with promises are under way in this transaction: await them before a synchronous one.',
    )
  }

  enter(): void {
    if (!this.hasEnded) return
    throw new MisuseError('ABANDONED', 'This transaction has ended. Begin another.')
  }

  settled(): Promise<unknown> {
    return this.queue
  }

  /** Ends it: what was done is committed. @throws what went wrong in the middle of a change. */
  *commit(): Op<void> {
    this.hasEnded = true
    if (this.failure !== undefined) {
      this.stage.drop()
      throw this.failure.error
    }
    // What only gives back space may use what is kept for that; the commit itself tells.
    yield* this.stage.commit({ usesReserve: this.stage.onlyFrees })
  }

  /** Ends it: nothing of it was done. */
  drop(): void {
    this.hasEnded = true
    this.stage.drop()
  }
}
