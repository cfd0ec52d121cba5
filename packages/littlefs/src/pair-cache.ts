/**
 * The metadata pairs that are in memory, each found by its blocks.
 *
 * 1. A pair has one object while it is here, so that entries keep their identity.
 * 2. Two pairs of which one has moved, but not yet on the list of pairs, share a block: each is
 *    found by the block that is its own.
 * 3. What is let go of for want of memory is what was not asked for since the last round: first
 *    entries, of which a log stays; then whole directories, or pairs that are in none. Between
 *    operations that may be all but what handles refer to; within one, what only a walk has read.
 */

import type { Directory } from './directory.js'
import type { BlockPair, EntryContent, LogSummary } from './format/metadata-log.js'
import { isSamePair, type MetadataPair, sharesBlock } from './metadata-pair.js'

/** Entry of an index by name, in memory. */
const INDEX_ENTRY_BYTES = 64

/** What a cache asks of its volume when it lets go of things. */
interface Release {
  /** A log of contents, `undefined` where they do not fit in one. */
  encode(contents: readonly EntryContent[]): Uint8Array | undefined
  /** Entries go that may have times which no attribute holds. */
  saveTimes(pair: MetadataPair): void
  /** Entries have come into being anew. */
  restoreTimes(pair: MetadataPair): void
}

export class PairCache {
  private readonly pairs = new Map<number, MetadataPair>()
  /** Pairs that the change under way has moved, by the block that they left. */
  private readonly movedFrom = new Map<number, MetadataPair>()
  /** Every pair once: who is looked at first when memory is short. */
  private readonly round = new Set<MetadataPair>()
  /** Those that came since the caches were last trimmed. */
  private arrived: MetadataPair[] = []
  /** Those of them that have entries. */
  private readonly decodedRound = new Set<MetadataPair>()
  private totalBytes = 0

  constructor(private readonly release: Release) {}

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
    for (const block of pair.blocks) {
      const other = this.pairs.get(block)
      this.pairs.set(block, pair)
      // Damage alone lets others have both blocks of a pair: nobody finds it any more.
      if (other !== undefined && other !== pair && !this.isListed(other)) this.forget(other)
    }
    if (!this.round.has(pair)) {
      this.round.add(pair)
      this.arrived.push(pair)
      pair.onDecoded = this.decoded
      if (pair.isDecoded) this.decodedRound.add(pair)
    }
    this.count(pair)
  }

  private isListed(pair: MetadataPair): boolean {
    return pair.blocks.some((block) => this.pairs.get(block) === pair)
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
    this.round.delete(pair)
    this.decodedRound.delete(pair)
    this.totalBytes -= pair.countedBytes
    pair.countedBytes = 0
    pair.onDecoded = undefined
  }

  /** The change under way has ended: every pair is where the list says. */
  settle(): void {
    if (this.movedFrom.size > 0) this.movedFrom.clear()
  }

  clear(): void {
    for (const pair of this.round) {
      pair.countedBytes = 0
      pair.onDecoded = undefined
    }
    this.pairs.clear()
    this.movedFrom.clear()
    this.round.clear()
    this.decodedRound.clear()
    this.arrived = []
    this.totalBytes = 0
  }

  /** Lets go of lists, of blocks and of names. */
  forgetLists(): void {
    for (const pair of this.round) {
      pair.forgetLists()
      if (pair.directory !== undefined) pair.directory.listing = undefined
    }
  }

  /** Lets go of what has not been used for longest, between operations: down to so many bytes. */
  trim(maxBytes: number): void {
    this.arrived = []
    // Entries first, without a look at all the logs: the first round may find all of them used.
    for (let left = 2 * this.decodedRound.size; left > 0 && this.totalBytes > maxBytes; left--) {
      const [pair] = this.decodedRound
      if (pair === undefined) break
      this.decodedRound.delete(pair)
      if (pair.isDecoded && this.round.has(pair)) {
        this.decodedRound.add(pair)
        this.shrink(pair)
      }
    }
    for (let left = 3 * this.round.size; left > 0 && this.totalBytes > maxBytes; left--) {
      const [pair] = this.round
      if (pair === undefined) return
      this.round.delete(pair)
      this.round.add(pair)
      this.shrink(pair)
    }
  }

  private shrink(pair: MetadataPair): void {
    const { directory } = pair
    if (pair.isUsed) {
      pair.isUsed = false
    } else if (pair.isHeld) {
      // What a handle refers to keeps its identity.
    } else if (pair.isDecoded && directory?.mustBeWhole !== true) {
      this.fold(pair)
    } else if (directory === undefined) {
      this.drop(pair)
    } else if (directory.head !== pair) {
      // Once a round, a directory is looked at.
    } else if (directory.isUsed) {
      directory.isUsed = false
    } else {
      this.dropDirectory(directory)
    }
  }

  private fold(pair: MetadataPair): void {
    if (pair.isDecoded) this.release.saveTimes(pair)
    if (!pair.fold(this.release.encode)) {
      // As it is then: it goes with its directory.
      if (pair.directory !== undefined) pair.directory.mustBeWhole = true
      else this.drop(pair)
      return
    }
    this.count(pair)
    // An index with gaps is none: names are found by the order of pairs from now on.
    if (pair.directory?.forgetIndex() === true) pair.directory.chain.forEach(this.count)
  }

  private drop(pair: MetadataPair): void {
    if (pair.isDecoded) this.release.saveTimes(pair)
    const { tail } = pair.summary
    const next = tail === undefined ? undefined : this.find(tail)
    if (next?.predecessor === pair) next.predecessor = undefined
    pair.predecessor = undefined
    this.forget(pair)
  }

  /** With all of its pairs; what handles refer to stays, and is found when it is read again. */
  private dropDirectory(directory: Directory): void {
    for (const pair of directory.chain) {
      pair.directory = undefined
      if (!this.has(pair)) continue
      if (pair.isHeld) pair.forgetOthers()
      else this.drop(pair)
    }
    directory.drop()
  }

  /** All that came has its place now: nothing of it is a walk's alone. */
  settleArrived(): void {
    if (this.arrived.length > 0) this.arrived = []
  }

  /** How many came since the caches were last trimmed. */
  get arrivedCount(): number {
    return this.arrived.length
  }

  /** Within an operation: lets go of those of them, from a number on, that nobody else can have. */
  releaseArrived(from: number, kept: MetadataPair | undefined): void {
    if (this.movedFrom.size > 0) return
    for (const pair of this.arrived.splice(from)) {
      const isFree = pair.directory === undefined && !pair.isHeld && !pair.isUnlisted
      if (pair === kept) this.arrived.push(pair)
      else if (isFree && this.has(pair)) this.drop(pair)
    }
  }

  private readonly decoded = (pair: MetadataPair, isAnew: boolean): void => {
    if (isAnew) this.release.restoreTimes(pair)
    this.decodedRound.add(pair)
    this.count(pair)
  }

  /** Counts anew what a pair takes, with its entries in the index of its directory. */
  readonly count = (pair: MetadataPair): void => {
    let bytes = pair.memoryBytes
    if (pair.directory?.hasIndex === true) bytes += INDEX_ENTRY_BYTES * pair.entryCount
    this.totalBytes += bytes - pair.countedBytes
    pair.countedBytes = bytes
  }
}
