/**
 * The user's own `git` as a program: it fetches, reads repositories and packs.
 *
 * What it says on standard error is passed on: it knows best why a remote cannot be reached.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { devNull } from 'node:os'
import { CaravanError } from '@caravan/core'

/**
 * - `GIT_MISSING`: there is no program `git`;
 * - `GIT_FAILED`: it ended with an error, which the message passes on;
 * - `NO_SOURCE`: what an image was to be made of is not there, or nothing that one is made of;
 * - `UNSUPPORTED_ENTRY`: a directory holds what git cannot (a pipe, a device, a link that is to be
 *   followed and leads nowhere);
 * - `ABORTED`: the signal that was handed in ended it.
 */
export type MakeErrorCode =
  | 'GIT_MISSING'
  | 'GIT_FAILED'
  | 'NO_SOURCE'
  | 'UNSUPPORTED_ENTRY'
  | 'ABORTED'

/** An image could not be made. */
export class MakeError extends CaravanError {
  override readonly name = 'MakeError'

  constructor(
    readonly code: MakeErrorCode,
    message: string,
    details?: { readonly cause?: unknown },
  ) {
    super(message, details)
  }
}

export interface GitOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of what git says of its progress: a phase, and how far it is. */
  readonly onProgress?: ((phase: string, done: number, total: number) => void) | undefined
}

/** Variables that lead git to another repository than the one that it is told. */
const LEADING_ASTRAY =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|CEILING_DIRECTORIES|QUARANTINE_PATH|SHALLOW_FILE|GRAFT_FILE)$/

function environment(isPlain: boolean): NodeJS.ProcessEnv {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !LEADING_ASTRAY.test(name)),
  )
  // A tree of plain files is the same image on every machine: nobody's settings have a say.
  return isPlain ? { ...env, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1' } : env
}

export class Git {
  constructor(
    private readonly options: GitOptions,
    /** Heed no settings of this computer or this user. */
    private readonly isPlain = false,
  ) {}

  /** Runs a command. @returns what it prints. @throws MakeError. */
  async run(args: readonly string[], input?: Iterable<Uint8Array | string>): Promise<Buffer> {
    const pieces: Buffer[] = []
    await this.spawned(args, input, (piece) => pieces.push(piece))
    return Buffer.concat(pieces)
  }

  /** The same for one line of text. */
  async line(args: readonly string[], input?: Iterable<Uint8Array | string>): Promise<string> {
    return (await this.run(args, input)).toString().trim()
  }

  /** Runs `first`, whose output is the input of `second`. @returns what `second` prints. */
  async pipe(first: readonly string[], second: readonly string[]): Promise<Buffer> {
    const pieces: Buffer[] = []
    const left = this.start(first)
    const right = this.start(second)
    right.stdout.on('data', (piece: Buffer) => pieces.push(piece))
    left.stdout.pipe(right.stdin)
    right.stdin.on('error', () => {})
    left.stdin.end()
    const ends = await Promise.allSettled([this.ended(left, first), this.ended(right, second)])
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return Buffer.concat(pieces)
  }

  private async spawned(
    args: readonly string[],
    input: Iterable<Uint8Array | string> | undefined,
    take: (piece: Buffer) => void,
  ): Promise<void> {
    const child = this.start(args)
    child.stdout.on('data', take)
    // A program that ends early does not read all; its own error is what is told.
    child.stdin.on('error', () => {})
    const end = this.ended(child, args)
    for (const piece of input ?? []) {
      if (child.stdin.destroyed) break
      if (!child.stdin.write(piece)) {
        await Promise.race([new Promise((done) => child.stdin.once('drain', done)), end])
      }
    }
    child.stdin.end()
    await end
  }

  private start(args: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn('git', ['-c', 'core.quotePath=true', ...args], {
      env: environment(this.isPlain),
      stdio: 'pipe',
      ...(this.options.signal === undefined ? {} : { signal: this.options.signal }),
    })
  }

  private ended(child: ChildProcessWithoutNullStreams, args: readonly string[]): Promise<void> {
    const { signal, onProgress } = this.options
    const said = new Said(onProgress)
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => said.add(text))
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (signal?.aborted) reject(new MakeError('ABORTED', 'It was stopped.'))
        else if (error.code === 'ENOENT') {
          reject(
            new MakeError(
              'GIT_MISSING',
              'there is no program git on this computer. Install git, and see that it is on PATH.',
              { cause: error },
            ),
          )
        } else
          reject(
            new MakeError('GIT_FAILED', `git cannot be started: ${error.message}.`, {
              cause: error,
            }),
          )
      })
      child.on('close', (code, killedBy) => {
        if (code === 0) return resolve()
        if (signal?.aborted) return reject(new MakeError('ABORTED', 'It was stopped.'))
        const command = args.find((arg) => /^[a-z]+(-[a-z]+)*$/.test(arg)) ?? ''
        const why = said.words === '' ? ` It ended with ${code ?? killedBy}.` : ` ${said.words}`
        reject(new MakeError('GIT_FAILED', `git ${command} failed.${why}`))
      })
    })
    // Awaited later, or not at all where another end was told first.
    ended.catch(() => {})
    return ended
  }
}

/** What git says on standard error: words, and progress among them. */
class Said {
  private line = ''
  private readonly lines: string[] = []

  constructor(private readonly onProgress: GitOptions['onProgress']) {}

  get words(): string {
    this.take(this.line.trim())
    this.line = ''
    // Also what is no error of git's own: why a key was refused is said by ssh, before git says less.
    const failures = this.lines.filter((line) => !ASIDE.test(line))
    const told = failures.length > 0 ? failures : this.lines
    return told.map((line) => line.replace(FAILURE, '')).join('; ')
  }

  add(text: string): void {
    const lines = (this.line + text).split(/[\r\n]/)
    this.line = lines.pop() ?? ''
    for (const line of lines) this.take(line.trim())
  }

  private take(line: string): void {
    const [, phase, done, total] =
      /^(?:remote: )?([A-Z][\w ]+): +\d+% \((\d+)\/(\d+)\)/.exec(line) ?? []
    if (phase !== undefined) this.onProgress?.(phase, Number(done), Number(total))
    else if (line !== '' && !isChatter(line)) {
      this.lines.push(line)
      if (this.lines.length > WORDS_MAX) this.lines.shift()
    }
  }
}

const FAILURE = /^(fatal|error): /
/** What was not in the way. */
const ASIDE = /^(warning|hint): /

/** Lines that are passed on at most: the last ones say why. */
const WORDS_MAX = 8

function isChatter(line: string): boolean {
  return /^(remote: )?(Enumerating|Counting|Compressing|Total|Delta|Writing|Unpacking|Receiving|Resolving|Initialized|From |\* )/.test(
    line,
  )
}
