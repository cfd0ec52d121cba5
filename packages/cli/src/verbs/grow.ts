/** `caravan grow`: makes the filesystem of an image larger. */

import { truncate } from 'node:fs/promises'
import { type BlockDevice, withBlockSize } from '@caravan/core'
import { FileDevice } from '@caravan/device/node'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import { isBlank } from '../blank.js'
import type { Context } from '../context.js'
import { checkInterrupted, HostError } from '../errors.js'
import type { ImageFormat, ImageOptions } from '../formats/format.js'
import { blocksIn, blocksInWords } from '../geometry.js'
import { type ChangeOptions, isAddress, openImage, refuseAddress } from '../open-image.js'
import { partAt } from '../place.js'
import { formatSize } from '../sizes.js'
import { changingVerb, failOnHost, lacks, withHelp } from '../verb.js'

interface GrowOptions extends ImageOptions, ChangeOptions {
  readonly force?: boolean
  readonly quiet?: boolean
}

const GROW_HELP = `
Everything in it stays. The file is made larger where it needs to be; bytes behind
the filesystem are taken into it, but only where they hold nothing, all 0x00 or all
0xff, unless --force says otherwise. To make it smaller, use \`caravan shrink\`.`

export function addGrow(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'grow', 'make the filesystem larger')
    .description('Makes the filesystem in an image larger, in place and under its lock.')
    .argument('<image>', 'the image')
    .argument('<size>', 'the new size, a whole number of blocks: 320K, 1M', asSize)
    .option('-f, --force', 'take what follows the filesystem, also where it holds something')
    .option('-q, --quiet', 'no summary')
    .action((name: string, size: number, options: GrowOptions) =>
      grow(context, name, size, options),
    )
  withHelp(command, ['caravan grow flash.img 1M'], GROW_HELP)
}

/** What is there, and what is to be. Sizes in bytes, counted from the beginning of the file. */
interface Growth {
  readonly format: ImageFormat
  readonly blockSize: number
  readonly oldCount: number
  readonly newCount: number
  readonly offset: number
  readonly fileSize: number
}

async function grow(
  context: Context,
  name: string,
  size: number,
  options: GrowOptions,
): Promise<void> {
  try {
    const growth = await planGrowth(context, name, size, options)
    const { oldCount, newCount, blockSize } = growth
    if (oldCount !== newCount) await growFile(context, name, growth, options)
    if (options.quiet === true) return
    const words = blocksInWords(newCount, blockSize)
    await context.out.line(
      oldCount === newCount ? `${name} has ${words} already` : `${name} has ${words} now`,
    )
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

async function planGrowth(
  context: Context,
  name: string,
  size: number,
  options: GrowOptions,
): Promise<Growth> {
  if (isAddress(name)) refuseAddress(name)
  const image = await openImage(name, options, context)
  const { blockSize, blockCount: oldCount } = image.mounted
  const { sizeBytes, isBounded, offsetBytes: offset, format } = image
  await image.close()
  if (image.mounted.grow === undefined) lacks(image, 'does not grow')
  const newCount = blocksIn(size, blockSize, 'The new size')
  if (newCount < oldCount) {
    throw new HostError(
      'EINVAL',
      `it has ${blocksInWords(oldCount, blockSize)}, and does not grow to fewer. Use \`caravan shrink\`.`,
    )
  }
  if (isBounded && newCount * blockSize > sizeBytes) {
    throw new HostError(
      'ENOSPC',
      `there is room for ${formatSize(sizeBytes)} from byte ${offset} on: what follows is another's. Where it is not, say how much there is: --offset ${offset} --size ${newCount * blockSize}`,
    )
  }
  if (sizeBytes < oldCount * blockSize) {
    const missing = formatSize(oldCount * blockSize - sizeBytes)
    throw new HostError(
      'EINVAL',
      `it was cut short: ${missing} of the filesystem are missing. Get the whole image.`,
    )
  }
  return { format, blockSize, oldCount, newCount, offset, fileSize: offset + sizeBytes }
}

async function growFile(
  context: Context,
  name: string,
  growth: Growth,
  options: GrowOptions,
): Promise<void> {
  const { format, blockSize, oldCount, newCount, offset, fileSize } = growth
  const end = offset + newCount * blockSize
  const { lock } = options
  const { progSize = 1, eraseValue } = options
  const device = await FileDevice.open(name, {
    blockSize: progSize,
    progSize,
    blockCount: Math.ceil(end / progSize),
    ...(eraseValue === undefined ? {} : { eraseValue }),
    ...(lock === undefined ? {} : { lock }),
  })
  try {
    const oldEnd = offset + oldCount * blockSize
    if (options.force !== true && !(await isBlank(name, oldEnd, end, context.signal))) {
      throw new HostError(
        'EEXIST',
        'something follows the filesystem, and would be lost. Use --force to take its place all the same.',
      )
    }
    const part = withBlockSize(partAt(device, name, { offsetBytes: offset }), blockSize)
    try {
      if (end > fileSize) await eraseFrom(context, part, growth)
      const mounted = await format.open(part, { ...options, blockSize, blockCount: oldCount }, true)
      await mounted.grow?.(newCount)
      await mounted.unmount()
    } catch (error) {
      // Nothing refers to what was added.
      if (end > fileSize) await truncate(name, fileSize)
      throw error
    }
  } finally {
    await device.close()
  }
}

/** Blocks erased between two looks at whether to go on. */
const BATCH_COUNT = 256

/** Makes the file larger, as flash that was never written. */
async function eraseFrom(
  { signal }: Context,
  part: BlockDevice,
  { blockSize, oldCount, newCount, offset, fileSize }: Growth,
): Promise<void> {
  const first = Math.max(oldCount, Math.floor((fileSize - offset) / blockSize))
  for (let block = first; block < newCount; block += BATCH_COUNT) {
    checkInterrupted(signal)
    const count = Math.min(BATCH_COUNT, newCount - block)
    await part.erase(Array.from({ length: count }, (_, i) => block + i))
  }
  await part.sync()
}
