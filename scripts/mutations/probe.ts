/**
 * Uses everything that reads on a damaged image, and says how it went. An answer or a typed error
 * is right; any other error, a walk without end or a changed image is not.
 */

import { MemoryDevice } from '@caravan/device'
import type { MountOptions, ReferenceFS } from '@caravan/littlefs'
import * as drive from '../golden/littlefs/mode.js'
import { faultOf } from './fault.js'
import { mutate, type Target } from './mutate.js'
import { Random } from './random.js'
import { useImage } from './use.js'
import { makeWild } from './wild.js'

/** `refused`: not mounted; `damage seen`: mounted, something gave an error; `read whole`: no error. */
export type Outcome = 'refused' | 'damage seen' | 'read whole'

export interface Probed {
  readonly kind: string
  readonly target: string
  readonly outcome: Outcome
  /** What must not be. */
  readonly fault: string | undefined
}

/** No damaged small image holds more entries that are not walked in circles. */
const ENTRIES_MAX = 20_000
/** How many of the mutations are also read with promises. */
const ASYNC_EVERY = 16

/** Every so many images are written to as well. */
const WRITTEN_EVERY = 4
/** How many of the images are made up, and not damaged ones. */
const WILD_EVERY = 3

export interface Made {
  readonly target: Target
  readonly image: Uint8Array
  readonly kind: string
}

/** Makes image `index` of a run. */
export function make(targets: readonly Target[], random: Random): Made {
  if (random.below(WILD_EVERY) > 0) {
    const target = random.pick(targets)
    return { target, ...mutate(target, random) }
  }
  const target = makeWild(random)
  if (random.below(4) > 0) return { target, image: target.image, kind: 'wild' }
  return { target, ...mutate(target, random), kind: 'wild and damaged' }
}

/** Makes image `index` of a run and probes it. */
export async function probe(
  targets: readonly Target[],
  seed: number,
  index: number,
): Promise<Probed> {
  const random = new Random(seed, index)
  const made = make(targets, random)
  const { kind, target } = made
  return { kind, target: target.name, ...(await probeImage(made, random, index)) }
}

/** @param index decides what is done besides reading. */
export async function probeImage(
  { target, image }: Pick<Made, 'target' | 'image'>,
  random: Random,
  index: number,
): Promise<Pick<Probed, 'outcome' | 'fault'>> {
  const options = mountOptions(target, random)
  const wholeDevice = random.below(2) === 0
  const before = image.slice()
  const device = () => deviceOf(target, image, wholeDevice)
  const read = await readAll('sync', device(), options)
  let fault = read.fault
  if (fault === undefined && Buffer.compare(before, image) !== 0)
    fault = 'reading changed the image'
  if (fault === undefined && index % ASYNC_EVERY === 0) {
    const again = await readAll('async', device(), options)
    fault = again.fault
    if (fault === undefined && again.answers.join('\n') !== read.answers.join('\n')) {
      const at = read.answers.findIndex((answer, i) => answer !== again.answers[i])
      fault = `sync and async differ: ${read.answers[at]} | ${again.answers[at]}`
    }
  }
  if (fault === undefined && index % WRITTEN_EVERY === 0 && read.outcome !== 'refused') {
    const { blockSize, readSize, progSize } = target
    const geometry = { blockSize, readSize, progSize }
    fault = useImage(image, geometry, options, random)
  }
  return { outcome: read.outcome, fault }
}

/** What a user may say of an image, or leave to be found. */
function mountOptions({ blockSize, blockCount }: Target, random: Random): MountOptions {
  return {
    ...(random.below(2) === 0 && { blockSize }),
    ...(random.below(4) === 0 && { blockCount }),
  }
}

interface Read {
  readonly outcome: Outcome
  readonly fault: string | undefined
  /** Every result and error in order, to be compared with the other mode's. */
  readonly answers: readonly string[]
}

async function readAll(
  mode: drive.Mode,
  device: MemoryDevice,
  options: MountOptions,
): Promise<Read> {
  const answers: string[] = []
  let fault: string | undefined
  let errors = 0
  const note = (what: string, error: unknown) => {
    errors++
    answers.push(`${what}: ${String(error)}`)
    fault ??= faultOf(what, error)
  }
  const attempt = async (what: string, use: () => Promise<unknown>) => {
    try {
      answers.push(`${what}: ${await use()}`)
    } catch (error) {
      note(what, error)
    }
  }
  let fs: ReferenceFS
  try {
    fs = await drive.mount(mode, device, options)
  } catch (error) {
    note('mount', error)
    return { outcome: 'refused', fault, answers }
  }
  await attempt('info', async () => JSON.stringify(fs.info()))
  let entries = 0
  try {
    for await (const entry of drive.walk(mode, fs)) {
      const { path, pathBytes, type, size, error } = entry
      answers.push(`${path} ${type} ${size}`)
      if (error !== undefined) note(`walk ${path}`, error)
      if (++entries > ENTRIES_MAX) {
        fault ??= `the walk passed ${ENTRIES_MAX} entries`
        break
      }
      await attempt(`attributes of ${path}`, async () => {
        return (await drive.getAttributes(mode, fs, pathBytes)).size
      })
      await attempt(`stat ${path}`, async () => (await drive.stat(mode, fs, pathBytes)).size)
      if (type === 'directory') {
        await attempt(`list ${path}`, async () => (await drive.readdir(mode, fs, pathBytes)).length)
      } else {
        await attempt(
          `read ${path}`,
          async () => (await drive.readFile(mode, fs, pathBytes)).length,
        )
      }
    }
  } catch (error) {
    note('walk', error)
  }
  await attempt('df', () => drive.usedBlocks(mode, fs))
  return { outcome: errors > 0 ? 'damage seen' : 'read whole', fault, answers }
}

/** A device of the bytes; where they were cut, of all the blocks that there were, or of the rest. */
function deviceOf(target: Target, image: Uint8Array, wholeDevice: boolean): MemoryDevice {
  const { blockSize, readSize, progSize } = target
  const blockCount = wholeDevice ? target.blockCount : Math.floor(image.length / blockSize)
  return new MemoryDevice(image, { blockSize, blockCount, readSize, progSize, readOnly: true })
}
