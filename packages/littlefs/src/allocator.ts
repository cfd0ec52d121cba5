/**
 * Which blocks are free, and which one is handed out next.
 *
 * 1. Once scanned, `used` holds every block that the tree, the threaded list, an open handle or an
 *    operation under way needs: exact as blocks are taken and given back.
 * 2. What an operation gives back is free only when it has ended (`settle`): until then a power cut
 *    may bring back the state that needs it. While readers run it waits for those that were there.
 * 3. Once an operation has committed, no scan makes blocks free for it that it has not given back:
 *    what its first commits no longer need, a power cut before its last may need again.
 * 4. Blocks are handed out in turn, from a start that differs from mount to mount, so that wear
 *    spreads over all that are free.
 * 5. Where memory is short `used` knows a window of blocks only, and a scan moves it on. Whatever the
 *    operation under way has taken counts as used in a scan, for nothing may refer to it yet.
 */

import { FsError } from '@caravan/core'
import { BlockSet } from './block-set.js'

export class Allocator {
  private used: BlockSet | undefined
  /** Blocks that failed in this mount: not used again, whatever the tree says. */
  private readonly bad = new BlockSet()
  /** Taken by the operation under way, and no commit was made since. */
  private taken: number[] = []
  /** What it took before: a scan may not find it in use yet. */
  private takenBefore: number[] = []
  /** True once the operation under way has committed something. */
  private committed = false
  /** Handed out since a scan that saw some of the operation's commits; `undefined` without one. */
  private takenSinceLateScan: Set<number> | undefined
  /** Given back by the operation under way. */
  private returned: number[] = []
  private mustScan = false
  /** Given back, and waiting for readers: `[turn, block]` in ascending turns. */
  private waiting: [number, number][] = []
  /** In use when the map was dropped, and kept from reuse while those who read then still do. */
  private suspects: [number, BlockSet][] = []
  private readonly readers = new Set<number>()
  private turn = 0
  private cursor: number
  /** Blocks are handed out of these alone: from `begin` up to `end`. */
  private begin = 0
  private end: number

  constructor(
    private blockCount: number,
    seed: number,
  ) {
    this.end = blockCount
    this.cursor = (seed >>> 0) % Math.max(blockCount, 1)
  }

  get isScanned(): boolean {
    return this.used !== undefined
  }

  /** True where only a window of blocks is known. */
  get isWindowed(): boolean {
    return this.used !== undefined && !this.used.isWhole
  }

  /** The block that is tried next. */
  get next(): number {
    return this.cursor
  }

  /** True where a scan may find blocks that are free and that the operation under way may have. */
  get mayScan(): boolean {
    return this.used === undefined || !this.committed
  }

  /** Blocks in use, those waiting for readers included; `undefined` where not all are known. */
  get usedCount(): number | undefined {
    return this.used?.isWhole === true ? this.used.size : undefined
  }

  /** What the map takes in memory, in bytes. */
  get memoryBytes(): number {
    return this.used?.memoryBytes ?? 0
  }

  /** Takes over what a scan found in use. */
  setUsed(used: BlockSet): void {
    this.used = used
    if (this.committed) this.takenSinceLateScan = new Set()
    for (const block of this.taken) used.add(block)
    for (const block of this.takenBefore) used.add(block)
    for (const block of this.returned) used.add(block)
    for (const [, block] of this.waiting) used.add(block)
  }

  /** What is in use is no longer known: to be scanned again when it matters. */
  invalidate(): void {
    this.suspectUsed()
    this.used = undefined
  }

  /** Running readers may need any of what was in use, whatever a scan says next. */
  private suspectUsed(): void {
    if (this.readers.size === 0) return
    if (this.used !== undefined) this.suspects.push([this.turn, this.used])
    if (this.returned.length === 0) return
    const returned = new BlockSet()
    for (const block of this.returned) returned.add(block)
    this.suspects.push([this.turn, returned])
  }

  /** What a window did not cover is suspect too. */
  private isSuspect(block: number): boolean {
    for (const [, used] of this.suspects) if (!used.covers(block) || used.has(block)) return true
    return false
  }

  setBlockCount(blockCount: number): void {
    this.blockCount = blockCount
    this.begin = 0
    this.end = blockCount
    if (this.cursor >= blockCount) this.cursor = 0
  }

  /** From now on hands out blocks from `begin` up to `end` alone, the lowest that is free first. */
  confine(begin: number, end: number): void {
    this.begin = begin
    this.end = Math.min(end, this.blockCount)
    this.cursor = begin
  }

  /** Ends {@link confine}. */
  unconfine(): void {
    this.begin = 0
    this.end = this.blockCount
  }

  /** How many blocks there are to be tried. */
  get triedCount(): number {
    return this.end - this.begin
  }

  /** A free block, or `undefined` where none is known. Only after a scan. */
  take(): number | undefined {
    const { used, blockCount, begin, end } = this
    if (used === undefined) return undefined
    for (let tried = begin; tried < end; tried++) {
      const block = this.cursor
      const isFree =
        used.covers(block) && !this.bad.has(block) && !this.isSuspect(block) && used.add(block)
      // At the end of a window the next one begins, where a scan has found what is used there.
      if (!used.covers(block)) return undefined
      this.cursor = block + 1 === end ? begin : block + 1
      if (isFree) {
        this.taken.push(block)
        this.takenSinceLateScan?.add(block)
        return block
      }
      if (used.size >= blockCount) return undefined
    }
    return undefined
  }

  /** No longer needed by what the operation under way makes. */
  giveBack(block: number): void {
    // A late scan may have found it free, and it was handed out since: the next scan will tell.
    if (this.takenSinceLateScan?.has(block)) this.mustScan = true
    else this.returned.push(block)
  }

  /** Taken since the last commit, and not needed after all: free at once. */
  release(block: number): void {
    const place = this.taken.lastIndexOf(block)
    if (place === -1) {
      this.giveBack(block)
      return
    }
    this.taken.splice(place, 1)
    this.used?.delete(block)
  }

  /** A block that failed: neither given back nor handed out again in this mount. */
  markBad(block: number): void {
    this.bad.add(block)
  }

  /** A commit went through: what was taken may be referred to from now on, whatever follows. */
  keepTaken(): void {
    this.committed = true
    if (this.taken.length === 0) return
    for (const block of this.taken) this.takenBefore.push(block)
    this.taken = []
  }

  /** Blocks taken since the last commit. */
  get takenBlocks(): readonly number[] {
    return this.taken
  }

  /** The operation under way has ended well: what it took stays, what it gave back is free. */
  settle(): void {
    const { returned } = this
    if (this.mustScan) this.used = undefined
    this.beginAnew()
    for (const block of returned) {
      if (this.readers.size === 0) this.used?.delete(block)
      else this.waiting.push([this.turn, block])
    }
  }

  /** The operation under way has failed: what it took and no commit refers to is free again. */
  revert(): void {
    this.invalidate()
    this.beginAnew()
  }

  private beginAnew(): void {
    if (this.taken.length > 0) this.taken = []
    if (this.takenBefore.length > 0) this.takenBefore = []
    if (this.returned.length > 0) this.returned = []
    this.committed = false
    this.mustScan = false
    this.takenSinceLateScan = undefined
  }

  /** True while readers run, which may need blocks that the tree no longer has. */
  get hasReaders(): boolean {
    return this.readers.size > 0
  }

  /** Adds what nothing refers to any more but running readers may. */
  addHeldTo(used: BlockSet): void {
    for (const [, block] of this.waiting) used.add(block)
  }

  get readerCount(): number {
    return this.readers.size
  }

  /** A reader begins: what is given back from now on waits for it. */
  beginRead(): number {
    this.readers.add(++this.turn)
    return this.turn
  }

  endRead(reader: number): void {
    this.readers.delete(reader)
    if (this.waiting.length === 0 && this.suspects.length === 0) return
    const oldest = Math.min(...this.readers)
    while (this.waiting.length > 0 && (this.waiting[0] as [number, number])[0] < oldest) {
      const [, block] = this.waiting.shift() as [number, number]
      this.used?.delete(block)
    }
    this.suspects = this.suspects.filter(([turn]) => turn >= oldest)
  }
}

export function noSpace(blockCount: number): FsError {
  return new FsError('ENOSPC', { hint: `all ${blockCount} blocks are in use` })
}
