/** The figures of the C library: reference.json. */

import type { Calibration } from './calibration.js'
import type { Configuration, Workload } from './workload.js'

type PerConfiguration<T> = Readonly<Record<Configuration, T>>

export interface Reference {
  readonly geometry: {
    readonly blockSize: number
    readonly blockCount: number
    readonly readSize: number
    readonly progSize: number
  }
  readonly configurations: PerConfiguration<{
    readonly about: string
    readonly cacheSize: number
    readonly blockCycles: number
  }>
  /** GB/s. */
  readonly calibration: Readonly<Record<keyof Calibration, { readonly value: number }>>
  /** Units a second, by workload. */
  readonly speed: Readonly<
    Record<
      string,
      {
        readonly unit: string
        readonly native: PerConfiguration<number>
        readonly wasm: PerConfiguration<number>
      }
    >
  >
  /** By workload; format and mount included. */
  readonly traffic: Readonly<
    Record<
      string,
      PerConfiguration<{
        readonly bytesRead: number
        readonly bytesProgrammed: number
        readonly blocksErased: number
      }>
    >
  >
}

/** How often as fast as C, estimated: as if C had run on this machine at this moment. */
interface TimesNative {
  /** Than C in the same configuration. */
  readonly same: number
  /** Than C in the better of its two. */
  readonly better: number
}

export function timesNative(
  reference: Reference,
  { name, reference: row = name, yardstick }: Workload,
  configuration: Configuration,
  rate: number,
  calibration: Calibration,
): TimesNative | undefined {
  const speed = reference.speed[row]
  if (speed === undefined) return undefined
  const machine = calibration[yardstick] / reference.calibration[yardstick].value
  const { native } = speed
  return {
    same: rate / (native[configuration] * machine),
    better: rate / (Math.max(native.A, native.B) * machine),
  }
}
