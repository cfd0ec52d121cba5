/** One workload, measured: warmed up, repeated, checked. */

import { type Calibration, calibrate } from './calibration.js'
import { CountingDevice, type DeviceKind, openDevice, type Traffic } from './devices.js'
import type { Reference } from './reference.js'
import type { Configuration, Place, Run, Workload } from './workload.js'
import { findWorkload } from './workloads.js'

/** What a worker is asked. */
export interface Job {
  readonly workload: string
  readonly device: DeviceKind
  readonly configuration: Configuration
  readonly geometry: Reference['geometry']
  readonly options: { readonly cacheSize: number; readonly blockCycles: number }
  /** Folder for files. */
  readonly directory: string
  /** `traffic` counts one run; `speed` times many. */
  readonly what: 'speed' | 'traffic'
  /** Fewer repetitions. */
  readonly quick: boolean
  /** See `Place.scale`. */
  readonly scale: number
}

export interface Speed {
  /** Units a second, one for each repetition, ascending. */
  readonly rates: readonly number[]
  readonly calibration: Calibration
  /**
   * The most of `heapUsed + arrayBuffers` that was seen at the end of a repetition, garbage and all,
   * above what there was at the beginning and what the device holds.
   */
  readonly memoryBytes: number
}

const REPETITIONS_MIN = 5
const REPETITIONS_MAX = 100
/** Measured for so long where the most repetitions do not take longer. */
const MEASURE_MS = 1500
const WARM_UP_MS = 1000
/** `work` without a `before` is repeated for so long in one repetition. */
const REPETITION_MS = 25
const QUICK_REPETITIONS = 3

/** Makes a place for the job, hands it over, and clears it away. */
async function inPlace<T>(
  job: Job,
  body: (place: Place, workload: Workload, deviceBytes: number) => Promise<T>,
  wrap: <D extends Place['device']>(device: D) => Place['device'] = (device) => device,
): Promise<T> {
  const workload = findWorkload(job.workload, job.device)
  const blockCount = workload.blockCount ?? Math.ceil(job.geometry.blockCount * job.scale)
  const geometry = { ...job.geometry, blockCount }
  const { device, memoryBytes, close } = openDevice(job.device, geometry, job.directory)
  try {
    const place = { device: wrap(device), options: job.options, scale: job.scale }
    return await body(place, workload, memoryBytes)
  } finally {
    close()
  }
}

export async function measureSpeed(job: Job): Promise<Speed> {
  const memoryBefore = memoryNow()
  return inPlace(job, async (place, workload, deviceBytes) => {
    const first = calibrate()
    const run = await workload.start(place)
    const times = await warmUp(run, job.quick)
    await run.check()

    const rates: number[] = []
    let memoryBytes = 0
    const begin = performance.now()
    // No garbage is collected between repetitions: a forced collection throws compiled code away.
    while (wantsMore(rates.length, performance.now() - begin, job.quick)) {
      if (run.before !== undefined) await run.before()
      rates.push((run.amount * times) / ((await time(run, times)) / 1000))
      memoryBytes = Math.max(memoryBytes, memoryNow())
    }
    await run.check()
    const last = calibrate()
    return {
      rates: rates.sort((a, b) => a - b),
      calibration: { copy: (first.copy + last.copy) / 2, crc: (first.crc + last.crc) / 2 },
      memoryBytes: Math.max(0, memoryBytes - memoryBefore - deviceBytes),
    }
  })
}

function wantsMore(repetitions: number, elapsedMs: number, quick: boolean): boolean {
  if (quick) return repetitions < QUICK_REPETITIONS
  if (repetitions < REPETITIONS_MIN) return true
  return repetitions < REPETITIONS_MAX && elapsedMs < MEASURE_MS
}

/** Until the compiler has seen enough. @returns how often `work` is done in one repetition. */
async function warmUp(run: Run, quick: boolean): Promise<number> {
  const limitMs = quick ? WARM_UP_MS / 5 : WARM_UP_MS
  const begin = performance.now()
  let shortestMs = Number.POSITIVE_INFINITY
  do {
    if (run.before !== undefined) await run.before()
    shortestMs = Math.min(shortestMs, await time(run, 1))
  } while (performance.now() - begin < limitMs)
  if (run.before !== undefined) return 1
  return Math.max(1, Math.ceil(REPETITION_MS / shortestMs))
}

/** In milliseconds. */
async function time(run: Run, times: number): Promise<number> {
  const begin = performance.now()
  for (let i = 0; i < times; i++) {
    const answer = run.work()
    if (answer !== undefined) await answer
  }
  return performance.now() - begin
}

/** Counts what one run asks of the device. */
export async function countTraffic(job: Job): Promise<Traffic> {
  let counting: CountingDevice | undefined
  const wrap = (device: Place['device']) => {
    counting = new CountingDevice(device)
    return counting
  }
  return inPlace(
    job,
    async (place, workload) => {
      const run = await workload.start(place)
      await run.before?.()
      if (workload.traffic === 'work') counting?.reset()
      await run.work()
      const traffic = (counting as CountingDevice).traffic
      await run.check()
      return traffic
    },
    wrap,
  )
}

function memoryNow(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
