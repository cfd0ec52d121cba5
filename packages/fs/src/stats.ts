/** What `stat` and `statfs` tell, in Node's shapes. */

import { constants } from './constants.js'
import type { EntryInfo, EntryType, SpaceInfo } from './engine.js'
import type { FileTimes } from './times.js'

const { S_IFREG, S_IFDIR, S_IFLNK } = constants

/** What the bits of a mode are where a format holds none. */
const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755
const WRITE_BITS = 0o222

/** Git's mode of a submodule: no file of a system has it. */
const S_IFGITLINK = 0o160000

const KINDS: Readonly<Partial<Record<EntryType, number>>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  submodule: S_IFGITLINK,
}

/** Bytes in one of the blocks that `blocks` counts, everywhere. */
const STAT_BLOCK_BYTES = 512

function modeOf({ type, mode }: EntryInfo, readOnly: boolean): number {
  const kind = KINDS[type] ?? 0
  // What a format holds is told as it stands there.
  if (mode !== undefined) return kind | mode
  const bits = type === 'directory' ? DIRECTORY_MODE : FILE_MODE
  return kind | (readOnly ? bits & ~WRITE_BITS : bits)
}

/** The questions that both kinds of `Stats` answer. */
abstract class TypeQuestions {
  abstract readonly type: EntryType

  isFile(): boolean {
    return this.type === 'file'
  }
  isDirectory(): boolean {
    return this.type === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.type === 'symlink'
  }
  isBlockDevice(): boolean {
    return false
  }
  isCharacterDevice(): boolean {
    return false
  }
  isFIFO(): boolean {
    return false
  }
  isSocket(): boolean {
    return false
  }
}

/**
 * A file's or directory's figures. `ino` and `dev` are 0: the formats number nothing. Where owners
 * and permissions are not held, they are root's, 0644 for files and 0755 for directories.
 */
export class Stats extends TypeQuestions {
  readonly dev = 0
  readonly ino = 0
  readonly nlink = 1
  readonly rdev = 0
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The best size of a read, in bytes. */
  readonly blksize: number
  /** Bytes. */
  readonly size: number
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
  /** Also `'submodule'`, and `'other'` for what only newer versions of the format know. Not in Node's. */
  readonly type: EntryType

  constructor(info: EntryInfo, blksize: number, readOnly: boolean) {
    super()
    const { size, times, uid, gid } = info
    this.type = info.type
    this.mode = modeOf(info, readOnly)
    this.uid = uid ?? 0
    this.gid = gid ?? 0
    this.blksize = blksize
    this.size = size
    this.blocks = Math.ceil(size / STAT_BLOCK_BYTES)
    this.atimeMs = times.atimeMs
    this.mtimeMs = times.mtimeMs
    this.ctimeMs = times.ctimeMs
    this.birthtimeMs = times.birthtimeMs
  }

  get atime(): Date {
    return new Date(this.atimeMs)
  }
  get mtime(): Date {
    return new Date(this.mtimeMs)
  }
  get ctime(): Date {
    return new Date(this.ctimeMs)
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs)
  }
}

/** {@link Stats} in bigints, with times to the nanosecond. */
export class BigIntStats extends TypeQuestions {
  readonly dev = 0n
  readonly ino = 0n
  readonly nlink = 1n
  readonly rdev = 0n
  readonly mode: bigint
  readonly uid: bigint
  readonly gid: bigint
  readonly blksize: bigint
  readonly size: bigint
  readonly blocks: bigint
  readonly atimeMs: bigint
  readonly mtimeMs: bigint
  readonly ctimeMs: bigint
  readonly birthtimeMs: bigint
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly birthtimeNs: bigint
  readonly type: EntryType
  private readonly times: FileTimes

  constructor(info: EntryInfo, blksize: number, readOnly: boolean) {
    super()
    const { size, times, uid, gid } = info
    this.type = info.type
    this.mode = BigInt(modeOf(info, readOnly))
    this.uid = BigInt(uid ?? 0)
    this.gid = BigInt(gid ?? 0)
    this.blksize = BigInt(blksize)
    this.size = BigInt(size)
    this.blocks = BigInt(Math.ceil(size / STAT_BLOCK_BYTES))
    this.atimeNs = times.atimeNs
    this.mtimeNs = times.mtimeNs
    this.ctimeNs = times.ctimeNs
    this.birthtimeNs = times.birthtimeNs
    this.atimeMs = times.atimeNs / 1_000_000n
    this.mtimeMs = times.mtimeNs / 1_000_000n
    this.ctimeMs = times.ctimeNs / 1_000_000n
    this.birthtimeMs = times.birthtimeNs / 1_000_000n
    this.times = times
  }

  get atime(): Date {
    return new Date(this.times.atimeMs)
  }
  get mtime(): Date {
    return new Date(this.times.mtimeMs)
  }
  get ctime(): Date {
    return new Date(this.times.ctimeMs)
  }
  get birthtime(): Date {
    return new Date(this.times.birthtimeMs)
  }
}

/** What `stat({ bigint: true })` asks for. */
export interface StatOptions {
  readonly bigint?: boolean | undefined
  /** `false` gives `undefined` for what is not there. */
  readonly throwIfNoEntry?: boolean | undefined
}

/** A filesystem's figures: blocks of `bsize` bytes. Numbers of files are not counted. */
export class StatFs<N extends number | bigint = number> {
  constructor(
    readonly type: N,
    readonly bsize: N,
    readonly blocks: N,
    readonly bfree: N,
    readonly bavail: N,
    readonly files: N,
    readonly ffree: N,
  ) {}
}

export function statFsOf(
  magic: number,
  space: SpaceInfo,
  bigint: boolean,
): StatFs | StatFs<bigint> {
  const { blockSize, blockCount, freeBlocks } = space
  if (!bigint) return new StatFs(magic, blockSize, blockCount, freeBlocks, freeBlocks, 0, 0)
  const free = BigInt(freeBlocks)
  return new StatFs(BigInt(magic), BigInt(blockSize), BigInt(blockCount), free, free, 0n, 0n)
}

/** An entry of a directory. */
export class Dirent<Name extends string | Uint8Array = string> extends TypeQuestions {
  constructor(
    readonly name: Name,
    /** The directory that it was found in. */
    readonly parentPath: string,
    readonly type: EntryType,
  ) {
    super()
  }

  /** The older name of `parentPath`. */
  get path(): string {
    return this.parentPath
  }
}
