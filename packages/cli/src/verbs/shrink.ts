/** `caravan shrink`: makes the filesystem of an image smaller, where its end is free. */

import { stat, truncate } from 'node:fs/promises'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { blocksIn, blocksInWords } from '../geometry.js'
import { type ChangeOptions, isAddress, refuseAddress } from '../open-image.js'
import { changingVerb, failOnHost, lacks, withChangedImage, withHelp } from '../verb.js'

interface ShrinkOptions extends ImageOptions, ChangeOptions {
  readonly quiet?: boolean
}

const SHRINK_HELP = `
Nothing is moved: what is beyond the new end must be free, else the first block in use
there is named, and whose it is (see also \`caravan map\`). The file is cut off with the
filesystem; where something follows that, the file keeps its length.`

export function addShrink(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'shrink', 'make the filesystem smaller')
    .description('Makes the filesystem in an image smaller, in place and under its lock.')
    .argument('<image>', 'the image')
    .argument('<size>', 'the new size, a whole number of blocks: 320K, 1M', asSize)
    .option('-q, --quiet', 'no summary')
    .action((name: string, size: number, options: ShrinkOptions) =>
      shrink(context, name, size, options),
    )
  withHelp(command, ['caravan shrink flash.img 320K'], SHRINK_HELP)
}

async function shrink(
  context: Context,
  name: string,
  size: number,
  options: ShrinkOptions,
): Promise<void> {
  if (isAddress(name)) refuseAddress(name)
  let end: number | undefined
  await withChangedImage(context, name, options, async (image) => {
    const { mounted, offsetBytes, sizeBytes, isBounded } = image
    const { blockSize, blockCount } = mounted
    if (mounted.shrink === undefined) lacks(image, 'does not shrink')
    const newCount = blocksIn(size, blockSize, 'The new size')
    const words = blocksInWords(newCount, blockSize)
    if (newCount > blockCount) {
      const has = blocksInWords(blockCount, blockSize)
      throw new UsageError(`${name} has ${has}. To make it larger, use \`caravan grow\`.`)
    }
    await mounted.shrink(newCount)
    // What lies between is part of no filesystem any more; what follows is somebody else's.
    const followed = isBounded || sizeBytes > blockCount * blockSize
    if (!followed) end = offsetBytes + newCount * blockSize
    if (options.quiet === true) return
    await context.out.line(
      newCount === blockCount ? `${name} has ${words} already` : `${name} has ${words} now`,
    )
    if (followed) context.report.tell(`${name} keeps its length: something follows the filesystem.`)
  })
  if (end !== undefined) await cutOff(context, name, end)
}

/** A device has its length from elsewhere. */
async function cutOff(context: Context, name: string, end: number): Promise<void> {
  try {
    const stats = await stat(name)
    if (stats.isFile() && stats.size > end) await truncate(name, end)
  } catch (error) {
    await failOnHost(context, name, error)
  }
}
