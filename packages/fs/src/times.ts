/** The times of a file, to the nanosecond, and as the milliseconds that `Stats` shows. */
export class FileTimes {
  readonly mtimeMs: number
  readonly atimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number

  /** Nanoseconds since 1970. What a format does not hold is the modification time. */
  constructor(
    readonly mtimeNs: bigint,
    readonly atimeNs: bigint = mtimeNs,
    readonly ctimeNs: bigint = mtimeNs,
    readonly birthtimeNs: bigint = mtimeNs,
  ) {
    this.mtimeMs = nsToMs(mtimeNs)
    this.atimeMs = atimeNs === mtimeNs ? this.mtimeMs : nsToMs(atimeNs)
    this.ctimeMs = ctimeNs === mtimeNs ? this.mtimeMs : nsToMs(ctimeNs)
    this.birthtimeMs = birthtimeNs === mtimeNs ? this.mtimeMs : nsToMs(birthtimeNs)
  }
}

/** In two parts, so that a double keeps the microseconds. */
function nsToMs(ns: bigint): number {
  return Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6
}

/** Milliseconds, with their fraction, as nanoseconds: exact to the microsecond. */
export function msToNs(ms: number): bigint {
  const whole = Math.floor(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1000)) * 1000n
}

/** A time as `utimes` takes it: a Date, or seconds as a number or a text. */
export type TimeLike = number | string | Date | bigint
