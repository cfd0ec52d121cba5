/** Pictures of blocks for a terminal: rows of cells, and what the cells mean. */

import { type AgeClass, ageClassOf } from './block-ages.js'
import { blocksPerCellFor, type Cell, FREE, mapBlocks } from './block-map.js'
import type { Context } from './context.js'
import type { BlockLook } from './formats/format.js'
import { formatCount, formatShare, formatSize } from './sizes.js'
import type { Style } from './style.js'

export type Looks = Readonly<Record<string, BlockLook>>

export const FREE_LOOK: BlockLook = { mark: '·', ascii: '.', colour: 'dim', name: 'free' }

/** Blocks, what they are used for, and how that is drawn. */
interface Picture {
  readonly blockSize: number
  readonly blockCount: number
  /** Of the blocks in use. */
  readonly uses: readonly { readonly block: number; readonly look: string }[]
  /** Of the format, and free ones last. */
  readonly looks: Looks
  /** Frames since a block was written or freed, where there are several pictures. */
  readonly ageOf?: (block: number) => number
}

export interface DrawOptions {
  readonly ascii?: boolean
  /** Blocks that a character stands for. Default: as needed. */
  readonly perCell?: number
}

/** In a quarter of the blocks of a cell, in half of them, in three quarters. */
const SHADES = ['░', '▒', '▓'] as const

/** Rows that still fit on a screen. */
const ROWS_MAX = 32

export function lookOf(looks: Looks, name: string): BlockLook {
  return looks[name] ?? FREE_LOOK
}

export async function draw(
  context: Context,
  picture: Picture,
  options: DrawOptions,
): Promise<void> {
  const { blockSize, blockCount, looks } = picture
  const { out, env, style } = context
  const ascii = options.ascii === true || !speaksUtf8(env)
  const numberWidth = String(Math.max(0, blockCount - 1)).length
  const width = rowWidth((out.stream.columns ?? 80) - numberWidth - 3)
  const blocksPerCell = options.perCell ?? blocksPerCellFor(blockCount, width * ROWS_MAX)
  const { cells } = mapBlocks(picture, Object.keys(looks), blocksPerCell)
  for (let at = 0; at < cells.length; at += width) {
    const row = cells.slice(at, at + width)
    const number = String(at * blocksPerCell).padStart(numberWidth)
    await out.line(`${style('dim', number)}  ${paint(row, picture, blocksPerCell, ascii, context)}`)
  }
  await out.line()
  if (blocksPerCell > 1) {
    await out.line(
      `Each character stands for ${blocksPerCell} blocks (${formatSize(blocksPerCell * blockSize)}) and shows the first of these among them:`,
    )
  }
  await drawLegend(context, picture, blocksPerCell, ascii)
}

/** A round number of cells, so that block numbers can be counted off. */
function rowWidth(columns: number): number {
  if (columns >= 64) return 64
  return Math.max(8, columns - (columns % 8))
}

/** Neighbours of one colour are painted together. */
function paint(
  row: readonly Cell[],
  { looks, ageOf }: Picture,
  blocksPerCell: number,
  ascii: boolean,
  { style }: Context,
): string {
  let painted = ''
  for (let at = 0; at < row.length; ) {
    const { look: name, age } = row[at] as Cell
    const look = lookOf(looks, name)
    const ageClass = ageOf && ageClassOf(age)
    let marks = ''
    for (; at < row.length && row[at]?.look === name; at++) {
      const cell = row[at] as Cell
      if (ageOf !== undefined && ageClassOf(cell.age) !== ageClass) break
      marks += mark(look, cell, blocksPerCell, ascii)
    }
    painted += paintMarks(marks, look, name, ageClass, style)
  }
  return painted
}

/** What was just written stands out, what was just freed is red, what is old fades. */
function paintMarks(
  marks: string,
  { colour }: BlockLook,
  name: string,
  age: AgeClass | undefined,
  style: Style,
): string {
  if (age === undefined) return style(colour, marks)
  if (name === FREE) return style(age === 'new' ? 'red' : 'dim', marks)
  if (age === 'new') return style('bold', style(colour, marks))
  return age === 'old' ? style('dim', style(colour, marks)) : style(colour, marks)
}

function mark(look: BlockLook, { usedCount }: Cell, blocksPerCell: number, ascii: boolean): string {
  if (ascii) return look.ascii
  if (look.shaded !== true || usedCount >= blocksPerCell) return look.mark
  return SHADES[Math.min(2, Math.floor((4 * usedCount) / blocksPerCell))] as string
}

async function drawLegend(
  { out, style }: Context,
  { uses, looks, blockCount }: Picture,
  blocksPerCell: number,
  ascii: boolean,
): Promise<void> {
  const counts = new Map([[FREE, blockCount - uses.length]])
  for (const { look } of uses) counts.set(look, (counts.get(look) ?? 0) + 1)
  const width = String(blockCount).length + ' blocks'.length
  const nameWidth = Math.max(...Object.values(looks).map(({ name }) => name.length))
  for (const [key, look] of Object.entries(looks)) {
    const { mark: full, ascii: plain, colour, name, shaded = false } = look
    const own = counts.get(key) ?? 0
    const shades = shaded && blocksPerCell > 1 && !ascii ? `${SHADES.join('')}${full}` : full
    const sign = style(colour, (ascii ? plain : shades).padEnd(blocksPerCell > 1 && !ascii ? 4 : 1))
    const count = formatCount(own, 'block').padStart(width)
    await out.line(`${sign}  ${name.padEnd(nameWidth)}  ${count}  ${formatShare(own, blockCount)}`)
  }
}

/** POSIX: LC_ALL before LC_CTYPE before LANG. Where nothing is said, UTF-8 is what there is. */
function speaksUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG
  return !locale || /utf-?8/i.test(locale)
}
