/** The synchronous half of the face: every call as `node:fs` has it, for devices that answer at once. */

import { askSync, isErrno, type Span } from '@caravan/core'
import {
  encodingOf,
  optionsObject,
  type PositionLike,
  type ReadWindow,
  readArguments,
  timeArgument,
  writeArguments,
} from './arguments.js'
import { constants } from './constants.js'
import { type CopySettings, copyFileCall, cpCall } from './copy-calls.js'
import { Dir } from './dir.js'
import { type Data, dataBytes, decodeText, viewBytes } from './encoding.js'
import type { PlannedRead } from './engine.js'
import {
  closeCall,
  openCall,
  readCall,
  readFileCall,
  readRestCall,
  setHandleTimesCall,
  syncCall,
  truncateCall,
  truncateHandleCall,
  writeCall,
  writeFileCall,
} from './file-calls.js'
import type { Handle } from './handle.js'
import type { Mount } from './mount.js'
import type {
  BytesOptions,
  MkdirOptions,
  OpendirOptions,
  ReadFileOptions,
  RmOptions,
  TextOptions,
  WriteFileOptions,
} from './options.js'
import type { PathLike } from './path.js'
import { listing, nameIn, type ReaddirOptions, statsOf } from './results.js'
import type { Call } from './scheduler.js'
import {
  type BigIntStats,
  type Dirent,
  type StatFs,
  type StatOptions,
  Stats,
  statFsOf,
} from './stats.js'
import type { TimeLike } from './times.js'
import {
  accessCall,
  listCall,
  mkdirCall,
  mkdtempCall,
  permissionsCall,
  readlinkCall,
  realpathCall,
  refusePermissions,
  renameCall,
  rmCall,
  rmdirCall,
  setTimesCall,
  spaceCall,
  statCall,
  unlinkCall,
  unsupportedCall,
} from './tree-calls.js'

type Flags = string | number
type WithTypes = { readonly withFileTypes: true }
type Encoded = { readonly encoding: 'buffer' }
type Bigint = StatOptions & { readonly bigint: true }
type Missing = StatOptions & { readonly throwIfNoEntry: false }

export class SyncFs<Bytes extends Uint8Array = Uint8Array> {
  /** What all faces of one mount share. */
  readonly mount: Mount

  constructor(mount: Mount) {
    this.mount = mount
  }

  /** Bytes as this face gives them back. */
  protected wrapBytes(bytes: Uint8Array): Bytes {
    return bytes as Bytes
  }

  protected callSync<T>(call: Call<T>): T {
    return this.mount.scheduler.runSync(call)
  }

  private handle(fd: number, syscall: string): Handle {
    return this.mount.context.handles.get(fd, syscall)
  }

  accessSync(path: PathLike, mode: number = constants.F_OK): void {
    this.callSync(accessCall(this.mount.context, path, mode))
  }

  /** True where it is there; every failure is a no. */
  existsSync(path: PathLike): boolean {
    try {
      this.accessSync(path)
      return true
    } catch {
      return false
    }
  }

  statSync(path: PathLike, options: Bigint & Missing): BigIntStats | undefined
  statSync(path: PathLike, options: Missing): Stats | undefined
  statSync(path: PathLike, options: Bigint): BigIntStats
  statSync(path: PathLike, options?: StatOptions): Stats
  statSync(path: PathLike, options?: StatOptions): Stats | BigIntStats | undefined {
    if (options === undefined) {
      // What is in memory is told without an operation.
      const { context, scheduler } = this.mount
      const parsed = context.parse(path)
      const info = parsed.through.length === 0 ? context.engine.lookUpNow(parsed) : undefined
      if (info !== undefined) {
        scheduler.checkMounted()
        return new Stats(info, context.engine.blockSize, context.engine.changes === undefined)
      }
    }
    return this.statAs('stat', path, options)
  }

  lstatSync(path: PathLike, options: Bigint & Missing): BigIntStats | undefined
  lstatSync(path: PathLike, options: Missing): Stats | undefined
  lstatSync(path: PathLike, options: Bigint): BigIntStats
  lstatSync(path: PathLike, options?: StatOptions): Stats
  lstatSync(path: PathLike, options?: StatOptions): Stats | BigIntStats | undefined {
    return this.statAs('lstat', path, options)
  }

  private statAs(
    syscall: string,
    path: PathLike,
    options: StatOptions | undefined,
  ): Stats | BigIntStats | undefined {
    try {
      const info = this.callSync(statCall(this.mount.context, path, syscall))
      return statsOf(this.mount.context, info, options)
    } catch (error) {
      const isMissing = isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')
      if (options?.throwIfNoEntry === false && isMissing) return undefined
      throw error
    }
  }

  fstatSync(fd: number, options: Bigint): BigIntStats
  fstatSync(fd: number, options?: StatOptions): Stats
  fstatSync(fd: number, options?: StatOptions): Stats | BigIntStats {
    this.mount.scheduler.checkMounted()
    return statsOf(this.mount.context, infoOf(this.handle(fd, 'fstat')), options)
  }

  statfsSync(path: PathLike, options: { readonly bigint: true }): StatFs<bigint>
  statfsSync(path: PathLike, options?: { readonly bigint?: boolean }): StatFs
  statfsSync(path: PathLike, options?: { readonly bigint?: boolean }): StatFs | StatFs<bigint> {
    const space = this.callSync(spaceCall(this.mount.context, path))
    return statFsOf(this.mount.context.engine.magic, space, options?.bigint === true)
  }

  /** Names in the order in which the directory holds them. */
  readdirSync(path: PathLike, options: ReaddirOptions & WithTypes & Encoded): Dirent<Bytes>[]
  readdirSync(path: PathLike, options: ReaddirOptions & WithTypes): Dirent[]
  readdirSync(path: PathLike, options: (ReaddirOptions & Encoded) | 'buffer'): Bytes[]
  readdirSync(path: PathLike, options?: ReaddirOptions | string | null): string[]
  readdirSync(path: PathLike, options?: ReaddirOptions | string | null): unknown[] {
    const recursive = optionsObject<ReaddirOptions>(options).recursive === true
    const listed = this.callSync(listCall(this.mount.context, path, recursive, 'scandir'))
    return listing(listed, options, (bytes) => this.wrapBytes(bytes))
  }

  opendirSync(path: PathLike, options: OpendirOptions = {}): Dir {
    const recursive = options.recursive === true
    const listed = this.callSync(listCall(this.mount.context, path, recursive, 'opendir'))
    const entries = listing(listed, { ...options, withFileTypes: true }, (bytes) => bytes)
    return new Dir(listed.path.text, entries as Dirent[])
  }

  /** @returns the first directory made, where `recursive`. */
  mkdirSync(path: PathLike, options?: MkdirOptions | number | string | null): string | undefined {
    const recursive = optionsObject<MkdirOptions>(options).recursive === true
    return this.callSync(mkdirCall(this.mount.context, path, recursive))
  }

  mkdtempSync(prefix: string): string {
    return this.callSync(mkdtempCall(this.mount.context, prefix))
  }

  rmdirSync(path: PathLike, options: { readonly recursive?: boolean } = {}): void {
    const { context } = this.mount
    if (options.recursive === true) this.callSync(rmCall(context, path, { recursive: true }))
    else this.callSync(rmdirCall(context, path))
  }

  rmSync(path: PathLike, options: RmOptions = {}): void {
    this.callSync(rmCall(this.mount.context, path, options))
  }

  unlinkSync(path: PathLike): void {
    this.callSync(unlinkCall(this.mount.context, path))
  }

  /** In place of a file or an empty directory of that name: in one step. */
  renameSync(from: PathLike, to: PathLike): void {
    this.callSync(renameCall(this.mount.context, from, to))
  }

  copyFileSync(from: PathLike, to: PathLike, mode = 0): void {
    this.callSync(copyFileCall(this.mount.context, from, to, mode))
  }

  cpSync(from: PathLike, to: PathLike, options: CopySettings = {}): void {
    this.callSync(cpCall(this.mount.context, from, to, options))
  }

  /** The whole content of a file, or what is left behind a descriptor's position. */
  readFileSync(file: PathLike | number, options: TextOptions): string
  readFileSync(file: PathLike | number, options?: BytesOptions): Bytes
  readFileSync(file: PathLike | number, options?: ReadFileOptions | string | null): string | Bytes
  readFileSync(
    file: PathLike | number,
    options?: ReadFileOptions | string | null,
  ): string | Uint8Array {
    const settings = optionsObject<ReadFileOptions>(options)
    const bytes = this.callSync(
      typeof file === 'number'
        ? readRestCall(this.handle(file, 'read'))
        : readFileCall(this.mount.context, file, settings),
    )
    const encoding = encodingOf(options)
    return encoding === undefined ? this.wrapBytes(bytes) : decodeText(bytes, encoding)
  }

  /** Writes a whole file: after a power cut it is the old one or the new one. */
  writeFileSync(
    file: PathLike | number,
    data: Data,
    options?: WriteFileOptions | string | null,
  ): void {
    this.writeWhole(file, data, options, 'w')
  }

  /** Adds to the end of a file, made where missing. */
  appendFileSync(
    file: PathLike | number,
    data: Data,
    options?: WriteFileOptions | string | null,
  ): void {
    this.writeWhole(file, data, options, 'a')
  }

  private writeWhole(
    file: PathLike | number,
    data: Data,
    options: WriteFileOptions | string | null | undefined,
    fallback: string,
  ): void {
    const bytes = dataBytes(data, encodingOf(options))
    if (typeof file === 'number') {
      this.callSync(writeCall(this.handle(file, 'write'), [bytes], null))
      return
    }
    const settings = optionsObject<WriteFileOptions>(options)
    this.callSync(writeFileCall(this.mount.context, file, bytes, settings, fallback))
  }

  /** Cuts a file off at a size in bytes, or fills it up with zeros. */
  truncateSync(path: PathLike, size: number | null = 0): void {
    this.callSync(truncateCall(this.mount.context, path, size ?? 0))
  }

  utimesSync(path: PathLike, atime: TimeLike, mtime: TimeLike): void {
    this.setTimes(path, atime, mtime, 'utime')
  }

  lutimesSync(path: PathLike, atime: TimeLike, mtime: TimeLike): void {
    this.setTimes(path, atime, mtime, 'lutime')
  }

  private setTimes(
    path: PathLike,
    atime: TimeLike,
    mtime: TimeLike,
    syscall: 'utime' | 'lutime',
  ): void {
    const { context } = this.mount
    this.callSync(setTimesCall(context, path, timeArgument(atime), timeArgument(mtime), syscall))
  }

  futimesSync(fd: number, atime: TimeLike, mtime: TimeLike): void {
    const handle = this.handle(fd, 'futime')
    this.callSync(setHandleTimesCall(handle, timeArgument(atime), timeArgument(mtime)))
  }

  chmodSync(path: PathLike, _mode: number | string): void {
    this.callSync(permissionsCall(this.mount.context, path, 'chmod'))
  }

  lchmodSync(path: PathLike, _mode: number | string): void {
    this.callSync(permissionsCall(this.mount.context, path, 'lchmod'))
  }

  fchmodSync(fd: number, _mode: number | string): void {
    this.handle(fd, 'fchmod')
    refusePermissions(this.mount.context, { syscall: 'fchmod' })
  }

  chownSync(path: PathLike, _uid: number, _gid: number): void {
    this.callSync(permissionsCall(this.mount.context, path, 'chown'))
  }

  lchownSync(path: PathLike, _uid: number, _gid: number): void {
    this.callSync(permissionsCall(this.mount.context, path, 'lchown'))
  }

  fchownSync(fd: number, _uid: number, _gid: number): void {
    this.handle(fd, 'fchown')
    refusePermissions(this.mount.context, { syscall: 'fchown' })
  }

  /** @throws FsError `ENOSYS`. */
  linkSync(from: PathLike, to: PathLike): void {
    this.callSync(linkCall('link', from, to))
  }

  /** @throws FsError `ENOSYS`. */
  symlinkSync(target: PathLike, path: PathLike, _type?: string | null): void {
    this.callSync(linkCall('symlink', target, path))
  }

  /** @throws FsError `EINVAL` for what is no link. */
  readlinkSync(path: PathLike, options: Encoded | 'buffer'): Bytes
  readlinkSync(path: PathLike, options?: unknown): string
  readlinkSync(path: PathLike, options?: unknown): string | Bytes {
    const target = this.callSync(readlinkCall(this.mount.context, path))
    return nameIn(target, options, (bytes) => this.wrapBytes(bytes))
  }

  realpathSync(path: PathLike): string {
    return this.callSync(realpathCall(this.mount.context, path))
  }

  // Descriptors

  openSync(path: PathLike, flags: Flags = 'r', _mode?: number | string | null): number {
    return this.callSync(openCall(this.mount.context, path, flags)).fd
  }

  closeSync(fd: number): void {
    this.callSync(closeCall(this.mount.context, this.handle(fd, 'close')))
  }

  /** Fills a buffer, or a part of it. @returns bytes read, 0 at the end. */
  readSync(fd: number, buffer: ArrayBufferView, window?: ReadWindow): number
  readSync(
    fd: number,
    buffer: ArrayBufferView,
    offset?: number | null,
    length?: number | null,
    position?: PositionLike,
  ): number
  readSync(
    fd: number,
    buffer: ArrayBufferView,
    offset?: number | null | ReadWindow,
    length?: number | null,
    position?: PositionLike,
  ): number {
    const handle = this.handle(fd, 'read')
    const args = readArguments(buffer, offset, length, position)
    if (args.target.length === 0) return 0
    const file = handle.forReading()
    const at = args.position ?? handle.position
    const found = file.readNow(at, args.target)
    if (found === undefined) return this.callSync(readCall(handle, args.target, args.position))
    this.mount.scheduler.checkMounted()
    const count = typeof found === 'number' ? found : this.readPlannedSync(found, args.target)
    if (args.position === null) handle.position = at + count
    return count
  }

  private readPlannedSync(planned: readonly Span[] | PlannedRead, target: Uint8Array): number {
    const { device } = this.mount.scheduler
    if (!('finish' in planned)) {
      askSync({ kind: 'read', spans: planned }, device)
      return target.length
    }
    askSync({ kind: 'read', spans: planned.spans }, device)
    planned.finish()
    return planned.length
  }

  readvSync(fd: number, buffers: readonly ArrayBufferView[], position?: PositionLike): number {
    let total = 0
    for (const buffer of buffers) {
      const at = typeof position === 'number' && position >= 0 ? position + total : null
      const count = this.readSync(fd, buffer, 0, buffer.byteLength, at)
      total += count
      if (count < buffer.byteLength) break
    }
    return total
  }

  /** Writes all. Durable after `fsyncSync` or `closeSync`. @returns bytes written. */
  writeSync(
    fd: number,
    data: Data,
    offsetOrPosition?: number | bigint | null | ReadWindow,
    lengthOrEncoding?: number | string | null,
    position?: PositionLike,
  ): number {
    const { bytes, position: at } = writeArguments(
      data,
      offsetOrPosition,
      lengthOrEncoding,
      position,
    )
    return this.callSync(writeCall(this.handle(fd, 'write'), [bytes], at))
  }

  writevSync(fd: number, buffers: readonly ArrayBufferView[], position?: number | null): number {
    const at = typeof position === 'number' ? position : null
    return this.callSync(writeCall(this.handle(fd, 'write'), buffers.map(viewBytes), at))
  }

  ftruncateSync(fd: number, size: number | null = 0): void {
    this.callSync(truncateHandleCall(this.handle(fd, 'ftruncate'), size ?? 0))
  }

  fsyncSync(fd: number): void {
    this.callSync(syncCall(this.handle(fd, 'fsync'), 'fsync'))
  }

  fdatasyncSync(fd: number): void {
    this.callSync(syncCall(this.handle(fd, 'fdatasync'), 'fdatasync'))
  }
}

/** What an open file or directory is now. */
export function infoOf(handle: Handle) {
  return handle.file?.info() ?? (handle.directory as NonNullable<Handle['directory']>)
}

export function linkCall(syscall: 'link' | 'symlink', from: PathLike, to: PathLike): Call<never> {
  return unsupportedCall({ syscall, path: String(from), dest: String(to) }, 'links')
}
