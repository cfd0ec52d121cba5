/** `caravan df`: how full a filesystem is. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import type { Image } from '../open-image.js'
import { formatShare, formatSize } from '../sizes.js'
import { imageVerb, JSON_OPTION, withHelp, withImage } from '../verb.js'

interface DfOptions extends ImageOptions {
  readonly json?: boolean
}

export function addDf(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'df', 'show how full it is')
    .description(
      'Shows size, used and free space. Every block in use is counted once: the figures are exact.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .option(...JSON_OPTION)
    .action((name: string, options: DfOptions) =>
      withImage(context, name, options, (image) => df(context, image, options)),
    )
  withHelp(command, ['caravan df flash.img', 'caravan df --json flash.img'])
}

async function df(
  { out }: Context,
  { mounted }: Image,
  { json = false }: DfOptions,
): Promise<void> {
  const space = await mounted.space()
  const { blockSize, blockCount, usedBlocks, freeBlocks } = space
  if (json) return out.line(JSON.stringify(space, undefined, 2))
  const rows: string[][] = [
    ['', 'blocks', 'bytes', 'size', 'share'],
    ...(
      [
        ['total', blockCount],
        ['used', usedBlocks],
        ['free', freeBlocks],
      ] as const
    ).map(([name, blocks]) => [
      name,
      String(blocks),
      String(blocks * blockSize),
      formatSize(blocks * blockSize),
      name === 'total' ? '' : formatShare(blocks, blockCount),
    ]),
  ]
  for (const line of alignRight(rows)) await out.line(line)
}

/** Columns wide enough for their cells, the first to the left. */
function alignRight(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}
