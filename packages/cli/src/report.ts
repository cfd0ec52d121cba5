/**
 * What went wrong, told on standard error: `caravan: IMAGE: PATH: what it is, and what to do`.
 *
 * Exit codes: 0 all done, 1 something failed, 2 the command was used in a way that cannot work; 3 of
 * `check` alone: the image cannot be read. `diff` and `verify` have those of diff: 0 the same, 1
 * different, 2 trouble.
 */

import {
  AssertionError,
  CaravanError,
  DeviceError,
  FormatError,
  FsError,
  KeyValueError,
  MisuseError,
} from '@caravan/core'
import { isErrno, UsageError } from './errors.js'
import { harmlessText } from './names.js'
import type { OutputStream } from './output.js'

export const EXIT = {
  done: 0,
  failed: 1,
  wrongUse: 2,
  trouble: 2,
  unreadable: 3,
  interrupted: 130,
} as const

export class Report {
  /** Something was told that makes the exit code {@link failureCode}. */
  failed = false
  /** The exit code of a failure. */
  failureCode: typeof EXIT.failed | typeof EXIT.trouble | typeof EXIT.unreadable = EXIT.failed
  private readonly told = new Set<string>()

  constructor(readonly stream: OutputStream) {
    // When not even standard error can be written to, the exit code is all that is left to tell.
    stream.on('error', () => {})
  }

  /** Tells of a failure; the verb goes on. */
  fail(subject: readonly string[], error: unknown): void {
    this.failed = true
    this.tell([...subject, describe(error)].join(': '))
  }

  /** The same line once, however often what it tells of is met. */
  tellOnce(sentence: string): void {
    if (this.told.has(sentence)) return
    this.told.add(sentence)
    this.tell(sentence)
  }

  /** A line that is no failure: a count, a warning. */
  tell(sentence: string): void {
    this.stream.write(`caravan: ${harmlessText(sentence)}\n`)
  }
}

/** An error as a sentence that stands behind the path it is about. */
export function describe(error: unknown): string {
  if (error instanceof AssertionError) return error.stack ?? error.message
  if (error instanceof FsError) return describeFs(error)
  if (error instanceof FormatError) return describeFormat(error)
  if (error instanceof DeviceError && error.code === 'NOT_FOUND' && !isAddress(error.path)) {
    return 'no such file on this computer. Check the path.'
  }
  if (error instanceof CaravanError) return error.message
  if (isErrno(error) && HOST[error.code ?? ''] !== undefined)
    return HOST[error.code ?? ''] as string
  if (isErrno(error) && 'errno' in error) return error.message
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `a fault of caravan itself, please report it:\n${detail}`
}

function isAddress(path: string | undefined): boolean {
  return path !== undefined && /^https?:/i.test(path)
}

/** What is wrong with an image. */
function describeFormat(error: FormatError): string {
  switch (error.code) {
    case 'NOT_LITTLEFS':
      return 'no littlefs superblock found. Check that this is the image of a littlefs 2; where it begins further inside (a partition), say so with --offset; --block-size sets the size of its blocks.'
    case 'NOT_RECOGNISED':
    case 'UNSUPPORTED_VERSION':
    case 'UNSUPPORTED_LIMIT':
    case 'WRONG_GEOMETRY':
    case 'CHAMELON_VOLUME':
    case 'NOT_CHAMELON':
    case 'NOT_DOCTEUR':
    case 'NO_REVISION':
    case 'NO_SUCH_STATE':
    case 'OBJECT_TOO_LARGE':
    case 'SEVERAL_FOUND':
    case 'SEVERAL_FAMILIES':
    case 'NO_SUCH_PARTITION':
    case 'NOT_A_PARTITION_TABLE':
    case 'BAD_PARTITION_TABLE':
    case 'BAD_UF2':
    case 'BAD_INTEL_HEX':
    case 'BAD_GZIP':
    case 'CUT_SHORT':
    case 'TOO_LARGE':
      return error.message
    default:
      // What it is instead: IS_SPIFFS, IS_FAT...
      return error.code.startsWith('IS_') ? error.message : `damaged: ${error.message}`
  }
}

/** Calls that change something: advice on how to read does not help there. */
const CHANGES: readonly string[] = ['mkdir', 'rename', 'rm', 'setattr']

/** What the format itself says of these is more than the sentences below. */
const HINTED: readonly string[] = ['ENOENT', 'ENOTDIR', 'EISDIR']

/** What is wrong with a path in an image. */
function describeFs(error: FsError): string {
  if (error.hint !== undefined && HINTED.includes(error.code)) return error.message
  switch (error.code) {
    case 'ENOSPC':
      // An attribute has a limit of its own, a new image its own size.
      if (['setattr', 'salvage'].includes(error.syscall ?? '')) return error.message
      return 'no space left. Remove something, or make the image larger with `caravan grow`.'
    case 'EEXIST':
      return 'already there.'
    case 'ENOTEMPTY':
      return 'the directory is not empty.'
    case 'ENOENT':
      return 'no such file or directory. `caravan tree IMAGE` shows what is there.'
    case 'ENOTDIR':
      if (error.syscall !== undefined && CHANGES.includes(error.syscall)) return error.message
      return 'not a directory. For the content of a file use `caravan cat` or `caravan get`.'
    case 'ERR_FS_EISDIR':
    case 'EISDIR':
      if (error.syscall === 'rm') return 'a directory. Remove it, and all that is in it, with -r.'
      if (error.syscall === 'rename') return error.message
      return 'not a regular file. For a directory use `caravan ls` or `caravan extract`.'
    case 'ENODATA':
      return 'no such attribute. `caravan attr IMAGE PATH` lists those that are there.'
    default:
      return error.message
  }
}

/** The commonest errors of this computer's own files, each with what to do. */
const HOST: Record<string, string> = {
  ENOENT: 'no such file or directory on this computer. Check the path.',
  EACCES: 'permission denied. Change its permissions, or choose another place.',
  EPERM: 'operation not permitted. Change its permissions, or choose another place.',
  EISDIR: 'a directory, where a file is needed.',
  ENOTDIR: 'a part of this path is a file, not a directory.',
  ENOSPC: 'no space left on this computer. Make room and try again.',
  EROFS: 'this computer holds it read-only. Choose another place.',
  ENAMETOOLONG: 'the name is too long for this computer.',
  ELOOP: 'too many symbolic links.',
  EILSEQ: 'this computer cannot hold a name with these bytes.',
}

/** The exit code that an error calls for when it ends a verb. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.wrongUse
  if (error instanceof MisuseError && error.code === 'INVALID_ARGUMENT') return EXIT.wrongUse
  return EXIT.failed
}

/** The path within the image that an error names, where it names one. */
export function pathOf(error: unknown): string | undefined {
  return error instanceof FsError || error instanceof FormatError ? error.path : undefined
}

/** True where an error is about what was asked for or found, so that others may still succeed. */
export function isAboutOnePath(error: unknown): boolean {
  return (
    error instanceof FsError ||
    error instanceof KeyValueError ||
    error instanceof FormatError ||
    error instanceof DeviceError
  )
}
