/**
 * The face as a Node.js program knows it: bytes as `Buffer`, streams of `node:stream`.
 *
 * The streams are Node's own, over our `open`, `read`, `write` and `close`: so backpressure, events
 * and options are what they are there.
 */

import {
  createReadStream,
  createWriteStream,
  type PathLike as NodePathLike,
  type ReadStream,
  type WriteStream,
} from 'node:fs'
import { FileHandle, type HandleHost } from '../file-handle.js'
import { FileSystem, type StreamOptions } from '../file-system.js'
import type { Handle } from '../handle.js'
import type { Mount } from '../mount.js'
import type { PathLike } from '../path.js'
import type { SyncFs } from '../sync-fs.js'
import type { StreamRange } from '../web-streams.js'

/** What of a face Node's streams use. */
function streamFs(fs: FileSystem<Buffer>) {
  return {
    open: (path: PathLike, flags: string, _mode: number, done: (e: unknown, fd: number) => void) =>
      fs.open(path, flags, done),
    read: (fd: number, ...args: unknown[]) => void fs.read(fd, ...args),
    write: (fd: number, data: unknown, ...args: unknown[]) => void fs.write(fd, data, ...args),
    writev: (fd: number, buffers: readonly ArrayBufferView[], ...args: unknown[]) =>
      void fs.writev(fd, buffers, ...args),
    close: (fd: number, done: (error: unknown) => void) => void fs.close(fd, done),
    fsync: (fd: number, ...args: unknown[]) => void fs.fsync(fd, ...args),
  }
}

function streamOptions(fs: FileSystem<Buffer>, options: StreamOptions | string) {
  const given = typeof options === 'string' ? { encoding: options } : options
  return { ...given, fs: streamFs(fs) } as unknown as Parameters<typeof createReadStream>[1] & {
    fs: never
  }
}

/** An open file whose bytes are a `Buffer`, and whose streams are Node's. */
export class NodeFileHandle extends FileHandle<Buffer> {
  constructor(
    host: HandleHost<Buffer>,
    handle: Handle,
    private readonly fs: NodeFileSystem,
  ) {
    super(host, handle)
  }

  override createReadStream(range: StreamRange = {}): ReadStream {
    return this.fs.createReadStream('', { ...range, fd: this.fd })
  }

  override createWriteStream(range: StreamRange = {}): WriteStream {
    return this.fs.createWriteStream('', { ...range, fd: this.fd })
  }
}

export class NodeFileSystem extends FileSystem<Buffer> {
  constructor(mount: Mount) {
    super(mount)
    // Node's calls need no object: programs take them off it.
    bindMethods(this)
    bindMethods(this.promises)
  }

  protected override wrapBytes(bytes: Uint8Array): Buffer {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  protected override makeHandle(host: HandleHost<Buffer>, handle: Handle): NodeFileHandle {
    return new NodeFileHandle(host, handle, this)
  }

  override createReadStream(path: PathLike, options: StreamOptions | string = {}): ReadStream {
    return createReadStream(path as NodePathLike, streamOptions(this, options))
  }

  override createWriteStream(path: PathLike, options: StreamOptions | string = {}): WriteStream {
    const settings = streamOptions(this, options) as unknown as Parameters<
      typeof createWriteStream
    >[1]
    return createWriteStream(path as NodePathLike, settings)
  }
}

/** Makes the methods of an object's classes its own, bound to it. */
function bindMethods(object: object): void {
  const methods = object as Record<string, unknown>
  for (let at = Object.getPrototypeOf(object); at !== null && at !== Object.prototype; ) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, name) ?? {}
      if (typeof value !== 'function' || name === 'constructor') continue
      if (Object.hasOwn(object, name)) continue
      Object.defineProperty(object, name, {
        value: (methods[name] as CallableFunction).bind(object),
        writable: true,
        configurable: true,
      })
    }
    at = Object.getPrototypeOf(at)
  }
}

/**
 * The same mount as a Node.js program expects an `fs`: to be handed to isomorphic-git and its like.
 *
 * Both faces may be used side by side.
 */
export function nodeFs(fs: SyncFs): NodeFileSystem {
  return new NodeFileSystem(fs.mount)
}
