/**
 * What in the image that a call reads makes the originals go wrong: times that no 32 bits hold, which one
 * of them cuts off, and files whose blocks cannot be read, of which it makes something up.
 */

import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { decodeTimeAttribute, LittleFS, type WalkEntry } from '@caravan/littlefs'
import type { FileAfter } from './cases.js'

const WRAP_SECONDS = 2 ** 32
const NS_PER_SECOND = 1_000_000_000n
const TIME_ATTRIBUTE = 0x74

export class ImageFacts {
  /** Seconds since 1970, by path in the image. */
  private constructor(
    private readonly seconds: ReadonlyMap<string, number>,
    readonly hasUnreadableFile: boolean,
  ) {}

  static async of(image: Buffer | undefined): Promise<ImageFacts> {
    const seconds = new Map<string, number>()
    let hasUnreadableFile = false
    for await (const { path, time, isUnreadable } of filesIn(image)) {
      if (time >= WRAP_SECONDS) seconds.set(path, time)
      hasUnreadableFile ||= isUnreadable
    }
    return new ImageFacts(seconds, hasUnreadableFile)
  }

  get hasLateTime(): boolean {
    return this.seconds.size > 0
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

interface FileFacts {
  readonly path: string
  /** Seconds since 1970; 0 where it has none. */
  readonly time: number
  readonly isUnreadable: boolean
}

async function* filesIn(image: Buffer | undefined): AsyncGenerator<FileFacts> {
  if (image === undefined || image.length === 0) return
  try {
    const device = new MemoryDevice(new Uint8Array(image), { blockSize: 1 })
    const fs = await LittleFS.mount(device, { readOnly: true })
    for await (const walked of fs.walk()) {
      const value = walked.attributes.get(TIME_ATTRIBUTE)
      const times = value && decodeTimeAttribute(TIME_ATTRIBUTE, value)
      yield {
        path: walked.path,
        time: times === undefined ? 0 : Number(times.mtimeNs / NS_PER_SECOND),
        isUnreadable: walked.type === 'file' && !(await isReadable(fs, walked)),
      }
    }
  } catch (error) {
    // An image that cannot be mounted has no files.
    if (!(error instanceof FormatError)) throw error
  }
}

async function isReadable(fs: LittleFS, walked: WalkEntry): Promise<boolean> {
  try {
    await fs.readEntry(walked)
    return true
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}
