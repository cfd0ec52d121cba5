/** Random damage, and images cut short, looked into in every way: what may come of it. */

import { DeviceError, FormatError, FsError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import {
  commitLog,
  dump,
  LittleFS,
  type LittleFSOptions,
  recover,
  salvage,
} from '@caravan/littlefs'
import { Random } from '@caravan/testkit'
import { drawDamage } from './damage-run.js'

/** Older states that are mounted and read, of each image. */
const STATES_MAX = 5

/**
 * Which way of looking ended in something else than an answer or an error that says whose fault it is;
 * `undefined` where none did.
 */
export async function lookAround(seed: number, folder: URL): Promise<string | undefined> {
  const random = new Random(seed)
  const damaged = drawDamage(random, folder)
  const { blockSize } = damaged
  const isCut = random.oneIn(3)
  const blockCount = isCut ? 1 + random.int(damaged.blockCount) : damaged.blockCount
  const image = damaged.image.subarray(0, blockSize * blockCount)
  const story = isCut ? `${damaged.story}; cut to ${blockCount} blocks` : damaged.story
  const device = new MemoryDevice(image, { blockSize, readOnly: true })
  const options = random.oneIn(2) ? { blockSize } : {}
  const ways: Record<string, () => Promise<unknown>> = {
    async dump() {
      for await (const _ of dump(device, options));
    },
    async log() {
      const commits = await commitLog(device, options)
      for (let state = 0; state < Math.min(STATES_MAX, commits.length); state++) {
        const { number } = random.pick(commits)
        await readAll(device, { ...options, at: number })
      }
    },
    async recover() {
      for (const file of await recover(device, options)) {
        const { length } = await file.content()
        const isRight = file.sizeLeft === 0 || length === file.size
        if (!isRight) throw new RangeError(`${file.path}: ${length} bytes of ${file.size}`)
      }
    },
    salvage: () => salvage(device, options),
  }
  for (const [way, look] of Object.entries(ways)) {
    try {
      await look()
    } catch (error) {
      if (error instanceof FormatError || error instanceof FsError) continue
      return `${way}: ${error instanceof Error ? error.stack : error}\n${story}`
    }
  }
  return undefined
}

/** Blocks beyond the end of an image are the device's to refuse, as when any image is mounted. */
async function readAll(device: MemoryDevice, options: LittleFSOptions): Promise<void> {
  try {
    const fs = await LittleFS.mount(device, options)
    for await (const entry of fs.walk()) {
      if (entry.error !== undefined || entry.type !== 'file') continue
      await fs.readEntry(entry)
    }
  } catch (error) {
    const isBeyondTheEnd = error instanceof DeviceError && error.code === 'OUT_OF_RANGE'
    if (!isBeyondTheEnd && !(error instanceof FormatError)) throw error
  }
}
