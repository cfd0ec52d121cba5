/** Images made pair by pair, with good checksums, that no writer would make. */

import { CommitEncoder } from '../src/format/commit-encoder.js'
import { crc32 } from '../src/format/crc32.js'
import type { BlockPair, EntryContent, Struct } from '../src/format/metadata-log.js'
import { encodeSuperblock, MAGIC } from '../src/format/superblock.js'
import { TagType } from '../src/format/tag.js'
import { putTail } from '../src/log-writer.js'

/** A file or directory that a pair is to hold. */
export interface MadeEntry {
  readonly name: string
  readonly struct: Struct
}

export class MadeImage {
  readonly bytes: Uint8Array<ArrayBuffer>

  constructor(
    readonly blockSize: number,
    readonly blockCount: number,
  ) {
    this.bytes = new Uint8Array(blockSize * blockCount).fill(0xff)
  }

  /** The first pair, with the superblock before what else it holds. */
  root(entries: readonly MadeEntry[], tail?: BlockPair, isHardTail = false): void {
    const { blockSize, blockCount } = this
    const limits = { nameMax: 255, fileMax: 0x7fffffff, attrMax: 1022 }
    const version = { majorVersion: 2, minorVersion: 1 }
    const bytes = encodeSuperblock({ ...version, blockSize, blockCount, ...limits })
    const superblock = content(TagType.SUPERBLOCK, MAGIC, { kind: 'inline', bytes })
    this.put([0, 1], [superblock, ...entries.map(contentOf)], tail, isHardTail)
  }

  pair(
    blocks: BlockPair,
    entries: readonly MadeEntry[],
    tail?: BlockPair,
    isHardTail = false,
  ): void {
    this.put(blocks, entries.map(contentOf), tail, isHardTail)
  }

  /** A chain of data from `first` on: each block's pointers as a file of that many blocks has them. */
  chain(first: number, count: number): void {
    const view = new DataView(this.bytes.buffer)
    for (let index = 1; index < count; index++) {
      const at = (first + index) * this.blockSize
      for (let k = 0; index % 2 ** k === 0 && 2 ** k <= index; k++) {
        view.setUint32(at + 4 * k, first + index - 2 ** k, true)
      }
    }
  }

  private put(
    blocks: BlockPair,
    entries: readonly EntryContent[],
    tail: BlockPair | undefined,
    isHardTail: boolean,
  ): void {
    for (const [i, block] of blocks.entries()) {
      const encoder = new CommitEncoder(this.blockSize, 16, crc32)
      encoder.beginBlock(1 + i, this.blockSize)
      for (const [id, entry] of entries.entries()) encoder.putEntry(id, entry, false)
      if (tail !== undefined) putTail(encoder, tail, isHardTail)
      if (!encoder.fits) throw new RangeError(`block ${block} has no room for its entries`)
      encoder.finish(undefined)
      this.bytes.set(encoder.encoded, block * this.blockSize)
    }
  }
}

function contentOf({ name, struct }: MadeEntry): EntryContent {
  return content(struct.kind === 'directory' ? TagType.DIRECTORY : TagType.FILE, name, struct)
}

function content(nameType: number, name: string, struct: Struct): EntryContent {
  return { nameType, name, struct, attributes: [], others: [] }
}
