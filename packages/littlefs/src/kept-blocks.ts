/**
 * The blocks that a handle read last: small reads one after the other take their bytes from there,
 * and once reads are seen to follow each other several blocks come in one request.
 *
 * Reads may run side by side: each fills a buffer of its own, and what is kept is replaced whole.
 */

import type { Op, Span } from '@caravan/core'
import { type FileBlocks, findBlock } from './file-blocks.js'
import { planKnown } from './file-read.js'
import { blockIndexAt, dataOffset, dataStart } from './format/ctz-list.js'
import type { ReadPlan } from './read-plan.js'
import type { Volume } from './volume.js'

/** Larger blocks are not read whole for the sake of a few bytes. */
const BLOCK_MAX_BYTES = 16 * 1024

const KEPT_BYTES = 32 * 1024

/** How much of the memory budget one handle may take for them. */
const BUDGET_SHARE = 1 / 64

interface Kept {
  /** Of which version of the file. */
  readonly blocks: FileBlocks
  readonly firstIndex: number
  readonly count: number
  readonly bytes: Uint8Array
}

export class KeptBlocks {
  private kept: Kept | undefined
  private spareBuffer: Uint8Array | undefined
  /** Where the last read ended. */
  private end = 0

  constructor(private readonly volume: Volume) {}

  /**
   * Where nothing is kept of a read: a plan of it, past what is kept here. `undefined` for one that
   * leaves in memory what the next one wants: those that follow each other, and small ones.
   */
  planPast(
    blocks: FileBlocks,
    position: number,
    target: Uint8Array,
    length: number,
  ): ReadPlan | undefined {
    const { layout } = this.volume
    const isLong = length * 4 >= layout.blockSize && position !== this.end
    if (!isLong && this.takes(target.length)) return undefined
    this.end = position + length
    return planKnown(layout, blocks, position, target, length)
  }

  /** False for reads that are better made straight into their target. */
  takes(length: number): boolean {
    const { blockSize } = this.volume.layout
    return blockSize <= BLOCK_MAX_BYTES && length < 2 * blockSize
  }

  /** {@link read} where all of it is kept; `undefined` where it is not. */
  readNow(
    blocks: FileBlocks,
    size: number,
    position: number,
    target: Uint8Array,
  ): number | undefined {
    const length = Math.max(0, Math.min(target.length, size - position))
    if (this.copy(blocks, position, target, 0, length) < length) return undefined
    this.end = position + length
    return length
  }

  /** Reads of a file of `size` bytes. @returns bytes read. */
  *read(blocks: FileBlocks, size: number, position: number, target: Uint8Array): Op<number> {
    const { blockSize } = this.volume.layout
    const length = Math.max(0, Math.min(target.length, size - position))
    const isSequential = position === this.end
    this.end = position + length
    let done = this.copy(blocks, position, target, 0, length)
    while (done < length) {
      const index = blockIndexAt(position + done, blockSize)
      const last = isSequential ? blocks.lastIndex : blockIndexAt(position + length - 1, blockSize)
      this.kept = yield* this.fetch(blocks, index, last)
      done = this.copy(blocks, position, target, done, length)
    }
    return length
  }

  /** Copies what is kept. @returns bytes of `target` that are there now. */
  private copy(
    blocks: FileBlocks,
    position: number,
    target: Uint8Array,
    begin: number,
    length: number,
  ): number {
    const { kept } = this
    if (kept === undefined || kept.blocks !== blocks) return begin
    const { blockSize } = this.volume.layout
    let done = begin
    while (done < length) {
      const index = blockIndexAt(position + done, blockSize)
      const place = index - kept.firstIndex
      if (place < 0 || place >= kept.count) break
      const offset = dataOffset(index) + position + done - dataStart(index, blockSize)
      const part = Math.min(length - done, blockSize - offset)
      const from = place * blockSize + offset
      target.set(kept.bytes.subarray(from, from + part), done)
      done += part
    }
    return done
  }

  private newBuffer(sizeBytes: number): Uint8Array {
    this.volume.layout.ledger.bytes += sizeBytes
    return new Uint8Array(sizeBytes)
  }

  private *fetch(blocks: FileBlocks, first: number, last: number): Op<Kept> {
    const { layout } = this.volume
    const { blockSize } = layout
    const mostBytes = Math.min(KEPT_BYTES, this.volume.memoryBudget * BUDGET_SHARE)
    const most = Math.max(1, Math.floor(mostBytes / blockSize))
    const count = Math.min(last - first + 1, most)
    const bytes = this.spareBuffer ?? this.newBuffer(most * blockSize)
    this.spareBuffer = undefined
    const spans: Span[] = []
    for (let i = 0; i < count; i++) {
      const block = blocks.get(first + i) ?? (yield* findBlock(layout, blocks, first + i))
      spans.push({ block, offset: 0, bytes: bytes.subarray(i * blockSize, (i + 1) * blockSize) })
    }
    yield { kind: 'read', spans }
    this.spareBuffer = this.kept?.bytes
    return { blocks, firstIndex: first, count, bytes }
  }
}
