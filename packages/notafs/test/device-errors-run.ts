/**
 * A device that fails: each request of a change in turn, once or for ever, before or after it was done.
 *
 * What must hold: the change ends in an error of the device or of ours, or it was made; nothing more is
 * written after a failed write; and what the device holds is the state before the change or after it.
 */

import { CaravanError, MisuseError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import { checkNotafs, FaultyDevice, Random } from '@caravan/testkit'
import { contentsOf, difference, type Model, step } from './changes.js'

const REQUESTS_MAX = 40

/** @returns errors that were injected. @throws Error with the seed and what is wrong. */
export function failRequests(seed: number): number {
  const random = new Random(seed)
  const geometry = { blockSize: 512, blockCount: random.pick([128, 255, 300]) }
  const disk = new MemoryDevice(geometry)
  // Without checksums a page that was written in part cannot be told: with them it can.
  NotaFS.formatSync(disk, { pageSize: 512 })
  let clock = 1_700_000_000_000
  const options = { now: () => clock++, cacheBytes: 0, transactionBytes: random.pick([0, 1e6]) }
  const fs = NotaFS.mountSync(disk, options)
  let model: Model = new Map()
  for (let i = random.int(15); i > 0; i--) model = step(fs, model, random, `seed ${seed}`)
  fs.unmountSync()
  const image = disk.bytes.slice()
  const changeSeed = random.seed()
  const fault = {
    way: random.pick(['refused', 'short', 'lost answer'] as const),
    ...(random.oneIn(2) ? { count: 1 } : {}),
  }
  let errors = 0
  for (let request = 0; request < REQUESTS_MAX; request++) {
    const about = `seed ${seed}, ${fault.way} from request ${request}`
    const bytes = image.slice()
    const device = new FaultyDevice(new MemoryDevice(bytes, { blockSize: 512 }), { random })
    const failing = NotaFS.mountSync(device, options)
    device.fault = { ...fault, from: device.requestCount + request }
    const next = outcome(failing, model, new Random(changeSeed), about)
    const wasHit = device.failedCount > 0
    errors += device.failedCount
    device.fault = undefined
    const mounted = NotaFS.mountSync(new MemoryDevice(bytes, { blockSize: 512 }), options)
    const found = contentsOf(mounted)
    // Where an error was told, it is not known whether the change got to the device.
    const allowed =
      next === undefined ? [model, changed(image, options, model, changeSeed)] : [next]
    const wrong = allowed.map((each) => difference(each, found))
    if (wrong.every((each) => each !== undefined))
      throw new Error(`${about}: ${wrong.join('; or ')}`)
    const { generation } = mounted.info()
    const after = step(mounted, found, new Random(changeSeed + 1), about)
    // What the failed commit left of a root is written over by the next commit, not before.
    const findings = mounted.info().generation > generation ? checkNotafs(bytes).findings : []
    const problem = difference(after, contentsOf(mounted)) ?? findings[0]?.message
    if (problem !== undefined) throw new Error(`${about}, then a change: ${problem}`)
    if (!wasHit) break
  }
  return errors
}

/** The model after the change; `undefined` where it ended in an error. */
function outcome(fs: NotaFS, model: Model, random: Random, about: string): Model | undefined {
  try {
    return step(fs, model, random, about)
  } catch (error) {
    const { cause } = error as Error
    if (cause instanceof CaravanError && !(cause instanceof MisuseError)) return undefined
    throw error
  }
}

function changed(
  image: Uint8Array,
  options: Parameters<typeof NotaFS.mountSync>[1],
  model: Model,
  changeSeed: number,
): Model {
  const fs = NotaFS.mountSync(new MemoryDevice(image.slice(), { blockSize: 512 }), options)
  return step(fs, model, new Random(changeSeed), 'without faults')
}
