/** The figures of the C library: reference.json. */

import type { Calibration } from './calibration.js'
import type { Row } from './row.js'
import type { Configuration } from './workload.js'

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
  readonly speed: Readonly<Record<string, ReferenceRow>>
  /** By row; format and mount included. */
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

/** Units a second. */
interface ReferenceRow {
  readonly unit: string
  /** C, compiled for the machine; `undefined` where C has no such thing. */
  readonly native?: PerConfiguration<number>
  /** C, as a program in WebAssembly. */
  readonly wasm?: PerConfiguration<number>
  /** What is asked of us: so many times the better of C's two. */
  readonly timesAsked?: number
  /** What is asked of us where C has no such thing: units a second, on the machine of the figures. */
  readonly rateAsked?: number
  /** What is asked of us: a share of the speed of copying. */
  readonly shareOfCopyAsked?: number
}

/** How often as fast, estimated: as if the reference had run on this machine at this moment. */
export interface Standing {
  /** Than C in the same configuration. */
  readonly same: number | undefined
  /** Than C in the better of its two. */
  readonly better: number | undefined
  /** Than what is asked: 1 where it is just reached. */
  readonly asked: number | undefined
}

export function standing(
  reference: Reference,
  row: Row,
  rate: number,
  calibration: Calibration,
): Standing | undefined {
  const found = reference.speed[row.reference ?? row.name]
  if (found === undefined || row.isComparable === false) return undefined
  const machine = calibration[row.yardstick] / reference.calibration[row.yardstick].value
  const { native, timesAsked, rateAsked, shareOfCopyAsked } = found
  const better = native && rate / (Math.max(native.A, native.B) * machine)
  let asked: number | undefined
  if (timesAsked !== undefined && better !== undefined) asked = better / timesAsked
  if (rateAsked !== undefined) asked = rate / (rateAsked * machine)
  // MB/s against GB/s.
  if (shareOfCopyAsked !== undefined) asked = rate / 1000 / (calibration.copy * shareOfCopyAsked)
  const own = native?.[row.configuration as Configuration]
  return { same: own && rate / (own * machine), better, asked }
}
