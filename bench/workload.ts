/** A workload of littlefs: one kind of work on a filesystem, as the reference measured it. */

import type { BlockDevice } from '@caravan/core'
import { type FormatOptions, LittleFS } from '@caravan/littlefs'
import type { Row, Run } from './row.js'

export type Configuration = 'A' | 'B'

/** Where a workload runs. */
export interface Place {
  readonly device: BlockDevice
  /** The writer's configuration. */
  readonly options: FormatOptions
  /** 1 for the reference's sizes and counts; tests take less. */
  readonly scale: number
}

export interface Workload
  extends Pick<Row, 'name' | 'unit' | 'yardstick' | 'reference' | 'traffic'> {
  /** Blocks of the device. Default: as the reference's geometry. */
  readonly blockCount?: number
  /** Called with a place of its own. */
  readonly start: (place: Place) => Run | Promise<Run>
}

/** Bytes in an MB of MB/s. */
export const MEGABYTE = 1_000_000

export const SMALL_FILE_BYTES = 100

/** Fresh filesystem over the whole device. */
export function makeFilesystem({ device, options }: Place): LittleFS {
  LittleFS.formatSync(device, options)
  return LittleFS.mountSync(device, options)
}

/** A count or size of the reference at a scale, at least 1. */
export function scaled({ scale }: { readonly scale: number }, count: number): number {
  return Math.max(1, Math.round(count * scale))
}

/** Bytes that look like nothing in particular: the same for the same seed. */
export function makeBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const next = makeNumbers(seed)
  for (let i = 0; i < length; i++) bytes[i] = next()
  return bytes
}

/** A sequence of 32-bit numbers (xorshift): the same for the same seed. */
export function makeNumbers(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** Names of equal length, in ascending order. */
export function makeNames(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`)
}

/** The bytes cut into views of `size`, the last one perhaps shorter. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

export function expectBytes(found: Uint8Array, expected: Uint8Array, what: string): void {
  const isSame = found.length === expected.length && found.every((byte, i) => byte === expected[i])
  if (!isSame) throw new WrongResult(`${what}: ${found.length} bytes that are not those expected.`)
}

export function expectCount(found: number, expected: number, what: string): void {
  if (found !== expected) throw new WrongResult(`${what}: ${found}, expected ${expected}.`)
}

/** A workload did not do what it says: its figures would mean nothing. */
class WrongResult extends Error {
  override readonly name = 'WrongResult'
}
