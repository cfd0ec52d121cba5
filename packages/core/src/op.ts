/**
 * Operations: what a filesystem engine is made of.
 *
 * An engine does no I/O. Every operation is a generator that yields requests to a block device and
 * returns its result; a runner ({@link runSync}, {@link run}) answers the requests. So one engine
 * serves the synchronous and the promise API, and every read and write passes one place, where a
 * test may cut the power.
 *
 * 1. A request is answered before the operation goes on, and in the order asked.
 * 2. A request object and its buffers may be reused once answered: devices keep no reference.
 * 3. A failed request throws a `DeviceError` into the operation, at its `yield`.
 * 4. An operation that is abandoned is dropped, never `return()`ed: no `finally` asks a device.
 */

/** One run of bytes inside one block. */
export interface Span {
  readonly block: number
  /** First byte within the block. */
  readonly offset: number
  /** Filled by a read, taken by a prog. */
  readonly bytes: Uint8Array
}

/** Fills the bytes of every span. */
export interface ReadRequest {
  readonly kind: 'read'
  readonly spans: readonly Span[]
}

/** Programs every span, in this order. What is programmed must have been erased before. */
export interface ProgRequest {
  readonly kind: 'prog'
  readonly spans: readonly Span[]
}

/** Erases whole blocks, in this order. */
export interface EraseRequest {
  readonly kind: 'erase'
  readonly blocks: readonly number[]
}

/** Makes durable whatever was programmed and erased before. */
export interface SyncRequest {
  readonly kind: 'sync'
}

/**
 * Requests of which none needs a look at the answer to the one before: made one by one, in this
 * order, and the first that fails is the last.
 *
 * The way from a deep operation to its runner costs more than most requests do in memory.
 */
export interface SeriesRequest {
  readonly kind: 'series'
  readonly requests: readonly SingleRequest[]
}

/** What goes to a device. */
export type SingleRequest = ReadRequest | ProgRequest | EraseRequest | SyncRequest

export type Request = SingleRequest | SeriesRequest

/** An operation: asks a device, returns a `T`. */
export type Op<T> = Generator<Request, T, void>
