/** `caravan cp`: copies within an image, or from one image into another of any format. */

import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { addTree } from '../add-tree.js'
import { asSize, asTimeChoice } from '../arguments.js'
import type { Context } from '../context.js'
import { CopiedEntries } from '../copied-entries.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { writerOptionsIn } from '../formats/options.js'
import { given } from '../geometry.js'
import type { TimeChoice } from '../host-tree.js'
import { harmlessName } from '../names.js'
import { reportProblems } from '../new-image.js'
import { type ChangeOptions, type Image, openPart } from '../open-image.js'
import { baseName, joinPath, parsePath } from '../paths.js'
import { Progress } from '../progress.js'
import { type Dest, enterDest, parseDest } from '../targets.js'
import {
  changingVerb,
  ESCAPED,
  failOn,
  failOnHost,
  formatOption,
  PATH_HELP,
  withChangedImage,
  withHelp,
  withImage,
} from '../verb.js'

interface CpOptions extends ImageOptions, ChangeOptions {
  /** The other image. */
  readonly to?: string
  readonly toFormat?: string
  readonly toOffset?: number
  readonly toSize?: number
  readonly toPartition?: string
  readonly toBlockSize?: number
  readonly recursive?: boolean
  readonly mtime?: TimeChoice
  readonly skipUnsupported?: boolean
  readonly quiet?: boolean
  readonly escaped?: boolean
}

const CP_HELP = `
DEST is a directory, or the name that a single SOURCE gets; a directory given with -r
goes into DEST, or becomes it where it is not there yet. What DEST holds is replaced
or merged. Attributes, links and permissions are kept where both formats hold them;
what the other format cannot hold is reported, and nothing is written, unless
--skip-unsupported says otherwise. A SOURCE that is a link is followed, but for -r.

The image that is written to is changed in place, under its lock, as by "caravan put":
nothing changes where it does not fit. Within one image, what is copied goes through
memory.`

export function addCp(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'cp', 'copy, also into another image')
    .usage('[options] <image> <source...> <dest>')
    .description('Copies files of an image, with -r directories too, within it or into another.')
    .argument('<image>', 'the image, or with --to - for standard input')
    .argument('<paths...>', 'files or directories in it, DEST last')
    .option('--to <image>', 'the image that DEST is in, of any format (default: the same)')
    .addOption(formatOption(context.formats, 'its format (default: found)', '--to-format <name>'))
    .option('--to-offset <bytes>', 'where in it the filesystem begins', asSize)
    .option('--to-size <bytes>', 'bytes that it has there', asSize)
    .option('--to-partition <name>', 'the ESP32 partition of it')
    .option('--to-block-size <size>', 'its block size (default: found)', asSize)
    .option('-r, --recursive', 'copy directories with all that is in them')
    .option('--mtime <time>', 'none, file, or seconds since 1970 (default: none)', asTimeChoice)
    .option('--skip-unsupported', 'leave out what the format cannot hold')
    .option('-q, --quiet', 'no progress')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: CpOptions) => {
      const sources = paths.slice(0, -1).map((path) => parsePath(path, options))
      if (sources.length === 0) {
        throw new UsageError('Copy what, and where to? caravan cp IMAGE SOURCE... DEST')
      }
      const dest = parseDest(paths[paths.length - 1] as string, options)
      return cp(context, name, sources, dest, options)
    })
  withHelp(
    command,
    [
      'caravan cp flash.img /config.json /config.old',
      'caravan cp -r flash.img /www /backup             a directory',
      'caravan cp -r --to new.img old.img / /           everything, into another image',
    ],
    `${CP_HELP}\n${PATH_HELP}`,
  )
}

async function cp(
  context: Context,
  name: string,
  sources: readonly Uint8Array[],
  dest: Dest,
  options: CpOptions,
): Promise<void> {
  const { to, toFormat, toOffset, toSize, toPartition, toBlockSize } = options
  const place = { offset: toOffset, size: toSize, partition: toPartition, blockSize: toBlockSize }
  const target = given({ ...place, format: toFormat })
  if (to === undefined && Object.keys(target).length > 0) {
    throw new UsageError(
      '--to-format, --to-offset, --to-size, --to-partition and --to-block-size go with --to IMAGE.',
    )
  }
  const table = given({
    partitionTable: options.partitionTable,
    tableOffset: options.tableOffset,
  })
  const other = { ...target, ...(toPartition === undefined ? {} : table) }
  const from = ownOptions(options)
  if (to === undefined || (await isSamePlace(context, name, to, from, other))) {
    return withChangedImage(context, name, from, (image) =>
      copy(context, image, image, sources, dest, options),
    )
  }
  const writing = { ...given({ lock: options.lock }), ...writerOptionsIn(context.formats, options) }
  await withImage(context, name, from, (image) =>
    withChangedImage(context, to, { ...other, ...writing }, (target) =>
      copy(context, image, target, sources, dest, options),
    ),
  )
}

/** The table may be told for the sake of the other image alone. */
function ownOptions(options: CpOptions): CpOptions {
  if (options.partition !== undefined || options.toPartition === undefined) return options
  const { partitionTable, tableOffset, ...own } = options
  return own
}

/** Two names of one file, and the same place in it. */
async function isSamePlace(
  context: Context,
  name: string,
  to: string,
  from: ImageOptions,
  other: ImageOptions,
): Promise<boolean> {
  if (name === '-') return false
  const [a, b] = await Promise.all([name, to].map((path) => stat(path).catch(() => undefined)))
  if (a === undefined || b === undefined || a.dev !== b.dev || a.ino !== b.ino) return false
  const [first, second] = [await placeIn(context, name, from), await placeIn(context, to, other)]
  return first === second
}

/** Where the filesystem begins that a name and its options lead to. */
async function placeIn(context: Context, name: string, options: ImageOptions): Promise<number> {
  const { device, place } = await openPart(name, options, context, false)
  await device.close()
  return place.offsetBytes
}

async function copy(
  context: Context,
  from: Image,
  to: Image,
  sources: readonly Uint8Array[],
  dest: Dest,
  options: CpOptions,
): Promise<void> {
  const { recursive = false, skipUnsupported = false, quiet = false, mtime = 'none' } = options
  const isInto = await enterDest(context, to, sources.length, dest, recursive)
  if (isInto === undefined) return
  let progress: Progress | undefined
  const copied = new CopiedEntries(from, to, {
    recursive,
    time: mtime,
    signal: context.signal,
    onPiece: (size, path) => progress?.advance(size, harmlessName(path)),
  })
  for (const source of sources) {
    try {
      await copied.add(source, isInto ? joinPath(dest.path, baseName(source)) : dest.path)
    } catch (error) {
      await failOnHost(context, [from.name, harmlessName(source)].join(': '), error)
    }
  }
  for (const { entry, error } of copied.damaged) await failOn(context, from.name, error, entry)
  if (context.report.failed) return context.report.tell('nothing was written.')
  if (!(await reportProblems(context, to.format, copied.problems, skipUnsupported))) return
  const sizeBytes = copied.entries.reduce((sum, { size }) => sum + size, 0)
  if (!quiet) progress = new Progress(context.report.stream, sizeBytes)
  try {
    if (from === to) await copied.load()
    await addTree(context, to, copied.entries)
  } catch (error) {
    progress?.clear()
    await failOnHost(context, to.name, error)
  } finally {
    progress?.clear()
  }
}
