/** Operations on a device that has so many free blocks: done, or refused and nothing changed. */

import type { Operation } from '@caravan/testkit'
import { kindOf, type Place } from './crash-kinds.js'
import { ModelRun, type Setup } from './model-run.js'

export interface FullCounts {
  /** Kinds tried, each with one number of free blocks. */
  tried: number
  /** Operations for which there was no space. */
  refused: number
}

/** More free blocks than any kind needs beyond those that it takes for data. */
const ENOUGH_BLOCKS = 12

/**
 * Tries a kind of operation with 0, 1, 2... free blocks, until it went through. After each: what was
 * refused has changed nothing, everything can be removed, and then something written.
 *
 * @returns what went wrong, or undefined.
 */
export function tryWithoutSpace(
  name: string,
  { setup, unit }: Place,
  counts: FullCounts,
): string | undefined {
  return tryStoryWithoutSpace(...kindOf(name, unit), setup, counts)
}

/** The same for any operations, after any preparation. */
export function tryStoryWithoutSpace(
  preparation: readonly Operation[],
  operations: readonly Operation[],
  setup: Setup,
  counts: FullCounts,
): string | undefined {
  for (let freeBlocks = 0; ; freeBlocks++) {
    try {
      const run = new ModelRun(setup)
      for (const operation of preparation) run.step(operation)
      leaveFree(run, freeBlocks)
      const before = run.fullCount
      for (const operation of operations) run.step(operation)
      const refused = run.fullCount - before
      counts.tried++
      counts.refused += refused
      run.empty()
      if (refused === 0 && freeBlocks >= ENOUGH_BLOCKS) return undefined
    } catch (error) {
      return `with ${freeBlocks} blocks free: ${(error as Error).stack}`
    }
  }
}

/** Fills the device with a file, so that so many blocks are left, or as few more as can be. */
function leaveFree(run: ModelRun, freeBlocks: number): void {
  // Eight bytes a block are enough for the pointers of its list.
  const blockBytes = run.setup.blockSize - 8
  const freeNow = () => run.fs.dfSync().freeBlocks
  const path = '/zz-fill'
  for (let blocks = freeNow() - freeBlocks; blocks > 0; blocks--) {
    run.step({ do: 'writeFile', path, content: { seed: 1, size: blocks * blockBytes } })
    if (run.model.find(path) === undefined) continue
    if (freeNow() >= freeBlocks) return
    run.step({ do: 'remove', path })
  }
}
