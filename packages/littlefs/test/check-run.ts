/** Random damage, judged by `check`, by the independent checker, and by what a mount makes of it. */

import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { checkSync, LittleFS } from '@caravan/littlefs'
import { checkLittlefs, Random } from '@caravan/testkit'
import { drawDamage } from './damage-run.js'

export interface CheckCounts {
  images: number
  /** Those of which both say that they are clean. */
  clean: number
}

/**
 * What `check` has missed: something that the independent checker refuses, or that keeps the image from
 * being mounted or a file from being read. `undefined` where it has missed nothing.
 */
export function checkDamage(seed: number, folder: URL, counts: CheckCounts): string | undefined {
  const { story, image, blockSize, blockCount } = drawDamage(new Random(seed), folder)
  const device = new MemoryDevice(image, { blockSize, readOnly: true })
  const { findings } = checkSync(device, { blockSize, blockCount })
  const judged = checkLittlefs(image, { blockSize, blockCount })
  counts.images++
  if (judged.length === 0 && findings.length === 0) counts.clean++
  if (judged.length > 0 && findings.length === 0) {
    const lines = judged.map(({ code, message }) => `  ${code}: ${message}`)
    return [`called clean: ${story}`, ...lines].join('\n')
  }
  const unreadable = whatCannotBeRead(device, blockSize, blockCount)
  if (unreadable === undefined || findings.some(({ severity }) => severity === 'error')) {
    return undefined
  }
  const codes = findings.map(({ code }) => code).join(', ') || 'nothing'
  return `no error told (${codes}), and yet ${unreadable}: ${story}`
}

function whatCannotBeRead(
  device: MemoryDevice,
  blockSize: number,
  blockCount: number,
): string | undefined {
  try {
    const fs = LittleFS.mountSync(device, { blockSize, blockCount })
    for (const entry of fs.walkSync()) {
      if (entry.error !== undefined) throw entry.error
      if (entry.type === 'file') fs.readEntrySync(entry)
    }
    return undefined
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    // A warning: drivers with other limits do mount it.
    return error.code === 'UNSUPPORTED_LIMIT' ? undefined : error.message
  }
}
