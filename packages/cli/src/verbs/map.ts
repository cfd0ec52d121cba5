/** `caravan map`: a picture of the blocks. */

import type { BlockUse } from '@caravan/littlefs'
import type { Command } from 'commander'
import { asCount } from '../arguments.js'
import { blocksPerCellFor, type Cell, type CellKind, kindOf, mapBlocks } from '../block-map.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { encodeUtf8, harmlessName } from '../names.js'
import type { Image, ImageOptions } from '../open-image.js'
import { formatCount, formatShare, formatSize } from '../sizes.js'
import type { Colour } from '../style.js'
import { imageVerb, JSON_OPTION, withHelp, withImage } from '../verb.js'

interface MapOptions extends ImageOptions {
  readonly json?: boolean
  readonly list?: boolean
  readonly ascii?: boolean
  readonly perCell?: number
}

interface Look {
  readonly mark: string
  readonly ascii: string
  readonly colour: Colour
  readonly name: string
}

const LOOKS: Record<CellKind, Look> = {
  active: { mark: '◆', ascii: 'M', colour: 'yellow', name: 'metadata, in force' },
  other: { mark: '◇', ascii: 'm', colour: 'magenta', name: 'metadata, other half' },
  data: { mark: '█', ascii: '#', colour: 'cyan', name: 'data' },
  free: { mark: '·', ascii: '.', colour: 'dim', name: 'free' },
}

/** Data in a quarter of the blocks of a cell, in half of them, in three quarters. */
const SHADES = ['░', '▒', '▓'] as const

/** Rows that still fit on a screen. */
const ROWS_MAX = 32

export function addMap(program: Command, context: Context): void {
  const command = imageVerb(program, 'map', 'show a picture of the blocks')
    .description(
      'Draws which blocks hold metadata, data or nothing. Where there are many, a character stands for several blocks.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .option('-l, --list', 'list the used blocks and what they belong to instead')
    .option(
      '--per-cell <count>',
      'blocks that a character stands for (default: as needed)',
      asCount,
    )
    .option('--ascii', 'draw with ASCII characters alone')
    .option(...JSON_OPTION)
    .action((name: string, options: MapOptions) => {
      if (options.perCell === 0) throw new UsageError('--per-cell must be 1 or more.')
      return withImage(context, name, options, (image) => map(context, image, options))
    })
  withHelp(command, [
    'caravan map flash.img',
    'caravan map --per-cell 1 flash.img   every block, however many',
    'caravan map --list flash.img         which file is in which block',
    'caravan map --json flash.img         for a program',
  ])
}

async function map(context: Context, { fs }: Image, options: MapOptions): Promise<void> {
  const { blockSize, blockCount } = fs.info()
  const uses = (await fs.blockUse()).sort((a, b) => a.block - b.block)
  if (options.json === true) {
    const json = { blockSize, blockCount, used: uses.map(useJson) }
    return context.out.line(JSON.stringify(json, undefined, 2))
  }
  if (options.list === true) return list(context, uses)
  await draw(context, uses, blockSize, blockCount, options)
}

function useJson({ block, kind, active, path }: BlockUse) {
  return {
    block,
    kind,
    ...(kind === 'metadata' ? { active } : {}),
    path: path ?? null,
  }
}

async function list({ out }: Context, uses: readonly BlockUse[]): Promise<void> {
  const width = String(uses[uses.length - 1]?.block ?? 0).length
  const nameWidth = Math.max(...Object.values(LOOKS).map(({ name }) => name.length))
  for (const use of uses) {
    const { name } = LOOKS[kindOf(use)]
    const path = use.path === undefined ? '(not in the tree)' : harmlessName(encodeUtf8(use.path))
    await out.line(`${String(use.block).padStart(width)}  ${name.padEnd(nameWidth)}  ${path}`)
  }
}

async function draw(
  context: Context,
  uses: readonly BlockUse[],
  blockSize: number,
  blockCount: number,
  options: MapOptions,
): Promise<void> {
  const { out, env, style } = context
  const ascii = options.ascii === true || !speaksUtf8(env)
  const numberWidth = String(Math.max(0, blockCount - 1)).length
  const width = rowWidth((out.stream.columns ?? 80) - numberWidth - 3)
  const blocksPerCell = options.perCell ?? blocksPerCellFor(blockCount, width * ROWS_MAX)
  const { cells } = mapBlocks(uses, blockCount, blocksPerCell)
  for (let at = 0; at < cells.length; at += width) {
    const row = cells.slice(at, at + width)
    const number = String(at * blocksPerCell).padStart(numberWidth)
    await out.line(`${style('dim', number)}  ${paint(row, blocksPerCell, ascii, context)}`)
  }
  await out.line()
  if (blocksPerCell > 1) {
    await out.line(
      `Each character stands for ${blocksPerCell} blocks (${formatSize(blocksPerCell * blockSize)}) and shows the first of these among them:`,
    )
  }
  await drawLegend(context, uses, blockCount, blocksPerCell, ascii)
}

/** A round number of cells, so that block numbers can be counted off. */
function rowWidth(columns: number): number {
  if (columns >= 64) return 64
  return Math.max(8, columns - (columns % 8))
}

/** Neighbours of one colour are painted together. */
function paint(
  row: readonly Cell[],
  blocksPerCell: number,
  ascii: boolean,
  { style }: Context,
): string {
  let painted = ''
  for (let at = 0; at < row.length; ) {
    const { kind } = row[at] as Cell
    let marks = ''
    while (at < row.length && row[at]?.kind === kind) {
      marks += mark(row[at] as Cell, blocksPerCell, ascii)
      at++
    }
    painted += style(LOOKS[kind].colour, marks)
  }
  return painted
}

function mark({ kind, usedCount }: Cell, blocksPerCell: number, ascii: boolean): string {
  const look = LOOKS[kind]
  if (ascii) return look.ascii
  if (kind !== 'data' || usedCount >= blocksPerCell) return look.mark
  return SHADES[Math.min(2, Math.floor((4 * usedCount) / blocksPerCell))] as string
}

async function drawLegend(
  { out, style }: Context,
  uses: readonly BlockUse[],
  blockCount: number,
  blocksPerCell: number,
  ascii: boolean,
): Promise<void> {
  const counts: Record<CellKind, number> = { active: 0, other: 0, data: 0, free: 0 }
  for (const use of uses) counts[kindOf(use)]++
  counts.free = blockCount - uses.length
  const width = String(blockCount).length + ' blocks'.length
  for (const kind of ['active', 'other', 'data', 'free'] as const) {
    const { mark: full, ascii: plain, colour, name } = LOOKS[kind]
    const shades =
      kind === 'data' && blocksPerCell > 1 && !ascii ? `${SHADES.join('')}${full}` : full
    const sign = style(colour, (ascii ? plain : shades).padEnd(blocksPerCell > 1 && !ascii ? 4 : 1))
    const count = formatCount(counts[kind], 'block').padStart(width)
    await out.line(
      `${sign}  ${name.padEnd(20)}  ${count}  ${formatShare(counts[kind], blockCount)}`,
    )
  }
}

/** POSIX: LC_ALL before LC_CTYPE before LANG. Where nothing is said, UTF-8 is what there is. */
function speaksUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG
  return !locale || /utf-?8/i.test(locale)
}
