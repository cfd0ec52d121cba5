/** `caravan map`: a picture of the blocks. */

import type { Command } from 'commander'
import { asCount } from '../arguments.js'
import { FREE } from '../block-map.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { BlockUse, ImageOptions } from '../formats/format.js'
import { draw, FREE_LOOK, type Looks, lookOf } from '../map-drawing.js'
import { encodeUtf8, harmlessName } from '../names.js'
import { type Image, isAddress } from '../open-image.js'
import { imageVerb, JSON_OPTION, lacks, withHelp, withImage } from '../verb.js'
import { watchMap } from '../watch-map.js'

interface MapOptions extends ImageOptions {
  readonly watch?: boolean
  /** Operations. */
  readonly workload?: number
  readonly seed?: number
  readonly svg?: string
  readonly frames?: number
  /** Milliseconds. */
  readonly every?: number
  readonly force?: boolean
  readonly json?: boolean
  readonly list?: boolean
  readonly ascii?: boolean
  readonly perCell?: number
}

const WATCH_HELP = `
With --watch or --workload blocks are coloured by age too: bright where they were just
written, red where they were just freed, faint where they have not changed for long.
--workload writes, changes, renames and removes files in a copy in memory, the same for
the same --seed; IMAGE is only read.`

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
    .option('-w, --watch', 'draw it again whenever it changes, coloured by age')
    .option('--workload <count>', 'change a copy in memory so often, and show that', asCount)
    .option('--seed <number>', 'which workload (default: 1)', asCount)
    .option('--svg <file>', 'a picture for documents; with several frames an animation')
    .option('--frames <count>', 'with --watch: end after so many pictures', asCount)
    .option('--every <ms>', 'time between two pictures (default: 100)', asCount)
    .option('-f, --force', 'with --svg: replace a file that is already there')
    .action((name: string, options: MapOptions) => {
      checkMapOptions(name, options)
      if (isMoving(options)) return watchMap(context, name, options)
      return withImage(context, name, options, (image) => map(context, image, options))
    })
  withHelp(
    command,
    [
      'caravan map flash.img',
      'caravan map --per-cell 1 flash.img   every block, however many',
      'caravan map --list flash.img         which file is in which block',
      'caravan map --json flash.img         for a program',
      'caravan map --watch flash.img        as another program changes it; Ctrl-C ends it',
      'caravan map --watch --workload 200 flash.img',
      'caravan map --svg map.svg --workload 80 flash.img',
    ],
    WATCH_HELP,
  )
}

function isMoving({ watch, workload, svg }: MapOptions): boolean {
  return watch === true || workload !== undefined || svg !== undefined
}

/** @throws UsageError for options that do not go together. */
function checkMapOptions(name: string, options: MapOptions): void {
  const { perCell, watch, workload, svg, frames, seed, force, every, json, list } = options
  if (perCell === 0) throw new UsageError('--per-cell must be 1 or more.')
  if (isMoving(options) && (json === true || list === true)) {
    throw new UsageError('--json and --list tell of the image as it is: leave out the pictures.')
  }
  if (seed !== undefined && workload === undefined) {
    throw new UsageError('--seed says which --workload: give one.')
  }
  if (frames !== undefined && (watch !== true || workload !== undefined)) {
    throw new UsageError('--frames ends --watch; a --workload ends by itself.')
  }
  if (every !== undefined && !isMoving(options)) {
    throw new UsageError('--every is the time between pictures: give --watch or --workload.')
  }
  if (force === true && svg === undefined) throw new UsageError('--force goes with --svg FILE.')
  const isWatching = watch === true && workload === undefined
  if (isWatching && (name === '-' || isAddress(name))) {
    throw new UsageError('--watch looks at a file of this computer again and again. Give one.')
  }
  if (isWatching && svg !== undefined && frames === undefined) {
    throw new UsageError('An animation has an end: give --frames, or a --workload.')
  }
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

async function list({ out }: Context, uses: readonly BlockUse[], looks: Looks): Promise<void> {
  const width = String(uses[uses.length - 1]?.block ?? 0).length
  const nameWidth = Math.max(...Object.values(looks).map(({ name }) => name.length))
  for (const use of uses) {
    const { name } = lookOf(looks, use.look)
    const path = use.path === undefined ? '(not in the tree)' : harmlessName(encodeUtf8(use.path))
    await out.line(`${String(use.block).padStart(width)}  ${name.padEnd(nameWidth)}  ${path}`)
  }
}
