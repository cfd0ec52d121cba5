/** What `-d 4` and above say of the space in an image. */

import type { Space } from '@caravan/littlefs'

/**
 * @param directoryCount without the root. The C library's count, which this is, has the two blocks of
 *   each of them twice: as on the list of all pairs, and as what the entry leads to.
 */
export function spaceReport(
  { blockSize, blockCount, usedBlocks }: Space,
  directoryCount: number,
): string {
  const used = usedBlocks + 2 * directoryCount
  const line = (name: string, blocks: number) =>
    `  ${name.padEnd(6)} ${(blocks * blockSize) >>> 0} bytes (${blocks >>> 0} blocks)\n`
  return `=== Filesystem space ===\n${line('Total:', blockCount)}${line('Used:', used)}${line('Free:', blockCount - used)}`
}
