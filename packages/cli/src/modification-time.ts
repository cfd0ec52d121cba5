/** The modification time of an entry, as a `Date`, and in words. The attributes are the library's to read. */

import { decodeTimeAttribute, type HeldTimes, timesAmong } from '@caravan/littlefs'

const NS_PER_MS = 1_000_000n

/** The last moment that a `Date` can hold, in milliseconds. */
const LAST_MS = 8_640_000_000_000_000

/** The modification time among the attributes; `undefined` where none is there, or none that can be. */
export function modificationTime(attributes: ReadonlyMap<number, Uint8Array>): Date | undefined {
  return dateOf(timesAmong(Array.from(attributes, ([type, bytes]) => ({ type, bytes }))))
}

/** The time that one attribute says; `undefined` where it is no time. */
export function decodeTime(type: number, value: Uint8Array): Date | undefined {
  return dateOf(decodeTimeAttribute(type, value))
}

function dateOf(times: HeldTimes | undefined): Date | undefined {
  if (times === undefined) return undefined
  const ms = Number(times.mtimeNs / NS_PER_MS)
  return Math.abs(ms) <= LAST_MS ? new Date(ms) : undefined
}

/** `2024-05-01 12:00:00`, in UTC: the same image reads the same on every machine. */
export function formatTime(time: Date): string {
  return time.toISOString().slice(0, -5).replace('T', ' ')
}
