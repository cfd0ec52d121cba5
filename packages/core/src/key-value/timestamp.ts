/**
 * Timestamp: a moment as mirage-kv tells it, exact to the picosecond: whole days since
 * 1970-01-01T00:00:00Z and picoseconds inside that day.
 */

import { MisuseError } from '../errors.js'

const MS_PER_DAY = 86_400_000
const PS_PER_MS = 1_000_000_000n
const PS_PER_NS = 1_000n
export const PS_PER_DAY = 86_400_000_000_000_000n

export class Timestamp {
  /**
   * @param days since 1970, from -2^31 to 2^32 - 1.
   * @param picoseconds inside the day: 0 to 86,399,999,999,999,999.
   * @throws MisuseError `INVALID_ARGUMENT`.
   */
  constructor(
    readonly days: number,
    readonly picoseconds: bigint,
  ) {
    const inRange = days >= -(2 ** 31) && days < 2 ** 32 && Number.isInteger(days)
    if (inRange && picoseconds >= 0n && picoseconds < PS_PER_DAY) return
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${days} days and ${picoseconds} picoseconds are no timestamp: give whole days, and 0 to ${PS_PER_DAY - 1n} picoseconds.`,
    )
  }

  /** From milliseconds since 1970, as `Date.now()` gives them. */
  static fromMs(ms: number): Timestamp {
    const days = Math.floor(ms / MS_PER_DAY)
    return new Timestamp(days, BigInt(Math.floor(ms - days * MS_PER_DAY)) * PS_PER_MS)
  }

  static fromNs(ns: bigint): Timestamp {
    const ps = ns * PS_PER_NS
    const rest = ((ps % PS_PER_DAY) + PS_PER_DAY) % PS_PER_DAY
    return new Timestamp(Number((ps - rest) / PS_PER_DAY), rest)
  }

  /** Nanoseconds since 1970; what is smaller is cut off. */
  toNs(): bigint {
    return (BigInt(this.days) * PS_PER_DAY + this.picoseconds) / PS_PER_NS
  }

  /** Milliseconds since 1970; what is smaller is cut off. */
  toMs(): number {
    return this.days * MS_PER_DAY + Number(this.picoseconds / PS_PER_MS)
  }

  toDate(): Date {
    return new Date(this.toMs())
  }

  /** Negative where this one is earlier. */
  compare(other: Timestamp): number {
    if (this.days !== other.days) return this.days - other.days
    if (this.picoseconds === other.picoseconds) return 0
    return this.picoseconds < other.picoseconds ? -1 : 1
  }
}

/** The later of two; `undefined` is earlier than any. */
export function latest(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a.compare(b) < 0 ? b : a
}
