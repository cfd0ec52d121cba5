/** The many forms in which Node's calls take the same things, read into one. */

import { MisuseError } from '@caravan/core'
import { dataBytes, viewBytes } from './encoding.js'
import { msToNs, type TimeLike } from './times.js'

/** A position as Node takes it: `null`, none, or a negative one is the handle's own. */
export type PositionLike = number | bigint | null | undefined

export interface ReadWindow {
  readonly buffer?: ArrayBufferView
  readonly offset?: number | null
  readonly length?: number | null
  readonly position?: PositionLike
}

/** What a read fills, and from where. */
interface ReadArguments {
  /** As it was given. */
  readonly buffer: ArrayBufferView
  readonly target: Uint8Array
  readonly position: number | null
}

/** Bytes of a read without a buffer, as in Node. */
const READ_BUFFER_BYTES = 16384

/** `(buffer, offset?, length?, position?)`, `(buffer, window)`, `(window)` or nothing. */
export function readArguments(
  first: unknown,
  second: unknown,
  length?: number | null,
  position?: PositionLike,
): ReadArguments {
  if (ArrayBuffer.isView(first)) {
    if (typeof second === 'object' && second !== null) {
      return readWindow({ ...(second as ReadWindow), buffer: first })
    }
    return readPart(first, second as number | null | undefined, length, position)
  }
  return readWindow((first ?? {}) as ReadWindow)
}

function readWindow({ buffer, offset, length, position }: ReadWindow): ReadArguments {
  const target = buffer ?? new Uint8Array(READ_BUFFER_BYTES)
  return readPart(target, offset, length, position)
}

function readPart(
  buffer: ArrayBufferView,
  offset: number | null | undefined,
  length: number | null | undefined,
  position: PositionLike,
): ReadArguments {
  const bytes = viewBytes(buffer)
  const start = offset ?? 0
  const count = length ?? bytes.length - start
  checkWindow(start, count, bytes.length)
  const target = count === bytes.length ? bytes : bytes.subarray(start, start + count)
  return { buffer, target, position: positionOf(position) }
}

function checkWindow(offset: number, length: number, size: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `${length} bytes at offset ${offset} lie outside a buffer of ${size} bytes.`,
  )
}

function positionOf(position: PositionLike): number | null {
  if (position === null || position === undefined || position < 0) return null
  return Number(position)
}

interface WriteArguments {
  readonly bytes: Uint8Array
  readonly position: number | null
}

/** `(text, position?, encoding?)`, `(buffer, offset?, length?, position?)` or `(buffer, window)`. */
export function writeArguments(
  data: unknown,
  second: unknown,
  third: unknown,
  position: unknown,
): WriteArguments {
  if (typeof data === 'string') {
    const bytes = dataBytes(data, third as string | undefined)
    return { bytes, position: positionOf(second as PositionLike) }
  }
  const bytes = dataBytes(data, undefined)
  const window =
    typeof second === 'object' && second !== null
      ? (second as ReadWindow)
      : { offset: second as number, length: third as number, position: position as PositionLike }
  const start = window.offset ?? 0
  const count = window.length ?? bytes.length - start
  checkWindow(start, count, bytes.length)
  return {
    bytes: bytes.subarray(start, start + count),
    position: positionOf(window.position),
  }
}

/** @returns nanoseconds since 1970. @throws MisuseError `INVALID_ARGUMENT`. */
export function timeArgument(time: TimeLike): bigint {
  if (typeof time === 'bigint') return time * 1_000_000_000n
  const ms = time instanceof Date ? time.getTime() : Number(time) * 1000
  if (Number.isFinite(ms)) return msToNs(ms)
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `A time is a Date, or a number of seconds since 1970, not ${String(time)}.`,
  )
}

/** The encoding in an options argument: a name, or an object with one. */
export function encodingOf(options: unknown): string | undefined {
  const encoding =
    typeof options === 'string'
      ? options
      : (options as { encoding?: string | null } | null | undefined)?.encoding
  return encoding === 'buffer' || encoding === null ? undefined : encoding
}

/** The object in an options argument that may also be an encoding. */
export function optionsObject<T extends object>(options: unknown): Partial<T> {
  return typeof options === 'object' && options !== null ? (options as Partial<T>) : {}
}
