/** Times of the format: seconds since 1970 as a double, exact to about a quarter of a microsecond. */

import { Timestamp } from '@caravan/core'

const SECONDS_PER_DAY = 86_400
const PS_PER_SECOND = 1_000_000_000_000n

/**
 * The moment that a double stands for, to the picosecond, as the original tells it; `undefined` for
 * what is no time.
 */
export function timestampOf(seconds: number): Timestamp | undefined {
  if (!Number.isFinite(seconds)) return undefined
  // Never -0.
  const days = Math.floor(seconds / SECONDS_PER_DAY) + 0
  if (days < -(2 ** 31) || days >= 2 ** 32) return undefined
  const rest = seconds - days * SECONDS_PER_DAY
  // Shortly before a day begins the nearest double may be its beginning.
  if (rest >= SECONDS_PER_DAY) return new Timestamp(days + 1, 0n)
  const whole = Math.floor(rest)
  const fraction = BigInt(Math.trunc((rest - whole) * 1e12))
  return new Timestamp(days, BigInt(whole) * PS_PER_SECOND + fraction)
}

/** The years 0 to 9999: of any other time on a disk the original refuses the whole disk. */
const SECONDS_MIN = -62_167_219_200
const SECONDS_MAX = 253_402_300_799

/** The nearest that may stand on a disk; the beginning of 1970 for what is no time. */
function storable(seconds: number): number {
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, SECONDS_MIN), SECONDS_MAX)
}

/** As it is stored: the nearest double, within the years 0 to 9999. */
export function secondsOf({ days, picoseconds }: Timestamp): number {
  const whole = picoseconds / PS_PER_SECOND
  const fraction = Number(picoseconds % PS_PER_SECOND) / 1e12
  return storable(days * SECONDS_PER_DAY + Number(whole) + fraction)
}

/** As it is stored, of milliseconds since 1970. */
export function secondsOfMs(ms: number): number {
  return storable(ms / 1000)
}

/** Nanoseconds since 1970: of the microsecond that is nearest, since a double tells no more. */
export function nsOf(seconds: number): bigint {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 2 ** 40) return 0n
  return BigInt(Math.round(seconds * 1e6)) * 1000n
}

/** As it is stored. */
export function secondsOfNs(ns: bigint): number {
  const seconds = ns / 1_000_000_000n
  return storable(Number(seconds) + Number(ns - seconds * 1_000_000_000n) / 1e9)
}
