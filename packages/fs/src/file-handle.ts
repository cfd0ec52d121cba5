/** An open file as `fs.promises.open` gives it. */

import {
  encodingOf,
  optionsObject,
  type PositionLike,
  type ReadWindow,
  readArguments,
  timeArgument,
  writeArguments,
} from './arguments.js'
import { asyncDispose } from './asynchronous.js'
import { type Data, dataBytes, decodeText, viewBytes } from './encoding.js'
import { checkSignal } from './errors.js'
import {
  closeCall,
  readCall,
  readRestCall,
  setHandleTimesCall,
  syncCall,
  truncateHandleCall,
  writeCall,
} from './file-calls.js'
import type { Handle } from './handle.js'
import type { Mount } from './mount.js'
import type {
  BytesOptions,
  ReadFileOptions,
  TextOptions,
  WriteData,
  WriteFileOptions,
} from './options.js'
import { statsOf } from './results.js'
import type { BigIntStats, StatOptions, Stats } from './stats.js'
import { infoOf } from './sync-fs.js'
import type { TimeLike } from './times.js'
import { refusePermissions } from './tree-calls.js'
import { readLines, readStream, type StreamRange, writeStream } from './web-streams.js'

/** What a handle knows of the face that opened it. */
export interface HandleHost<Bytes extends Uint8Array> {
  readonly mount: Mount
  wrapBytes(bytes: Uint8Array): Bytes
}

export class FileHandle<Bytes extends Uint8Array = Uint8Array> {
  constructor(
    protected readonly host: HandleHost<Bytes>,
    protected readonly handle: Handle,
  ) {}

  /** The descriptor, for the calls that take one; -1 once closed. */
  get fd(): number {
    return this.handle.isOpen ? this.handle.fd : -1
  }

  private get scheduler() {
    return this.host.mount.scheduler
  }

  /**
   * Fills a buffer, or a part of it: from `position`, or from where the last call ended.
   *
   * @returns `bytesRead` 0 at the end.
   */
  read<B extends ArrayBufferView = Uint8Array>(
    window?: ReadWindow & { readonly buffer?: B },
  ): Promise<{ bytesRead: number; buffer: B }>
  read<B extends ArrayBufferView>(
    buffer: B,
    window?: ReadWindow,
  ): Promise<{ bytesRead: number; buffer: B }>
  read<B extends ArrayBufferView>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: PositionLike,
  ): Promise<{ bytesRead: number; buffer: B }>
  async read(
    first?: unknown,
    second?: unknown,
    length?: number | null,
    position?: PositionLike,
  ): Promise<{ bytesRead: number; buffer: ArrayBufferView }> {
    const args = readArguments(first, second, length, position)
    const bytesRead = await this.scheduler.run(readCall(this.handle, args.target, args.position))
    return { bytesRead, buffer: args.buffer }
  }

  async readv<B extends ArrayBufferView>(
    buffers: readonly B[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly B[] }> {
    let bytesRead = 0
    for (const buffer of buffers) {
      const at = typeof position === 'number' ? position + bytesRead : null
      const call = readCall(this.handle, viewBytes(buffer), at)
      const count = await this.scheduler.run(call)
      bytesRead += count
      if (count < buffer.byteLength) break
    }
    return { bytesRead, buffers }
  }

  /** Writes all: at `position`, or where the last call ended. Durable after `sync` or `close`. */
  write<D extends Data>(
    data: D,
    offsetOrPosition?: number | null | ReadWindow,
    lengthOrEncoding?: number | string | null,
    position?: PositionLike,
  ): Promise<{ bytesWritten: number; buffer: D }>
  async write(
    data: Data,
    second?: number | null | ReadWindow,
    third?: number | string | null,
    position?: PositionLike,
  ): Promise<{ bytesWritten: number; buffer: Data }> {
    const args = writeArguments(data, second, third, position)
    const call = writeCall(this.handle, [args.bytes], args.position)
    return { bytesWritten: await this.scheduler.run(call), buffer: data }
  }

  async writev<B extends ArrayBufferView>(
    buffers: readonly B[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly B[] }> {
    const at = typeof position === 'number' ? position : null
    const call = writeCall(this.handle, buffers.map(viewBytes), at)
    return { bytesWritten: await this.scheduler.run(call), buffers }
  }

  /** What is left from the position on. */
  readFile(options: TextOptions): Promise<string>
  readFile(options?: BytesOptions): Promise<Bytes>
  async readFile(options?: ReadFileOptions | string | null): Promise<string | Uint8Array> {
    const { signal } = optionsObject<ReadFileOptions>(options)
    const bytes = await this.scheduler.run(readRestCall(this.handle, signal))
    const encoding = encodingOf(options)
    return encoding === undefined ? this.host.wrapBytes(bytes) : decodeText(bytes, encoding)
  }

  /** Writes data from the position on: what is behind it stays. */
  async writeFile(data: WriteData, options?: WriteFileOptions | string | null): Promise<void> {
    const { signal } = optionsObject<WriteFileOptions>(options)
    for await (const piece of piecesOf(data)) {
      checkSignal(signal)
      const bytes = dataBytes(piece, encodingOf(options))
      await this.scheduler.run(writeCall(this.handle, [bytes], null))
    }
  }

  /** The same as `writeFile`: a handle that appends was opened with `a`. */
  appendFile(data: WriteData, options?: WriteFileOptions | string | null): Promise<void> {
    return this.writeFile(data, options)
  }

  async truncate(size: number | null = 0): Promise<void> {
    return this.scheduler.run(truncateHandleCall(this.handle, size ?? 0))
  }

  stat(options: StatOptions & { readonly bigint: true }): Promise<BigIntStats>
  stat(options?: StatOptions): Promise<Stats>
  async stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    this.scheduler.checkMounted()
    this.handle.checkOpen('fstat')
    return statsOf(this.host.mount.context, infoOf(this.handle), options)
  }

  /** Makes durable what was written. */
  async sync(): Promise<void> {
    return this.scheduler.run(syncCall(this.handle, 'fsync'))
  }

  async datasync(): Promise<void> {
    return this.scheduler.run(syncCall(this.handle, 'fdatasync'))
  }

  async utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    const call = setHandleTimesCall(this.handle, timeArgument(atime), timeArgument(mtime))
    return this.scheduler.run(call)
  }

  async chmod(_mode: number | string): Promise<void> {
    this.handle.checkOpen('fchmod')
    refusePermissions(this.host.mount.context, { syscall: 'fchmod' })
  }

  async chown(_uid: number, _gid: number): Promise<void> {
    this.handle.checkOpen('fchown')
    refusePermissions(this.host.mount.context, { syscall: 'fchown' })
  }

  /** Saves what was written, and ends the use of the handle. Closed once more it stays closed. */
  async close(): Promise<void> {
    if (!this.handle.isOpen) return
    return this.scheduler.run(closeCall(this.host.mount.context, this.handle))
  }

  async [asyncDispose](): Promise<void> {
    if (this.handle.isOpen) await this.close()
  }

  /** The file as a web stream of bytes, from the position on. */
  readableWebStream(): ReadableStream<Uint8Array> {
    return readStream(this, {})
  }

  /** A web stream; with the face of `@caravan/fs/node` a `stream.Readable`. Closes the handle. */
  createReadStream(range: StreamRange = {}): unknown {
    return readStream(this, { autoClose: true, ...range })
  }

  /** A web stream; with the face of `@caravan/fs/node` a `stream.Writable`. Closes the handle. */
  createWriteStream(range: StreamRange = {}): unknown {
    return writeStream(this, { autoClose: true, ...range })
  }

  /** The lines of the file, without their ends (`\n` or `\r\n`). Closes the handle. */
  readLines(range: StreamRange & { readonly encoding?: string } = {}): AsyncGenerator<string> {
    return readLines(readStream(this, { autoClose: true, ...range }), range.encoding)
  }
}

/** Data as the pieces that it comes in. */
export function piecesOf(
  data: WriteData,
): Iterable<string | ArrayBufferView> | AsyncIterable<string | ArrayBufferView> {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) return [data]
  return data
}
