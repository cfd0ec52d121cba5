/**
 * FileSystem: `node:fs` over an engine.
 *
 * - `fs.statSync(path)`: at once, for devices that answer at once.
 * - `fs.promises.stat(path)`: a promise.
 * - `fs.stat(path, callback)`: with a callback, as programs expect that are handed an `fs`; and
 *   without one a promise: `await fs.stat(path)`.
 *
 * All forms of a call run one operation of the engine.
 */

import { FsError, MisuseError } from '@caravan/core'
import { readArguments, writeArguments } from './arguments.js'
import { answer } from './asynchronous.js'
import { constants } from './constants.js'
import { Dir } from './dir.js'
import { viewBytes } from './encoding.js'
import { closeCall, openCall, readCall, writeCall } from './file-calls.js'
import { FileHandle, type HandleHost } from './file-handle.js'
import type { Handle } from './handle.js'
import type { Mount } from './mount.js'
import type { PathLike } from './path.js'
import { FsPromises } from './promises.js'
import { BigIntStats, Dirent, Stats } from './stats.js'
import { SyncFs } from './sync-fs.js'
import { readStream, type StreamRange, writeStream } from './web-streams.js'

/** A callback of Node's kind: `null` or what failed, then the result. */
export type Callback<T> = (error: unknown, result: T) => void

/** The parameters that must be given. */
type Needed<A extends readonly unknown[]> = A extends readonly [infer First, ...infer Rest]
  ? [First, ...Needed<Rest>]
  : []

/** A promise call that is also one with a callback behind its other arguments. */
type Hybrid<F> = F extends (...args: infer A) => Promise<infer R>
  ? F &
      ((...args: [...Needed<A>, Callback<R>]) => void) &
      ((...args: [...Required<A>, Callback<R>]) => void)
  : never

type Call<B extends Uint8Array, Name extends keyof FsPromises<B>> = Hybrid<FsPromises<B>[Name]>

/** Calls on descriptors have no promise form in Node; without a callback they give one here. */
type Descriptor<R> = (fd: number, ...args: readonly unknown[]) => Promise<R> | undefined

/** `createReadStream` and `createWriteStream`. */
export interface StreamOptions extends StreamRange {
  readonly flags?: string | number | undefined
  /** A descriptor to use instead of the path. */
  readonly fd?: number | undefined
}

export class FileSystem<Bytes extends Uint8Array = Uint8Array> extends SyncFs<Bytes> {
  readonly promises: FsPromises<Bytes>
  readonly constants = constants
  readonly F_OK = constants.F_OK
  readonly R_OK = constants.R_OK
  readonly W_OK = constants.W_OK
  readonly X_OK = constants.X_OK
  readonly Stats = Stats
  readonly BigIntStats = BigIntStats
  readonly Dirent = Dirent
  readonly Dir = Dir

  // What Node has in three forms, here in two: with a callback, or as a promise.
  declare readonly access: Call<Bytes, 'access'>
  declare readonly appendFile: Call<Bytes, 'appendFile'>
  declare readonly chmod: Call<Bytes, 'chmod'>
  declare readonly chown: Call<Bytes, 'chown'>
  declare readonly copyFile: Call<Bytes, 'copyFile'>
  declare readonly cp: Call<Bytes, 'cp'>
  declare readonly lchmod: Call<Bytes, 'lchmod'>
  declare readonly lchown: Call<Bytes, 'lchown'>
  declare readonly link: Call<Bytes, 'link'>
  declare readonly lstat: Call<Bytes, 'lstat'>
  declare readonly lutimes: Call<Bytes, 'lutimes'>
  declare readonly mkdir: Call<Bytes, 'mkdir'>
  declare readonly mkdtemp: Call<Bytes, 'mkdtemp'>
  declare readonly opendir: Call<Bytes, 'opendir'>
  declare readonly readdir: Call<Bytes, 'readdir'>
  declare readonly readFile: Call<Bytes, 'readFile'>
  declare readonly readlink: Call<Bytes, 'readlink'>
  declare readonly realpath: Call<Bytes, 'realpath'>
  declare readonly rename: Call<Bytes, 'rename'>
  declare readonly rm: Call<Bytes, 'rm'>
  declare readonly rmdir: Call<Bytes, 'rmdir'>
  declare readonly stat: Call<Bytes, 'stat'>
  declare readonly statfs: Call<Bytes, 'statfs'>
  declare readonly symlink: Call<Bytes, 'symlink'>
  declare readonly truncate: Call<Bytes, 'truncate'>
  declare readonly unlink: Call<Bytes, 'unlink'>
  declare readonly utimes: Call<Bytes, 'utimes'>
  declare readonly writeFile: Call<Bytes, 'writeFile'>

  declare readonly fchmod: Descriptor<void>
  declare readonly fchown: Descriptor<void>
  declare readonly futimes: Descriptor<void>
  declare readonly ftruncate: Descriptor<void>
  declare readonly fsync: Descriptor<void>
  declare readonly fdatasync: Descriptor<void>
  declare readonly fstat: Descriptor<Stats | BigIntStats>

  constructor(mount: Mount) {
    super(mount)
    const host: HandleHost<Bytes> = { mount, wrapBytes: (bytes) => this.wrapBytes(bytes) }
    this.promises = new FsPromises(host, (handle) => this.makeHandle(host, handle))
  }

  /** The handles that `open` gives. */
  protected makeHandle(host: HandleHost<Bytes>, handle: Handle): FileHandle<Bytes> {
    return new FileHandle(host, handle)
  }

  /** With a callback a descriptor, as in Node; else a promise of a {@link FileHandle}. */
  open(path: PathLike, flags?: string | number, mode?: unknown): Promise<FileHandle<Bytes>>
  open(path: PathLike, callback: Callback<number>): void
  open(path: PathLike, flags: string | number, callback: Callback<number>): void
  open(path: PathLike, flags: string | number, mode: unknown, callback: Callback<number>): void
  open(path: PathLike, ...rest: unknown[]): Promise<FileHandle<Bytes>> | undefined {
    const callback = takeCallback(rest) as Callback<number> | undefined
    const flags = rest[0] as string | number | undefined
    if (callback === undefined) return this.promises.open(path, flags)
    const { context, scheduler } = this.mount
    answer(async () => (await scheduler.run(openCall(context, path, flags))).fd, asDone(callback))
  }

  close(fd: number, callback?: (error: unknown) => void): Promise<void> | undefined {
    const { context, scheduler } = this.mount
    return answer(
      async () => scheduler.run(closeCall(context, context.handles.get(fd, 'close'))),
      callback,
    )
  }

  /** The callback takes the count of bytes, and the buffer. */
  read(fd: number, ...args: unknown[]): Promise<number> | undefined {
    const callback = takeCallback(args)
    const { buffer, target, position } = readArguments(
      args[0],
      args[1],
      args[2] as number,
      args[3] as number,
    )
    return this.onDescriptor(
      fd,
      'read',
      (handle) => readCall(handle, target, position),
      buffer,
      callback,
    )
  }

  /** The callback takes the count of bytes, and what was written. */
  write(fd: number, data: unknown, ...args: unknown[]): Promise<number> | undefined {
    const callback = takeCallback(args)
    const { bytes, position } = writeArguments(data, args[0], args[1], args[2])
    return this.onDescriptor(
      fd,
      'write',
      (handle) => writeCall(handle, [bytes], position),
      data,
      callback,
    )
  }

  readv(
    fd: number,
    buffers: readonly ArrayBufferView[],
    ...args: unknown[]
  ): Promise<number> | undefined {
    const callback = takeCallback(args)
    const position = args[0] as number | null | undefined
    return answer(
      async () => {
        const handle = this.mount.context.handles.get(fd, 'read')
        const host = { mount: this.mount, wrapBytes: (bytes: Uint8Array) => this.wrapBytes(bytes) }
        return (await this.makeHandle(host, handle).readv(buffers, position)).bytesRead
      },
      callback && ((error, count) => callback(error, count, buffers)),
    )
  }

  writev(
    fd: number,
    buffers: readonly ArrayBufferView[],
    ...args: unknown[]
  ): Promise<number> | undefined {
    const callback = takeCallback(args)
    const at = typeof args[0] === 'number' ? args[0] : null
    const pieces = buffers.map(viewBytes)
    return this.onDescriptor(
      fd,
      'write',
      (handle) => writeCall(handle, pieces, at),
      buffers,
      callback,
    )
  }

  private onDescriptor(
    fd: number,
    syscall: string,
    makeCall: (handle: Handle) => ReturnType<typeof readCall>,
    second: unknown,
    callback: AnyCallback | undefined,
  ): Promise<number> | undefined {
    const { context, scheduler } = this.mount
    return answer(
      async () => scheduler.run(makeCall(context.handles.get(fd, syscall))),
      callback && ((error, count) => callback(error, count, second)),
    )
  }

  /** The callback takes only whether it is there, as in Node. */
  exists(path: PathLike): Promise<boolean>
  exists(path: PathLike, callback: (exists: boolean) => void): void
  exists(path: PathLike, callback?: (exists: boolean) => void): Promise<boolean> | undefined {
    const found = this.promises.access(path).then(
      () => true,
      () => false,
    )
    if (callback === undefined) return found
    found.then((exists) => queueMicrotask(() => callback(exists)))
  }

  /** A file as a stream: a web stream, or with `@caravan/fs/node` a `stream.Readable`. */
  createReadStream(path: PathLike, options: StreamOptions = {}): unknown {
    const open = () => this.openForStream(path, options, 'r')
    return readStream(open, { autoClose: true, ...options })
  }

  /** A stream into a file: a web stream, or with `@caravan/fs/node` a `stream.Writable`. */
  createWriteStream(path: PathLike, options: StreamOptions = {}): unknown {
    const open = () => this.openForStream(path, options, 'w')
    return writeStream(open, { autoClose: true, ...options })
  }

  private async openForStream(path: PathLike, options: StreamOptions, flags: string) {
    if (options.fd === undefined) return this.promises.open(path, options.flags ?? flags)
    const host = { mount: this.mount, wrapBytes: (bytes: Uint8Array) => this.wrapBytes(bytes) }
    return this.makeHandle(host, this.mount.context.handles.get(options.fd, 'read'))
  }

  /** A file's content as a `Blob`, read now. */
  async openAsBlob(path: PathLike, options: { readonly type?: string } = {}): Promise<Blob> {
    return new Blob([(await this.promises.readFile(path)).slice()], options)
  }

  /** @throws FsError `ENOSYS`: nobody tells of changes that other programs make. */
  watch(path: PathLike): never {
    throw unwatchable('watch', path)
  }

  /** @throws FsError `ENOSYS`. */
  watchFile(path: PathLike): never {
    throw unwatchable('watchFile', path)
  }

  /** Nothing is watched: there is nothing to end. */
  unwatchFile(_path: PathLike): void {}
}

function unwatchable(syscall: string, path: PathLike): FsError {
  const hint = 'changes are not reported: compare stat() of two times'
  return new FsError('ENOSYS', { syscall, path: String(path), hint })
}

type AnyCallback = (error: unknown, ...results: unknown[]) => void

/** Takes a callback off the end of the arguments. */
function takeCallback(args: unknown[]): AnyCallback | undefined {
  return typeof args.at(-1) === 'function' ? (args.pop() as AnyCallback) : undefined
}

function asDone<T>(callback: Callback<T>): (error: unknown, result?: T) => void {
  return callback as (error: unknown, result?: T) => void
}

const HYBRID_NAMES = [
  'access',
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'lchmod',
  'lchown',
  'link',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'opendir',
  'readdir',
  'readFile',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'statfs',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const satisfies readonly (keyof FsPromises)[]

/** Calls on descriptors that answer from their synchronous form where nothing has to be waited for. */
const DESCRIPTOR_NAMES = ['fchmod', 'fchown', 'fstat'] as const
const HANDLE_METHODS = {
  futimes: 'utimes',
  ftruncate: 'truncate',
  fsync: 'sync',
  fdatasync: 'datasync',
} as const

type Loose = Record<string, (...args: unknown[]) => unknown>

for (const name of HYBRID_NAMES) {
  define(name, (fs, args) => (fs.promises as unknown as Loose)[name]?.(...args) as Promise<unknown>)
}
for (const name of DESCRIPTOR_NAMES) {
  define(name, async (fs, args) => (fs as unknown as Loose)[`${name}Sync`]?.(...args))
}
for (const [name, method] of Object.entries(HANDLE_METHODS)) {
  define(name, async (fs, [fd, ...args]) => {
    const handle = fs.mount.context.handles.get(fd as number, name)
    const host = { mount: fs.mount, wrapBytes: (bytes: Uint8Array) => bytes }
    return (new FileHandle(host, handle) as unknown as Loose)[method]?.(...args)
  })
}

function define(name: string, start: (fs: FileSystem, args: unknown[]) => Promise<unknown>): void {
  Object.defineProperty(FileSystem.prototype, name, {
    configurable: true,
    writable: true,
    value(this: FileSystem, ...args: unknown[]) {
      const callback = takeCallback(args)
      if (callback === undefined && typeof args[0] !== 'undefined') return start(this, args)
      if (callback === undefined) {
        throw new MisuseError('INVALID_ARGUMENT', `${name} takes a path or a descriptor.`)
      }
      return answer(() => start(this, args), callback)
    },
  })
}
