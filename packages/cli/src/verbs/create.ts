/** `caravan create`: an image of a directory of this computer. */

import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { asTimeChoice } from '../arguments.js'
import type { Context } from '../context.js'
import { HostError, isErrno, UsageError } from '../errors.js'
import type { NewImage, NewImagePlan } from '../formats/format.js'
import { addFormatOptions, makingOptions } from '../formats/options.js'
import { blocksInWords } from '../geometry.js'
import type { HostTreeOptions, TimeChoice } from '../host-tree.js'
import { harmlessName } from '../names.js'
import {
  checkFits,
  checkNewImage,
  checkRawName,
  makingOf,
  planTree,
  reportProblems,
  writeNewImage,
} from '../new-image.js'
import { IGNORE_OPTIONS, type IgnoreOptions, ignoreRules } from '../path-rules.js'
import { Progress } from '../progress.js'
import { formatCount, formatSize } from '../sizes.js'
import { readSource } from '../tree-source.js'
import { failOnHost, formatOption, lockOption, withHelp } from '../verb.js'

interface CreateOptions extends IgnoreOptions {
  readonly format?: string
  readonly size?: number
  readonly blockCount?: number
  readonly compact?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly force?: boolean
  readonly lock: boolean
  readonly mtime?: TimeChoice
  readonly metadata?: string
  readonly skipUnsupported?: boolean
  readonly quiet?: boolean
}

const CREATE_HELP = `
The same tree gives the same bytes on every machine: entries are sorted, and
nothing but names and contents goes in. Times do with --mtime: file for those of
the files (none after SOURCE_DATE_EPOCH, where that is set), or seconds since 1970
for all; as attribute t, which ESP-IDF and Arduino read.

What does not fit is said before anything is written. So is what the format
cannot hold (littlefs: links, sockets, devices, names too long), and the
exit code is 1; --skip-unsupported leaves it out and goes on. Links are never
followed. IMAGE is there whole or not at all, also after Ctrl-C; - is standard
output.

With - for DIR a tar archive is read, gzip'd or not, with the attributes that
"caravan extract --tar" writes; links between its files become copies. --metadata gives
entries the attributes and times that "caravan extract --metadata" has written down.
--ignore and --ignore-file leave out what matches, in the syntax of .gitignore.

--profile knows the sizes, limits, version and times of a device, and refuses what
that would refuse. For a device that it does not know give its own sizes, or write
them into caravan.toml (docs/profiles.md).`

export function addCreate(program: Command, context: Context): void {
  const command = program
    .command('create')
    .summary('make an image of a directory')
    .addOption(formatOption(context.formats, 'format of the image (default: littlefs)'))
  addFormatOptions(command, context.formats, makingOptions)
    .helpOption('-h, --help', 'print this help')
    .description('Makes an image that holds what is in a directory of this computer.')
    .argument('<dir>', 'the directory, or - for a tar archive on standard input')
    .argument('<image>', 'the file to write, or - for standard output')
    .option('--compact', 'as few blocks as are needed, instead of a size')
    .option('-n, --dry-run', 'say what it would take, and write nothing')
    .option('--json', 'print the plan of --dry-run as JSON')
    .option('--mtime <time>', 'none, file, or seconds since 1970 (default: none)', asTimeChoice)
    .option('--metadata <file>', 'attributes and times, of caravan extract --metadata')
    .addOption(IGNORE_OPTIONS[0])
    .addOption(IGNORE_OPTIONS[1])
    .option('--skip-unsupported', 'leave out what the format cannot hold')
    .option('-f, --force', 'replace a file that is already there')
    .option('-q, --quiet', 'no progress, no summary')
    .action((dir: string, name: string, options: CreateOptions) =>
      create(context, dir, name, options),
    )
  withHelp(
    lockOption(command),
    [
      'caravan create --size 1M www flash.img       1 MiB in blocks of 4096 bytes',
      'caravan create --compact www flash.img       no larger than needed',
      'caravan create --dry-run www flash.img       how large that is',
      'caravan create --profile esp-idf --size 1M www esp32.img',
      'caravan create --size 512K --disk-version 2.0 --mtime file www old.img',
      'tar -c -C www . | caravan create --size 1M - flash.img',
      'caravan create --size 1M --metadata meta.json out flash.img',
    ],
    CREATE_HELP,
  )
}

async function create(
  context: Context,
  dir: string,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const { compact = false, dryRun = false, force = false, quiet = false, lock } = options
  const { format, making, image } = makingOf(context, options)
  if (compact && image.blockCount !== undefined) {
    throw new UsageError('--compact finds the size itself. Leave out --size and --block-count.')
  }
  if (!compact && !dryRun && image.blockCount === undefined) {
    throw new UsageError(
      'How large is it to be? Give --size 1M (the size of the partition), --block-count, or --compact.',
    )
  }
  if (options.json === true && !dryRun) {
    throw new UsageError('--json prints the plan of --dry-run. Give both.')
  }
  const times = timeOptions(context, options.mtime)
  const target = { force, lock }
  if (dir !== '-') await checkDirectory(dir, name)
  let progress: Progress | undefined
  try {
    checkRawName(name)
    if (!dryRun) await checkNewImage(name, target)
    const found = await readSource(context, dir, options.metadata, {
      ignored: await ignoreRules(options),
      ...times,
      format: { name: format.name, holds: making.holds },
      except: name === '-' ? undefined : await statIfThere(name),
      signal: context.signal,
      onPiece: (size, path) => progress?.advance(size, harmlessName(path)),
    })
    const { plan, entries, problems } = await planTree(found, image)
    if (!(await reportProblems(context, format, problems, options.skipUnsupported === true))) return
    checkFits(plan, image)
    const blockCount = image.blockCount ?? Math.max(2, plan.blocksNeeded)
    const sizeBytes = entries.reduce((sum, { size }) => sum + size, 0)
    const files = entries.filter(({ type }) => type === 'file').length
    const links = entries.filter(({ type }) => type === 'symlink').length
    // The root is one only where it has attributes.
    const directories = entries.filter(({ type, path }) => type === 'directory' && path.length > 1)
    const counts = [
      formatCount(files, 'file'),
      ...(links === 0 ? [] : [formatCount(links, 'link')]),
      formatCount(directories.length, 'directory'),
    ].join(' and ')
    const used = `${counts}, ${formatSize(sizeBytes)}, in ${name}: ${plan.blocksNeeded} of ${blocksInWords(blockCount, image.blockSize)}`
    if (dryRun) {
      if (options.json === true) return await tellJson(context, plan, image)
      await context.out.line(`${used} would be used. Nothing was written`)
      return await tellPlan(context, plan, image)
    }
    if (!quiet) progress = new Progress(context.report.stream, sizeBytes)
    await writeNewImage(context, name, entries, image, blockCount, target)
    progress?.clear()
    if (!quiet && name !== '-') await context.out.line(`${used} used`)
  } catch (error) {
    await failOnHost(context, name, error)
  } finally {
    progress?.clear()
  }
}

/** What an image would be made of, and how small it could be. */
async function tellPlan({ out, style }: Context, plan: NewImagePlan, image: NewImage) {
  const { parts = [], blocksNeeded, smallestBlocks = blocksNeeded, largest } = plan
  const { blockSize } = image
  const row = (name: string, words: string) => out.line(`${style('dim', name.padEnd(10))}${words}`)
  for (const { name, blocks, bytes } of parts) {
    const words = `${formatCount(blocks, 'block')} (${formatSize(blocks * blockSize)}) for ${bytes} bytes`
    await row(name, words)
  }
  const how = smallestBlocks < blocksNeeded ? ', packed full as --compact does' : ''
  await row('smallest', `--size ${smallestBlocks * blockSize}${how}`)
  for (const [i, { path, size, blocks }] of largest.slice(0, LARGEST_SHOWN).entries()) {
    const taken = blocks === undefined ? '' : `, ${formatCount(blocks, 'block')}`
    await row(
      i === 0 ? 'largest' : '',
      `${harmlessName(Buffer.from(path))} (${size} bytes${taken})`,
    )
  }
}

const LARGEST_SHOWN = 5

function tellJson({ out }: Context, plan: NewImagePlan, { blockSize, blockCount }: NewImage) {
  const { parts = [], blocksNeeded, smallestBlocks = blocksNeeded, largest } = plan
  const json = { blockSize, blockCount, blocksNeeded, smallestBlocks, parts, largest }
  return out.line(JSON.stringify(json, undefined, 2))
}

/** Modification times as the command line and the environment ask for them. */
export function timeOptions(
  context: Context,
  time: TimeChoice = 'none',
): Pick<HostTreeOptions, 'time' | 'latestSeconds'> {
  const latestSeconds = time === 'file' ? sourceDateEpoch(context) : undefined
  return latestSeconds === undefined ? { time } : { time, latestSeconds }
}

/**
 * The moment of a build that gives the same bytes again: https://reproducible-builds.org/specs/source-date-epoch/.
 *
 * @returns seconds since 1970, or `undefined` where the environment says nothing.
 * @throws UsageError where it says no such number.
 */
export function sourceDateEpoch({ env }: Context): number | undefined {
  const latest = env.SOURCE_DATE_EPOCH
  if (latest === undefined || latest === '') return undefined
  if (!/^\d+$/.test(latest)) {
    throw new UsageError(
      `SOURCE_DATE_EPOCH is '${latest}', and must be seconds since 1970. Correct it, or unset it.`,
    )
  }
  return Number(latest)
}

/**
 * @param image the image that is named behind it.
 * @throws HostError where it is none, or not there.
 */
export async function checkDirectory(dir: string, image?: string): Promise<void> {
  const stats = await statIfThere(dir)
  if (stats?.isDirectory() !== true && image !== undefined && (await isDirectory(image))) {
    throw new HostError(
      'ENOTDIR',
      `${dir} is no directory, and ${image} is one: the directory comes first, then the image. Write them the other way round.`,
    )
  }
  if (stats === undefined) {
    throw new HostError('ENOENT', `${dir}: no such directory on this computer. Check the path.`)
  }
  if (!stats.isDirectory()) {
    throw new HostError(
      'ENOTDIR',
      `${dir}: not a directory. For single files make an empty image with \`caravan format\` and use \`caravan put\`.`,
    )
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isDirectory() === true
}

/** @returns `undefined` where nothing is there. */
export async function statIfThere(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}
