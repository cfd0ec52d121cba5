/**
 * SPIFFS: known by the magic that it leaves in the lookup pages of every block, the last but one
 * of their object ids:
 *
 *     0x20140529 ^ page size ^ (blocks - number of the block)      the low 16 bits of it
 *
 * so that it counts down from block to block to 1, and tells where the filesystem begins and how
 * many blocks it has. Built without SPIFFS_USE_MAGIC it has no mark at all.
 *
 * Source: SPIFFS, spiffs_nucleus.h (SPIFFS_MAGIC, SPIFFS_MAGIC_PADDR), spiffs_config.h.
 */

import type { Foreign } from './foreign.js'

const MAGIC = 0x0529
const ID_BYTES = 2

const BLOCK_SIZES = [4096, 8192, 16384, 32768, 65536]
const PAGE_SIZES = [256, 512, 128, 1024, 2048]

/** Blocks whose magic is looked at before it is believed: by accident one in 2^32 agrees. */
const BLOCKS_BELIEVED = 3

/** Blocks in a row that tell nothing more. */
const BLOCKS_CHECKED = 8

/** The 16 bits at a place of the device. */
type ReadId = (at: number) => number | Promise<number>

/**
 * The SPIFFS that begins at a place.
 *
 * @param sizeBytes of the device.
 * @throws what `readId` throws.
 */
export async function spiffsAt(
  readId: ReadId,
  start: number,
  sizeBytes: number,
): Promise<Foreign | undefined> {
  for (const blockSize of BLOCK_SIZES) {
    for (const pageSize of PAGE_SIZES) {
      const first = start + magicPlace(blockSize, pageSize)
      if (first + ID_BYTES > sizeBytes) continue
      const blockCount = (await readId(first)) ^ MAGIC ^ pageSize
      if (blockCount < BLOCKS_BELIEVED || start + blockCount * blockSize > sizeBytes) continue
      const places = Array.from({ length: Math.min(blockCount, BLOCKS_CHECKED) }, (_, i) => i)
      let agrees = true
      for (const block of [...places, blockCount - 1]) {
        const count = (await readId(first + block * blockSize)) ^ MAGIC ^ pageSize
        agrees = count === blockCount - block
        if (!agrees) break
      }
      if (!agrees) continue
      return {
        kind: 'spiffs',
        title: 'a SPIFFS filesystem',
        offset: start,
        sizeBytes: blockCount * blockSize,
        evidence: [
          'its magic in every block',
          `${blockCount} blocks of ${blockSize} bytes, pages of ${pageSize}`,
        ],
      }
    }
  }
  return undefined
}

/** Where in a block the magic stands. */
function magicPlace(blockSize: number, pageSize: number): number {
  const lookupPages = Math.max(1, Math.floor(((blockSize / pageSize) * ID_BYTES) / pageSize))
  return lookupPages * pageSize - 2 * ID_BYTES
}

/** Places in a block where a magic may stand, whatever the sizes. */
export const SPIFFS_PLACES: readonly number[] = [
  ...new Set(BLOCK_SIZES.flatMap((block) => PAGE_SIZES.map((page) => magicPlace(block, page)))),
]
