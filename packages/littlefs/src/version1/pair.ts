/**
 * Metadata pair of littlefs 1: two blocks with two generations of a piece of a directory, the newer
 * good one in force.
 *
 * Source: littlefs v1 SPEC.md, "Metadata pairs".
 */

import { FormatError, type Op } from '@caravan/core'
import type { BlockPair } from '../format/metadata-log.js'
import { isNewerRevision, readWhatCan } from '../metadata-pair.js'
import type { Layout } from '../volume.js'
import {
  type DirectoryHeader,
  decodeDirectoryEntries,
  decodeDirectoryHeader,
} from './format/directory-block.js'

export interface Pair {
  /** As the pointer names them. */
  readonly blocks: BlockPair
  /** Which of the two is in force. */
  readonly active: 0 | 1
  readonly header: DirectoryHeader
  readonly bytes: Uint8Array
}

/** The first half of every pair's block, and whether it can be believed. */
export interface Half {
  readonly block: number
  readonly bytes: Uint8Array
  readonly isReadable: boolean
  readonly header: DirectoryHeader | undefined
}

/** @throws FormatError `CORRUPT_PAIR` where no half is good, or the pair lies outside the filesystem. */
export function* readPair(layout: Layout, blocks: BlockPair): Op<Pair> {
  return chooseHalf(blocks, yield* readHalves(layout, blocks))
}

/** @throws FormatError `CORRUPT_PAIR` where the pair lies outside the filesystem. */
export function* readHalves(layout: Layout, blocks: BlockPair): Op<[Half, Half]> {
  const { blockSize, blockCount } = layout
  if (blocks[0] >= blockCount || blocks[1] >= blockCount) {
    throw new FormatError(
      'CORRUPT_PAIR',
      `A pointer leads to the metadata pair {${blocks[0]}, ${blocks[1]}}, outside the filesystem of ${blockCount} blocks: the image is damaged or cut short.`,
      { structure: 'metadata pair', block: blocks[0] },
    )
  }
  const spans = blocks.map((block) => ({ block, offset: 0, bytes: new Uint8Array(blockSize) }))
  const readable = yield* readWhatCan(spans)
  const halves = spans.map(({ block, bytes }, i): Half => {
    const isReadable = readable[i] === true
    return {
      block,
      bytes,
      isReadable,
      header: isReadable ? decodeDirectoryHeader(bytes) : undefined,
    }
  })
  return halves as [Half, Half]
}

/** @throws FormatError `CORRUPT_PAIR` where neither is good. */
export function chooseHalf(blocks: BlockPair, halves: readonly [Half, Half]): Pair {
  const [first, second] = halves
  const { header } = second
  // At equal revisions the second that is named wins.
  if (
    header !== undefined &&
    !(first.header && isNewerRevision(first.header.revision, header.revision))
  ) {
    return { blocks, active: 1, header, bytes: second.bytes }
  }
  if (first.header !== undefined) {
    return { blocks, active: 0, header: first.header, bytes: first.bytes }
  }
  throw new FormatError(
    'CORRUPT_PAIR',
    `Neither block of the metadata pair {${blocks[0]}, ${blocks[1]}} has a good checksum: what it held is lost. Copy what can be read to a new image.`,
    { structure: 'metadata pair', block: blocks[0] },
  )
}

/** Up to one that is damaged. */
export function entriesOf({ blocks, active, header, bytes }: Pair) {
  return decodeDirectoryEntries(bytes, header, blocks[active])
}
