/**
 * The time of a value, which littlefs itself does not keep: a user attribute, in one of the forms
 * that are in use.
 *
 * | dialect | attribute | bytes | who |
 * | --- | --- | --- | --- |
 * | `t12` | `t` (0x74) | 12 | chamelon: days since 1970 (u32), picoseconds in the day (u64) |
 * | `t8` | `t` (0x74) | 8 | ESP-IDF, Arduino: seconds since 1970 (i64) |
 * | `t4` | `t` (0x74) | 4 | the same where `time_t` has 32 bits |
 * | `ns` | 1 | 8 | MicroPython: nanoseconds since 1970 (u64) |
 *
 * All little-endian. All are read, whichever is written.
 */

import { PS_PER_DAY, Timestamp } from '@caravan/core'
import { type Attribute, withAttribute } from '../format/metadata-log.js'

/** How a store writes times, in the names of the mount's dialects; `'none'` writes none. */
export type KeyValueTimes = 't12' | 't8' | 't4' | 'ns' | 'none'

export const TIME_ATTRIBUTE = 0x74
const NANOSECONDS_ATTRIBUTE = 1
const CHAMELON_SIZE_BYTES = 12

/** The attributes with the time set; as they are where nothing is to be written. */
export function withTime(
  attributes: readonly Attribute[],
  dialect: KeyValueTimes,
  time: Timestamp,
): readonly Attribute[] {
  if (dialect === 'none') return attributes
  const type = dialect === 'ns' ? NANOSECONDS_ATTRIBUTE : TIME_ATTRIBUTE
  return withAttribute(attributes, type, encodeTime(dialect, time))
}

function encodeTime(dialect: Exclude<KeyValueTimes, 'none'>, time: Timestamp): Uint8Array {
  if (dialect === 't12') return encodeChamelonTime(time)
  const seconds = Math.floor(time.toMs() / 1000)
  const bytes = new Uint8Array(dialect === 't4' ? 4 : 8)
  const view = new DataView(bytes.buffer)
  if (dialect === 't8') view.setBigInt64(0, BigInt(seconds), true)
  else if (dialect === 't4') view.setUint32(0, seconds, true)
  else view.setBigUint64(0, BigInt.asUintN(64, time.toNs()), true)
  return bytes
}

export function encodeChamelonTime({ days, picoseconds }: Timestamp): Uint8Array {
  const bytes = new Uint8Array(CHAMELON_SIZE_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, days, true)
  view.setBigUint64(4, picoseconds, true)
  return bytes
}

/** `undefined` where there is none, or none that can be. */
export function timeOf(attributes: readonly Attribute[]): Timestamp | undefined {
  for (const { type, bytes } of attributes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (type === NANOSECONDS_ATTRIBUTE && bytes.length === 8) {
      return Timestamp.fromNs(view.getBigUint64(0, true))
    }
    if (type !== TIME_ATTRIBUTE) continue
    if (bytes.length === 4) return Timestamp.fromMs(view.getUint32(0, true) * 1000)
    if (bytes.length === 8) return fromSeconds(view.getBigInt64(0, true))
    if (bytes.length >= CHAMELON_SIZE_BYTES) {
      const picoseconds = view.getBigUint64(4, true)
      return picoseconds < PS_PER_DAY
        ? new Timestamp(view.getUint32(0, true), picoseconds)
        : undefined
    }
  }
  return undefined
}

function fromSeconds(seconds: bigint): Timestamp | undefined {
  const days = seconds / 86_400n
  const isSane = days > -(2n ** 31n) && days < 2n ** 31n
  return isSane ? Timestamp.fromNs(seconds * 1_000_000_000n) : undefined
}
