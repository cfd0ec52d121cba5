/**
 * Writes a new version of a file's CTZ skip-list: forward from some position, keeping the blocks
 * before it.
 *
 * 1. Blocks are written whole, in fresh blocks, and read back where the device might have taken
 *    something else; nothing that exists is changed. But where the last block was written by this handle and ends with whole program units, its rest is
 *    still erased, and is programmed.
 * 2. Whole blocks wait until there are several, which then go in one request of erase, prog and
 *    read.
 * 3. `own` holds every block taken by this version until a commit refers to it.
 *
 * Source: littlefs DESIGN.md, "CTZ skip-lists".
 */

import type { Op, SingleRequest, Span } from '@caravan/core'
import { FileBlocks, findBlock, findBlocks, isKnown } from './file-blocks.js'
import { readBlocksAt } from './file-read.js'
import { blockIndexAt, dataOffset, dataStart, pointerCount } from './format/ctz-list.js'
import { writeWord } from './format/word.js'
import { isBadBlock } from './metadata-pair.js'
import { ReadPlan } from './read-plan.js'
import type { Volume } from './volume.js'

/** Bytes of whole blocks that wait to be written together. */
const BATCH_BYTES = 64 * 1024

/** More than any block begins with. */
const POINTERS_MAX_BYTES = 4 * 32

interface FullBlock {
  readonly index: number
  readonly bytes: Uint8Array
  /** Bytes that the block holds already: it goes on where it is. 0 for a fresh block. */
  readonly from: number
  /** Bytes of it that are programmed then: whole program units. */
  readonly length: number
}

/** The last block of a version that was just written, to go on from. */
export interface Tail {
  readonly blocks: FileBlocks
  readonly index: number
  /** The whole block; what is behind `fill` is of no account. */
  readonly bytes: Uint8Array
  readonly fill: number
  /** What is behind this is erased. */
  readonly programmed: number
}

export class CtzWriter {
  private readonly blockSize: number
  private index: number
  private buffer: Uint8Array
  /** Bytes of `buffer` that are there, pointers included. */
  private fill: number
  /** Bytes of `buffer` that its block holds already. */
  private from = 0
  private waiting: FullBlock[] = []
  private writtenTail: Tail | undefined

  private constructor(
    private readonly volume: Volume,
    /** The new version's blocks. */
    readonly blocks: FileBlocks,
    /** The index of the first block that is new. */
    public firstIndex: number,
    private readonly own: Set<number>,
    buffer?: Uint8Array,
  ) {
    this.blockSize = volume.layout.blockSize
    this.index = firstIndex
    this.buffer = buffer ?? volume.takeBuffer()
    this.fill = dataOffset(firstIndex)
  }

  /** A new file from its beginning. */
  static fresh(volume: Volume, own: Set<number>): CtzWriter {
    return new CtzWriter(volume, new FileBlocks(0, -1, volume.layout.ledger), 0, own)
  }

  /** A new version of a file, equal to the old one up to `position`, which is within it. */
  static *from(
    volume: Volume,
    old: FileBlocks,
    oldSize: number,
    position: number,
    own: Set<number>,
  ): Op<CtzWriter> {
    const { layout } = volume
    const firstIndex = blockIndexAt(position, layout.blockSize)
    // All kept blocks that a later one can point to lie on the way back from the first.
    for (let k = 0; firstIndex > 0 && (firstIndex - 1) >>> k > 0; k++) {
      yield* findBlock(layout, old, ((firstIndex - 1) >>> k) << k)
    }
    if (firstIndex > 0) yield* findBlock(layout, old, 0)
    const writer = new CtzWriter(volume, old.prefix(firstIndex), firstIndex, own)
    const start = dataStart(firstIndex, layout.blockSize)
    const head = writer.buffer.subarray(writer.fill, writer.fill + position - start)
    yield* readBlocksAt(layout, old, oldSize, start, head)
    writer.fill += head.length
    return writer
  }

  /** A new version that goes on behind the last one, of which nothing needs to be read. */
  static behind(volume: Volume, tail: Tail, own: Set<number>): CtzWriter {
    const { blocks, index, bytes, fill, programmed } = tail
    const writer = new CtzWriter(volume, blocks.prefix(index), index, own, bytes)
    writer.fill = fill
    if (fill === programmed) {
      writer.blocks.set(index, blocks.get(index) as number)
      writer.firstIndex = index + 1
      writer.from = fill
    }
    return writer
  }

  /** Once finished: where a next version can go on. */
  get tail(): Tail | undefined {
    return this.writtenTail
  }

  /** The file position after what was written so far. */
  get position(): number {
    return dataStart(this.index, this.blockSize) + this.fill - dataOffset(this.index)
  }

  /** Takes data that asks nothing of the device yet. False where it would: then none is taken. */
  writeNow(data: Uint8Array): boolean {
    const beyond = data.length - (this.blockSize - this.fill)
    const begun = beyond > 0 ? Math.ceil(beyond / (this.blockSize - POINTERS_MAX_BYTES)) : 0
    if ((this.waiting.length + begun) * this.blockSize >= BATCH_BYTES) return false
    for (let done = 0; done < data.length; ) {
      if (this.fill === this.blockSize) this.beginBlock()
      done += this.copy(data, done)
    }
    return true
  }

  *write(data: Uint8Array): Op<void> {
    for (let done = 0; done < data.length; ) {
      if (this.fill === this.blockSize) yield* this.nextBlock()
      done += this.copy(data, done)
    }
  }

  /** As much as the block takes. @returns bytes copied. */
  private copy(data: Uint8Array, from: number): number {
    const length = Math.min(data.length - from, this.blockSize - this.fill)
    this.buffer.set(length === data.length ? data : data.subarray(from, from + length), this.fill)
    this.fill += length
    return length
  }

  *writeZeros(count: number): Op<void> {
    for (let done = 0; done < count; ) {
      if (this.fill === this.blockSize) yield* this.nextBlock()
      const length = Math.min(count - done, this.blockSize - this.fill)
      this.buffer.fill(0, this.fill, this.fill + length)
      this.fill += length
      done += length
    }
  }

  /**
   * Goes on with what an old version has from here to its end: each block is read straight to where
   * it is written from, for its data lies in the same place.
   */
  *copyRest(old: FileBlocks, oldSize: number): Op<void> {
    const { layout } = this.volume
    const range = { blocks: old, from: this.index, to: old.lastIndex }
    if (!isKnown(range)) yield* findBlocks(layout, [range])
    while (this.position < oldSize) {
      const spans: Span[] = []
      let begun: ReadPlan | undefined
      while (this.position < oldSize) {
        if (this.fill === this.blockSize) {
          // The last block goes with those before it, rather than by itself.
          const isFull = (this.waiting.length + 1) * this.blockSize >= BATCH_BYTES
          if (isFull && this.index + 1 < old.lastIndex) break
          this.beginBlock()
        }
        begun = this.planRest(old, oldSize, spans) ?? begun
      }
      yield { kind: 'read', spans }
      begun?.finish()
      if (this.position < oldSize) yield* this.nextBlock()
    }
  }

  /** Adds the spans that fill up the block under way. @returns a plan to be finished, where it was begun. */
  private planRest(old: FileBlocks, oldSize: number, spans: Span[]): ReadPlan | undefined {
    const { index, buffer, fill, position, volume } = this
    const { readSize } = volume.layout
    const begin = dataOffset(index)
    const end = Math.min(this.blockSize, begin + oldSize - dataStart(index, this.blockSize))
    this.fill = end
    if (fill > begin) {
      const target = buffer.subarray(fill, end)
      const plan = new ReadPlan(volume.layout, old, index, index, position, target, target.length)
      spans.push(...plan.spans)
      return plan
    }
    const offset = begin - (begin % readSize)
    const bytes = buffer.subarray(offset, Math.ceil(end / readSize) * readSize)
    spans.push({ block: old.get(index) as number, offset, bytes })
    return undefined
  }

  /**
   * Writes everything that waits; the version is whole then, if not yet durable.
   *
   * @param keepsTail whether a next version may go on behind it ({@link tail}).
   */
  *finish(keepsTail = false): Op<void> {
    const { index, buffer: bytes, fill, from, blocks } = this
    let length = 0
    if (fill > dataOffset(index)) {
      const { progSize } = this.volume.layout
      length = Math.ceil(fill / progSize) * progSize
      bytes.fill(0xff, fill, length)
      if (length > from) this.waiting.push({ index, bytes, from, length })
      blocks.lastIndex = index
    } else {
      blocks.lastIndex = index - 1
      this.volume.returnBuffer(bytes)
    }
    const isTail = keepsTail && length > 0 && length < this.blockSize
    yield* this.flush(isTail ? bytes : undefined)
    if (isTail) this.writtenTail = { blocks, index, bytes, fill, programmed: length }
  }

  private *nextBlock(): Op<void> {
    this.beginBlock()
    if (this.waiting.length * this.blockSize >= BATCH_BYTES) yield* this.flush()
  }

  private beginBlock(): void {
    const { index, buffer: bytes, from, blockSize } = this
    if (blockSize > from) this.waiting.push({ index, bytes, from, length: blockSize })
    this.index++
    this.buffer = this.volume.takeBuffer()
    this.fill = dataOffset(this.index)
    this.from = 0
  }

  /** @param kept the buffer that a tail keeps. */
  private *flush(kept?: Uint8Array): Op<void> {
    const blocks = this.waiting
    if (blocks.length === 0) return
    this.waiting = []
    this.volume.dataIsUnsynced = true
    const addresses: number[] = []
    for (const block of blocks) {
      addresses.push(
        block.from > 0 ? (this.blocks.get(block.index) as number) : yield* this.place(block),
      )
    }
    if (!(yield* this.program(blocks, addresses))) {
      // Some block is bad. One by one, since pointers to it change with its place.
      for (const [i, { from }] of blocks.entries()) {
        if (from === 0) this.drop(addresses[i] as number)
      }
      for (const block of blocks) yield* this.programAlone(block)
    }
    for (const { bytes } of blocks) if (bytes !== kept) this.volume.returnBuffer(bytes)
  }

  /** Gives a block an address, and the pointers that it begins with. */
  private *place({ index, bytes }: FullBlock): Op<number> {
    const { volume, blocks } = this
    const address = volume.allocator.take() ?? (yield* volume.space.allocate())
    this.own.add(address)
    blocks.set(index, address)
    for (let k = 0; k < pointerCount(index); k++) {
      writeWord(bytes, 4 * k, blocks.get(index - 2 ** k) as number)
    }
    return address
  }

  /** Erases, programs and, where need be, reads back; false where a block did not take it. */
  private *program(blocks: readonly FullBlock[], addresses: readonly number[]): Op<boolean> {
    const { volume } = this
    const { readSize } = volume.layout
    const spans: Span[] = []
    const backs: Span[] = []
    for (let i = 0; i < blocks.length; i++) {
      const { bytes, from, length } = blocks[i] as FullBlock
      const block = addresses[i] as number
      const isWhole = from === 0 && length === bytes.length
      spans.push({ block, offset: from, bytes: isWhole ? bytes : bytes.subarray(from, length) })
      if (!volume.readsBack) continue
      const offset = from - (from % readSize)
      const end = Math.ceil(length / readSize) * readSize
      const buffer = volume.takeBuffer()
      const back = isWhole ? buffer : buffer.subarray(offset, end)
      backs.push({ block, offset, bytes: back })
    }
    const fresh =
      blocks[0]?.from === 0 ? addresses : addresses.filter((_, i) => blocks[i]?.from === 0)
    const requests: SingleRequest[] = fresh.length > 0 ? [{ kind: 'erase', blocks: fresh }] : []
    requests.push({ kind: 'prog', spans })
    if (volume.readsBack) requests.push({ kind: 'read', spans: backs })
    try {
      yield { kind: 'series', requests }
      for (let i = 0; i < backs.length; i++) {
        const { bytes, offset } = spans[i] as Span
        const back = backs[i] as Span
        if (!isSame(bytes, back.bytes, offset - back.offset)) return false
      }
      return true
    } catch (error) {
      if (isBadBlock(error)) return false
      throw error
    } finally {
      for (const { bytes } of backs) volume.returnBuffer(bytes)
    }
  }

  private *programAlone(block: FullBlock): Op<void> {
    // What was to go on where it was is copied: the version no longer has the old block.
    if (block.from > 0) this.firstIndex = Math.min(this.firstIndex, block.index)
    const whole = block.from > 0 ? { ...block, from: 0 } : block
    for (;;) {
      const address = yield* this.place(whole)
      if (yield* this.program([whole], [address])) return
      this.drop(address)
      this.volume.markBadBlock(address)
    }
  }

  private drop(address: number): void {
    this.own.delete(address)
    this.volume.allocator.release(address)
  }
}

/** True where `b` holds `a`, from a place on. By words where both begin on one. */
function isSame(a: Uint8Array, b: Uint8Array, at: number): boolean {
  const words = a.length >>> 2
  if ((a.byteOffset & 3) !== 0 || ((b.byteOffset + at) & 3) !== 0) return isSameFrom(a, b, at, 0)
  const wide = new Int32Array(a.buffer, a.byteOffset, words)
  const other = new Int32Array(b.buffer, b.byteOffset + at, words)
  // Eight words a step: this is on the way of every block that is written.
  const even = words & ~7
  for (let i = 0; i < even; i += 8) {
    const difference =
      ((wide[i] as number) ^ (other[i] as number)) |
      ((wide[i + 1] as number) ^ (other[i + 1] as number)) |
      ((wide[i + 2] as number) ^ (other[i + 2] as number)) |
      ((wide[i + 3] as number) ^ (other[i + 3] as number)) |
      ((wide[i + 4] as number) ^ (other[i + 4] as number)) |
      ((wide[i + 5] as number) ^ (other[i + 5] as number)) |
      ((wide[i + 6] as number) ^ (other[i + 6] as number)) |
      ((wide[i + 7] as number) ^ (other[i + 7] as number))
    if (difference !== 0) return false
  }
  return isSameFrom(a, b, at, 4 * even)
}

function isSameFrom(a: Uint8Array, b: Uint8Array, at: number, from: number): boolean {
  for (let i = from; i < a.length; i++) if (a[i] !== b[at + i]) return false
  return true
}
