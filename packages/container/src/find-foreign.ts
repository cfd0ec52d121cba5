/** Finds, in a dump of a flash, filesystems that are no littlefs 2. */

import type { BlockDevice } from '@caravan/core'
import { deviceSizeBytes, readBytes } from './device-bytes.js'
import { BOOT_SECTOR_BYTES, fatAt } from './fat.js'
import { type Foreign, littlefs1At, u16 } from './foreign.js'
import { SPIFFS_PLACES, spiffsAt } from './spiffs.js'

const CHUNK_BYTES = 1024 * 1024
/** What flash is erased by, and so where a SPIFFS may begin. */
const SECTOR_BYTES = 4096
/** The smallest block of a littlefs 1. */
const BLOCK_1_BYTES = 128

/**
 * Every SPIFFS, FAT and littlefs 1 on a device, in the order of their places. Reads all of it.
 *
 * @throws DeviceError.
 */
export async function findForeign(device: BlockDevice): Promise<Foreign[]> {
  const sizeBytes = deviceSizeBytes(device)
  const found: Foreign[] = []
  /** The ids of every sector at the places where SPIFFS has its magic. */
  const ids: Uint16Array[] = SPIFFS_PLACES.map(
    () => new Uint16Array(Math.ceil(sizeBytes / SECTOR_BYTES)),
  )
  for (let start = 0; start < sizeBytes; start += CHUNK_BYTES) {
    const chunk = await readBytes(device, start, CHUNK_BYTES)
    for (let at = 0; at < chunk.length; at += BLOCK_1_BYTES) {
      const isBoot = at % BOOT_SECTOR_BYTES === 0
      const one = littlefs1At(chunk, at, start) ?? (isBoot ? fatAt(chunk, at, start) : undefined)
      if (one !== undefined) found.push(one)
    }
    SPIFFS_PLACES.forEach((place, i) => {
      for (let at = 0; at < chunk.length; at += SECTOR_BYTES) {
        const sector = (start + at) / SECTOR_BYTES
        ;(ids[i] as Uint16Array)[sector] = u16(chunk, at + place)
      }
    })
  }
  const readId = (at: number) => {
    const column = ids[SPIFFS_PLACES.indexOf(at % SECTOR_BYTES)]
    return column?.[Math.floor(at / SECTOR_BYTES)] ?? 0
  }
  for (let at = 0; at < sizeBytes; at += SECTOR_BYTES) {
    const one = await spiffsAt(readId, at, sizeBytes)
    if (one === undefined) continue
    found.push(one)
    at += (one.sizeBytes ?? SECTOR_BYTES) - SECTOR_BYTES
  }
  return apart(found)
}

/** Without those that lie within one before: copies of a superblock, files that are images. */
function apart(found: readonly Foreign[]): Foreign[] {
  const kept: Foreign[] = []
  let end = 0
  for (const one of [...found].sort((a, b) => a.offset - b.offset)) {
    if (one.offset < end) continue
    kept.push(one)
    end = one.offset + (one.sizeBytes ?? 0)
  }
  return kept
}
