/** `caravan git make`: an image of a repository, of one elsewhere, or of a plain directory. */

import { MakeError, type MakeOptions, withGitImage } from '@caravan/docteur/node'
import type { Command } from 'commander'
import { asCount, asGitDate, asSize, collect } from '../arguments.js'
import type { Context } from '../context.js'
import { HostError, Interrupted, UsageError } from '../errors.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { harmlessText } from '../names.js'
import { Progress } from '../progress.js'
import { formatCount, sizeInWords } from '../sizes.js'
import { failOnHost, withHelp } from '../verb.js'

interface GitMakeOptions {
  readonly branch?: readonly string[]
  readonly date?: NonNullable<MakeOptions['date']>
  readonly blockSize?: number
  readonly window?: number
  readonly depth?: number
  readonly history?: boolean
  readonly follow?: boolean
  readonly force?: boolean
  readonly quiet?: boolean
}

const MAKE_HELP = `
SOURCE is a repository on this computer (a worktree, a bare one, a bundle), one
elsewhere (https, ssh, git@host:path, git), or a plain directory. Your own git does
the fetching and the packing, with your keys and settings; what it says when
something fails is passed on.

The image shows one commit, HEAD where -b names no other. --history packs all that
the named refs reach, so that --at shows any commit of it.

A plain directory becomes a commit of its own: modes and links are kept as git keeps
them, and the same tree with the same --date gives the same bytes. --follow puts what
links lead to in their place, as docteur itself does.

IMAGE is there whole or not at all, also after Ctrl-C; - is standard output.`

export function addGitMake(git: Command, context: Context): void {
  const command = git
    .command('make')
    .summary('make an image')
    .description('Makes an image that holds the tree of a commit.')
    .helpOption('-h, --help', 'print this help')
    .argument('<source>', 'repository, address or directory')
    .argument('<image>', 'the file to write, or - for standard output')
    .option('-b, --branch <ref>', 'branch, tag or commit; with --history again and again', collect)
    .option('-d, --date <date>', 'date of the commit of a plain directory (RFC 3339)', asGitDate)
    .option('--block-size <size>', 'what it is padded to a multiple of (default: 512)', asSize)
    .option('--window <count>', 'objects that git tries as a base of a delta', asCount)
    .option('--depth <count>', 'the longest chain of deltas', asCount)
    .option('--history', 'all that the refs reach, not one commit alone')
    .option('--follow', 'of a plain directory: links are what they lead to')
    .option('-f, --force', 'replace a file that is already there')
    .option('-q, --quiet', 'no progress, no summary')
    .action((source: string, image: string, options: GitMakeOptions) =>
      make(context, source, image, options),
    )
  withHelp(
    command,
    [
      'caravan git make . site.img                    HEAD of this repository',
      'caravan git make -b v1.2 https://example.org/r.git r.img',
      'caravan git make --history -b main -b next . all.img',
      'caravan git make -d 2024-01-02T03:04:05Z www www.img',
    ],
    MAKE_HELP,
  )
}

async function make(
  context: Context,
  source: string,
  name: string,
  options: GitMakeOptions,
): Promise<void> {
  const { force = false, quiet = false, history = false, branch } = options
  const { out, report, signal } = context
  if (branch !== undefined && branch.length > 1 && !history) {
    throw new UsageError(
      'Several refs go into one image with --history alone. Name one, or add it.',
    )
  }
  if (name === '-' && out.isTerminal) {
    throw new UsageError(
      'Standard output is a terminal. Pass it on: caravan git make SOURCE - | gzip',
    )
  }
  const progress = quiet ? undefined : new GitProgress(context)
  try {
    if (name !== '-') await checkReplaceable(Buffer.from(name), force)
    await withGitImage(source, makeOptions(context, options, progress), async (image) => {
      progress?.clear()
      if (name === '-') for await (const piece of image.pieces()) await out.put(piece)
      else await writeHostFile(Buffer.from(name), image.pieces(), { force, durable: true, signal })
      if (quiet || name === '-') return
      const objects = formatCount(image.objectCount, 'object')
      await out.line(
        `commit ${image.commitId}, ${objects}, in ${name}: ${sizeInWords(image.sizeBytes)}`,
      )
    })
  } catch (error) {
    progress?.clear()
    if (!(error instanceof MakeError)) return await failOnHost(context, name, error)
    if (error.code === 'ABORTED') throw new Interrupted('interrupted')
    await out.flush()
    report.fail([source], new HostError(error.code, error.message))
  } finally {
    progress?.clear()
  }
}

function makeOptions(
  { signal, env, report }: Context,
  options: GitMakeOptions,
  progress: GitProgress | undefined,
): MakeOptions {
  const { branch, history, date = dateFrom(env), blockSize, window, depth, follow } = options
  return {
    signal,
    onLeftOut: (path, reason) => report.tell(`${harmlessText(path)}: left out: ${reason}`),
    ...(progress === undefined
      ? {}
      : { onProgress: (phase, done, total) => progress.show(phase, done, total) }),
    ...(branch === undefined ? {} : { refs: branch }),
    ...(history === undefined ? {} : { history }),
    ...(date === undefined ? {} : { date }),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(window === undefined ? {} : { window }),
    ...(depth === undefined ? {} : { depth }),
    ...(follow === undefined ? {} : { follow }),
  }
}

/** SOURCE_DATE_EPOCH, where it is set: https://reproducible-builds.org. */
function dateFrom({ SOURCE_DATE_EPOCH: text }: NodeJS.ProcessEnv): MakeOptions['date'] {
  if (text === undefined || text === '') return undefined
  if (/^\d+$/.test(text)) return { seconds: Number(text) }
  throw new UsageError(
    `SOURCE_DATE_EPOCH is '${text}', and must be seconds since 1970. Correct it, or unset it.`,
  )
}

/** Git's own phases, each as a line of its own that is drawn over. */
class GitProgress {
  private phase = ''
  private done = 0
  private line: Progress | undefined

  constructor(private readonly context: Context) {}

  show(phase: string, done: number, total: number): void {
    if (phase !== this.phase) {
      this.clear()
      this.phase = phase
      this.line = new Progress(this.context.report.stream, total)
      this.done = 0
    }
    this.line?.advance(done - this.done, phase)
    this.done = done
  }

  clear(): void {
    this.line?.clear()
  }
}
