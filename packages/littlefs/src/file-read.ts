/** Reading a file's bytes: planned as spans of the blocks that hold them, many in one request. */

import { FormatError, FsError, type Op, type Span } from '@caravan/core'
import { entryType } from './directory.js'
import { FileBlocks, findBlock, findBlocks } from './file-blocks.js'
import { blockIndexAt, dataOffset, dataStart } from './format/ctz-list.js'
import type { Entry } from './metadata-pair.js'
import type { Layout } from './volume.js'

/** Spans of one read request; bounds what a plan takes in memory. */
const REQUEST_SPANS = 256

/** What is known of a file's blocks, after a check that its list can exist at all. */
export function fileBlocksOf(layout: Layout, entry: Entry): FileBlocks {
  const { struct } = entry.content
  if (entry.fileBlocks !== undefined && entry.blocksOf === struct) return entry.fileBlocks
  if (struct?.kind !== 'ctz') {
    throw new FormatError(
      'CORRUPT_ENTRY',
      `The file in the metadata pair {${entry.pair.blocks[0]}, ${entry.pair.blocks[1]}} is neither inline nor a list of blocks: its entry is damaged.`,
      { structure: 'file struct', block: entry.pair.blocks[0] },
    )
  }
  const { head, size } = struct
  const blocks = FileBlocks.of(head, size, layout.blockSize)
  if (blocks.lastIndex >= layout.blockCount || head >= layout.blockCount) {
    const wrong =
      head >= layout.blockCount
        ? `its last block is ${head}`
        : `its size of ${size} bytes takes ${blocks.lastIndex + 1} blocks`
    throw new FormatError(
      'CORRUPT_FILE',
      `A file's entry in the metadata pair {${entry.pair.blocks[0]}, ${entry.pair.blocks[1]}} is damaged: ${wrong}, and the filesystem has ${layout.blockCount}.`,
      { structure: 'CTZ struct', block: entry.pair.blocks[0] },
    )
  }
  entry.fileBlocks = blocks
  entry.blocksOf = struct
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

export function copyInline(bytes: Uint8Array, position: number, target: Uint8Array): number {
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
  if (first === last) yield* findBlock(layout, blocks, first)
  else yield* findBlocks(layout, [{ blocks, from: first, to: last }])
  for (let index = first; index <= last; index += REQUEST_SPANS) {
    const end = Math.min(index + REQUEST_SPANS - 1, last)
    yield* readAligned(layout, planSpans(layout, blocks, index, end, position, target, length))
  }
  return length
}

/** One span a block, each filling its part of `target`. */
function planSpans(
  layout: Layout,
  blocks: FileBlocks,
  from: number,
  to: number,
  position: number,
  target: Uint8Array,
  length: number,
): Span[] {
  const spans: Span[] = []
  for (let index = from; index <= to; index++) {
    const start = dataStart(index, layout.blockSize)
    const end = dataStart(index + 1, layout.blockSize)
    const begin = Math.max(start, position)
    spans.push({
      block: blocks.get(index) as number,
      offset: dataOffset(index) + begin - start,
      bytes: target.subarray(begin - position, Math.min(end, position + length) - position),
    })
  }
  return spans
}

/** Reads spans of any place and length on a device that reads in units. */
export function* readAligned(layout: Layout, spans: readonly Span[]): Op<void> {
  const { readSize } = layout
  if (readSize === 1) {
    yield { kind: 'read', spans }
    return
  }
  const wide = spans.map(({ block, offset, bytes }) => {
    const start = offset - (offset % readSize)
    const length = Math.ceil((offset + bytes.length - start) / readSize) * readSize
    if (length === bytes.length) return { block, offset, bytes }
    return { block, offset: start, bytes: new Uint8Array(length) }
  })
  yield { kind: 'read', spans: wide }
  spans.forEach(({ offset, bytes }, i) => {
    const span = wide[i] as Span
    if (span.bytes === bytes) return
    bytes.set(span.bytes.subarray(offset - span.offset, offset - span.offset + bytes.length))
  })
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
