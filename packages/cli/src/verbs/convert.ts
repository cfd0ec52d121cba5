/** `caravan convert`: a sound littlefs image of a volume that is none. */

import { buildImage, ChamelonVolume, chamelonEntries, planImage } from '@caravan/littlefs'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { HostError, UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { blocksInWords } from '../geometry.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { openPlace } from '../open-image.js'
import { formatCount } from '../sizes.js'
import { failOn, failOnHost, imageVerb, withHelp } from '../verb.js'

interface ConvertOptions extends ImageOptions {
  readonly force?: boolean
}

const CONVERT_HELP = `
IMAGE is a volume of chamelon. It is only read. NEW gets everything that is still on
it, values that chamelon itself no longer finds included, with their times
(attribute t, to the picosecond). It has the same blocks, or more where that is not
enough, and is there whole or not at all. What is lost is told by name, and the exit
code is 1 then; NEW holds the rest.`

const NAME_MAX_DEFAULT = 255

export function addConvert(program: Command, context: Context): void {
  const command = imageVerb(
    program,
    context,
    'convert',
    'make a littlefs image of a chamelon volume',
  )
    .description('Makes a littlefs image that holds what a volume of chamelon holds.')
    .argument('<image>', 'the volume, or - for standard input')
    .argument('<new>', 'the file to write, or - for standard output')
    .option('-f, --force', 'replace a file that is already there')
    .action((name: string, target: string, options: ConvertOptions) =>
      convert(context, name, target, options),
    )
  withHelp(command, ['caravan convert chamelon.img littlefs.img'], CONVERT_HELP)
}

async function convert(
  context: Context,
  name: string,
  target: string,
  options: ConvertOptions,
): Promise<void> {
  const { blockSize, force = false } = options
  if (target === '-' && context.out.isTerminal) {
    throw new UsageError(
      'Standard output is a terminal. Pass it on: caravan convert IMAGE - | gzip',
    )
  }
  try {
    if (target !== '-') await checkReplaceable(Buffer.from(target), force)
  } catch (error) {
    return failOnHost(context, target, error)
  }
  try {
    const { device, part } = await openPlace(name, options, context)
    try {
      const volume = await ChamelonVolume.mount(part, blockSize === undefined ? {} : { blockSize })
      const { bytes, blockCount } = await imageOf(volume)
      if (target === '-') await context.out.put(bytes)
      else {
        const write = { force, durable: true, signal: context.signal }
        await writeHostFile(Buffer.from(target), [bytes], write)
      }
      await report(context, name, target, volume, blockCount)
    } finally {
      await device.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  }
}

async function imageOf(volume: ChamelonVolume): Promise<{ bytes: Uint8Array; blockCount: number }> {
  let nameMax = NAME_MAX_DEFAULT
  for (const [key] of volume.entriesSync()) {
    for (const name of key.split('/')) nameMax = Math.max(nameMax, Buffer.byteLength(name))
  }
  const layout = { blockSize: volume.blockSize, nameMax }
  const plan = await planImage(chamelonEntries(volume), layout)
  const [problem] = plan.problems
  if (problem !== undefined) throw new HostError('ENOTSUP', `${problem.path}: ${problem.message}`)
  const blockCount = Math.max(plan.blocksNeeded, volume.blockCount)
  return {
    bytes: await buildImage(chamelonEntries(volume), { ...layout, blockCount }),
    blockCount,
  }
}

async function report(
  context: Context,
  name: string,
  target: string,
  volume: ChamelonVolume,
  blockCount: number,
): Promise<void> {
  await context.out.flush()
  for (const { kind, key, message } of volume.problems) {
    if (kind === 'doubtful') context.report.tell(`${name}: ${key}: ${kind}: ${message}`)
    else context.report.fail([name, key], new HostError('ENODATA', `${kind}: ${message}`))
  }
  if (target === '-') return
  let valueCount = 0
  for (const [, kind] of volume.entriesSync()) if (kind === 'value') valueCount++
  const blocks = blocksInWords(blockCount, volume.blockSize)
  await context.out.line(`${formatCount(valueCount, 'value')} in ${target}: ${blocks}`)
  await context.out.flush()
}
