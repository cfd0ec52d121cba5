/** Blocks in use of a littlefs 1: what its own library counts, by the threaded list. */

import type { Op } from '@caravan/core'
import { BlockSet } from '../block-set.js'
import type { Space } from '../read.js'
import { blocksOf, findFileBlocks } from './file.js'
import { hasFileBlocks } from './format/directory-block.js'
import { readThread } from './thread.js'
import type { Volume } from './volume.js'

/** @throws FormatError where the list, or a file's blocks, cannot be followed. */
export function* findUsedBlocks(volume: Volume): Op<BlockSet> {
  const used = new BlockSet()
  for (const { blocks, entries } of yield* readThread(volume.layout)) {
    for (const block of blocks) used.add(block)
    for (const entry of entries) {
      if (!hasFileBlocks(entry)) continue
      const [head, size] = entry.data
      yield* addFile(volume, used, head, size)
    }
  }
  return used
}

function* addFile(volume: Volume, used: BlockSet, head: number, size: number): Op<void> {
  const blocks = blocksOf(volume, { type: 'file', name: '', pair: [head, size], size, head })
  yield* findFileBlocks(volume.layout, blocks, 0, blocks.lastIndex)
  for (let index = 0; index <= blocks.lastIndex; index++) used.add(blocks.get(index) as number)
}

export function* measureSpace(volume: Volume): Op<Space> {
  const { blockSize } = volume.layout
  const usedBlocks = (yield* findUsedBlocks(volume)).size
  const { blockCount } = volume
  return { blockSize, blockCount, usedBlocks, freeBlocks: Math.max(0, blockCount - usedBlocks) }
}
