/** `fs.promises`: every call as `node:fs/promises` has it. */

import { isErrno } from '@caravan/core'
import { encodingOf, optionsObject, timeArgument } from './arguments.js'
import { constants } from './constants.js'
import { type CopySettings, copyFileCall, cpCall } from './copy-calls.js'
import { Dir } from './dir.js'
import { dataBytes, decodeText } from './encoding.js'
import { openCall, readFileCall, truncateCall, writeFileCall } from './file-calls.js'
import { FileHandle, type HandleHost, piecesOf } from './file-handle.js'
import type { Handle } from './handle.js'
import type {
  BytesOptions,
  MkdirOptions,
  OpendirOptions,
  ReadFileOptions,
  RmOptions,
  TextOptions,
  WriteData,
  WriteFileOptions,
} from './options.js'
import { childPath, type PathLike } from './path.js'
import { listing, nameIn, type ReaddirOptions, statsOf } from './results.js'
import type { Call } from './scheduler.js'
import {
  type BigIntStats,
  type Dirent,
  type StatFs,
  type StatOptions,
  type Stats,
  statFsOf,
} from './stats.js'
import { linkCall } from './sync-fs.js'
import type { TimeLike } from './times.js'
import {
  accessCall,
  listCall,
  mkdirCall,
  mkdtempCall,
  permissionsCall,
  readlinkCall,
  realpathCall,
  renameCall,
  rmCall,
  rmdirCall,
  setTimesCall,
  spaceCall,
  statCall,
  unlinkCall,
} from './tree-calls.js'

type Flags = string | number
type WithTypes = { readonly withFileTypes: true }
type Encoded = { readonly encoding: 'buffer' }
type Missing = StatOptions & { readonly throwIfNoEntry: false }

export interface CpOptions extends Omit<CopySettings, 'filter'> {
  /** False leaves out an entry and all in it. */
  readonly filter?:
    | ((source: string, destination: string) => boolean | Promise<boolean>)
    | undefined
}

/** Makes the handles that `open` gives. */
type MakeHandle<Bytes extends Uint8Array> = (handle: Handle) => FileHandle<Bytes>

export class FsPromises<Bytes extends Uint8Array = Uint8Array> {
  readonly constants = constants

  constructor(
    private readonly host: HandleHost<Bytes>,
    private readonly makeHandle: MakeHandle<Bytes>,
  ) {}

  private get context() {
    return this.host.mount.context
  }

  private call<T>(call: Call<T>): Promise<T> {
    return this.host.mount.scheduler.run(call)
  }

  async access(path: PathLike, mode: number = constants.F_OK): Promise<void> {
    return this.call(accessCall(this.context, path, mode))
  }

  stat(path: PathLike, options: Missing): Promise<Stats | undefined>
  stat(path: PathLike, options: StatOptions & { readonly bigint: true }): Promise<BigIntStats>
  stat(path: PathLike, options?: StatOptions): Promise<Stats>
  async stat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats | undefined> {
    return this.statAs('stat', path, options)
  }

  lstat(path: PathLike, options: Missing): Promise<Stats | undefined>
  lstat(path: PathLike, options: StatOptions & { readonly bigint: true }): Promise<BigIntStats>
  lstat(path: PathLike, options?: StatOptions): Promise<Stats>
  async lstat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats | undefined> {
    return this.statAs('lstat', path, options)
  }

  private async statAs(syscall: string, path: PathLike, options: StatOptions | undefined) {
    try {
      const info = await this.call(statCall(this.context, path, syscall))
      return statsOf(this.context, info, options)
    } catch (error) {
      const isMissing = isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')
      if (options?.throwIfNoEntry === false && isMissing) return undefined
      throw error
    }
  }

  statfs(path: PathLike, options: { readonly bigint: true }): Promise<StatFs<bigint>>
  statfs(path: PathLike, options?: { readonly bigint?: boolean }): Promise<StatFs>
  async statfs(
    path: PathLike,
    options?: { readonly bigint?: boolean },
  ): Promise<StatFs | StatFs<bigint>> {
    const space = await this.call(spaceCall(this.context, path))
    return statFsOf(this.context.engine.magic, space, options?.bigint === true)
  }

  /** Names in the order in which the directory holds them. */
  readdir(path: PathLike, options: ReaddirOptions & WithTypes & Encoded): Promise<Dirent<Bytes>[]>
  readdir(path: PathLike, options: ReaddirOptions & WithTypes): Promise<Dirent[]>
  readdir(path: PathLike, options: (ReaddirOptions & Encoded) | 'buffer'): Promise<Bytes[]>
  readdir(path: PathLike, options?: ReaddirOptions | string | null): Promise<string[]>
  async readdir(path: PathLike, options?: ReaddirOptions | string | null): Promise<unknown[]> {
    const recursive = optionsObject<ReaddirOptions>(options).recursive === true
    const listed = await this.call(listCall(this.context, path, recursive, 'scandir'))
    return listing(listed, options, (bytes) => this.host.wrapBytes(bytes))
  }

  async opendir(path: PathLike, options: OpendirOptions = {}): Promise<Dir> {
    const recursive = options.recursive === true
    const listed = await this.call(listCall(this.context, path, recursive, 'opendir'))
    const entries = listing(listed, { ...options, withFileTypes: true }, (bytes) => bytes)
    return new Dir(listed.path.text, entries as Dirent[])
  }

  /** @returns the first directory made, where `recursive`. */
  async mkdir(
    path: PathLike,
    options?: MkdirOptions | number | string | null,
  ): Promise<string | undefined> {
    const recursive = optionsObject<MkdirOptions>(options).recursive === true
    return this.call(mkdirCall(this.context, path, recursive))
  }

  async mkdtemp(prefix: string, _options?: unknown): Promise<string> {
    return this.call(mkdtempCall(this.context, prefix))
  }

  async rmdir(path: PathLike, options: { readonly recursive?: boolean } = {}): Promise<void> {
    if (options.recursive === true) return this.rm(path, { recursive: true })
    return this.call(rmdirCall(this.context, path))
  }

  async rm(path: PathLike, options: RmOptions = {}): Promise<void> {
    return this.call(rmCall(this.context, path, options))
  }

  async unlink(path: PathLike): Promise<void> {
    return this.call(unlinkCall(this.context, path))
  }

  /** In place of a file or an empty directory of that name: in one step. */
  async rename(from: PathLike, to: PathLike): Promise<void> {
    return this.call(renameCall(this.context, from, to))
  }

  async copyFile(from: PathLike, to: PathLike, mode = 0): Promise<void> {
    return this.call(copyFileCall(this.context, from, to, mode))
  }

  async cp(from: PathLike, to: PathLike, options: CpOptions = {}): Promise<void> {
    const { filter, ...settings } = options
    if (filter === undefined) return this.call(cpCall(this.context, from, to, settings))
    const refused = new Set<string>()
    await this.askFilter(from, to, filter, refused)
    const accepts = (source: string) => !refused.has(source)
    return this.call(cpCall(this.context, from, to, { ...settings, filter: accepts }))
  }

  /** A filter may answer with promises, and an operation never waits: it is asked before. */
  private async askFilter(
    from: PathLike,
    to: PathLike,
    filter: NonNullable<CpOptions['filter']>,
    refused: Set<string>,
  ): Promise<void> {
    const source = this.context.parse(from)
    const target = this.context.parse(to)
    if (!(await filter(source.text, target.text))) {
      refused.add(source.text)
      return
    }
    const info = await this.call(statCall(this.context, from, 'cp'))
    if (info.type !== 'directory') return
    const { entries } = await this.call(listCall(this.context, from, false, 'cp'))
    for (const { name } of entries) {
      const below = childPath(source, name).text
      await this.askFilter(below, childPath(target, name).text, filter, refused)
    }
  }

  /** The whole content of a file, as one moment has it. */
  readFile(file: PathLike | FileHandle<Bytes>, options: TextOptions): Promise<string>
  readFile(file: PathLike | FileHandle<Bytes>, options?: BytesOptions): Promise<Bytes>
  readFile(
    file: PathLike | FileHandle<Bytes>,
    options?: ReadFileOptions | string | null,
  ): Promise<string | Bytes>
  async readFile(
    file: PathLike | FileHandle<Bytes>,
    options?: ReadFileOptions | string | null,
  ): Promise<string | Uint8Array> {
    if (file instanceof FileHandle) return file.readFile(options as BytesOptions)
    const settings = optionsObject<ReadFileOptions>(options)
    const bytes = await this.call(readFileCall(this.context, file, settings))
    const encoding = encodingOf(options)
    return encoding === undefined ? this.host.wrapBytes(bytes) : decodeText(bytes, encoding)
  }

  /**
   * Writes a whole file, made where missing: after a power cut it is the old one or the new one.
   * Data that comes in pieces is written piece by piece instead.
   */
  async writeFile(
    file: PathLike | FileHandle<Bytes>,
    data: WriteData,
    options?: WriteFileOptions | string | null,
  ): Promise<void> {
    return this.writeWhole(file, data, options, 'w')
  }

  /** Adds to the end of a file, made where missing. */
  async appendFile(
    file: PathLike | FileHandle<Bytes>,
    data: WriteData,
    options?: WriteFileOptions | string | null,
  ): Promise<void> {
    return this.writeWhole(file, data, options, 'a')
  }

  private async writeWhole(
    file: PathLike | FileHandle<Bytes>,
    data: WriteData,
    options: WriteFileOptions | string | null | undefined,
    fallback: string,
  ): Promise<void> {
    if (file instanceof FileHandle) return file.writeFile(data, options)
    const settings = optionsObject<WriteFileOptions>(options)
    if (typeof data === 'string' || ArrayBuffer.isView(data)) {
      const bytes = dataBytes(data, encodingOf(options))
      return this.call(writeFileCall(this.context, file, bytes, settings, fallback))
    }
    const handle = await this.open(file, settings.flag ?? fallback)
    try {
      await handle.writeFile(piecesOf(data) as WriteData, options)
    } finally {
      await handle.close()
    }
  }

  /** Cuts a file off at a size in bytes, or fills it up with zeros. */
  async truncate(path: PathLike, size: number | null = 0): Promise<void> {
    return this.call(truncateCall(this.context, path, size ?? 0))
  }

  async utimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const times = [timeArgument(atime), timeArgument(mtime)] as const
    return this.call(setTimesCall(this.context, path, ...times, 'utime'))
  }

  async lutimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const times = [timeArgument(atime), timeArgument(mtime)] as const
    return this.call(setTimesCall(this.context, path, ...times, 'lutime'))
  }

  async chmod(path: PathLike, _mode: number | string): Promise<void> {
    return this.call(permissionsCall(this.context, path, 'chmod'))
  }

  async lchmod(path: PathLike, _mode: number | string): Promise<void> {
    return this.call(permissionsCall(this.context, path, 'lchmod'))
  }

  async chown(path: PathLike, _uid: number, _gid: number): Promise<void> {
    return this.call(permissionsCall(this.context, path, 'chown'))
  }

  async lchown(path: PathLike, _uid: number, _gid: number): Promise<void> {
    return this.call(permissionsCall(this.context, path, 'lchown'))
  }

  /** @throws FsError `ENOSYS`. */
  async link(from: PathLike, to: PathLike): Promise<void> {
    return this.call(linkCall('link', from, to))
  }

  /** @throws FsError `ENOSYS`. */
  async symlink(target: PathLike, path: PathLike, _type?: string | null): Promise<void> {
    return this.call(linkCall('symlink', target, path))
  }

  /** @throws FsError `EINVAL` for what is no link. */
  readlink(path: PathLike, options: Encoded | 'buffer'): Promise<Bytes>
  readlink(path: PathLike, options?: unknown): Promise<string>
  async readlink(path: PathLike, options?: unknown): Promise<string | Bytes> {
    const target = await this.call(readlinkCall(this.context, path))
    return nameIn(target, options, (bytes) => this.host.wrapBytes(bytes))
  }

  async realpath(path: PathLike, _options?: unknown): Promise<string> {
    return this.call(realpathCall(this.context, path))
  }

  /** Opens a file. Close the handle: what was written is durable after `sync` and `close`. */
  async open(
    path: PathLike,
    flags: Flags = 'r',
    _mode?: number | string | null,
  ): Promise<FileHandle<Bytes>> {
    return this.makeHandle(await this.call(openCall(this.context, path, flags)))
  }
}
