/**
 * Files of littlefs 1: the list of blocks of littlefs 2. The way to a block is the library's own, the
 * longest pointer from the last block on: where pointers contradict each other, what a device reads is
 * read here.
 *
 * Source: littlefs v1 SPEC.md, "CTZ linked-lists"; DESIGN.md.
 */

import { FormatError, FsError, type Op } from '@caravan/core'
import { BlockStarts, checkedPointer, type FileBlocks } from '../file-blocks.js'
import { newFileBlocks, planKnown, readBlocksAt } from '../file-read.js'
import { blockIndexAt, pointerCount } from '../format/ctz-list.js'
import type { ReadPlan } from '../read-plan.js'
import type { Layout } from '../volume.js'
import type { Node } from './directory.js'
import { FILE_MAX_BYTES, type Volume } from './volume.js'

/** Blocks 0 and 1 are the superblock's. */
const FIRST_DATA_BLOCK = 2

/** Spans of one request while a list is walked. */
const BATCH_SPANS = 512

/** @throws FormatError where the file's entry cannot be right. */
export function blocksOf({ layout }: Volume, node: Node): FileBlocks {
  if (node.blocks !== undefined) return node.blocks
  const { head, size, pair } = node
  if (size > FILE_MAX_BYTES || head < FIRST_DATA_BLOCK) {
    throw new FormatError(
      'CORRUPT_FILE',
      `A file's entry is damaged: it says ${size} bytes, of which the last are in block ${head}.`,
      { structure: 'directory entry', block: head },
    )
  }
  node.blocks = newFileBlocks(layout, { kind: 'ctz', head, size }, pair)
  return node.blocks
}

/**
 * Reads into `target` from a file position on.
 *
 * @returns bytes read: fewer than asked for at the end of the file.
 */
export function* readFileAt(
  volume: Volume,
  node: Node,
  position: number,
  target: Uint8Array,
): Op<number> {
  const length = Math.min(target.length, node.size - position)
  if (length <= 0) return 0
  const { layout } = volume
  const blocks = blocksOf(volume, node)
  const first = blockIndexAt(position, layout.blockSize)
  const last = blockIndexAt(position + length - 1, layout.blockSize)
  yield* findFileBlocks(layout, blocks, first, last)
  return yield* readBlocksAt(layout, blocks, node.size, position, target)
}

/** A read that lies in the file, where all of its few blocks are known. */
export function planNow(
  { layout }: Volume,
  { blocks, size }: Node,
  position: number,
  target: Uint8Array,
): ReadPlan | undefined {
  if (blocks === undefined || target.length === 0 || position + target.length > size)
    return undefined
  return planKnown(layout, blocks, position, target, target.length)
}

export function* readWhole(volume: Volume, node: Node): Op<Uint8Array> {
  // A size that cannot be is told before there is a buffer of that size.
  yield* readFileAt(volume, node, 0, new Uint8Array(1))
  const bytes = new Uint8Array(node.size)
  yield* readFileAt(volume, node, 0, bytes)
  return bytes
}

/** @throws FsError `EISDIR`. */
export function requireFile(node: Node): Node {
  if (node.type !== 'file') throw new FsError('EISDIR')
  return node
}

/** The pointer that the library follows to a block. */
interface Hop {
  readonly target: number
  readonly from: number
  readonly pointer: number
}

/** Makes the blocks of all indices `from..to` known. */
export function* findFileBlocks(
  layout: Layout,
  blocks: FileBlocks,
  from: number,
  to: number,
): Op<void> {
  const needed = new Map<number, Hop>()
  for (let index = from; index <= to; index++) {
    for (let at = index; blocks.get(at) === undefined && !needed.has(at); ) {
      const hop = lastHop(blocks.lastIndex, at)
      needed.set(at, hop)
      at = hop.from
    }
  }
  let pending = [...needed.values()]
  while (pending.length > 0) {
    const known = pending.filter((hop) => blocks.get(hop.from) !== undefined)
    const later = pending.filter((hop) => blocks.get(hop.from) === undefined)
    for (let start = 0; start < known.length; start += BATCH_SPANS) {
      yield* follow(layout, blocks, known.slice(start, start + BATCH_SPANS))
    }
    pending = later
  }
}

function* follow(layout: Layout, blocks: FileBlocks, hops: readonly Hop[]): Op<void> {
  const pointers = 1 + Math.max(...hops.map(({ pointer }) => pointer))
  const starts = new BlockStarts(layout, hops.length, pointers)
  for (const { from } of hops) starts.add(blocks.get(from) as number)
  yield starts.request
  hops.forEach(({ target, from, pointer }, i) => {
    const block = blocks.get(from) as number
    const address = checkedPointer(layout, starts.pointer(i, pointer), block)
    if (address < FIRST_DATA_BLOCK) {
      throw new FormatError(
        'CORRUPT_POINTER',
        `Pointer ${pointer} of block ${block} leads to block ${address}, which is the superblock's: the file's list of blocks is damaged.`,
        { structure: 'CTZ list', block, offset: 4 * pointer },
      )
    }
    blocks.set(target, address)
  })
}

/** The last step of the way from the last block to another: of two ways one begins with the other. */
function lastHop(lastIndex: number, target: number): Hop {
  for (let at = lastIndex; ; ) {
    let pointer = pointerCount(at) - 1
    while (2 ** pointer > at - target) pointer--
    if (at - 2 ** pointer === target) return { target, from: at, pointer }
    at -= 2 ** pointer
  }
}
