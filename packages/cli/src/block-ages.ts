/**
 * Blocks over time: what each holds, and how long ago it was written, in frames.
 *
 * Told from the bytes alone, so that it does not matter who writes: a block that holds other bytes
 * than in the frame before was written in this one.
 */

import { FREE } from './block-map.js'
import type { BlockUse } from './formats/format.js'

/** What a block shows in a frame. */
export interface AgedBlock {
  /** One of the format's looks, or {@link FREE}. */
  readonly look: string
  /** Frames since it was written, or freed; 0 for in this one. Since the first frame at most. */
  readonly age: number
}

export class BlockAges {
  private blocks: { look: string; sum: number; since: number }[] = []
  private frame = -1

  /**
   * The blocks in the next frame.
   *
   * @param sumOf a checksum over what a block holds.
   */
  advance(
    uses: readonly BlockUse[],
    blockCount: number,
    sumOf: (block: number) => number,
  ): AgedBlock[] {
    this.frame++
    const looks = new Map(uses.map(({ block, look }) => [block, look]))
    const before = this.blocks
    this.blocks = Array.from({ length: blockCount }, (_, block) => {
      const look = looks.get(block) ?? FREE
      // What a free block still holds is nobody's business.
      const sum = look === FREE ? 0 : sumOf(block)
      const old = before[block]
      // All blocks of the first frame are as old as can be.
      if (this.frame === 0) return { look, sum, since: Number.NEGATIVE_INFINITY }
      const isSame = old !== undefined && old.look === look && old.sum === sum
      return { look, sum, since: isSame ? old.since : this.frame }
    })
    return this.blocks.map(({ look, since }) => ({ look, age: this.frame - since }))
  }
}

/** How a block of an age is coloured. */
export type AgeClass = 'new' | 'recent' | 'old'

/** Frames up to which a block counts as recent. */
const RECENT_MAX = 6

export function ageClassOf(age: number): AgeClass {
  if (age === 0) return 'new'
  return age <= RECENT_MAX ? 'recent' : 'old'
}
