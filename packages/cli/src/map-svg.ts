/**
 * Pictures of blocks as an SVG: one, or an animation of several, which browsers play and documents
 * embed without a script (SMIL, the `discrete` calcMode).
 */

import { type AgeClass, ageClassOf } from './block-ages.js'
import { blocksPerCellFor, type Cell, FREE, mapBlocks } from './block-map.js'
import type { Frame } from './map-frames.js'
import { formatCount, formatSize } from './sizes.js'
import type { Colour } from './style.js'

interface SvgOptions {
  readonly frameMs: number
  /** Blocks that a cell stands for. Default: as needed. */
  readonly perCell?: number
}

const CELLS_MAX = 2048
/** Pixels. */
const CELL = 12
const MARGIN = 16
const LINE = 20

/** Just written or freed, not long ago, before. */
type Shades = Readonly<Record<AgeClass, string>>

const FREE_SHADES: Shades = { new: '#6b3038', recent: '#33292d', old: '#262b31' }

const SHADES: Readonly<Record<Colour, Shades>> = {
  red: { new: '#ff8f86', recent: '#e0564b', old: '#8c3932' },
  green: { new: '#9cf0a4', recent: '#4fb85a', old: '#33713a' },
  yellow: { new: '#ffe08a', recent: '#e0b23c', old: '#8a6f2b' },
  blue: { new: '#9cc4ff', recent: '#4d86e0', old: '#34558a' },
  cyan: { new: '#a0f2f5', recent: '#3fb4bd', old: '#2b6d73' },
  magenta: { new: '#f0a6ff', recent: '#b65fcc', old: '#6f3e7d' },
  bold: { new: '#ffffff', recent: '#d0d4d8', old: '#7d848b' },
  dim: { new: '#b0b5ba', recent: '#7d848b', old: '#4d545b' },
}

/** @param frames one or more, of one image. */
export function svgOf(frames: readonly Frame[], options: SvgOptions): string {
  const last = frames[frames.length - 1] as Frame
  const blockCount = Math.max(...frames.map(({ blocks }) => blocks.length))
  const perCell = options.perCell ?? blocksPerCellFor(blockCount, CELLS_MAX)
  const rows = frames.map((frame) => colours(frame, blockCount, perCell))
  const cellCount = Math.ceil(blockCount / perCell)
  const columns = cellCount > 512 ? 64 : 32
  const width = 2 * MARGIN + columns * CELL
  const top = MARGIN + LINE
  const legendTop = top + Math.ceil(cellCount / columns) * CELL + LINE
  const looks = Object.entries(last.looks)
  const height = legendTop + (looks.length + 1) * LINE
  const seconds = (frames.length * options.frameMs) / 1000
  const cells = Array.from({ length: cellCount }, (_, cell) => {
    const x = MARGIN + (cell % columns) * CELL
    const y = top + Math.floor(cell / columns) * CELL
    const fills = rows.map((row) => row[cell] as string)
    const size = CELL - 2
    const place = `x="${x}" y="${y}" width="${size}" height="${size}" rx="2"`
    return `<rect ${place} ${animated('fill', fills, seconds)}`
  })
  const titles = frames.map(({ title }, at) => {
    const shown = frames.map((_, frame) => (frame === at ? 'visible' : 'hidden'))
    const text = animated('visibility', shown, seconds, escapeXml(title), 'text')
    return `<text x="${MARGIN}" y="${MARGIN + 6}" ${text}`
  })
  const legend = [...looks, [FREE, { name: 'free', colour: 'dim' as const }] as const].map(
    ([key, { name, colour }], at) => {
      const y = legendTop + at * LINE
      const fill = key === FREE ? FREE_SHADES.old : SHADES[colour].recent
      const sign = `<rect x="${MARGIN}" y="${y - 10}" width="10" height="10" rx="2" fill="${fill}"/>`
      return `${sign}<text x="${MARGIN + 18}" y="${y}">${escapeXml(name)}</text>`
    },
  )
  const unit = perCell === 1 ? '' : `, ${formatCount(perCell, 'block')} a cell`
  const what = `${formatCount(blockCount, 'block')} of ${formatSize(last.blockSize)}${unit}`
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="ui-monospace, monospace" font-size="12" fill="#c5cad0">`,
    `<title>${what}, coloured by what they hold and how long ago they were written</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#181c20"/>`,
    ...titles,
    ...cells,
    ...legend,
    '</svg>',
  ].join('\n')}\n`
}

/** The colour of each cell of a frame. */
function colours(frame: Frame, blockCount: number, perCell: number): string[] {
  const { blocks, looks } = frame
  const uses = blocks.flatMap(({ look }, block) => (look === FREE ? [] : [{ block, look }]))
  const ageOf = (block: number) => blocks[block]?.age ?? Number.POSITIVE_INFINITY
  const { cells } = mapBlocks({ blockCount, uses, ageOf }, Object.keys(looks), perCell)
  return cells.map((cell) => colourOf(cell, frame))
}

function colourOf({ look, age }: Cell, { looks }: Frame): string {
  const shades = SHADES[looks[look]?.colour ?? 'dim']
  return (look === FREE ? FREE_SHADES : shades)[ageClassOf(age)]
}

/** An attribute over all frames, and the end of the element. */
function animated(
  attribute: string,
  values: readonly string[],
  seconds: number,
  content = '',
  element = 'rect',
): string {
  const changes = values.flatMap((value, at) => (values[at - 1] === value ? [] : [at]))
  const first = `${attribute}="${values[0]}"`
  if (changes.length === 1) {
    return content === '' ? `${first}/>` : `${first}>${content}</${element}>`
  }
  const times = changes.map((at) => Number((at / values.length).toFixed(5)))
  const list = changes.map((at) => values[at]).join(';')
  const animate = `<animate attributeName="${attribute}" dur="${seconds}s" repeatCount="indefinite" calcMode="discrete" values="${list}" keyTimes="${times.join(';')}"/>`
  return `${first}>${content}${animate}</${element}>`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
