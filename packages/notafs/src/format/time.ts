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

/** The nearest double. */
export function secondsOf({ days, picoseconds }: Timestamp): number {
  const whole = picoseconds / PS_PER_SECOND
  return days * SECONDS_PER_DAY + Number(whole) + Number(picoseconds % PS_PER_SECOND) / 1e12
}

/** Nanoseconds since 1970: of the microsecond that is nearest, since a double tells no more. */
export function nsOf(seconds: number): bigint {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 2 ** 40) return 0n
  return BigInt(Math.round(seconds * 1e6)) * 1000n
}

export function secondsOfNs(ns: bigint): number {
  const seconds = ns / 1_000_000_000n
  return Number(seconds) + Number(ns - seconds * 1_000_000_000n) / 1e9
}
