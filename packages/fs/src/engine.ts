/**
 * What the face asks of a filesystem: a small set of operations.
 *
 * 1. Operations of {@link FsEngine} and those of a file that only read go beside each other and
 *    beside one change; operations of {@link FsChanges} and those of a file that write go alone.
 * 2. What fails throws an `FsError` with its code; the face adds the call and the path as the
 *    program gave them.
 * 3. All opens of one file, by whatever name, see one content: what one has written the others read
 *    at once. It is durable after `sync` or `close`.
 */

import type { Op, Span } from '@caravan/core'
import type { Path } from './path.js'
import type { FileTimes } from './times.js'

/** `other` is what only newer versions of a format know; a `submodule` is git's. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'submodule' | 'other'

/** What an engine knows of a file or directory. */
export interface EntryInfo {
  readonly type: EntryType
  /** Bytes; 0 for directories. */
  readonly size: number
  readonly times: FileTimes
  /** Permission bits, where the format holds them. */
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

export interface ListedName {
  /** A byte string. */
  readonly name: string
  /** The directory below the listed one that it is in, as a byte string: `a/b`; else empty. */
  readonly parent: string
  readonly type: EntryType
}

/** Space in blocks of `blockSize` bytes. */
export interface SpaceInfo {
  readonly blockSize: number
  readonly blockCount: number
  readonly freeBlocks: number
}

export interface FsLimits {
  /** Longest name, in bytes. */
  readonly nameMax: number
  /** Largest file, in bytes. */
  readonly fileMax: number
}

/** How a file is to be opened. */
export interface EngineOpenOptions {
  /** Makes the file where it is missing. */
  readonly create?: boolean
  /** The file must be missing: `EEXIST`. */
  readonly exclusive?: boolean
}

/** Spans to be read, and what is left to do then until the target holds what is wanted. */
export interface PlannedRead {
  readonly spans: readonly Span[]
  /** Bytes of the target that it fills: fewer than there are where the file ends. */
  readonly length: number
  finish(): void
}

/** An open file: bytes at positions. Who reads where is the face's business. */
export interface EngineFile {
  /** Bytes, with what was written. */
  readonly size: number
  info(): EntryInfo
  /**
   * A read that needs no operation, for the hot path: done from memory (the count of bytes), or
   * planned as spans that fill the target whole. `undefined`: {@link readAt} must do it.
   */
  readNow(position: number, target: Uint8Array): number | readonly Span[] | PlannedRead | undefined
  /** True where a read or a close would write: it must then go as a change. */
  readonly isUnsettled: boolean
  /** True where closing writes nothing and gives nothing back. */
  closesQuietly(saves: boolean): boolean
  /** @returns bytes read: fewer than asked for at the end of the file. */
  readAt(position: number, target: Uint8Array): Op<number>
  /** Writes all; a gap before it reads as zeros. */
  writeAt(position: number, data: Uint8Array): Op<void>
  truncate(size: number): Op<void>
  /** @throws FsError `EIO` where an earlier write failed and what was written is lost. */
  sync(): Op<void>
  setTimes(atimeNs: bigint, mtimeNs: bigint): Op<void>
  /**
   * Ends this use, also where it throws. What was written is synced where `saves` says so, and with
   * the last use.
   */
  close(saves: boolean): Op<void>
}

/** The half that changes a filesystem. */
export interface FsChanges {
  /** Gives a file its whole content, made where missing: wholly or not at all. */
  writeFile(path: Path, data: Uint8Array, options: EngineOpenOptions): Op<void>
  /** @throws FsError `EEXIST`. */
  makeDirectory(path: Path): Op<void>
  /** Removes a file or an empty directory. @throws FsError `ENOTEMPTY`. */
  remove(path: Path): Op<void>
  /** In place of a file, or of an empty directory, that has the name. */
  rename(from: Path, to: Path): Op<void>
  setTimes(path: Path, atimeNs: bigint, mtimeNs: bigint): Op<void>
}

/** Of an engine whose entries may be links: it resolves paths itself, `.` and `..` in them too. */
export interface FsLinks {
  /** What the path itself names: a link that it ends in is not followed. */
  lookUp(path: Path): Op<EntryInfo>
  /** Where a link points, as a byte string. @throws FsError `EINVAL` for what is no link. */
  readLink(path: Path): Op<string>
  /** The names that lead from the root to what a path names, over no link. */
  realPath(path: Path): Op<readonly string[]>
}

/** A mounted filesystem, without any notion of promises. */
export interface FsEngine {
  /** `undefined` where it is read-only: every change is refused with `EROFS`. */
  readonly changes: FsChanges | undefined
  readonly limits: FsLimits
  /** `undefined` where nothing is ever a link. */
  readonly links?: FsLinks | undefined
  /** The number that `statfs` tells: which format it is. */
  readonly magic: number
  readonly blockSize: number

  /** @throws FsError `ENOENT`, `ENOTDIR`. */
  lookUp(path: Path): Op<EntryInfo>
  /** {@link lookUp} from memory alone; `undefined` where that does not tell. */
  lookUpNow(path: Path): EntryInfo | undefined
  /**
   * The entries of a directory, in its own order; with `recursive` also what is in them.
   *
   * @throws FsError `ENOENT`, `ENOTDIR`.
   */
  list(path: Path, recursive: boolean): Op<readonly ListedName[]>
  /** @throws FsError `EISDIR` for what is no file. */
  open(path: Path, options: EngineOpenOptions): Op<EngineFile>
  /**
   * A file's content as one moment has it; `undefined` where reading it would write (it is open, and
   * what was written is not yet settled).
   */
  readFile(path: Path, checkAborted: () => void): Op<Uint8Array | undefined>
  space(): Op<SpaceInfo>

  /** A read begins: blocks that it may need are not reused before its end. */
  beginRead(): number
  endRead(reader: number): void
  /** A change, or a run of changes, begins and ends that goes by promises: reading may go beside it. */
  beginChange?(): void
  endChange?(): void
  /** Nothing is running: caches that have outgrown their budget may go. */
  trim(): void
  /** The filesystem was unmounted. */
  leave(): void
}
