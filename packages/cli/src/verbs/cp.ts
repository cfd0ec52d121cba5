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
import type { ChangeOptions, Image } from '../open-image.js'
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
  const { to, toFormat, toOffset, toBlockSize } = options
  if (to === undefined && (toFormat ?? toOffset ?? toBlockSize) !== undefined) {
    throw new UsageError('--to-format, --to-offset and --to-block-size go with --to IMAGE.')
  }
  if (to === undefined || (await isSamePlace(name, to, options))) {
    return withChangedImage(context, name, options, (image) =>
      copy(context, image, image, sources, dest, options),
    )
  }
  const target = given({ format: toFormat, offset: toOffset, blockSize: toBlockSize })
  const writing = { ...given({ lock: options.lock }), ...writerOptionsIn(context.formats, options) }
  await withImage(context, name, options, (image) =>
    withChangedImage(context, to, { ...target, ...writing }, (other) =>
      copy(context, image, other, sources, dest, options),
    ),
  )
}

/** Two names of one file, and the same place in it. */
async function isSamePlace(
  name: string,
  to: string,
  { offset = 0, toOffset = 0 }: CpOptions,
): Promise<boolean> {
  if (offset !== toOffset || name === '-') return false
  const [a, b] = await Promise.all([name, to].map((path) => stat(path).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
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
