/** Times of an image that no 32 bits hold, which one of the originals cuts off when it unpacks. */

import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { decodeTimeAttribute, LittleFS } from '@caravan/littlefs'
import type { FileAfter } from './cases.js'

const WRAP_SECONDS = 2 ** 32
const NS_PER_SECOND = 1_000_000_000n
const TIME_ATTRIBUTE = 0x74

export class LateTimes {
  /** Seconds since 1970, by path in the image. */
  private constructor(private readonly seconds: ReadonlyMap<string, number>) {}

  static async of(image: Buffer | undefined): Promise<LateTimes> {
    const seconds = new Map<string, number>()
    for await (const [path, time] of timesIn(image)) {
      if (time >= WRAP_SECONDS) seconds.set(path, time)
    }
    return new LateTimes(seconds)
  }

  get size(): number {
    return this.seconds.size
  }

  /** The files with their whole time where the recorded one was cut off. */
  inFiles(files: ReadonlyMap<string, FileAfter> | undefined): Map<string, FileAfter> {
    const late = Array.from(this.seconds)
    return new Map(
      Array.from(files ?? [], ([path, file]) => {
        const found = late.find(
          ([name, time]) => path.endsWith(name) && file.mtime === time % WRAP_SECONDS,
        )
        return [path, found === undefined ? file : { ...file, mtime: found[1] }]
      }),
    )
  }
}

async function* timesIn(image: Buffer | undefined): AsyncGenerator<[string, number]> {
  if (image === undefined || image.length === 0) return
  try {
    const device = new MemoryDevice(new Uint8Array(image), { blockSize: 1 })
    const fs = await LittleFS.mount(device, { readOnly: true })
    for await (const { path, attributes } of fs.walk()) {
      const value = attributes.get(TIME_ATTRIBUTE)
      const times = value && decodeTimeAttribute(TIME_ATTRIBUTE, value)
      if (times !== undefined) yield [path, Number(times.mtimeNs / NS_PER_SECOND)]
    }
  } catch (error) {
    // An image that cannot be mounted has no times.
    if (!(error instanceof FormatError)) throw error
  }
}
