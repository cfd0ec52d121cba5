/** `caravan map`: a picture of the blocks. */

import type { Command } from 'commander'
import { asCount } from '../arguments.js'
import { blocksPerCellFor, type Cell, FREE, mapBlocks } from '../block-map.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { BlockLook, BlockUse, ImageOptions } from '../formats/format.js'
import { encodeUtf8, harmlessName } from '../names.js'
import type { Image } from '../open-image.js'
import { formatCount, formatShare, formatSize } from '../sizes.js'
import { imageVerb, JSON_OPTION, lacks, withHelp, withImage } from '../verb.js'

interface MapOptions extends ImageOptions {
  readonly json?: boolean
  readonly list?: boolean
  readonly ascii?: boolean
  readonly perCell?: number
}

type Looks = Readonly<Record<string, BlockLook>>

const FREE_LOOK: BlockLook = { mark: '·', ascii: '.', colour: 'dim', name: 'free' }

/** In a quarter of the blocks of a cell, in half of them, in three quarters. */
const SHADES = ['░', '▒', '▓'] as const

/** Rows that still fit on a screen. */
const ROWS_MAX = 32

export function addMap(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'map', 'show a picture of the blocks')
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

/** Blocks, what they are used for, and how that is drawn. */
interface Picture {
  readonly blockSize: number
  readonly blockCount: number
  /** By block. */
  readonly uses: readonly BlockUse[]
  /** Of the format, and free ones last. */
  readonly looks: Looks
}

async function map(context: Context, image: Image, options: MapOptions): Promise<void> {
  const { blockSize, blockCount, blockMap } = image.mounted
  if (blockMap === undefined) return lacks(image, 'has no blocks of several kinds to show')
  const uses = [...(await blockMap.uses())].sort((a, b) => a.block - b.block)
  const looks = { ...blockMap.looks, [FREE]: FREE_LOOK }
  if (options.json === true) {
    const json = { blockSize, blockCount, used: uses.map(useJson) }
    return context.out.line(JSON.stringify(json, undefined, 2))
  }
  if (options.list === true) return list(context, uses, looks)
  await draw(context, { blockSize, blockCount, uses, looks }, options)
}

function useJson({ block, json, path }: BlockUse) {
  return { block, ...json, path: path ?? null }
}

function lookOf(looks: Looks, name: string): BlockLook {
  return looks[name] ?? FREE_LOOK
}

async function list({ out }: Context, uses: readonly BlockUse[], looks: Looks): Promise<void> {
  const width = String(uses[uses.length - 1]?.block ?? 0).length
  const nameWidth = Math.max(...Object.values(looks).map(({ name }) => name.length))
  for (const use of uses) {
    const { name } = lookOf(looks, use.look)
    const path = use.path === undefined ? '(not in the tree)' : harmlessName(encodeUtf8(use.path))
    await out.line(`${String(use.block).padStart(width)}  ${name.padEnd(nameWidth)}  ${path}`)
  }
}

async function draw(context: Context, picture: Picture, options: MapOptions): Promise<void> {
  const { blockSize, blockCount, uses, looks } = picture
  const { out, env, style } = context
  const ascii = options.ascii === true || !speaksUtf8(env)
  const numberWidth = String(Math.max(0, blockCount - 1)).length
  const width = rowWidth((out.stream.columns ?? 80) - numberWidth - 3)
  const blocksPerCell = options.perCell ?? blocksPerCellFor(blockCount, width * ROWS_MAX)
  const { cells } = mapBlocks(uses, Object.keys(looks), blockCount, blocksPerCell)
  for (let at = 0; at < cells.length; at += width) {
    const row = cells.slice(at, at + width)
    const number = String(at * blocksPerCell).padStart(numberWidth)
    await out.line(`${style('dim', number)}  ${paint(row, looks, blocksPerCell, ascii, context)}`)
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
  looks: Looks,
  blocksPerCell: number,
  ascii: boolean,
  { style }: Context,
): string {
  let painted = ''
  for (let at = 0; at < row.length; ) {
    const name = (row[at] as Cell).look
    const look = lookOf(looks, name)
    let marks = ''
    while (at < row.length && row[at]?.look === name) {
      marks += mark(look, row[at] as Cell, blocksPerCell, ascii)
      at++
    }
    painted += style(look.colour, marks)
  }
  return painted
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
