/**
 * Errors say whose fault it is, and each carries a stable string `code` and a sentence that tells
 * what was found, what was expected and what to do.
 *
 * | class | whose fault |
 * | --- | --- |
 * | {@link FormatError} | the bytes: they cannot be what they claim to be |
 * | {@link FsError} | the request: no such file, no space left... |
 * | {@link DeviceError} | the hardware, the file or the network under the filesystem |
 * | {@link MisuseError} | the calling program: a function used in a way that cannot work |
 * | {@link AssertionError} | caravan itself: never bad input |
 */

/** What all errors of caravan have in common. */
export abstract class CaravanError extends Error {
  /** Stable: programs may compare it. */
  abstract readonly code: string
}

/** What {@link FormatError} and {@link DeviceError} point at. */
export interface FormatErrorDetails {
  /** What was being decoded, in the words of the format's specification. */
  readonly structure?: string
  readonly block?: number
  /** Both blocks of what stands in two, `block` among them. */
  readonly pair?: readonly [number, number]
  /** Byte offset within the block. */
  readonly offset?: number
  readonly path?: string
  readonly cause?: unknown
}

/** The bytes cannot be what they claim to be. */
export class FormatError extends CaravanError {
  override readonly name = 'FormatError'
  readonly structure: string | undefined
  readonly block: number | undefined
  readonly pair: readonly [number, number] | undefined
  readonly offset: number | undefined
  readonly path: string | undefined

  constructor(
    readonly code: string,
    message: string,
    details: FormatErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.structure = details.structure
    this.block = details.block
    this.pair = details.pair
    this.offset = details.offset
    this.path = details.path
  }
}

/** The error numbers of Linux, as `node:fs` reports them (negated), with its words. */
const ERRNO = {
  EPERM: [1, 'operation not permitted'],
  ENOENT: [2, 'no such file or directory'],
  EIO: [5, 'i/o error'],
  EBADF: [9, 'bad file descriptor'],
  EAGAIN: [11, 'resource temporarily unavailable'],
  EACCES: [13, 'permission denied'],
  EBUSY: [16, 'resource busy or locked'],
  EEXIST: [17, 'file already exists'],
  EXDEV: [18, 'cross-device link not permitted'],
  ENOTDIR: [20, 'not a directory'],
  EISDIR: [21, 'illegal operation on a directory'],
  EINVAL: [22, 'invalid argument'],
  EFBIG: [27, 'file too large'],
  ENOSPC: [28, 'no space left on device'],
  EROFS: [30, 'read-only file system'],
  ENAMETOOLONG: [36, 'name too long'],
  ENOSYS: [38, 'function not implemented'],
  ENOTEMPTY: [39, 'directory not empty'],
  ELOOP: [40, 'too many symbolic links encountered'],
  ENODATA: [61, 'no data available'],
  ENOTSUP: [95, 'operation not supported on socket'],
  // Codes of Node's own, with the numbers that it gives them.
  ERR_FS_EISDIR: [21, 'path is a directory'],
  ERR_FS_CP_EINVAL: [22, 'invalid source or destination of a copy'],
  ERR_FS_CP_EEXIST: [17, 'target already exists'],
  ERR_FS_CP_DIR_TO_NON_DIR: [20, 'cannot overwrite a file with a directory'],
  ERR_FS_CP_NON_DIR_TO_DIR: [21, 'cannot overwrite a directory with a file'],
  ERR_DIR_CLOSED: [9, 'directory handle was closed'],
} as const

/** An error code as Node spells it. */
export type Errno = keyof typeof ERRNO

export interface FsErrorDetails {
  /** The call that failed, in `node:fs`'s words: `open`, `scandir`, `mkdir`... */
  readonly syscall?: string
  readonly path?: string
  /** The second path of a rename or a copy. */
  readonly dest?: string
  /** What to do about it, or which limit was met; put behind the message. */
  readonly hint?: string
  readonly cause?: unknown
}

/** The request cannot be done. Code, number and message are those of `node:fs`. */
export class FsError extends CaravanError {
  override readonly name = 'FsError'
  readonly errno: number
  readonly syscall: string | undefined
  readonly path: string | undefined
  readonly dest: string | undefined
  /** What to do about it, as it stands in the message. */
  readonly hint: string | undefined

  constructor(
    readonly code: Errno,
    details: FsErrorDetails = {},
  ) {
    super(
      fsMessage(code, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.errno = -ERRNO[code][0]
    this.syscall = details.syscall
    this.path = details.path
    this.dest = details.dest
    this.hint = details.hint
  }
}

function fsMessage(code: Errno, { syscall, path, dest, hint }: FsErrorDetails): string {
  let message = `${code}: ${ERRNO[code][1]}`
  if (syscall !== undefined) message += `, ${syscall}`
  if (path !== undefined) message += ` '${path}'`
  if (dest !== undefined) message += ` -> '${dest}'`
  if (hint !== undefined) message += ` (${hint})`
  return message
}

/**
 * - `OUT_OF_RANGE`: beyond the end of the device, or of a block;
 * - `MISALIGNED`: not a multiple of the read or program size;
 * - `SHORT_TRANSFER`: fewer bytes moved than asked for;
 * - `READ_ONLY`: the device takes no writes;
 * - `BAD_BLOCK`: this block is worn out or damaged, others may work: an engine may use another;
 * - `NOT_ERASED`: programmed without an erase before;
 * - `CLOSED`: used after `close()`;
 * - `LOCKED`: another program has it open for writing;
 * - `NOT_FOUND`: the file or address does not exist;
 * - `CHANGED`: it is another one than the one that was opened;
 * - `NO_RANGES`: a web server gives out no ranges of its bytes;
 * - `NO_SPACE`: what holds the device is full, or allows no more;
 * - `UNSUPPORTED`: this platform has no such device;
 * - `ABORTED`: the signal that it was opened with was aborted;
 * - `IO`: anything else; the `cause` tells.
 */
export type DeviceErrorCode =
  | 'OUT_OF_RANGE'
  | 'MISALIGNED'
  | 'SHORT_TRANSFER'
  | 'READ_ONLY'
  | 'BAD_BLOCK'
  | 'NOT_ERASED'
  | 'CLOSED'
  | 'LOCKED'
  | 'NOT_FOUND'
  | 'CHANGED'
  | 'NO_RANGES'
  | 'NO_SPACE'
  | 'UNSUPPORTED'
  | 'ABORTED'
  | 'IO'

export interface DeviceErrorDetails {
  /** What was asked of the device. */
  readonly request?: 'read' | 'prog' | 'erase' | 'sync' | 'open' | 'close'
  readonly block?: number
  readonly offset?: number
  readonly length?: number
  /** The file or address of the device, where it has one. */
  readonly path?: string
  readonly cause?: unknown
}

/** The hardware, the file or the network under the filesystem failed. */
export class DeviceError extends CaravanError {
  override readonly name = 'DeviceError'
  readonly request: DeviceErrorDetails['request']
  readonly block: number | undefined
  readonly offset: number | undefined
  readonly length: number | undefined
  readonly path: string | undefined

  constructor(
    readonly code: DeviceErrorCode,
    message: string,
    details: DeviceErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.request = details.request
    this.block = details.block
    this.offset = details.offset
    this.length = details.length
    this.path = details.path
  }
}

/**
 * - `NOT_A_REQUEST`: an operation yielded something else, most often `yield` written for `yield*`;
 * - `NEEDS_ASYNC`: a synchronous call on a device that answers with a promise;
 * - `ABANDONED`: an operation, or what it worked on, used after it was left in the middle;
 * - `INVALID_ARGUMENT`: a value that the function cannot take;
 * - `UNMOUNTED`: a filesystem used after `unmount()`;
 * - `OPEN_HANDLES`: a filesystem unmounted while files are open.
 */
export type MisuseErrorCode =
  | 'NOT_A_REQUEST'
  | 'NEEDS_ASYNC'
  | 'ABANDONED'
  | 'INVALID_ARGUMENT'
  | 'UNMOUNTED'
  | 'OPEN_HANDLES'

/** The calling program used a function in a way that cannot work. */
export class MisuseError extends CaravanError {
  override readonly name = 'MisuseError'

  constructor(
    readonly code: MisuseErrorCode,
    message: string,
  ) {
    super(message)
  }
}

/** True for an {@link FsError}, of that code where one is given. */
export function isErrno(error: unknown, code?: Errno): error is FsError {
  return error instanceof FsError && (code === undefined || error.code === code)
}

/** A fault of caravan's own. Please report it. */
export class AssertionError extends CaravanError {
  override readonly name = 'AssertionError'
  readonly code = 'ASSERTION'

  constructor(claim: string) {
    super(
      `caravan is wrong about itself: ${claim}. Nothing you passed should cause this; please report it.`,
    )
  }
}

/** States what caravan holds to be true. Never for bad input, which gets an error of its own. */
export function assert(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new AssertionError(claim)
}
