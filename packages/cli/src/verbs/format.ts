/** `caravan format`: an empty filesystem, in a new file or in one that is there. */

import { type BlockDevice, withBlockSize } from '@caravan/core'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import { isBlank } from '../blank.js'
import type { Context } from '../context.js'
import { HostError, UsageError } from '../errors.js'
import type { NewImage } from '../formats/format.js'
import { addFormatOptions, makingOptions } from '../formats/options.js'
import { sizeOf } from '../formats/read-bytes.js'
import { blocksInWords, given } from '../geometry.js'
import { lookAt } from '../host-files.js'
import { checkRawName, makingOf, writeNewImage } from '../new-image.js'
import { isAddress, openFile } from '../open-image.js'
import { type Place, type PlaceOptions, partAt, statedPlace } from '../place.js'
import { formatSize } from '../sizes.js'
import { failOnHost, formatOption, lockOption, withHelp } from '../verb.js'

interface FormatOptions extends Omit<PlaceOptions, 'size'> {
  readonly format?: string
  readonly force?: boolean
  readonly lock: boolean
  readonly quiet?: boolean
}

const FORMAT_HELP = `
A file that is not there is made, of the size given. One that is there is formatted
in place, under its lock, as large as it is or as said; but only where it holds
nothing, all 0x00 or all 0xff, unless --force says otherwise.`

export function addFormat(program: Command, context: Context): void {
  const command = program
    .command('format')
    .summary('make an empty filesystem')
    .addOption(formatOption(context.formats, 'format to make (default: littlefs)'))
  addFormatOptions(command, context.formats, makingOptions)
    .helpOption('-h, --help', 'print this help')
    .description('Makes an empty filesystem. What was there before is lost.')
    .argument('<image>', 'a file or device')
    .option('--offset <bytes>', 'where in it the filesystem is to begin', asSize)
    .option('--partition <name>', 'the ESP32 partition of a dump that it is to fill')
    .option('--partition-table <file>', 'the table, binary or CSV (default: in the dump)')
    .option('--table-offset <bytes>', 'where the table lies (default: 0x8000)', asSize)
    .option('-f, --force', 'format also what holds something')
    .option('-q, --quiet', 'no summary')
    .action((name: string, options: FormatOptions) => format(context, name, options))
  withHelp(
    lockOption(command),
    [
      'caravan format --size 1M flash.img                    a new file',
      'caravan format --force flash.img                      empty, as large as it was',
      'caravan format --offset 0x290000 --size 1M dump.bin   a part of a flash dump',
    ],
    FORMAT_HELP,
  )
}

async function format(context: Context, name: string, options: FormatOptions): Promise<void> {
  const { force = false, lock, quiet = false } = options
  checkRawName(name)
  const { image } = makingOf(context, options)
  try {
    const isThere = (await lookAt(name)) !== undefined
    const blockCount = isThere
      ? await formatInPlace(context, name, image, options)
      : newBlockCount(name, image, options)
    if (!isThere) await writeNewImage(context, name, [], image, blockCount, { force, lock })
    if (quiet) return
    const words = blocksInWords(blockCount, image.blockSize)
    await context.out.line(`empty ${image.title} in ${name}: ${words}`)
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

function newBlockCount(
  name: string,
  { blockCount }: NewImage,
  { offset, partition }: FormatOptions,
): number {
  if (name === '-' || isAddress(name)) {
    throw new UsageError(
      `${name === '-' ? 'Standard input' : name} cannot be formatted. Give a file.`,
    )
  }
  if (offset !== undefined || partition !== undefined) {
    const option = offset === undefined ? '--partition' : '--offset'
    throw new UsageError(`${option} is a place in a file, and ${name} is not there yet.`)
  }
  if (blockCount === undefined) {
    throw new UsageError('How large is it to be? Give --size 1M or --block-count.')
  }
  return blockCount
}

/** @returns its number of blocks. */
async function formatInPlace(
  context: Context,
  name: string,
  image: NewImage,
  options: FormatOptions,
): Promise<number> {
  const { force = false, lock } = options
  const { blockSize, progSize, eraseValue } = image
  const extent = { ...given(options), blockSize, ...given({ blockCount: image.blockCount }) }
  const device = await openFile(name, extent, { lock, ...given({ progSize, eraseValue }) })
  try {
    const place = await placeToFormat(device, name, options)
    const offset = place.offsetBytes
    const part = partAt(device, name, place)
    const sizeBytes = sizeOf(part)
    const { blockCount = Math.floor(sizeBytes / blockSize) } = image
    if (blockCount * blockSize > sizeBytes) {
      throw new HostError(
        'ENOSPC',
        `it has ${formatSize(sizeBytes)} there, and ${blocksInWords(blockCount, blockSize)} do not fit. Give a smaller --size, or remove the file to have a new one made.`,
      )
    }
    const end = offset + blockCount * blockSize
    if (!force && !(await isBlank(name, offset, end, context.signal))) {
      throw new HostError(
        'EEXIST',
        'it holds something, which would be lost. Use --force to format it all the same.',
      )
    }
    await image.makeOn(withBlockSize(part, blockSize), blockCount, [])
    return blockCount
  } finally {
    await device.close()
  }
}

/** `--size` and `--block-count` are the filesystem's own; it may be smaller than its place. */
async function placeToFormat(
  device: BlockDevice,
  name: string,
  { offset, partition, partitionTable, tableOffset }: FormatOptions,
): Promise<Place> {
  const options = given({ offset, partition, partitionTable, tableOffset })
  return (await statedPlace(device, name, options)) ?? { offsetBytes: 0 }
}
