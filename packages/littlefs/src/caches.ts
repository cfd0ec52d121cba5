/**
 * What a mount keeps in memory of its device, within the budget that it was given: metadata pairs with
 * their entries, the map of free blocks, and what the ledger counts of files.
 *
 * 1. Between operations it takes no more than the budget, but for what handles refer to.
 * 2. Within an operation it may grow by the directory that it works in; a walk over all pairs lets go
 *    of each where there is no room.
 */

import type { FileBlocks } from './file-blocks.js'
import { fileBlocksOf } from './file-read.js'
import { CommitEncoder, encodedSize } from './format/commit-encoder.js'
import { type EntryContent, TAG_SIZE_BYTES } from './format/metadata-log.js'
import type { MetadataPair } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** How much of the budget files may have for lists and for what they read last, where memory is short. */
const LEDGER_SHARE = 1 / 8

/** A walk over pairs. */
interface Visit {
  /**
   * Lets go of the pairs that were read since it began, but for one: where memory is short, and no
   * other operation runs that might have them.
   */
  release(kept?: MetadataPair): void
}

export class Caches {
  /** Changes that go by promises, from the first look at what they change. */
  private runningChanges = 0

  constructor(private readonly volume: Volume) {}

  /** True while the caches take less than they may. */
  get hasRoom(): boolean {
    const { pairs, allocator, layout, memoryBudget } = this.volume
    return pairs.memoryBytes + allocator.memoryBytes + layout.ledger.bytes < memoryBudget
  }

  /** What the entries of a pair hold: decoded for the moment where there is no room to keep them. */
  contentsOf(pair: MetadataPair): readonly EntryContent[] {
    if (pair.isDecoded || !this.hasRoom) return pair.contents()
    return pair.entries.map((entry) => entry.content)
  }

  /** The list of a file's blocks that is kept or, where there is room, will be. */
  listOf(pair: MetadataPair, id: number): FileBlocks | undefined {
    const entry = pair.decodedEntries[id]
    if (entry === undefined || (entry.fileBlocks === undefined && !this.hasRoom)) return undefined
    return fileBlocksOf(this.volume.layout, entry)
  }

  /** Begins a part of an operation that looks at many pairs, each for a moment. */
  beginVisit(): Visit {
    const { pairs } = this.volume
    const { arrivedCount } = pairs
    const release = (kept?: MetadataPair) => {
      if (!this.hasRoom && this.isAlone) pairs.releaseArrived(arrivedCount, kept)
    }
    return { release }
  }

  /**
   * Of operations that go by promises. One that runs at once finds them at a stop, and what it reads
   * itself they cannot have.
   */
  private get isAlone(): boolean {
    return this.volume.allocator.readerCount + this.runningChanges <= 1
  }

  beginChange(): void {
    this.runningChanges++
  }

  endChange(): void {
    this.runningChanges--
  }

  /** Called between operations: lets go of what is beyond the budget, the oldest first. */
  trim(): void {
    const { pairs, layout, memoryBudget, openFiles, allocator } = this.volume
    if (this.volume.isChanging) return
    if (this.hasRoom) {
      pairs.settleArrived()
      return
    }
    const { ledger } = layout
    if (ledger.bytes > memoryBudget * LEDGER_SHARE) {
      ledger.bytes = 0
      pairs.forgetLists()
      for (const file of openFiles) file.forgetCaches()
    }
    pairs.trim(memoryBudget - ledger.bytes - allocator.memoryBytes)
  }
}

/** A log with nothing but entries, for the memory alone: no commit, no CRC. */
export function encodeSnapshot(
  { layout: { blockSize, progSize }, rules }: Volume,
  contents: readonly EntryContent[],
): Uint8Array | undefined {
  let size = TAG_SIZE_BYTES
  for (const content of contents) size += encodedSize(content)
  if (size > blockSize) return undefined
  const encoder = new CommitEncoder(size, progSize, rules.crc32)
  encoder.beginBlock(0, Number.POSITIVE_INFINITY)
  contents.forEach((content, id) => {
    encoder.putEntry(id, content, false)
  })
  return encoder.encoded
}
