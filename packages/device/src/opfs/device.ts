/**
 * A file of the browser's own private files (the origin private file system) as a device that
 * answers at once. In a worker: pages themselves have no access that answers at once.
 *
 * 1. A transfer is whole or fails: what the browser moved in part is completed.
 * 2. The file is never cut, and grows only where it is made (or was empty).
 * 3. One device at a time holds the file, in all tabs of the origin: the browser sees to it.
 *
 * Source: the File System Standard, "FileSystemSyncAccessHandle" (fs.spec.whatwg.org).
 */

import {
  type BlockDevice,
  checkBlocks,
  checkSpans,
  DeviceError,
  type Geometry,
  MisuseError,
  type Span,
} from '@caravan/core'
import { type FlatLayout, type FlatOptions, layOut, relay } from '../flat.js'
import { checkOpen, checkWritable, shortTransfer, sizeOfNewFile } from '../flat-file.js'
import { opfsError } from './errors.js'

export interface OpfsDeviceOptions extends FlatOptions {
  /** Open for reading alone: prog and erase are refused. Default false. */
  readonly readOnly?: boolean
  /** Make the file, and directories on the way, where they are missing. Default false. */
  readonly create?: boolean
  /** With `create`: the size of a file that is made, or that was empty. Default: `blockCount` blocks. */
  readonly sizeBytes?: number
  /** What an erase writes. Default 0xff, as flash. */
  readonly eraseValue?: number
  /** The directory that the path counts from. Default: the root of the origin's private files. */
  readonly directory?: FileSystemDirectoryHandle
}

/** An open file; shared by all views of the device. */
interface OpenFile {
  readonly path: string
  readonly handle: FileSystemSyncAccessHandle
  readonly readOnly: boolean
  readonly eraseValue: number
  closed: boolean
}

/** What an erase hands to the browser again and again, in bytes. */
const FILL_BYTES = 64 * 1024

export class OpfsDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  /** As it was given. */
  readonly path: string

  private constructor(
    private readonly file: OpenFile,
    private readonly layout: FlatLayout,
  ) {
    this.geometry = layout.geometry
    this.readOnly = file.readOnly
    this.path = file.path
  }

  /**
   * Opens the file at a path: `flash.img`, `images/flash.img`.
   *
   * @throws DeviceError `NOT_FOUND`, `LOCKED` (another tab or worker has it open), `NO_SPACE` (the
   *   origin's quota), `UNSUPPORTED` (no private files here, or not in a worker), `IO` with its cause;
   *   MisuseError `INVALID_ARGUMENT`.
   */
  static async open(path: string, options: OpfsDeviceOptions = {}): Promise<OpfsDevice> {
    const { readOnly = false, create = false, eraseValue = 0xff } = options
    checkPath(path)
    const newSizeBytes = sizeOfNewFile(options)
    const handle = await openHandle(path, options)
    try {
      let sizeBytes = handle.getSize()
      if (create && sizeBytes === 0 && newSizeBytes > 0) {
        handle.truncate(newSizeBytes)
        handle.flush()
        sizeBytes = newSizeBytes
      }
      const file = { path, handle, readOnly, eraseValue, closed: false }
      return new OpfsDevice(file, layOut(options, sizeBytes))
    } catch (error) {
      handle.close()
      throw opfsError(error, 'open', path)
    }
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `MISALIGNED`, `SHORT_TRANSFER`, `CLOSED`, `IO`. */
  read(spans: readonly Span[]): void {
    checkOpen(this.file, 'read')
    checkSpans(this.geometry, 'read', spans)
    for (const span of spans) this.transfer('read', span)
  }

  /** @throws DeviceError as {@link read}, and `READ_ONLY`, `NO_SPACE`. */
  prog(spans: readonly Span[]): void {
    checkWritable(this.file, 'prog')
    checkSpans(this.geometry, 'prog', spans)
    for (const span of spans) this.transfer('prog', span)
  }

  /** Writes the erase value. @throws DeviceError `OUT_OF_RANGE`, `READ_ONLY`, `CLOSED`, `IO`. */
  erase(blocks: readonly number[]): void {
    checkWritable(this.file, 'erase')
    checkBlocks(this.geometry, blocks)
    const { blockSize } = this.geometry
    const fill = new Uint8Array(Math.min(FILL_BYTES, blockSize)).fill(this.file.eraseValue)
    for (const block of blocks) {
      for (let offset = 0; offset < blockSize; offset += fill.length) {
        const bytes = fill.subarray(0, blockSize - offset)
        this.transfer('erase', { block, offset, bytes })
      }
    }
  }

  /** @throws DeviceError `CLOSED`, `NO_SPACE`, `IO`. */
  sync(): void {
    checkOpen(this.file, 'sync')
    try {
      this.file.handle.flush()
    } catch (error) {
      throw opfsError(error, 'sync', this.path)
    }
  }

  /** Gives the file back, for all views of the device. What was not synced may be lost. */
  close(): void {
    if (this.file.closed) return
    this.file.closed = true
    this.file.handle.close()
  }

  /**
   * The same file in blocks of another size, sharing the life of this device.
   *
   * @throws MisuseError `INVALID_ARGUMENT` where that is no multiple of the read or program size.
   */
  withBlockSize(blockSize: number): OpfsDevice {
    return new OpfsDevice(this.file, relay(this.layout, blockSize))
  }

  private transfer(request: 'read' | 'prog' | 'erase', { block, offset, bytes }: Span): void {
    const { handle } = this.file
    const position = block * this.geometry.blockSize + offset
    for (let done = 0; done < bytes.length; ) {
      const rest = done === 0 ? bytes : bytes.subarray(done)
      const at = { at: position + done }
      let moved: number
      try {
        moved = request === 'read' ? handle.read(rest, at) : handle.write(rest, at)
      } catch (error) {
        throw opfsError(error, request, this.path, { block, offset, length: bytes.length })
      }
      if (moved === 0) {
        const asked = { block, offset, length: bytes.length, position }
        throw shortTransfer(request, this.path, asked, done)
      }
      done += moved
    }
  }
}

async function openHandle(
  path: string,
  { create = false, readOnly = false, directory }: OpfsDeviceOptions,
): Promise<FileSystemSyncAccessHandle> {
  const names = path.split('/').filter((name) => name !== '')
  const last = names.pop() as string
  try {
    let parent = directory ?? (await rootDirectory())
    for (const name of names) parent = await parent.getDirectoryHandle(name, { create })
    const file = await parent.getFileHandle(last, { create })
    if (typeof file.createSyncAccessHandle !== 'function') throw notInAWorker(path)
    return await open(file, readOnly)
  } catch (error) {
    throw opfsError(error, 'open', path)
  }
}

/** Browsers that know modes let several devices read one file; the others take the mode for nothing. */
function open(file: FileSystemFileHandle, readOnly: boolean): Promise<FileSystemSyncAccessHandle> {
  const openWith: (options?: { mode: string }) => Promise<FileSystemSyncAccessHandle> =
    file.createSyncAccessHandle.bind(file)
  return readOnly ? openWith({ mode: 'read-only' }) : openWith()
}

function rootDirectory(): Promise<FileSystemDirectoryHandle> {
  // Typed as always there; old browsers, and pages without https, have none.
  const storage: Partial<StorageManager> | undefined = globalThis.navigator?.storage
  if (storage?.getDirectory === undefined) {
    throw new DeviceError(
      'UNSUPPORTED',
      'There are no private files here: it takes a browser that has them, and a page that came over https or from this computer.',
      { request: 'open' },
    )
  }
  return storage.getDirectory()
}

function notInAWorker(path: string): DeviceError {
  return new DeviceError(
    'UNSUPPORTED',
    `${path} cannot be opened here: browsers give access that answers at once to dedicated workers alone. Open it in a worker.`,
    { request: 'open', path },
  )
}

/** @throws MisuseError `INVALID_ARGUMENT`. */
function checkPath(path: string): void {
  const names = path.split('/').filter((name) => name !== '')
  if (names.length > 0 && !names.some((name) => name === '.' || name === '..')) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `'${path}' is no path of a file here: give a name, or names with slashes between.`,
  )
}
