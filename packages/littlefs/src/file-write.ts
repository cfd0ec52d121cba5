/** Writing a file's whole content at once: first the data, in fresh blocks, then who refers to it. */

import type { Op } from '@caravan/core'
import { CtzWriter } from './ctz-writer.js'
import type { FileBlocks } from './file-blocks.js'
import { fileBlocksOf } from './file-read.js'
import type { EntryContent, Struct } from './format/metadata-log.js'
import type { Entry } from './metadata-pair.js'
import { giveBackBlocks, setContent } from './tree-change.js'
import type { Volume } from './volume.js'

/** Content that nothing refers to yet: made durable by the commit that does. */
export interface WrittenContent {
  readonly struct: Struct
  /** `undefined` for inline content. */
  readonly blocks: FileBlocks | undefined
  /** The first block index that is not the old version's. */
  readonly firstIndex: number
}

/** Content that needs no block: the way of small files, without an operation. */
export function inlineContent(volume: Volume, data: Uint8Array): WrittenContent | undefined {
  return data.length <= volume.inlineMax ? inline(data.slice()) : undefined
}

/** @throws FsError `ENOSPC`. */
export function* writeContent(volume: Volume, data: Uint8Array): Op<WrittenContent> {
  const small = inlineContent(volume, data)
  if (small !== undefined) return small
  const writer = CtzWriter.fresh(volume, new Set())
  yield* writer.write(data)
  return yield* finish(writer, data.length)
}

/** @throws FsError `ENOSPC`. */
export function* writeZeros(volume: Volume, sizeBytes: number): Op<WrittenContent> {
  if (sizeBytes <= volume.inlineMax) return inline(new Uint8Array(sizeBytes))
  const writer = CtzWriter.fresh(volume, new Set())
  yield* writer.writeZeros(sizeBytes)
  return yield* finish(writer, sizeBytes)
}

/**
 * The content of a file with a part of it replaced, from a position within it or at its end. Blocks
 * before the part are kept.
 */
export function* writePart(
  volume: Volume,
  entry: Entry,
  position: number,
  data: Uint8Array,
): Op<WrittenContent> {
  const { layout } = volume
  const { struct } = entry.content
  const size = struct?.kind === 'ctz' ? struct.size : 0
  if (struct?.kind === 'inline' || size === 0) {
    const old = struct?.kind === 'inline' ? struct.bytes : new Uint8Array(0)
    const bytes = new Uint8Array(Math.max(old.length, position + data.length))
    bytes.set(old)
    bytes.set(data, position)
    return yield* writeContent(volume, bytes)
  }
  const blocks = fileBlocksOf(layout, entry)
  const writer = yield* CtzWriter.from(volume, blocks, size, position, new Set())
  yield* writer.write(data)
  if (writer.position < size) yield* writer.copyRest(blocks, size)
  return yield* finish(writer, writer.position)
}

function inline(bytes: Uint8Array): WrittenContent {
  return { struct: { kind: 'inline', bytes }, blocks: undefined, firstIndex: 0 }
}

function* finish(writer: CtzWriter, size: number): Op<WrittenContent> {
  yield* writer.finish()
  const { blocks, firstIndex } = writer
  const head = blocks.get(blocks.lastIndex) as number
  return { struct: { kind: 'ctz', head, size }, blocks, firstIndex }
}

/** Commits an entry's new content, and gives back what only the old one needed. */
export function* replaceContent(
  volume: Volume,
  entry: Entry,
  content: EntryContent,
  written: WrittenContent,
): Op<void> {
  const old = blocksToGiveBack(volume, entry)
  yield* setContent(volume, entry, content)
  adopt(entry, written)
  yield* giveBackOld(volume, entry, old, written)
}

/** The blocks of an entry's content, looked up before it is replaced. */
export function blocksToGiveBack(volume: Volume, entry: Entry): FileBlocks | undefined {
  const { struct } = entry.content
  return struct?.kind === 'ctz' && struct.size > 0 ? fileBlocksOf(volume.layout, entry) : undefined
}

export function* giveBackOld(
  volume: Volume,
  entry: Entry,
  old: FileBlocks | undefined,
  { firstIndex }: WrittenContent,
): Op<void> {
  if (old !== undefined) yield* giveBackBlocks(volume, entry, old, undefined, firstIndex, 0)
}

/** Remembers the blocks of content that was just written. */
export function adopt(entry: Entry, { struct, blocks }: WrittenContent): void {
  if (blocks === undefined) return
  entry.fileBlocks = blocks
  entry.blocksOf = struct
}
