/**
 * A program of this package, as a function: what a process has of its own comes in as an argument, so
 * that a test, the judge of recorded calls or another program can run it without one.
 *
 *     const exitCode = await mklittlefs(['-l', 'fs.img'], surroundings)
 *
 * 1. A program never ends the process, and never throws: what goes wrong is told on `stderr` as the
 *    original tells it, and answered with an exit code.
 * 2. Relative paths of the arguments are seen from `cwd` (`resolveFrom`), never from the process's.
 * 3. It reads no clock but by {@link nowSeconds}, so that SOURCE_DATE_EPOCH makes a run repeatable.
 * 4. Once `signal` is aborted it stops, takes away what is half-made and answers 130.
 *
 * start.ts puts a process around a program; `bin/NAME.js` calls that.
 */

import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { UsageError } from '@caravan/cli/host'

/** @param argv the arguments, without the names of the interpreter and the program. */
export type Program = (argv: readonly string[], around: Surroundings) => Promise<number>

export interface Surroundings {
  /** The directory that relative paths of the arguments are in: an absolute path. */
  readonly cwd: string
  /** `SOURCE_DATE_EPOCH` is looked at, and by `mklittlefs` `CARAVAN_PROFILE`. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable
  readonly stdout: Sink
  readonly stderr: Sink
  /** Aborted when the user asks to stop. */
  readonly signal: AbortSignal
}

/** Where output goes, in order. Text goes out as UTF-8; names that are no text go out as bytes. */
export interface Sink {
  write(piece: string | Uint8Array): void
}

/** A path of the arguments as this computer's, absolute. An empty one stays what it is: no file. */
export function resolveFrom(cwd: string, path: string): string {
  // Not normalised where absolute: `dir/` and `a/../b` mean to the host what they say.
  return path === '' ? path : isAbsolutePath(path) ? path : `${resolve(cwd)}/${path}`
}

/** The same for a path of bytes: not every name is text. */
export function bytesFrom(cwd: string, path: Buffer): Buffer {
  const isAbsolute = isAbsolutePath(path.toString('latin1'))
  return isAbsolute ? path : Buffer.concat([Buffer.from(`${resolve(cwd)}/`), path])
}

function isAbsolutePath(path: string): boolean {
  return path.startsWith('/') || (process.platform === 'win32' && /^([a-z]:)?[\\/]/i.test(path))
}

/**
 * The current time in whole seconds since 1970; where SOURCE_DATE_EPOCH is set, that
 * (https://reproducible-builds.org/specs/source-date-epoch/).
 *
 * @throws UsageError where it is set and is no number of seconds.
 */
export function nowSeconds({ env }: Pick<Surroundings, 'env'>): number {
  const text = env.SOURCE_DATE_EPOCH
  if (text === undefined || text === '') return Math.floor(Date.now() / 1000)
  const seconds = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(seconds)) return seconds
  throw new UsageError(
    `SOURCE_DATE_EPOCH is '${text}', and must be seconds since 1970. Correct it, or unset it.`,
  )
}
