/**
 * A picture of the blocks of a filesystem for a terminal: cells in rows, each cell one block, or
 * several where there are many.
 */

/** The look of blocks that nothing uses. */
export const FREE = 'free'

export interface Cell {
  /** Of several blocks, the first among them in the order of the looks. */
  readonly look: string
  /** Blocks in use, of those that the cell stands for. */
  readonly usedCount: number
  /** Of the youngest of its blocks; endless where ages are not known. */
  readonly age: number
}

/** What a map is made of. */
interface Blocks {
  readonly blockCount: number
  readonly uses: readonly { readonly block: number; readonly look: string }[]
  readonly ageOf?: (block: number) => number
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

/** @param looks what matters most first. */
export function mapBlocks(
  { blockCount, uses, ageOf }: Blocks,
  looks: readonly string[],
  blocksPerCell: number,
): BlockMap {
  const count = Math.ceil(blockCount / blocksPerCell)
  const used = new Uint32Array(count)
  const ranks = new Uint8Array(count).fill(looks.length)
  for (const { block, look } of uses) {
    const cell = Math.floor(block / blocksPerCell)
    if (cell >= count) continue
    used[cell] = (used[cell] as number) + 1
    ranks[cell] = Math.min(ranks[cell] as number, looks.indexOf(look))
  }
  const ages = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  for (let block = 0; ageOf !== undefined && block < blockCount; block++) {
    const cell = Math.floor(block / blocksPerCell)
    ages[cell] = Math.min(ages[cell] as number, ageOf(block))
  }
  const cells = Array.from(ranks, (rank, cell): Cell => {
    const look = looks[rank] ?? FREE
    return { look, usedCount: used[cell] as number, age: ages[cell] as number }
  })
  return { cells, blocksPerCell }
}
