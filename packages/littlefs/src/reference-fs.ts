/**
 * ReferenceFS: a mounted filesystem as the C library shows it, each call as a promise and as
 * `...Sync`.
 *
 * What differs from {@link LittleFS}: paths are the library's (`..` is taken back as text, and above
 * the root it is an error), a handle has a position to seek and sees its own version of the file
 * until it is synced, and times are no business of it.
 */

import {
  askSync,
  type BlockDevice,
  MisuseError,
  type Op,
  type ReadRequest,
  run,
  runSync,
  withBlockSize,
} from '@caravan/core'
import { grow, type ShrinkOptions, shrink } from './block-count.js'
import { changeDiskVersion } from './disk-version.js'
import { FileHandle } from './file-handle.js'
import { type FormatOptions, formatVolume } from './format-volume.js'
import { type ImageEntry, type PreparedEntry, prepareEntry } from './image-entry.js'
import { type KeyValueOptions, LittleFSKeyValue } from './key-value/key-value.js'
import type { MountOptions } from './mount.js'
import { mountOn, viewOf } from './mounting.js'
import type { AnyPath } from './path.js'
import { findBlockSize } from './probe.js'
import { ReadFace } from './read-face.js'
import {
  type DefragReport,
  defrag,
  type Fragmentation,
  measureFragmentation,
} from './sizes/defrag.js'
import { type DefragOptions, onMovedItem } from './sizes/occupancy.js'
import { planShrink, type ShrinkPlan } from './sizes/shrink.js'
import { TreeBuilder } from './tree-builder.js'
import type { DiskVersion } from './volume.js'
import {
  appendFile,
  changeAttribute,
  collectGarbage,
  makeConsistent,
  makeDirectory,
  type OpenOptions,
  openFile,
  openNow,
  remove,
  removeTree,
  rename,
  truncate,
  writeFile,
} from './write.js'

export interface MkdirOptions {
  /** Makes missing directories on the way, and takes one that is there already. */
  readonly recursive?: boolean
}

export interface RmOptions {
  /** Also what is in a directory: one entry at a time, so that a power cut leaves the rest. */
  readonly recursive?: boolean
  /** Missing is fine. */
  readonly force?: boolean
}

const encoder = new TextEncoder()

export class ReferenceFS extends ReadFace {
  /**
   * Mounts a device. Nothing is written before the first change.
   *
   * @throws FormatError `NOT_LITTLEFS`, `CORRUPT_PAIR`, `TAIL_CYCLE`, `UNSUPPORTED_VERSION`,
   *   `UNSUPPORTED_LIMIT`, `WRONG_GEOMETRY`; DeviceError what the device cannot do.
   */
  static async mount(device: BlockDevice, options: MountOptions = {}): Promise<ReferenceFS> {
    const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
    const view = viewOf(device, blockSize, options)
    return new ReferenceFS(view, await run(mountOn(view, options), view), options)
  }

  /** @throws as {@link ReferenceFS.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: MountOptions = {}): ReferenceFS {
    const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
    const view = viewOf(device, blockSize, options)
    return new ReferenceFS(view, runSync(mountOn(view, options), view), options)
  }

  /**
   * Makes an empty filesystem of the device. What it held is lost.
   *
   * @throws FormatError `WRONG_GEOMETRY`, DeviceError.
   */
  static async format(device: BlockDevice, options: FormatOptions = {}): Promise<void> {
    const view = withBlockSize(device, options.blockSize ?? device.geometry.blockSize)
    await run(formatVolume(view.geometry, options), view)
  }

  static formatSync(device: BlockDevice, options: FormatOptions = {}): void {
    const view = withBlockSize(device, options.blockSize ?? device.geometry.blockSize)
    runSync(formatVolume(view.geometry, options), view)
  }

  /** Opens a file. Close the handle: what was written is saved by `sync` and `close` alone. */
  async open(path: AnyPath, options: OpenOptions = { read: true }): Promise<FileHandle> {
    const op = () => openFile(this.volume, path, options)
    return new FileHandle(
      this.runner,
      await (mayChange(options) ? this.change(op) : this.run(op())),
    )
  }

  openSync(path: AnyPath, options: OpenOptions = { read: true }): FileHandle {
    if (onlyReads(options)) {
      this.enter()
      const file = openNow(this.volume, path)
      if (file !== undefined) return new FileHandle(this.runner, file)
    }
    const op = () => openFile(this.volume, path, options)
    return new FileHandle(
      this.runner,
      mayChange(options) ? this.changeSync(op) : this.runSync(op()),
    )
  }

  /**
   * Writes a whole file, made where missing: after a power cut it is the old one or the new one.
   * Text is written as UTF-8.
   */
  async writeFile(path: AnyPath, data: Uint8Array | string): Promise<void> {
    const bytes = bytesOf(data)
    return this.change(() => writeFile(this.volume, path, bytes))
  }

  writeFileSync(path: AnyPath, data: Uint8Array | string): void {
    this.changeSync(() => writeFile(this.volume, path, bytesOf(data)))
  }

  /** Adds to the end of a file, made where missing. */
  async appendFile(path: AnyPath, data: Uint8Array | string): Promise<void> {
    const bytes = bytesOf(data)
    return this.change(() => appendFile(this.volume, path, bytes))
  }

  appendFileSync(path: AnyPath, data: Uint8Array | string): void {
    this.changeSync(() => appendFile(this.volume, path, bytesOf(data)))
  }

  /** Cuts a file off at a size in bytes, or fills it up with zeros. */
  async truncate(path: AnyPath, size = 0): Promise<void> {
    return this.change(() => truncate(this.volume, path, size))
  }

  truncateSync(path: AnyPath, size = 0): void {
    this.changeSync(() => truncate(this.volume, path, size))
  }

  async mkdir(path: AnyPath, options: MkdirOptions = {}): Promise<void> {
    return this.change(() => makeDirectory(this.volume, path, options.recursive === true))
  }

  mkdirSync(path: AnyPath, options: MkdirOptions = {}): void {
    this.changeSync(() => makeDirectory(this.volume, path, options.recursive === true))
  }

  /** Removes a file or an empty directory. */
  async remove(path: AnyPath): Promise<void> {
    return this.change(() => remove(this.volume, path))
  }

  removeSync(path: AnyPath): void {
    this.changeSync(() => remove(this.volume, path))
  }

  /** Removes a file; with `recursive` a directory and what is in it. */
  async rm(path: AnyPath, options: RmOptions = {}): Promise<void> {
    return this.change(() => removeTree(this.volume, path, options))
  }

  rmSync(path: AnyPath, options: RmOptions = {}): void {
    this.changeSync(() => removeTree(this.volume, path, options))
  }

  /** Renames, in place of a file or an empty directory of that name: in one step. */
  async rename(from: AnyPath, to: AnyPath): Promise<void> {
    return this.change(() => rename(this.volume, from, to))
  }

  renameSync(from: AnyPath, to: AnyPath): void {
    this.changeSync(() => rename(this.volume, from, to))
  }

  /** Sets the user attribute of a type from 0 to 255. */
  async setAttribute(path: AnyPath, type: number, value: Uint8Array): Promise<void> {
    return this.change(() => changeAttribute(this.volume, path, type, value))
  }

  setAttributeSync(path: AnyPath, type: number, value: Uint8Array): void {
    this.changeSync(() => changeAttribute(this.volume, path, type, value))
  }

  /** Removes an attribute; one that is not there is fine. */
  async removeAttribute(path: AnyPath, type: number): Promise<void> {
    return this.change(() => changeAttribute(this.volume, path, type, undefined))
  }

  removeAttributeSync(path: AnyPath, type: number): void {
    this.changeSync(() => changeAttribute(this.volume, path, type, undefined))
  }

  /**
   * Adds many entries at once, below the root: in few commits, and with nothing to be seen before
   * the first of them. Files that are there are replaced, directories merged.
   *
   * @throws FsError `ENOSPC`, `ENAMETOOLONG`, `EFBIG`; `EISDIR` and `ENOTDIR` where a name is taken
   *   by the other type. Then nothing was added.
   */
  async addTree(entries: Iterable<ImageEntry> | AsyncIterable<ImageEntry>): Promise<void> {
    return this.exclusive(async () => {
      const builder = new TreeBuilder(this.volume)
      const step = <T>(op: () => Op<T>) => run(this.volume.change('open', op), this.device)
      try {
        for await (const entry of entries) {
          const { path, isFile, attributes, pieces } = this.prepared(entry)
          if (!isFile) {
            builder.addDirectory(path, attributes)
            continue
          }
          const file = builder.addFile(path, attributes)
          const write = (piece: Uint8Array) => step(() => file.write(piece))
          if (Symbol.iterator in pieces) {
            for (const piece of pieces) if (!file.writeNow(piece)) await write(piece)
          } else {
            for await (const piece of pieces) if (!file.writeNow(piece)) await write(piece)
          }
          if (!file.finishNow()) await step(() => file.finish())
        }
        await step(() => builder.commit())
      } catch (error) {
        builder.abandon()
        throw error
      }
    })
  }

  /** {@link addTree} of entries that are there at once. */
  addTreeSync(entries: Iterable<ImageEntry>): void {
    const builder = new TreeBuilder(this.volume)
    try {
      for (const entry of entries) {
        const { path, isFile, attributes, pieces } = this.prepared(entry)
        if (!isFile) {
          builder.addDirectory(path, attributes)
          continue
        }
        const file = builder.addFile(path, attributes)
        if (!(Symbol.iterator in pieces)) {
          throw new MisuseError(
            'NEEDS_ASYNC',
            `The content of '${path.text}' comes with promises: add it with addTree().`,
          )
        }
        for (const piece of pieces) {
          if (!file.writeNow(piece)) this.runner.changeSync('open', () => file.write(piece))
        }
        if (!file.finishNow()) this.runner.changeSync('open', () => file.finish())
      }
      this.runner.changeSync('open', () => builder.commit())
    } catch (error) {
      builder.abandon()
      throw error
    }
  }

  private prepared(entry: ImageEntry): PreparedEntry {
    const { limits, times } = this.volume
    return prepareEntry(entry, limits.attrMax, times.ofEntries)
  }

  /** Finishes what a power cut has left undone; the first change does it too. */
  async makeConsistent(): Promise<void> {
    return this.change(() => makeConsistent(this.volume))
  }

  makeConsistentSync(): void {
    this.changeSync(() => makeConsistent(this.volume))
  }

  /** Does ahead what would make later changes slow: compacts full metadata, finds free blocks. */
  async gc(): Promise<void> {
    return this.change(() => collectGarbage(this.volume))
  }

  gcSync(): void {
    this.changeSync(() => collectGarbage(this.volume))
  }

  /** Takes up to `blockCount` blocks of the device into use. */
  async grow(blockCount: number): Promise<void> {
    const { geometry } = this.device
    return this.change(() => grow(this.volume, blockCount, geometry.blockCount))
  }

  growSync(blockCount: number): void {
    const { geometry } = this.device
    this.changeSync(() => grow(this.volume, blockCount, geometry.blockCount))
  }

  /**
   * Gives up all blocks from `blockCount` on; what is in use there is moved before them. After a power
   * cut there is the old number of blocks or the new one, and the tree is whole; once more does what is
   * left.
   *
   * @throws FsError `ENOSPC` where what is in use does not fit, and by how many blocks; `EBUSY` where
   *   an open file keeps a block in use there. Then nothing has changed but places.
   */
  async shrink(blockCount: number, options?: ShrinkOptions): Promise<void> {
    return this.change(() => shrink(this.volume, blockCount, options))
  }

  shrinkSync(blockCount: number, options?: ShrinkOptions): void {
    this.changeSync(() => shrink(this.volume, blockCount, options))
  }

  /** What shrinking would move; to the fewest blocks that there can be, where no number is given. */
  async planShrink(blockCount?: number): Promise<ShrinkPlan> {
    return this.run(planShrink(this.volume, blockCount))
  }

  planShrinkSync(blockCount?: number): ShrinkPlan {
    return this.runSync(planShrink(this.volume, blockCount))
  }

  /**
   * Puts each file in one piece, all of them from the first block on, directories into as few metadata
   * pairs as they need, and what is free behind them. After a power cut the tree is whole; once more
   * goes on.
   *
   * @throws FsError `EBUSY` where open files have what is not saved in the tree: then nothing has
   *   changed.
   */
  async defrag({ onMoved }: DefragOptions = {}): Promise<DefragReport> {
    return this.change(() => defrag(this.volume, onMovedItem(onMoved)))
  }

  defragSync({ onMoved }: DefragOptions = {}): DefragReport {
    return this.changeSync(() => defrag(this.volume, onMovedItem(onMoved)))
  }

  /** How files and metadata lie: in how many pieces, and what is free behind them. */
  async fragmentation(): Promise<Fragmentation> {
    return this.run(measureFragmentation(this.volume))
  }

  fragmentationSync(): Fragmentation {
    return this.runSync(measureFragmentation(this.volume))
  }

  /**
   * Raises the disk version to 2.1, or takes it back to 2.0, which writes every metadata log anew that
   * has a forward CRC. After a power cut the tree stands under either version.
   */
  async setDiskVersion(version: DiskVersion): Promise<void> {
    return this.change(() => changeDiskVersion(this.volume, version))
  }

  setDiskVersionSync(version: DiskVersion): void {
    this.changeSync(() => changeDiskVersion(this.volume, version))
  }

  /**
   * Ends the use of the filesystem, once the changes asked for have ended. The device stays open:
   * whoever opened it closes it.
   *
   * @throws MisuseError `OPEN_HANDLES` while files are open.
   */
  async unmount(): Promise<void> {
    await this.settled()
    this.unmountSync()
  }

  unmountSync(): void {
    const open = this.volume.openFiles.size
    if (open > 0) {
      throw new MisuseError(
        'OPEN_HANDLES',
        `${open} file${open === 1 ? ' is' : 's are'} still open: close the handles before unmounting.`,
      )
    }
    this.leave()
  }

  /** The filesystem as a key-value store: files are values, directories dictionaries. */
  keyValue(options: KeyValueOptions = {}): LittleFSKeyValue {
    return new LittleFSKeyValue(this.volume, this.runner, options)
  }

  private readonly runner = {
    enter: (): void => this.enter(),
    settled: (): Promise<unknown> => this.settled(),
    isReadyToChange: (): boolean => !this.isChanging && this.volume.isReadyToChange,
    read: <T>(op: () => Op<T>): Promise<T> => this.run(op()),
    readSync: <T>(op: () => Op<T>): T => this.runSync(op()),
    askSync: (request: ReadRequest): void => askSync(request, this.device),
    change: <T>(syscall: string, op: () => Op<T>): Promise<T> =>
      this.change(() => this.volume.change(syscall, op)),
    changeSync: <T>(syscall: string, op: () => Op<T>): T =>
      this.changeSync(() => this.volume.change(syscall, op)),
  }
}

function onlyReads(options: OpenOptions): boolean {
  return !mayChange(options) && options.exclusive !== true && options.read !== false
}

function mayChange(options: OpenOptions): boolean {
  return options.write === true || options.append === true || options.create === true
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? encoder.encode(data) : data
}
