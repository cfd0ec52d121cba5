/**
 * A file as a device.
 *
 * 1. Spans that follow each other in the file move in one call.
 * 2. A transfer is whole or fails: what the system moved in part is completed.
 * 3. The file is never cut, and grows only where it is made (or was empty), or where a `blockCount`
 *    of more than it held was given.
 * 4. One writer at a time holds the lock (lock.ts); readers take none.
 */

import { closeSync, constants, fsyncSync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  type Answer,
  type BlockDevice,
  CaravanError,
  checkBlocks,
  checkSpans,
  type Geometry,
  type Span,
} from '@caravan/core'
import { type FlatLayout, type FlatOptions, layOut, relay } from '../flat.js'
import { checkOpen, checkWritable, shortTransfer, sizeOfNewFile } from '../flat-file.js'
import { directoryError, fileError, openError } from './file-errors.js'
import { type FileLock, takeLock } from './lock.js'
import {
  type Medium,
  type OpenMedium,
  openAnsweringAtOnce,
  openAnsweringLater,
  perform,
  settle,
  type Work,
} from './medium.js'
import { dropBytes, fillRuns, joinSpans, type Run } from './runs.js'

export interface FileDeviceOptions extends FlatOptions {
  /**
   * Default: as many whole blocks as the file holds. Give it for a disk under /dev, whose size
   * does not show.
   */
  readonly blockCount?: number
  /** Open for reading alone: no lock is taken, prog and erase are refused. Default false. */
  readonly readOnly?: boolean
  /** Make the file where it is missing. Default false. */
  readonly create?: boolean
  /**
   * With `create`: the size of a file that is made, or that was empty. It is sparse: nothing is
   * written, all bytes read as 0. Default: `blockCount` blocks.
   */
  readonly sizeBytes?: number
  /** Hold `PATH.lock` while open for writing. Default true. */
  readonly lock?: boolean
  /** What an erase writes. Default 0xff, as flash. */
  readonly eraseValue?: number
}

/** An open file; shared by all views of the device. */
interface OpenFile {
  readonly path: string
  readonly medium: Medium
  readonly lock: FileLock | undefined
  readonly readOnly: boolean
  readonly eraseValue: number
  closed: boolean
}

/** Of {@link FileDevice.open}: answers with promises; of {@link FileDevice.openSync}: at once. */
export class FileDevice implements BlockDevice {
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
   * Opens a device that answers with promises.
   *
   * Rejects with a DeviceError: `NOT_FOUND`, `READ_ONLY` (the file may not be written), `LOCKED`
   * (another writer has it open), `IO` with its cause; with a MisuseError `INVALID_ARGUMENT` for
   * options that cannot be.
   */
  static async open(path: string, options: FileDeviceOptions = {}): Promise<FileDevice> {
    return perform(FileDevice.opening(path, options, openAnsweringLater))
  }

  /** Opens a device that answers at once. Throws as {@link open} rejects. */
  static openSync(path: string, options: FileDeviceOptions = {}): FileDevice {
    return perform(FileDevice.opening(path, options, openAnsweringAtOnce)) as FileDevice
  }

  private static *opening(
    path: string,
    options: FileDeviceOptions,
    openMedium: OpenMedium,
  ): Work<FileDevice> {
    const { readOnly = false, create = false, eraseValue = 0xff } = options
    const newSizeBytes = sizeOfNewFile(options)
    let medium: Medium
    try {
      const access = readOnly ? constants.O_RDONLY : constants.O_RDWR
      medium = yield* settle(openMedium(path, create ? access | constants.O_CREAT : access))
    } catch (error) {
      throw openError(error, path, readOnly)
    }
    let lock: FileLock | undefined
    try {
      if ((yield* settle(medium.status())).isDirectory) throw directoryError(path)
      // The real path, so that two names of one file have one lock.
      if (!readOnly && options.lock !== false) lock = takeLock(realpathSync(path))
      // Asked once more: until the lock was held, another writer may have made it grow.
      let { sizeBytes } = yield* settle(medium.status())
      if (create && sizeBytes === 0 && newSizeBytes > 0) {
        yield* settle(medium.resize(newSizeBytes))
        sizeBytes = newSizeBytes
        syncDirectory(path)
      }
      const file = { path, medium, lock, readOnly, eraseValue, closed: false }
      return new FileDevice(file, layOut(options, sizeBytes))
    } catch (error) {
      try {
        yield* settle(medium.close())
      } finally {
        lock?.release()
      }
      throw error instanceof CaravanError ? error : fileError(error, 'open', path)
    }
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `MISALIGNED`, `SHORT_TRANSFER`, `CLOSED`, `IO`. */
  read(spans: readonly Span[]): Answer {
    checkOpen(this.file, 'read')
    checkSpans(this.geometry, 'read', spans)
    return perform(this.transfer('read', joinSpans(spans, this.geometry.blockSize)))
  }

  /** @throws DeviceError as {@link read}, and `READ_ONLY`. */
  prog(spans: readonly Span[]): Answer {
    checkWritable(this.file, 'prog')
    checkSpans(this.geometry, 'prog', spans)
    return perform(this.transfer('prog', joinSpans(spans, this.geometry.blockSize)))
  }

  /** Writes the erase value. @throws DeviceError `OUT_OF_RANGE`, `READ_ONLY`, `CLOSED`, `IO`. */
  erase(blocks: readonly number[]): Answer {
    checkWritable(this.file, 'erase')
    checkBlocks(this.geometry, blocks)
    const { blockSize } = this.geometry
    return perform(this.transfer('erase', fillRuns(blocks, blockSize, this.file.eraseValue)))
  }

  /** fdatasync(2). */
  sync(): Answer {
    checkOpen(this.file, 'sync')
    return perform(this.syncing())
  }

  /** Closes the file, for all views of the device, and gives back its lock. */
  close(): Answer {
    if (this.file.closed) return
    this.file.closed = true
    return perform(this.closing())
  }

  /**
   * The same file in blocks of another size, sharing the life of this device.
   *
   * @throws MisuseError `INVALID_ARGUMENT` where that is no multiple of the read or program size.
   */
  withBlockSize(blockSize: number): FileDevice {
    return new FileDevice(this.file, relay(this.layout, blockSize))
  }

  private *transfer(request: 'read' | 'prog' | 'erase', runs: Iterable<Run>): Work<void> {
    const { medium, path } = this.file
    for (const run of runs) {
      let { buffers, position, length } = run
      while (length > 0) {
        let moved: number
        try {
          moved = yield* settle(
            request === 'read' ? medium.read(buffers, position) : medium.write(buffers, position),
          )
        } catch (error) {
          throw fileError(error, request, path, this.locate(position, length))
        }
        if (moved === 0) {
          const asked = { ...this.locate(run.position, run.length), position: run.position }
          throw shortTransfer(request, path, asked, run.length - length)
        }
        position += moved
        length -= moved
        if (length > 0) buffers = dropBytes(buffers, moved)
      }
    }
  }

  private *syncing(): Work<void> {
    try {
      yield* settle(this.file.medium.syncData())
    } catch (error) {
      throw fileError(error, 'sync', this.file.path)
    }
  }

  private *closing(): Work<void> {
    try {
      yield* settle(this.file.medium.close())
    } catch (error) {
      throw fileError(error, 'close', this.file.path)
    } finally {
      this.file.lock?.release()
    }
  }

  private locate(position: number, length: number) {
    const { blockSize } = this.geometry
    return { block: Math.floor(position / blockSize), offset: position % blockSize, length }
  }
}

/** Makes the name of a new file durable, which syncing the file does not. */
function syncDirectory(path: string): void {
  let fd: number
  try {
    fd = openSync(dirname(realpathSync(path)), 'r')
  } catch {
    // Windows opens no directories, and a directory may be unreadable: nothing can be done then,
    // and the file is whole without.
    return
  }
  try {
    fsyncSync(fd)
  } catch (error) {
    // fsync(2): the filesystem does not sync directories.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    closeSync(fd)
  }
}
