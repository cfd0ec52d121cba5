/** Reading a file's bytes: planned as spans of the blocks that hold them, many in one request. */

import { FormatError, FsError, type Op } from '@caravan/core'
import { entryType } from './directory.js'
import { FileBlocks, findBlock, findBlocks, isKnown } from './file-blocks.js'
import { blockIndexAt } from './format/ctz-list.js'
import type { BlockPair, Struct } from './format/metadata-log.js'
import type { Entry } from './metadata-pair.js'
import { ReadPlan } from './read-plan.js'
import type { Layout } from './volume.js'

/** Blocks of one read request; bounds what a plan takes in memory. */
const REQUEST_SPANS = 256

/** What is known of a file's blocks, after a check that its list can exist at all. */
export function fileBlocksOf(layout: Layout, entry: Entry): FileBlocks {
  const { struct } = entry.content
  if (entry.fileBlocks !== undefined && entry.blocksOf === struct) return entry.fileBlocks
  const blocks = newFileBlocks(layout, struct, entry.pair.blocks)
  entry.fileBlocks = blocks
  entry.blocksOf = struct
  return blocks
}

/** A list of which only the head is known, after that check. */
export function newFileBlocks(
  layout: Layout,
  struct: Struct | undefined,
  pair: BlockPair,
): FileBlocks {
  if (struct?.kind !== 'ctz') {
    throw new FormatError(
      'CORRUPT_ENTRY',
      `The file in the metadata pair {${pair[0]}, ${pair[1]}} is neither inline nor a list of blocks: its entry is damaged.`,
      { structure: 'file struct', block: pair[0] },
    )
  }
  const { head, size } = struct
  const blocks = FileBlocks.of(head, size, layout)
  // A list of more blocks than there are runs in circles, and would be walked for as long as it says.
  const most = Math.min(layout.blockCount, layout.heldBlockCount)
  if (blocks.lastIndex >= most || head >= layout.blockCount) {
    const wrong =
      head >= layout.blockCount
        ? `its last block is ${head}`
        : `its size of ${size} bytes takes ${blocks.lastIndex + 1} blocks`
    throw new FormatError(
      'CORRUPT_FILE',
      `A file's entry in the metadata pair {${pair[0]}, ${pair[1]}} is damaged: ${wrong}, and the filesystem has ${head >= layout.blockCount ? layout.blockCount : most}.`,
      { structure: 'CTZ struct', block: pair[0] },
    )
  }
  return blocks
}

/**
 * Reads into `target` from a file position on.
 *
 * @returns bytes read: fewer than asked for at the end of the file.
 */
export function* readFileAt(
  layout: Layout,
  entry: Entry,
  position: number,
  target: Uint8Array,
): Op<number> {
  const { struct } = entry.content
  if (struct?.kind === 'inline') return copyInline(struct.bytes, position, target)
  if (struct?.kind === 'ctz' && struct.size === 0) return 0
  const blocks = fileBlocksOf(layout, entry)
  return yield* readBlocksAt(layout, blocks, (struct as { size: number }).size, position, target)
}

/** A file's content as it was when it was asked for. */
interface FileVersion {
  /** Bytes. */
  readonly size: number
  /** Reads from a position on. @returns bytes read: fewer than asked for at the end. */
  readAt(position: number, target: Uint8Array): Op<number>
}

/**
 * The content that an entry has now: a change that comes while it is read does not reach it. For the
 * time of one read, during which its blocks are not reused.
 */
export function versionOf(layout: Layout, entry: Entry): FileVersion {
  const { struct } = entry.content
  const inline = struct?.kind === 'inline' ? struct.bytes : undefined
  const size = inline?.length ?? (struct?.kind === 'ctz' ? struct.size : 0)
  const isEmpty = inline === undefined && struct?.kind === 'ctz' && size === 0
  const blocks = inline !== undefined || isEmpty ? undefined : fileBlocksOf(layout, entry)
  const readAt = (position: number, target: Uint8Array) =>
    blocks === undefined
      ? readMemory(inline ?? NO_BYTES, position, target)
      : readBlocksAt(layout, blocks, size, position, target)
  return { size, readAt }
}

const NO_BYTES = new Uint8Array(0)

// biome-ignore lint/correctness/useYield: what is in memory needs no device.
export function* readMemory(bytes: Uint8Array, position: number, target: Uint8Array): Op<number> {
  return copyInline(bytes, position, target)
}

export function copyInline(bytes: Uint8Array, position: number, target: Uint8Array): number {
  if (position === 0 && bytes.length <= target.length) {
    target.set(bytes)
    return bytes.length
  }
  const part = bytes.subarray(position, position + target.length)
  target.set(part)
  return part.length
}

/** {@link readFileAt} for a file of `size` bytes in known blocks. */
export function* readBlocksAt(
  layout: Layout,
  blocks: FileBlocks,
  size: number,
  position: number,
  target: Uint8Array,
): Op<number> {
  const length = Math.min(target.length, size - position)
  if (length <= 0) return 0
  const first = blockIndexAt(position, layout.blockSize)
  const last = blockIndexAt(position + length - 1, layout.blockSize)
  const range = { blocks, from: first, to: last }
  if (!isKnown(range)) {
    if (first === last) yield* findBlock(layout, blocks, first)
    else yield* findBlocks(layout, [range])
  }
  for (let index = first; index <= last; index += REQUEST_SPANS) {
    const end = Math.min(index + REQUEST_SPANS - 1, last)
    const plan = new ReadPlan(layout, blocks, index, end, position, target, length)
    yield { kind: 'read', spans: plan.spans }
    plan.finish()
  }
  return length
}

/** A read of `length` bytes that lie in the file, where all of its few blocks are known. */
export function planKnown(
  layout: Layout,
  blocks: FileBlocks,
  position: number,
  target: Uint8Array,
  length: number,
): ReadPlan | undefined {
  const first = blockIndexAt(position, layout.blockSize)
  const last = blockIndexAt(position + length - 1, layout.blockSize)
  if (last - first >= REQUEST_SPANS) return undefined
  for (let index = first; index <= last; index++) {
    if (blocks.get(index) === undefined) return undefined
  }
  return new ReadPlan(layout, blocks, first, last, position, target, length)
}

/** @throws FsError `EISDIR` for what is no file, as the reference says it. */
export function checkIsFile(entry: Entry, syscall: string, path: string): void {
  const type = entryType(entry)
  if (type === 'file') return
  const hint =
    type === 'other'
      ? `its type is 0x${entry.content.nameType?.toString(16)}, unknown to littlefs 2.1`
      : undefined
  throw new FsError('EISDIR', { syscall, path, ...(hint === undefined ? {} : { hint }) })
}
