/**
 * The blocks of a handle's version that no commit refers to yet: its own until one does, and given
 * back where the version no longer has them.
 */

import type { Op } from '@caravan/core'
import type { BlockSet } from './block-set.js'
import { type FileBlocks, findBlock } from './file-blocks.js'
import type { View } from './file-view.js'
import type { Volume } from './volume.js'

export class OwnBlocks {
  /** Made with the first of them: most handles have none. */
  private held: Set<number> | undefined
  /** What the operation under way has given back. */
  private dropped: number[] = []

  constructor(private readonly volume: Volume) {}

  get isEmpty(): boolean {
    return this.held === undefined || this.held.size === 0
  }

  /** For whoever takes blocks for the version. */
  get blocks(): Set<number> {
    this.held ??= new Set()
    return this.held
  }

  /** Adds them, and all blocks of a view. */
  *addTo(used: BlockSet, view: View): Op<void> {
    for (const block of this.held ?? []) used.add(block)
    if (view.kind === 'inline') return
    for (let index = 0; index <= view.blocks.lastIndex; index++) {
      used.add(yield* findBlock(this.volume.layout, view.blocks, index))
    }
  }

  /** An operation begins, which may have to be undone. */
  begin(): void {
    if (this.dropped.length > 0) this.dropped = []
  }

  /** The operation failed: what it took is taken from it again, and what it gave up it keeps. */
  undo(): void {
    for (const block of this.dropped) this.blocks.add(block)
    for (const block of this.volume.allocator.takenBlocks) this.held?.delete(block)
  }

  /** A commit refers to all of them. */
  committed(): void {
    if (!this.isEmpty) this.held?.clear()
  }

  /** Gives back those that a version has from an index on. */
  giveBackFrom(blocks: FileBlocks, from: number): void {
    for (let index = from; index <= blocks.lastIndex; index++) {
      const block = blocks.get(index)
      if (block === undefined || this.held?.delete(block) !== true) continue
      this.dropped.push(block)
      this.volume.giveBackBlock(block)
    }
  }

  giveBackAll(): void {
    if (this.held === undefined) return
    for (const block of this.held) this.volume.giveBackBlock(block)
    this.held.clear()
  }
}
