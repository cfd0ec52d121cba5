/** One row, measured: warmed up, repeated, checked. */

import { type Calibration, calibrate } from './calibration.js'
import { CountingDevice, type Traffic } from './devices.js'
import { findRow } from './groups.js'
import type { Reference } from './reference.js'
import type { RowKey, Run, Surroundings } from './row.js'

/** What a worker is asked. */
export interface Job extends RowKey {
  readonly reference: Reference
  /** Folder for files. */
  readonly directory: string
  /** `traffic` counts one run; `speed` times many. */
  readonly what: 'speed' | 'traffic'
  /** Fewer repetitions. */
  readonly quick: boolean
  /** See `Surroundings.scale`. */
  readonly scale: number
}

export interface Speed {
  /** Units a second, one for each repetition, ascending. */
  readonly rates: readonly number[]
  readonly calibration: Calibration
  /**
   * The most of `heapUsed + arrayBuffers` that was seen at the end of a repetition, garbage and all,
   * above what there was at the beginning and what a device holds.
   */
  readonly memoryBytes: number
}

const REPETITIONS_MIN = 5
const REPETITIONS_MAX = 100
/** Measured for so long where the most repetitions do not take longer. */
const MEASURE_MS = 1200
const WARM_UP_MS = 800
/** `work` without a `before` is repeated for so long in one repetition. */
const REPETITION_MS = 25
const QUICK_REPETITIONS = 3

/** Starts the row's work, hands it over, and clears it away. */
async function inSurroundings<T>(
  job: Job,
  body: (run: Run) => Promise<T>,
  watch: Surroundings['watch'] = (device) => device,
): Promise<T> {
  const { reference, directory, scale } = job
  const run = await findRow(job).start({ reference, directory, scale, watch })
  try {
    return await body(run)
  } finally {
    await run.close?.()
  }
}

export async function measureSpeed(job: Job): Promise<Speed> {
  const first = calibrate()
  const memoryBefore = memoryNow()
  return inSurroundings(job, async (run) => {
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
      memoryBytes: Math.max(0, memoryBytes - memoryBefore - (run.deviceBytes ?? 0)),
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
  const counting: CountingDevice[] = []
  const sum = () => sumOf(counting.map(({ traffic }) => traffic))
  return inSurroundings(
    job,
    async (run) => {
      await run.before?.()
      if (findRow(job).traffic === 'work') for (const device of counting) device.reset()
      await run.work()
      const traffic = sum()
      await run.check()
      return traffic
    },
    (device) => {
      const counted = new CountingDevice(device)
      counting.push(counted)
      return counted
    },
  )
}

function sumOf(all: readonly Traffic[]): Traffic {
  const add = (key: keyof Traffic) => all.reduce((sum, traffic) => sum + traffic[key], 0)
  return {
    bytesRead: add('bytesRead'),
    bytesProgrammed: add('bytesProgrammed'),
    blocksErased: add('blocksErased'),
    reads: add('reads'),
    progs: add('progs'),
    erases: add('erases'),
    syncs: add('syncs'),
  }
}

function memoryNow(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
