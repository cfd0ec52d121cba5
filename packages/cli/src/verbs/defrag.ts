/** `caravan defrag`: files in one piece, directories in few blocks, and what is free at the end. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageFormat, ImageOptions, MountedImage } from '../formats/format.js'
import type { DefragReport } from '../formats/sizes-calls.js'
import { blocksInWords } from '../geometry.js'
import { type ChangeOptions, isAddress, refuseAddress } from '../open-image.js'
import { rehearse } from '../rehearsal.js'
import { formatCount } from '../sizes.js'
import { changingVerb, failOn, JSON_OPTION, lacks, withChangedImage, withHelp } from '../verb.js'

interface DefragOptions extends ImageOptions, ChangeOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

const DEFRAG_HELP = `
Directories get as few metadata blocks as they need, and stand at the beginning; their
logs are written anew, so that what was removed is no longer in them. Behind them stands
each file in one piece, and behind all files what is free: \`caravan shrink\` has nothing to
move then. A file larger than all that is free stays where it is, and the others go around
it. Once more does nothing.

Each file and each directory moves by itself, under the lock of the image. Cut short by
Ctrl-C, kill -9 or the power every file is whole, and running it again goes on. Flash reads
pieces as fast as whole files, and wears by being written: this is for images that are read
over a network, compressed, or made smaller.`

export function addDefrag(program: Command, context: Context): void {
  const command = changingVerb(
    program,
    context,
    'defrag',
    'put files in one piece, free space last',
  )
    .description(
      'Puts files in one piece and what is free at the end, in place and under its lock.',
    )
    .argument('<image>', 'the image')
    .option('-n, --dry-run', 'do it in memory, say what comes of it, and write nothing')
    .option(...JSON_OPTION)
    .option('-q, --quiet', 'no summary')
    .action((name: string, options: DefragOptions) => defrag(context, name, options))
  withHelp(
    command,
    [
      'caravan defrag flash.img',
      'caravan defrag --dry-run flash.img',
      'caravan defrag flash.img && caravan shrink --minimum flash.img',
    ],
    DEFRAG_HELP,
  )
}

async function defrag(context: Context, name: string, options: DefragOptions): Promise<void> {
  if (isAddress(name)) refuseAddress(name)
  const run = async (mounted: MountedImage, format: ImageFormat) => {
    if (mounted.defrag === undefined) {
      return lacks({ name, format }, 'has nothing to defragment: this is for littlefs')
    }
    const report = await mounted.defrag(() => checkInterrupted(context.signal))
    await tell(context, name, mounted, report, options)
  }
  if (options.dryRun !== true) {
    return withChangedImage(context, name, options, ({ mounted, format }) => run(mounted, format))
  }
  try {
    // What it says of a copy is what would be.
    await rehearse(context, name, options, run)
    await context.out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}

async function tell(
  { out, style }: Context,
  name: string,
  { blockSize, blockCount }: MountedImage,
  report: DefragReport,
  { dryRun = false, json = false, quiet = false }: DefragOptions,
): Promise<void> {
  if (json) return out.line(JSON.stringify({ dryRun, ...report }, undefined, 2))
  if (quiet) return
  const { before, after, writtenBlocks } = report
  const row = (title: string, a: number | string, b: number | string) =>
    out.line(`${style('dim', title.padEnd(18))}${String(a).padStart(8)}${String(b).padStart(8)}`)
  await row('', 'before', 'after')
  await row('fragmented files', before.fragmentedCount, after.fragmentedCount)
  await row('pieces of files', before.fragmentCount, after.fragmentCount)
  await row('metadata pairs', before.pairCount, after.pairCount)
  await row('blocks in use', before.usedBlocks, after.usedBlocks)
  await row('free at the end', before.freeAtEnd, after.freeAtEnd)
  const files = formatCount(after.fileCount, 'file')
  const words = `${files} in ${blocksInWords(blockCount, blockSize)}; ${formatCount(writtenBlocks, 'block')}`
  await out.line(`${name}: ${words} ${dryRun ? 'would be written. Nothing was' : 'written'}`)
}
