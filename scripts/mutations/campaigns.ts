/** The campaigns over hostile bytes: damaged golden images, and made-up ones with good checksums. */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Campaign, type CaseReport, shrinkListAsync } from '@caravan/testkit'
import { watchCost } from './cost.js'
import { extractImage } from './extracted.js'
import type { Target } from './mutate.js'
import { type Made, make, probeImage } from './probe.js'
import { Random } from './random.js'
import { readTargets } from './targets.js'
import { makeWild } from './wild.js'

/** A soak has as many as there are cores. */
const THREADS = availableParallelism()

export function campaigns(root: string): Campaign[] {
  let targets: readonly Target[] | undefined
  return [
    {
      name: 'littlefs-hostile',
      what: 'damaged and made-up images: mounted, read, repaired, written to, mounted again',
      weight: 60,
      run(seed) {
        targets ??= readTargets(join(root, 'golden', 'littlefs'))
        return hostile(targets, seed)
      },
    },
    {
      name: 'littlefs-extract',
      what: 'made-up images with hostile names, extracted by the command',
      weight: 1,
      run: extracted,
    },
  ]
}

async function hostile(targets: readonly Target[], seed: number): Promise<CaseReport> {
  const counts = { 'images fuzzed': 1 }
  const made = make(targets, new Random(seed, 0))
  const fault = await faultOf(made, seed)
  if (fault === undefined) return { counts }
  return {
    counts,
    failure: `${made.kind} of ${made.target.name}: ${await shrunk(made, seed, fault)}`,
  }
}

async function faultOf(made: Pick<Made, 'target' | 'image'>, seed: number) {
  const cost = watchCost(THREADS)
  const { fault } = await probeImage(made, new Random(seed, 1), seed)
  return fault ?? cost()
}

/** Takes back what was damaged, run by run, as long as the image still fails. */
async function shrunk({ target, image }: Made, seed: number, fault: string): Promise<string> {
  const { blockSize } = target
  if (target.name === 'wild') {
    const judge = (bytes: Uint8Array) => faultOf({ target, image: bytes }, seed)
    return shrunkBytes(new Uint8Array(image.length).fill(0xff), image, blockSize, blockSize, judge)
  }
  if (target.image.length !== image.length) return `${fault}\n  cut off at ${image.length} bytes`
  return shrunkBytes(target.image, image, blockSize, 4, (bytes) =>
    faultOf({ target, image: bytes }, seed),
  )
}

/** The fewest runs of `step` bytes in which an image that fails differs from one that does not. */
async function shrunkBytes(
  base: Uint8Array,
  image: Uint8Array,
  blockSize: number,
  step: number,
  judge: (bytes: Uint8Array) => Promise<string | undefined>,
): Promise<string> {
  const runs: number[] = []
  for (let at = 0; at < image.length; at += step) {
    if (Buffer.compare(base.subarray(at, at + step), image.subarray(at, at + step)) !== 0)
      runs.push(at)
  }
  let what = await judge(image)
  const fails = async (kept: readonly number[]) => {
    const bytes = base.slice()
    for (const at of kept) bytes.set(image.subarray(at, at + step), at)
    const again = await judge(bytes)
    if (again !== undefined) what = again
    return again !== undefined
  }
  const shortest = await shrinkListAsync(runs, fails, 300)
  const lines = shortest.slice(0, 12).map((at) => {
    const bytes = Buffer.from(image.subarray(at, at + step)).toString('hex')
    return `  block ${Math.floor(at / blockSize)}, offset ${at % blockSize}: ${bytes}`
  })
  const rest = shortest.length > 12 ? [`  and ${shortest.length - 12} more`] : []
  return [what, ...lines, ...rest].join('\n')
}

async function extracted(seed: number): Promise<CaseReport> {
  const { image, blockSize } = makeWild(new Random(seed, 2))
  const counts = { 'images extracted': 1 }
  const judge = (bytes: Uint8Array) => extractImage(bytes, blockSize)
  if ((await judge(image)) === undefined) return { counts }
  const erased = new Uint8Array(image.length).fill(0xff)
  return { counts, failure: await shrunkBytes(erased, image, blockSize, blockSize, judge) }
}
