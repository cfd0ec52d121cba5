/**
 * The metadata pairs that are in memory, each found by its blocks.
 *
 * 1. A pair has one object while it is here, so that entries keep their identity.
 * 2. Two pairs of which one has moved, but not yet on the list of pairs, share a block: each is
 *    found by the block that is its own.
 */

import type { BlockPair, LogSummary } from './format/metadata-log.js'
import { isSamePair, type MetadataPair, sharesBlock } from './metadata-pair.js'

export class PairCache {
  private readonly pairs = new Map<number, MetadataPair>()
  /** Pairs that the change under way has moved, by the block that they left. */
  private readonly movedFrom = new Map<number, MetadataPair>()
  /** What each takes in memory, as last looked at. */
  private readonly sizes = new Map<MetadataPair, number>()
  private totalBytes = 0

  /** What it takes in memory, roughly. */
  get memoryBytes(): number {
    return this.totalBytes
  }

  find(blocks: BlockPair): MetadataPair | undefined {
    const [a, b] = blocks
    const first = this.pairs.get(a)
    if (first !== undefined && isSamePair(first.blocks, blocks)) return first
    const second = this.pairs.get(b)
    if (second !== undefined && isSamePair(second.blocks, blocks)) return second
    if (this.movedFrom.size === 0) return undefined
    // By its old blocks, which the list of pairs may still have.
    const moved = this.movedFrom.get(a) ?? this.movedFrom.get(b)
    return moved !== undefined && sharesBlock(moved.blocks, blocks) ? moved : undefined
  }

  has(pair: MetadataPair): boolean {
    return this.find(pair.blocks) === pair
  }

  keep(pair: MetadataPair): void {
    this.pairs.set(pair.blocks[0], pair)
    this.pairs.set(pair.blocks[1], pair)
    this.account(pair, pair.memoryBytes)
  }

  /** A pair's log was written anew, perhaps into a new block. */
  rewritten(pair: MetadataPair, blocks: BlockPair, summary: LogSummary): void {
    for (const block of pair.blocks) {
      if (blocks.includes(block)) continue
      this.pairs.delete(block)
      this.movedFrom.set(block, pair)
    }
    pair.rewritten(blocks, summary)
    this.keep(pair)
  }

  forget(pair: MetadataPair): void {
    for (const block of pair.blocks) if (this.pairs.get(block) === pair) this.pairs.delete(block)
    this.account(pair, 0)
  }

  /** The change under way has ended: every pair is where the list says. */
  settle(): void {
    if (this.movedFrom.size > 0) this.movedFrom.clear()
  }

  clear(): void {
    this.pairs.clear()
    this.movedFrom.clear()
    this.sizes.clear()
    this.totalBytes = 0
  }

  private account(pair: MetadataPair, bytes: number): void {
    this.totalBytes += bytes - (this.sizes.get(pair) ?? 0)
    if (bytes === 0) this.sizes.delete(pair)
    else this.sizes.set(pair, bytes)
  }
}
