/** `caravan put`: files of this computer into an image. */

import type { Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { addTree } from '../add-tree.js'
import { asTimeChoice } from '../arguments.js'
import type { Context } from '../context.js'
import { checkInterrupted, HostError, isErrno, UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import {
  directoryEntry,
  fileEntry,
  type HostEntry,
  type HostProblem,
  type HostTreeOptions,
  lookAtArgument,
  scanDirectory,
  type TimeChoice,
} from '../host-tree.js'
import { encodeUtf8, harmlessName } from '../names.js'
import { reportProblems } from '../new-image.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { joinPath } from '../paths.js'
import { Progress } from '../progress.js'
import { type Dest, enterDest, parseDest } from '../targets.js'
import {
  changingVerb,
  ESCAPED,
  failOnHost,
  PATH_HELP,
  withChangedImage,
  withHelp,
} from '../verb.js'
import { timeOptions } from './create.js'

interface PutOptions extends ImageOptions, ChangeOptions {
  readonly recursive?: boolean
  readonly mtime?: TimeChoice
  readonly skipUnsupported?: boolean
  readonly quiet?: boolean
  readonly escaped?: boolean
}

const PUT_HELP = `
DEST is a directory in the image, or the name that a single SOURCE gets; a
directory given with -r goes into DEST, or becomes it where it is not there yet.
What DEST holds is replaced or merged; the attributes of a file stay its own.
A SOURCE that is a link is followed, links within a directory are not: they are
reported, and nothing is written, unless --skip-unsupported says otherwise.

IMAGE is changed in place, under its lock. Each file is the old one or the new one
whenever this is cut short, and nothing changes where it does not fit. --mtime is
as for "caravan create". --profile names the device, or --prog-size and the others say
how it writes.`

export function addPut(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'put', 'copy files into the image')
    .usage('[options] <image> <source...> <dest>')
    .description('Copies files of this computer into an image, with -r directories too.')
    .argument('<image>', 'the image')
    .argument(
      '<paths...>',
      'files or directories of this computer (- for standard input), DEST last',
    )
    .option('-r, --recursive', 'copy directories with all that is in them')
    .option('--mtime <time>', 'none, file, or seconds since 1970 (default: none)', asTimeChoice)
    .option('--skip-unsupported', 'leave out what the format cannot hold')
    .option('-q, --quiet', 'no progress')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: PutOptions) => {
      const sources = paths.slice(0, -1)
      if (sources.length === 0) {
        throw new UsageError('Copy what, and where to? caravan put IMAGE SOURCE... DEST')
      }
      const dest = parseDest(paths[paths.length - 1] as string, options)
      return withChangedImage(context, name, options, (image) =>
        new Put(context, image, options).run(sources, dest),
      )
    })
  withHelp(
    command,
    [
      'caravan put flash.img config.json /config.json',
      'caravan put flash.img a.html b.html /www      into a directory',
      'caravan put -r flash.img dist /www            all of it',
      'date | caravan put flash.img - /built         from standard input',
    ],
    `${PUT_HELP}\n${PATH_HELP}`,
  )
}

class Put {
  private readonly entries: HostEntry[] = []
  private readonly problems: HostProblem[] = []
  private readonly treeOptions: HostTreeOptions
  private progress: Progress | undefined

  constructor(
    private readonly context: Context,
    private readonly image: Image,
    private readonly options: PutOptions,
  ) {
    this.treeOptions = {
      ...timeOptions(context, options.mtime),
      format: { name: image.format.name, holds: image.mounted.holds },
      signal: context.signal,
      onPiece: (size, path) => this.progress?.advance(size, harmlessName(path)),
    }
  }

  async run(sources: readonly string[], dest: Dest): Promise<void> {
    const { context, options } = this
    const isInto = await enterDest(context, this.image, sources.length, dest, options.recursive)
    if (isInto === undefined) return
    for (const source of sources) await this.add(source, dest.path, isInto)
    if (context.report.failed) return context.report.tell('nothing was written.')
    if (
      !(await reportProblems(
        context,
        this.image.format,
        this.problems,
        options.skipUnsupported === true,
      ))
    )
      return
    await this.write()
  }

  /** Adds a source to what is to be written. */
  private async add(source: string, dest: Uint8Array, isInto: boolean): Promise<void> {
    if (source === '-') return this.addStandardInput(dest, isInto)
    try {
      // Where a link leads, since files are opened without following any.
      const host = await realpath(source, { encoding: 'buffer' })
      const stats = await lookAtArgument(host, this.treeOptions)
      if (stats.isDirectory() && this.options.recursive !== true) {
        throw new HostError('EISDIR', 'a directory. Copy it with -r.')
      }
      const name = nameOf(source)
      const path = isInto && name !== undefined ? joinPath(dest, name) : dest
      if (stats.isDirectory()) await this.addDirectory(host, path, stats)
      else this.entries.push(fileEntry(host, path, stats, this.treeOptions))
    } catch (error) {
      if (!(error instanceof HostError) && !isErrno(error)) throw error
      this.context.report.fail([source], error)
    }
  }

  private async addDirectory(host: Buffer, path: Uint8Array, stats: Stats): Promise<void> {
    const { entries, problems } = await scanDirectory(host, path, this.treeOptions)
    if (path.length > 1) this.entries.push(directoryEntry(host, path, stats, this.treeOptions))
    for (const entry of entries) this.entries.push(entry)
    for (const problem of problems) this.problems.push(problem)
  }

  private async addStandardInput(path: Uint8Array, isInto: boolean): Promise<void> {
    if (isInto) {
      throw new UsageError(
        'What comes from standard input has no name. Give DEST with one: caravan put IMAGE - /name',
      )
    }
    const pieces: Uint8Array[] = []
    for await (const piece of this.context.stdin) {
      checkInterrupted(this.context.signal)
      pieces.push(Buffer.from(piece))
    }
    const data = Buffer.concat(pieces)
    const { time } = this.treeOptions
    const mtime = time === 'none' || time === 'file' ? {} : { mtime: time.seconds }
    const size = data.length
    const host = Buffer.from('-')
    this.entries.push({ path, type: 'file', size, content: [data], host, ...mtime })
  }

  private async write(): Promise<void> {
    const { context, entries, image, options } = this
    const sizeBytes = entries.reduce((sum, { size }) => sum + size, 0)
    if (options.quiet !== true) this.progress = new Progress(context.report.stream, sizeBytes)
    try {
      await addTree(context, image, entries)
    } catch (error) {
      this.progress?.clear()
      await failOnHost(context, image.name, error)
    } finally {
      this.progress?.clear()
    }
  }
}

/** The name under which a source goes into a directory; `undefined` for `.` and the like. */
function nameOf(source: string): Uint8Array | undefined {
  const name = /[\\/]\.$/.test(source) ? '.' : basename(source)
  return name === '.' || name === '..' || name === '' ? undefined : encodeUtf8(name)
}
