/**
 * Writes a new version of a file's CTZ skip-list: forward from some position, keeping the blocks
 * before it.
 *
 * 1. Blocks are written whole, in fresh blocks, and read back; nothing that exists is changed.
 * 2. Whole blocks wait until there are several, which then go in one request each of erase, prog
 *    and read.
 * 3. `own` holds every block taken by this version until a commit refers to it.
 *
 * Source: littlefs DESIGN.md, "CTZ skip-lists".
 */

import type { Op, Span } from '@caravan/core'
import { FileBlocks, findBlock } from './file-blocks.js'
import { readBlocksAt } from './file-read.js'
import { blockIndexAt, dataOffset, dataStart, pointerCount } from './format/ctz-list.js'
import { writeWord } from './format/word.js'
import { isBadBlock } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** Bytes of whole blocks that wait to be written together. */
const BATCH_BYTES = 64 * 1024

interface FullBlock {
  readonly index: number
  readonly bytes: Uint8Array
  /** Bytes of it that are programmed: whole program units. */
  readonly length: number
}

export class CtzWriter {
  private readonly blockSize: number
  private index: number
  private buffer: Uint8Array
  /** Bytes of `buffer` that are there, pointers included. */
  private fill: number
  private waiting: FullBlock[] = []

  private constructor(
    private readonly volume: Volume,
    /** The new version's blocks. */
    readonly blocks: FileBlocks,
    /** The index of the first block that is new. */
    readonly firstIndex: number,
    private readonly own: Set<number>,
  ) {
    this.blockSize = volume.layout.blockSize
    this.index = firstIndex
    this.buffer = volume.takeBuffer()
    this.fill = dataOffset(firstIndex)
  }

  /** A new file from its beginning. */
  static fresh(volume: Volume, own: Set<number>): CtzWriter {
    return new CtzWriter(volume, new FileBlocks(0, -1), 0, own)
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

  /** The file position after what was written so far. */
  get position(): number {
    return dataStart(this.index, this.blockSize) + this.fill - dataOffset(this.index)
  }

  *write(data: Uint8Array): Op<void> {
    for (let done = 0; done < data.length; ) {
      if (this.fill === this.blockSize) yield* this.nextBlock()
      const length = Math.min(data.length - done, this.blockSize - this.fill)
      this.buffer.set(length === data.length ? data : data.subarray(done, done + length), this.fill)
      this.fill += length
      done += length
    }
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

  /** Writes everything that waits; the version is whole then, if not yet durable. */
  *finish(): Op<void> {
    if (this.fill > dataOffset(this.index)) {
      const { progSize } = this.volume.layout
      const length = Math.ceil(this.fill / progSize) * progSize
      this.buffer.fill(0xff, this.fill, length)
      this.waiting.push({ index: this.index, bytes: this.buffer, length })
      this.blocks.lastIndex = this.index
    } else {
      this.blocks.lastIndex = this.index - 1
    }
    yield* this.flush()
  }

  private *nextBlock(): Op<void> {
    this.waiting.push({ index: this.index, bytes: this.buffer, length: this.blockSize })
    if (this.waiting.length * this.blockSize >= BATCH_BYTES) yield* this.flush()
    this.index++
    this.buffer = this.volume.takeBuffer()
    this.fill = dataOffset(this.index)
  }

  private *flush(): Op<void> {
    const blocks = this.waiting
    if (blocks.length === 0) return
    this.waiting = []
    this.volume.dataIsUnsynced = true
    const addresses: number[] = []
    for (const block of blocks) addresses.push(yield* this.place(block))
    if (!(yield* this.program(blocks, addresses))) {
      // Some block is bad. One by one, since pointers to it change with its place.
      for (const address of addresses) this.drop(address)
      for (const block of blocks) yield* this.programAlone(block)
    }
    for (const { bytes } of blocks) this.volume.returnBuffer(bytes)
  }

  /** Gives a block an address, and the pointers that it begins with. */
  private *place({ index, bytes }: FullBlock): Op<number> {
    const address = yield* this.volume.allocate()
    this.own.add(address)
    this.blocks.set(index, address)
    for (let k = 0; k < pointerCount(index); k++) {
      writeWord(bytes, 4 * k, this.blocks.get(index - 2 ** k) as number)
    }
    return address
  }

  /** Erases, programs and reads back; false where a block did not take it. */
  private *program(blocks: readonly FullBlock[], addresses: readonly number[]): Op<boolean> {
    const spans: Span[] = blocks.map(({ bytes, length }, i) => ({
      block: addresses[i] as number,
      offset: 0,
      bytes: length === bytes.length ? bytes : bytes.subarray(0, length),
    }))
    const { readSize } = this.volume.layout
    const backs: Span[] = spans.map(({ block, bytes }) => ({
      block,
      offset: 0,
      bytes: this.volume.takeBuffer().subarray(0, Math.ceil(bytes.length / readSize) * readSize),
    }))
    try {
      yield { kind: 'erase', blocks: addresses }
      yield { kind: 'prog', spans }
      yield { kind: 'read', spans: backs }
      return spans.every(({ bytes }, i) => isSame(bytes, (backs[i] as Span).bytes))
    } catch (error) {
      if (isBadBlock(error)) return false
      throw error
    } finally {
      for (const { bytes } of backs) this.volume.returnBuffer(bytes)
    }
  }

  private *programAlone(block: FullBlock): Op<void> {
    for (;;) {
      const address = yield* this.place(block)
      if (yield* this.program([block], [address])) return
      this.drop(address)
      this.volume.markBadBlock(address)
    }
  }

  private drop(address: number): void {
    this.own.delete(address)
    this.volume.allocator.release(address)
  }
}

/** Compares by words where both begin on one. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const words = a.length >>> 2
  if ((a.byteOffset & 3) === 0 && (b.byteOffset & 3) === 0) {
    const wide = new Int32Array(a.buffer, a.byteOffset, words)
    const other = new Int32Array(b.buffer, b.byteOffset, words)
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
    for (let i = even; i < words; i++) if (wide[i] !== other[i]) return false
    for (let i = words << 2; i < a.length; i++) if (a[i] !== b[i]) return false
    return true
  }
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
