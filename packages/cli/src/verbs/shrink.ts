/** `caravan shrink`: makes the filesystem of an image smaller. */

import { stat, truncate } from 'node:fs/promises'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { checkInterrupted, HostError, UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import type { ShrinkPlan } from '../formats/sizes-calls.js'
import { blocksIn, blocksInWords } from '../geometry.js'
import { harmlessName } from '../names.js'
import { type ChangeOptions, type Image, isAddress, refuseAddress } from '../open-image.js'
import { formatCount, formatSize } from '../sizes.js'
import { changingVerb, failOnHost, lacks, withChangedImage, withHelp, withImage } from '../verb.js'

interface ShrinkOptions extends ImageOptions, ChangeOptions {
  readonly minimum?: boolean
  readonly dryRun?: boolean
  readonly truncate?: boolean
  readonly quiet?: boolean
}

const SHRINK_HELP = `
What lies beyond the new end is moved first, each file and each directory by itself; the
size changes last, in one step. Cut short by Ctrl-C, kill -9 or the power every file is
whole, and running it again finishes. What does not fit is said before anything moves,
with the size that does. --minimum takes the smallest; \`caravan defrag\` before it packs
directories closer.

The file is cut off with the filesystem; where something follows that, or it lies in a
partition, the file keeps its length. --truncate cuts it off all the same: for a shrink
that was cut short between the two.`

export function addShrink(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'shrink', 'make the filesystem smaller')
    .description('Makes the filesystem in an image smaller, in place and under its lock.')
    .argument('<image>', 'the image')
    .argument('[size]', 'the new size, a whole number of blocks: 320K, 1M', asSize)
    .option('--minimum', 'as small as it can be, instead of a size')
    .option('-n, --dry-run', 'say what would be moved, and do nothing')
    .option('--truncate', 'cut the file off, whatever follows the filesystem')
    .option('-q, --quiet', 'no summary')
    .action((name: string, size: number | undefined, options: ShrinkOptions) =>
      shrink(context, name, size, options),
    )
  withHelp(
    command,
    [
      'caravan shrink flash.img 320K',
      'caravan shrink --dry-run flash.img 320K',
      'caravan shrink --minimum flash.img',
    ],
    SHRINK_HELP,
  )
}

async function shrink(
  context: Context,
  name: string,
  size: number | undefined,
  options: ShrinkOptions,
): Promise<void> {
  const { minimum = false, dryRun = false } = options
  if ((size === undefined) !== minimum) {
    throw new UsageError('How small is it to be? Give a size, 320K, or --minimum.')
  }
  if (isAddress(name)) refuseAddress(name)
  let end: number | undefined
  const open = dryRun ? withImage : withChangedImage
  await open(context, name, options, async (image) => {
    const { mounted, format, offsetBytes, sizeBytes, isBounded } = image
    const { blockSize, blockCount } = mounted
    if (mounted.shrink === undefined || mounted.planShrink === undefined) {
      return lacks(image, format.unchanging === undefined ? NO_SIZES : 'is not changed in place')
    }
    const newCount = size === undefined ? undefined : blocksIn(size, blockSize, 'The new size')
    if (newCount !== undefined && newCount > blockCount) {
      const has = blocksInWords(blockCount, blockSize)
      throw new UsageError(`${name} has ${has}. To make it larger, use \`caravan grow\`.`)
    }
    const plan = await mounted.planShrink(newCount)
    if (dryRun) return tellPlan(context, image, plan)
    checkRoom(plan, blockSize)
    let movedBlocks = 0
    await mounted.shrink(plan.blockCount, (_, count) => {
      // Between two moves: each of them is whole.
      checkInterrupted(context.signal)
      movedBlocks += count
    })
    // What lies between is part of no filesystem any more; what follows is somebody else's.
    const followed = isBounded || (sizeBytes > blockCount * blockSize && options.truncate !== true)
    if (!followed) end = offsetBytes + plan.blockCount * blockSize
    if (options.quiet === true) return
    const words = blocksInWords(plan.blockCount, blockSize)
    const moved = movedBlocks === 0 ? '' : `; ${formatCount(movedBlocks, 'block')} moved`
    await context.out.line(
      plan.blockCount === blockCount
        ? `${name} has ${words} already`
        : `${name} has ${words} now${moved}`,
    )
    if (followed) context.report.tell(`${name} keeps its length: something follows the filesystem.`)
  })
  if (end !== undefined) await cutOff(context, name, end)
}

const NO_SIZES =
  'does not shrink. Make a smaller one with `caravan format`, and copy all of it with `caravan cp -r --to NEW IMAGE / /`'

/** @throws HostError `ENOSPC` with the size that would do. */
function checkRoom(plan: ShrinkPlan, blockSize: number): void {
  const { usedBlocks, blockCount, smallestBlockCount, missingBlocks } = plan
  if (missingBlocks === 0) return
  const reason =
    usedBlocks > blockCount
      ? `${formatCount(usedBlocks, 'block')} of ${blockSize} bytes are in use, and ${blockCount} would be left`
      : 'a file is so large that too few blocks are free to write anew what of it lies beyond the new end'
  throw new HostError(
    'ENOSPC',
    `${reason}. Nothing was moved. Give ${smallestBlockCount * blockSize} (${formatSize(smallestBlockCount * blockSize)}) or more, or --minimum; or remove something.`,
  )
}

async function tellPlan(
  { out, report, style }: Context,
  { name, mounted }: Image,
  plan: ShrinkPlan,
): Promise<void> {
  const { blockSize, blockCount: oldCount } = mounted
  const { blockCount, smallestBlockCount, missingBlocks, usedBlocks, files, pairCount } = plan
  const row = (title: string, words: string) =>
    out.line(`${style('dim', title.padEnd(13))}${words}`)
  const fits = missingBlocks === 0
  await out.line(
    `${name} would have ${blocksInWords(blockCount, blockSize)} instead of ${oldCount}${fits ? '' : `, which does not fit: ${formatCount(missingBlocks, 'block')} too few`}. Nothing was written`,
  )
  await row('in use', `${usedBlocks} of ${formatCount(oldCount, 'block')}`)
  await row(
    'smallest',
    `${smallestBlockCount * blockSize} (${formatSize(smallestBlockCount * blockSize)})`,
  )
  await row('directories', `${formatCount(pairCount, 'metadata pair')} to move`)
  for (const [i, { path, blocks }] of files.entries()) {
    const words = `${harmlessName(Buffer.from(path))} (${formatCount(blocks, 'block')})`
    await row(i === 0 ? 'files' : '', words)
  }
  if (!fits) report.failed = true
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
