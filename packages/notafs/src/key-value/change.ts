/** What a store changes, on a stage: its answers are those of docs/key-value.md. */

import {
  type BatchOperation,
  KeyValueError,
  keyOf,
  MisuseError,
  type Op,
  parseKey,
} from '@caravan/core'
import { readSize } from '../rope-read.js'
import { FILE_BYTES_MAX, NAME_BYTES_MAX, type Stage } from '../stage.js'
import type { FileValue, Value, View } from '../tree.js'

const encoder = new TextEncoder()

/**
 * The bytes of a value.
 *
 * @param isKept where they are still needed when the caller may change them: then they are a copy.
 */
export function bytesOf(value: Uint8Array | string, isKept = true): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value)
  return isKept ? value.slice() : value
}

/** Asked before a change begins. @throws MisuseError `INVALID_ARGUMENT`. */
export function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `The ${name} is ${value}: give a whole number of 0 or more.`,
  )
}

/** @throws KeyValueError `NotFound`. */
export function requireKey(view: View, segments: readonly string[]): Value {
  const value = view.find(segments)
  if (value === undefined) throw new KeyValueError('NotFound', keyOf(segments))
  return value
}

/** @throws KeyValueError `NotFound`, `ValueExpected`. */
export function requireValue(view: View, segments: readonly string[]): FileValue {
  const value = requireKey(view, segments)
  if (value.kind === 'file') return value
  throw new KeyValueError('ValueExpected', keyOf(segments))
}

/**
 * What a key that is to be bound is bound to now.
 *
 * @throws KeyValueError `DictionaryExpected`, `BadKey`.
 */
function findBindable(view: View, segments: readonly string[]): Value | undefined {
  let value: Value = view.top
  for (let depth = 0; depth < segments.length; depth++) {
    if (value.kind === 'file') {
      throw new KeyValueError('DictionaryExpected', keyOf(segments.slice(0, depth)))
    }
    const child = view.child(value.directory, segments[depth] as string)
    if (child === undefined) {
      checkSegments(segments, depth)
      return undefined
    }
    value = child
  }
  return value
}

function checkSegments(segments: readonly string[], from: number): void {
  for (const segment of segments.slice(from)) {
    if (segment.length <= NAME_BYTES_MAX) continue
    throw new KeyValueError('BadKey', keyOf(segments), {
      hint: `a segment has ${segment.length} bytes, and this store takes ${NAME_BYTES_MAX}`,
    })
  }
}

/** @throws KeyValueError `ValueExpected`, `DictionaryExpected`, `BadKey`, `ValueTooLarge`. */
function checkPlace(view: View, segments: readonly string[], sizeBytes: number): Value | undefined {
  const value = findBindable(view, segments)
  if (value?.kind === 'directory') throw new KeyValueError('ValueExpected', keyOf(segments))
  checkSize(segments, sizeBytes)
  return value
}

function checkSize(segments: readonly string[], sizeBytes: number): void {
  if (sizeBytes <= FILE_BYTES_MAX) return
  throw new KeyValueError('ValueTooLarge', keyOf(segments), {
    hint: `it has ${sizeBytes} bytes, and a value may have ${FILE_BYTES_MAX}`,
  })
}

export function* setValue(
  stage: Stage,
  segments: readonly string[],
  data: Uint8Array,
  seconds: number,
): Op<void> {
  checkPlace(stage.view, segments, data.length)
  if (segments.length > 1) stage.makeDirectories(segments.slice(0, -1), seconds, 'open')
  yield* stage.setContent(segments, data, seconds)
}

export function* setPart(
  stage: Stage,
  segments: readonly string[],
  offset: number,
  data: Uint8Array,
  seconds: number,
): Op<void> {
  const size = yield* readSize(stage.pages, requireValue(stage.view, segments))
  const position = Math.min(offset, size)
  checkSize(segments, position + data.length)
  yield* stage.write(segments, position, data, seconds)
}

export function* allocateValue(
  stage: Stage,
  segments: readonly string[],
  sizeBytes: number,
  seconds: number,
): Op<void> {
  if (checkPlace(stage.view, segments, sizeBytes) !== undefined) {
    throw new KeyValueError('AlreadyPresent', keyOf(segments))
  }
  yield* setValue(stage, segments, new Uint8Array(0), seconds)
  if (sizeBytes > 0) yield* stage.truncate(segments, sizeBytes, seconds)
}

/** @param above the time for the dictionaries above, if they are to have it. */
export function* removeKey(
  stage: Stage,
  segments: readonly string[],
  above: number | undefined,
): Op<void> {
  if (segments.length === 0) {
    throw new KeyValueError('NotFound', '/', { hint: 'the root is bound to nothing and stays' })
  }
  if (stage.view.find(segments) !== undefined) yield* stage.remove(segments, above)
}

export function* renameKey(
  stage: Stage,
  source: readonly string[],
  dest: readonly string[],
  seconds: number,
): Op<void> {
  const { view } = stage
  const value = requireKey(view, source)
  if (isSame(source, dest)) return
  const refuse = (code: 'RenameSourcePrefix' | 'DictionaryExpected' | 'ValueExpected') =>
    new KeyValueError(code, keyOf(source), { dest: keyOf(dest) })
  if (isPrefix(source, dest)) throw refuse('RenameSourcePrefix')
  let target = dest
  let replaced = findBindable(view, target)
  if (replaced?.kind === 'directory') {
    // Into a dictionary that is there: below it, under its own name.
    target = [...dest, source[source.length - 1] as string]
    if (isSame(source, target)) return
    if (isPrefix(source, target)) throw refuse('RenameSourcePrefix')
    replaced = findBindable(view, target)
  }
  if (replaced !== undefined) {
    if (replaced.kind === 'directory') throw refuse('ValueExpected')
    if (value.kind === 'directory') throw refuse('DictionaryExpected')
  }
  stage.makeDirectories(target.slice(0, -1), seconds, 'rename')
  yield* stage.move(source, target, seconds)
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isPrefix(a, b)
}

function isPrefix(prefix: readonly string[], of: readonly string[]): boolean {
  return prefix.length <= of.length && prefix.every((segment, i) => segment === of[i])
}

/** The last operation on a key. */
interface Wanted {
  readonly segments: readonly string[]
  /** `undefined`: to be removed. */
  readonly data: Uint8Array | undefined
}

interface Batch {
  readonly wanted: readonly Wanted[]
  /** True where it only removes. */
  readonly onlyRemoves: boolean
}

/** Each key's last operation, in the order of the keys' first ones. */
export function planBatch(operations: Iterable<BatchOperation>, isKept: boolean): Batch {
  const wanted = new Map<string, Wanted>()
  for (const operation of operations) {
    const segments = parseKey(operation.key)
    const data = operation.op === 'set' ? bytesOf(operation.value, isKept) : undefined
    wanted.set(segments.join('/'), { segments, data })
  }
  const all = [...wanted.values()]
  return { wanted: all, onlyRemoves: all.every(({ data }) => data === undefined) }
}

/** Removes first, so that what is set may take the place of what goes. */
export function* changeMany(stage: Stage, { wanted }: Batch, seconds: number): Op<void> {
  const values = new Set<string>()
  for (const { segments, data } of wanted) if (data !== undefined) values.add(segments.join('/'))
  for (const { segments, data } of wanted) if (data !== undefined) checkNotBelow(values, segments)
  for (const { segments, data } of wanted) {
    if (data === undefined) yield* removeKey(stage, segments, seconds)
  }
  for (const { segments, data } of wanted) {
    if (data !== undefined) yield* setValue(stage, segments, data, seconds)
  }
}

/** A value and something below it cannot both be. */
function checkNotBelow(values: ReadonlySet<string>, segments: readonly string[]): void {
  for (let depth = 1; depth < segments.length; depth++) {
    const above = segments.slice(0, depth)
    if (!values.has(above.join('/'))) continue
    throw new KeyValueError('DictionaryExpected', keyOf(above), {
      hint: `the batch sets it, and '${keyOf(segments)}' below it`,
    })
  }
}
