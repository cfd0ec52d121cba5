/**
 * Runs until a device is worn out, as littlefs' own exhaustion tests do (tests/test_exhaustion.toml):
 * files of random sizes are rewritten in cycles, with a mount each, and all of them read back.
 */

import { FsError } from '@caravan/core'
import { ReferenceFS } from '@caravan/littlefs'
import {
  type BadBlockWay,
  contentOf,
  FlashDevice,
  type FlashDeviceOptions,
  Random,
} from '@caravan/testkit'

const FILES = 10

export interface WearSetup extends FlashDeviceOptions {
  readonly wornWay: BadBlockWay
  readonly blockCycles: number
  readonly diskVersion: '2.0' | '2.1'
  /** Of ten files, how many are written in a cycle; the rest stays as it was first written. */
  readonly writtenFiles: number
  /** At most so many cycles. */
  readonly cyclesMax: number
}

/** A file rewritten, and in which cycle. */
export interface WearWrite {
  readonly cycle: number
  readonly path: string
  readonly seed: number
  readonly size: number
}

export interface WearResult {
  readonly cycles: number
  /** True where the device was worn out in the end. */
  readonly died: boolean
  /** What the end was said to be. */
  readonly lastWords: string
  readonly erases: number
  /** Standard deviation of the erases of a block by their mean, over all blocks but the first two. */
  readonly variation: number
  /** littlefs' own measure: the squares of the deviations by all erases. It demands less than 8. */
  readonly squaresByWear: number
  /** What was read and was not what had been written; a failure that was none of wear. */
  readonly wrong: string | undefined
  /** What was written, to the end. */
  readonly writes: readonly WearWrite[]
}

/** @param source draws what is written, or is that itself */
export function wearOut(setup: WearSetup, source: Random | readonly WearWrite[]): WearResult {
  const device = new FlashDevice(setup)
  const { blockCycles, diskVersion } = setup
  ReferenceFS.formatSync(device, { blockCycles, diskVersion })
  const saved = new Map<string, Uint8Array>()
  /** Of a write that failed: it may be there. */
  let tried: [string, Uint8Array] | undefined
  let lastWords = ''
  let cycles = 0
  const writes: WearWrite[] = []
  const check = (fs: ReferenceFS): string | undefined => {
    for (const [path, bytes] of saved) {
      const found = fs.readFileSync(path)
      const isTried = tried?.[0] === path && isSame(found, tried[1])
      if (!isSame(found, bytes) && !isTried) return `${path} in cycle ${cycles}: other bytes`
    }
    return undefined
  }
  let wrong: string | undefined
  try {
    ReferenceFS.mountSync(device, { blockCycles }).mkdirSync('/roadrunner')
    for (; cycles < setup.cyclesMax && wrong === undefined; cycles++) {
      const fs = ReferenceFS.mountSync(device, { blockCycles })
      for (const write of writesOf(cycles, setup, source)) {
        writes.push(write)
        tried = [write.path, contentOf(write.seed, write.size)]
        fs.writeFileSync(...tried)
        saved.set(...tried)
        tried = undefined
      }
      wrong = check(fs)
    }
  } catch (error) {
    lastWords = String(error)
    if (!(error instanceof FsError && error.code === 'ENOSPC')) wrong = `it ended with ${lastWords}`
  }
  // Worn out or not, all that was saved is there to be read.
  try {
    wrong ??= check(ReferenceFS.mountSync(device, { readOnly: true }))
  } catch (error) {
    wrong ??= `reading what was left: ${error}`
  }
  return { cycles, died: lastWords !== '', lastWords, ...spreadOf(device), wrong, writes }
}

function writesOf(
  cycle: number,
  { writtenFiles }: WearSetup,
  source: Random | readonly WearWrite[],
): readonly WearWrite[] {
  if (!(source instanceof Random)) return source.filter((write) => write.cycle === cycle)
  return Array.from({ length: cycle === 0 ? FILES : writtenFiles }, (_, i) => {
    const size = 1 << (2 + source.int(10))
    return { cycle, path: `/roadrunner/test${i}`, seed: source.seed(), size }
  })
}

/** Makes every twentieth block bad, each in a way of its own or all in one. */
export function spoilBlocks(
  device: FlashDevice,
  ways: readonly BadBlockWay[],
  random: Random,
): void {
  const { blockCount } = device.geometry
  for (let left = Math.ceil(blockCount / 20); left > 0; ) {
    const block = 2 + random.int(blockCount - 2)
    if (device.badWay(block) !== undefined) continue
    device.setBad(block, random.pick(ways))
    left--
  }
}

function spreadOf(device: FlashDevice) {
  const wear = [...device.wear.subarray(2)]
  const erases = wear.reduce((sum, each) => sum + each, 0)
  const mean = erases / wear.length
  const squares = wear.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  return {
    erases,
    variation: Math.sqrt(squares / wear.length) / mean,
    squaresByWear: squares / erases,
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
