/** littlefs 1 within a budget of memory: the same answers, and no more held than that. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MisuseError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { LittleFS1 } from '@caravan/littlefs'
import { describe, expect, it } from 'vitest'
import {
  DIRECTORY,
  type EntryToWrite,
  FILE,
  Version1Image,
  version1Cases,
  version1Image,
} from './version1-images.js'
import { linesOf } from './version1-run.js'

const MIB = 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of objects and buffers that are still in use. */
function heldBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const BLOCK_SIZE = 4096
const DIRECTORY_COUNT = 400
const FILES_EACH = 100

/** 40,000 empty files in 400 directories. */
function largeImage(): Version1Image {
  const image = new Version1Image(BLOCK_SIZE, 2 + 2 * (DIRECTORY_COUNT + 4))
  const pairAt = (i: number) => [2 + 2 * i, 3 + 2 * i] as const
  const names = Array.from({ length: DIRECTORY_COUNT }, (_, i) => `directory-${i}`)
  // The root takes four pairs: those of the directories follow.
  const entries = names.map(
    (name, i): EntryToWrite => ({ type: DIRECTORY, data: pairAt(4 + i), name }),
  )
  for (let i = 0; i < 4; i++) {
    const own = entries.slice(100 * i, 100 * (i + 1))
    image.block(2 + 2 * i, { tail: pairAt(i + 1), isContinued: i < 3, entries: own })
  }
  for (let i = 0; i < DIRECTORY_COUNT; i++) {
    const files = Array.from(
      { length: FILES_EACH },
      (_, k): EntryToWrite => ({ type: FILE, data: [0xffffffff, 0], name: `file-${i}-${k}` }),
    )
    const tail = i + 1 < DIRECTORY_COUNT ? pairAt(5 + i) : ([0xffffffff, 0xffffffff] as const)
    image.block(2 + 2 * (4 + i), { tail, entries: files })
  }
  return image
}

/** What is held beyond the image once all directories have been listed, one after the other. */
function heldAfterListing(image: Version1Image, memoryBudget: number): number {
  const device = new MemoryDevice(image.bytes, { readOnly: true, blockSize: BLOCK_SIZE })
  const before = heldBytes()
  const fs = LittleFS1.mountSync(device, { memoryBudget })
  let count = 0
  for (let i = 0; i < DIRECTORY_COUNT; i++) count += fs.readdirSync(`/directory-${i}`).length
  const held = heldBytes() - before
  expect(count).toBe(DIRECTORY_COUNT * FILES_EACH)
  expect(fs.statSync('/directory-0/file-0-0').size).toBe(0)
  return held
}

/** What is read, or why it cannot be. */
function answerOf(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}

describe('memoryBudget', () => {
  it('bounds what is held: 40,000 files within 1 MiB', () => {
    const image = largeImage()
    // The first one warms what all of them share.
    heldAfterListing(image, 0)
    const ample = heldAfterListing(image, 64 * MIB)
    const bounded = heldAfterListing(image, MIB)
    const least = heldAfterListing(image, 0)
    const inMib = (bytes: number) => (bytes / MIB).toFixed(2)
    console.log(
      `held: ${inMib(ample)} MiB with ample memory, ${inMib(bounded)} with 1 MiB, ${inMib(least)} with 0`,
    )
    expect(ample).toBeGreaterThan(4 * MIB)
    // No more than what is counted, which is rounded up.
    expect(ample).toBeLessThan(300 * (DIRECTORY_COUNT * FILES_EACH + 2 * DIRECTORY_COUNT) + MIB)
    expect(bounded).toBeLessThan(2 * MIB)
    expect(least).toBeLessThan(MIB)
  })

  it('changes no answer', () => {
    for (const { name, blockSize } of version1Cases().filter((each) => each.expect === 'ok')) {
      const device = new MemoryDevice(version1Image(name), { readOnly: true })
      const [ample, least] = [undefined, 0].map((memoryBudget) => {
        const options = memoryBudget === undefined ? {} : { memoryBudget }
        const fs = LittleFS1.mountSync(device, { blockSize, ...options })
        return [() => linesOf(fs), () => fs.dfSync(), () => fs.stateSync(), () => linesOf(fs)].map(
          answerOf,
        )
      })
      expect(least, name).toEqual(ample)
    }
  })

  it('is a number of bytes', () => {
    const device = new MemoryDevice(version1Image('fresh-512'), { readOnly: true })
    expect(() => LittleFS1.mountSync(device, { memoryBudget: -1 })).toThrow(MisuseError)
  })
})
