/**
 * Which blocks are used, as the tree, handles and operations have it: found out for the allocator, a
 * window at a time where memory is short; counted; looked through from the end.
 */

import type { Op } from '@caravan/core'
import { noSpace } from './allocator.js'
import { BlockSet } from './block-set.js'
import { type BlockUse, findUsedBlocks } from './traverse.js'
import type { Volume } from './volume.js'

/** How much of the memory budget the map of free blocks may take. */
const FREE_MAP_SHARE = 1 / 4

export class FreeSpace {
  constructor(private readonly volume: Volume) {}

  /** @throws FsError `ENOSPC`. */
  *allocate(): Op<number> {
    const block = this.volume.allocator.take() ?? (yield* this.tryAllocate())
    if (block === undefined) throw noSpace(this.volume.layout.blockCount)
    return block
  }

  /** `undefined` where every block is in use. */
  *tryAllocate(): Op<number | undefined> {
    if (!this.volume.allocator.isScanned) yield* this.scanBlocks()
    const block = this.volume.allocator.take() ?? (yield* this.takeBeyond())
    if (block !== undefined) return block
    // Handles that only read give up the older versions that they still see.
    if (!this.volume.allocator.mayScan) return undefined
    const refreshed = [...this.volume.openFiles].filter((file) => file.refresh())
    if (refreshed.length === 0) return undefined
    yield* this.scanBlocks()
    return this.volume.allocator.take() ?? (yield* this.takeBeyond())
  }

  /** Where the free map is a window that is used up: moves it on, once around the device. */
  private *takeBeyond(): Op<number | undefined> {
    const { allocator } = this.volume
    const { triedCount } = allocator
    for (let tried = 0; tried < triedCount && allocator.isWindowed; ) {
      const { next } = allocator
      yield* this.scanBlocks()
      const block = allocator.take()
      if (block !== undefined) return block
      tried += (allocator.next - next + triedCount) % triedCount || triedCount
    }
    return undefined
  }

  /** Does ahead what the next write would wait for. */
  *findFreeBlocks(): Op<void> {
    if (!this.volume.allocator.isScanned) yield* this.scanBlocks()
  }

  /** The number of blocks in use, counted beside a change that may be under way. */
  *measureUse(): Op<number> {
    for (;;) {
      const known = this.volume.allocator.usedCount
      if (known !== undefined) return known
      const epoch = this.volume.metadataEpoch
      const count = yield* this.countUse()
      // What was counted while things changed is neither the old nor the new.
      if (this.volume.metadataEpoch === epoch) return count
    }
  }

  /** Window by window, where one map of all blocks would take too much memory. */
  private *countUse(): Op<number> {
    let count = 0
    for (let from = 0; from < Number.POSITIVE_INFINITY; ) {
      const epoch = this.volume.metadataEpoch
      const used = yield* this.findUse(from)
      count += used.size
      from = used.limit
      if (used.isWhole && !this.volume.isChanging && this.volume.metadataEpoch === epoch)
        this.adoptUse(used)
    }
    return count
  }

  /** The first block in use from a number on, readers that may still need it included. */
  *firstUse(from: number): Op<BlockUse | undefined> {
    let first: BlockUse | undefined
    const note = (use: BlockUse) => {
      if (use.block >= from && (first === undefined || use.block < first.block)) first = use
    }
    yield* findUsedBlocks(this.volume, { used: new BlockSet({ from, maxBytes: 0 }), onUse: note })
    const others = new BlockSet({ from, maxBytes: 0 })
    for (const file of this.volume.openFiles) yield* file.addNeededTo(others)
    for (const { ownBlocks } of this.volume.builders)
      for (const block of ownBlocks) others.add(block)
    this.volume.allocator.addHeldTo(others)
    const block = others.firstFrom(from)
    if (block === undefined) return first
    if (first !== undefined && first.block <= block) return first
    return { block, kind: 'data', path: undefined, active: true }
  }

  /** @param from where the map begins, should it not hold all blocks. */
  private *findUse(from: number): Op<BlockSet> {
    const maxBytes = Math.floor(this.volume.memoryBudget * FREE_MAP_SHARE)
    const used = new BlockSet({ from, maxBytes })
    yield* findUsedBlocks(this.volume, { used })
    for (const file of this.volume.openFiles) yield* file.addNeededTo(used)
    for (const { ownBlocks } of this.volume.builders) for (const block of ownBlocks) used.add(block)
    return used
  }

  /** Finds out which blocks are used: all, or those from the one that is tried next. */
  private *scanBlocks(): Op<void> {
    const { allocator } = this.volume
    let used = yield* this.findUse(allocator.isWindowed ? allocator.next : 0)
    if (!used.covers(allocator.next)) used = yield* this.findUse(allocator.next)
    this.adoptUse(used)
  }

  private adoptUse(used: BlockSet): void {
    // What was kept for handles and they no longer need is free now: not to be given back later.
    const isUnneeded = (block: number) => used.covers(block) && !used.has(block)
    for (const { entry } of this.volume.openFiles) {
      const unneeded = entry.retained.filter(isUnneeded)
      if (unneeded.length === 0) continue
      entry.retained = entry.retained.filter((block) => !isUnneeded(block))
      if (this.volume.allocator.hasReaders)
        for (const block of unneeded) this.volume.giveBackBlock(block)
    }
    this.volume.allocator.setUsed(used)
  }
}
