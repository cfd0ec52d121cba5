/**
 * A picture of the blocks of a filesystem for a terminal: cells in rows, each cell one block, or
 * several where there are many.
 */

import type { BlockUse } from '@caravan/littlefs'

/** What a cell shows; of several blocks, the first of these that is among them. */
export type CellKind = 'active' | 'other' | 'data' | 'free'

export interface Cell {
  readonly kind: CellKind
  /** Blocks in use, of those that the cell stands for. */
  readonly usedCount: number
}

interface BlockMap {
  readonly cells: readonly Cell[]
  /** Blocks that a cell stands for; the last may stand for fewer. */
  readonly blocksPerCell: number
}

/** The fewest blocks in a cell, a power of two, with which at most `cellMax` cells are needed. */
export function blocksPerCellFor(blockCount: number, cellMax: number): number {
  let blocksPerCell = 1
  while (Math.ceil(blockCount / blocksPerCell) > cellMax) blocksPerCell *= 2
  return blocksPerCell
}

export function mapBlocks(
  uses: readonly BlockUse[],
  blockCount: number,
  blocksPerCell: number,
): BlockMap {
  const count = Math.ceil(blockCount / blocksPerCell)
  const used = new Uint32Array(count)
  const ranks = new Uint8Array(count).fill(KINDS.indexOf('free'))
  for (const use of uses) {
    const cell = Math.floor(use.block / blocksPerCell)
    if (cell >= count) continue
    used[cell] = (used[cell] as number) + 1
    ranks[cell] = Math.min(ranks[cell] as number, KINDS.indexOf(kindOf(use)))
  }
  const cells = Array.from(ranks, (rank, cell): Cell => {
    return { kind: KINDS[rank] as CellKind, usedCount: used[cell] as number }
  })
  return { cells, blocksPerCell }
}

/** What matters most first. */
const KINDS: readonly CellKind[] = ['active', 'other', 'data', 'free']

export function kindOf({ kind, active }: BlockUse): CellKind {
  if (kind === 'data') return 'data'
  return active ? 'active' : 'other'
}
