/**
 * LittleFS: a mounted littlefs as a program uses it: `node:fs` (see `FileSystem` of `@caravan/fs`),
 * and beside it what littlefs alone has, each as a promise and as `...Sync`.
 */

import { type BlockDevice, type Op, run, runSync } from '@caravan/core'
import {
  type FaceOptions,
  FileSystem,
  Mount,
  type PathLike,
  type UnmountOptions,
} from '@caravan/fs'
import type { ShrinkOptions } from './block-count.js'
import { LittlefsEngine } from './engine.js'
import type { FileHandle } from './file-handle.js'
import { crc32 as portableCrc32 } from './format/crc32.js'
import type { FormatOptions } from './format-volume.js'
import type { ImageEntry } from './image-entry.js'
import { type Overlay, planState, StateDevice } from './inspect/state-device.js'
import type { KeyValueOptions, LittleFSKeyValue } from './key-value/key-value.js'
import type { MountOptions, TimesOption } from './mount.js'
import { mountOn, viewOf } from './mounting.js'
import type { Path } from './path.js'
import { findBlockSize } from './probe.js'
import type { Space, WalkEntry } from './read.js'
import type { FilesystemInfo } from './read-face.js'
import { ReferenceFS } from './reference-fs.js'
import type { DefragReport, Fragmentation } from './sizes/defrag.js'
import type { DefragOptions } from './sizes/occupancy.js'
import type { ShrinkPlan } from './sizes/shrink.js'
import type { BlockUse } from './traverse.js'
import type { DiskVersion, Volume } from './volume.js'
import type { OpenOptions } from './write.js'

export interface LittleFSOptions extends MountOptions, FaceOptions {
  /**
   * Which attribute holds the time of a file's last change: written with every change, in the
   * dialect of a platform (docs/fs.md). `'auto'` is that which the image has; images without any get
   * none. Default `'auto'`.
   */
  readonly times?: TimesOption
  /**
   * The number of a commit, as `commitLog` lists them: the image is shown as it was right after it, as
   * far as its blocks still hold that, and is only read. Default: as it is.
   */
  readonly at?: number
}

export class LittleFS extends FileSystem {
  /** The same mount as the C library shows it: its paths, its handles. */
  readonly reference: ReferenceFS
  private readonly engine: LittlefsEngine

  private constructor(
    readonly device: BlockDevice,
    volume: Volume,
    options: LittleFSOptions,
  ) {
    const engine = new LittlefsEngine(volume)
    const mount = new Mount(device, engine, options)
    super(mount)
    this.engine = engine
    this.reference = new ReferenceFS(device, volume, options, mount.scheduler)
  }

  /**
   * Mounts a device. Nothing is written before the first change.
   *
   * @throws FormatError `NOT_LITTLEFS`, `CORRUPT_PAIR`, `TAIL_CYCLE`, `UNSUPPORTED_VERSION`,
   *   `UNSUPPORTED_LIMIT`, `WRONG_GEOMETRY`, `NO_SUCH_STATE`; DeviceError what the device cannot do.
   */
  static async mount(device: BlockDevice, options: LittleFSOptions = {}): Promise<LittleFS> {
    const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
    const whole = viewOf(device, blockSize, options)
    const overlay = options.at === undefined ? undefined : await run(stateOf(whole, options), whole)
    const view = overlay === undefined ? whole : new StateDevice(whole, overlay)
    return new LittleFS(view, await run(mountOn(view, options, timesOf(options)), view), options)
  }

  /** @throws as {@link LittleFS.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: LittleFSOptions = {}): LittleFS {
    const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
    const whole = viewOf(device, blockSize, options)
    const overlay = options.at === undefined ? undefined : runSync(stateOf(whole, options), whole)
    const view = overlay === undefined ? whole : new StateDevice(whole, overlay)
    return new LittleFS(view, runSync(mountOn(view, options, timesOf(options)), view), options)
  }

  /** True where a superblock is found on a device, the second one where the first is damaged. */
  static async recognises(device: BlockDevice): Promise<boolean> {
    return (await run(findBlockSize(device.geometry), device)) !== undefined
  }

  /**
   * Makes an empty filesystem of the device. What it held is lost.
   *
   * @throws FormatError `WRONG_GEOMETRY`, DeviceError.
   */
  static format(device: BlockDevice, options: FormatOptions = {}): Promise<void> {
    return ReferenceFS.format(device, options)
  }

  static formatSync(device: BlockDevice, options: FormatOptions = {}): void {
    ReferenceFS.formatSync(device, options)
  }

  /** The filesystem as a key-value store: files are values, directories dictionaries. */
  keyValue(options: KeyValueOptions = {}): LittleFSKeyValue {
    return this.reference.keyValue(options)
  }

  info(): FilesystemInfo {
    return this.reference.info()
  }

  // Attributes

  /** @throws FsError `ENODATA` where it has no attribute of that type (0 to 255). */
  async getAttribute(path: PathLike, type: number): Promise<Uint8Array> {
    return this.reference.getAttribute(this.resolved(path), type)
  }

  getAttributeSync(path: PathLike, type: number): Uint8Array {
    return this.reference.getAttributeSync(this.resolved(path), type)
  }

  /** All attributes by type, ascending. */
  async getAttributes(path: PathLike): Promise<Map<number, Uint8Array>> {
    return this.reference.getAttributes(this.resolved(path))
  }

  getAttributesSync(path: PathLike): Map<number, Uint8Array> {
    return this.reference.getAttributesSync(this.resolved(path))
  }

  /** Sets the user attribute of a type from 0 to 255. */
  async setAttribute(path: PathLike, type: number, value: Uint8Array): Promise<void> {
    return this.reference.setAttribute(this.resolved(path), type, value)
  }

  setAttributeSync(path: PathLike, type: number, value: Uint8Array): void {
    this.reference.setAttributeSync(this.resolved(path), type, value)
  }

  /** Removes an attribute; one that is not there is fine. */
  async removeAttribute(path: PathLike, type: number): Promise<void> {
    return this.reference.removeAttribute(this.resolved(path), type)
  }

  removeAttributeSync(path: PathLike, type: number): void {
    this.reference.removeAttributeSync(this.resolved(path), type)
  }

  // Files as the C library has them

  /**
   * Opens a file as the C library does: the handle has a position to seek, and sees its own version
   * of the file until it is synced.
   */
  async openEngineFile(path: PathLike, options?: OpenOptions): Promise<FileHandle> {
    return this.reference.open(this.resolved(path), options)
  }

  openEngineFileSync(path: PathLike, options?: OpenOptions): FileHandle {
    return this.reference.openSync(this.resolved(path), options)
  }

  /** Removes a file or an empty directory. */
  async remove(path: PathLike): Promise<void> {
    return this.reference.remove(this.resolved(path))
  }

  removeSync(path: PathLike): void {
    this.reference.removeSync(this.resolved(path))
  }

  /**
   * A file in pieces of at most `pieceSize` bytes (64 KiB where not said), one at a time in memory.
   * All are of the file as it was at the first, as it stands on the device.
   */
  readFileInPieces(path: PathLike, pieceSize?: number): AsyncGenerator<Uint8Array, void, void> {
    return this.reference.readFileInPieces(this.resolved(path), pieceSize)
  }

  readFileInPiecesSync(path: PathLike, pieceSize?: number): Generator<Uint8Array, void, void> {
    return this.reference.readFileInPiecesSync(this.resolved(path), pieceSize)
  }

  // The tree, the blocks

  /** Everything below a path, the path itself first. */
  walk(path: PathLike = '/'): AsyncGenerator<WalkEntry, void, void> {
    return this.reference.walk(this.resolved(path))
  }

  walkSync(path: PathLike = '/'): Generator<WalkEntry, void, void> {
    return this.reference.walkSync(this.resolved(path))
  }

  /**
   * The content of exactly the file that a walk met, also where no path leads to it (a name that
   * stands twice, or holds a slash).
   */
  async readEntry(walked: WalkEntry): Promise<Uint8Array> {
    return this.reference.readEntry(walked)
  }

  readEntrySync(walked: WalkEntry): Uint8Array {
    return this.reference.readEntrySync(walked)
  }

  /** {@link readEntry} in pieces. */
  readEntryInPieces(walked: WalkEntry, pieceSize?: number): AsyncGenerator<Uint8Array, void, void> {
    return this.reference.readEntryInPieces(walked, pieceSize)
  }

  /**
   * Adds many entries at once, below the root: in few commits, and with nothing to be seen before
   * the first of them. Files that are there are replaced, directories merged.
   *
   * @throws FsError `ENOSPC`, `ENAMETOOLONG`, `EFBIG`; `EISDIR` and `ENOTDIR` where a name is taken
   *   by the other type. Then nothing was added.
   */
  addTree(entries: Iterable<ImageEntry> | AsyncIterable<ImageEntry>): Promise<void> {
    return this.reference.addTree(entries)
  }

  /** {@link addTree} of entries that are there at once. */
  addTreeSync(entries: Iterable<ImageEntry>): void {
    this.reference.addTreeSync(entries)
  }

  /** How many blocks are used and free. */
  async df(): Promise<Space> {
    return this.reference.df()
  }

  dfSync(): Space {
    return this.reference.dfSync()
  }

  /** What every used block is used for. What damage hides is left out. */
  async blockUse(): Promise<BlockUse[]> {
    return this.reference.blockUse()
  }

  blockUseSync(): BlockUse[] {
    return this.reference.blockUseSync()
  }

  /** Finishes what a power cut has left undone; the first change does it too. */
  async makeConsistent(): Promise<void> {
    return this.reference.makeConsistent()
  }

  makeConsistentSync(): void {
    this.reference.makeConsistentSync()
  }

  /** Does ahead what would make later changes slow: compacts full metadata, finds free blocks. */
  async gc(): Promise<void> {
    return this.reference.gc()
  }

  gcSync(): void {
    this.reference.gcSync()
  }

  /** Takes up to `blockCount` blocks of the device into use. */
  async grow(blockCount: number): Promise<void> {
    return this.reference.grow(blockCount)
  }

  growSync(blockCount: number): void {
    this.reference.growSync(blockCount)
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
    return this.reference.shrink(blockCount, options)
  }

  shrinkSync(blockCount: number, options?: ShrinkOptions): void {
    this.reference.shrinkSync(blockCount, options)
  }

  /** What shrinking would move; to the fewest blocks that there can be, where no number is given. */
  async planShrink(blockCount?: number): Promise<ShrinkPlan> {
    return this.reference.planShrink(blockCount)
  }

  planShrinkSync(blockCount?: number): ShrinkPlan {
    return this.reference.planShrinkSync(blockCount)
  }

  /**
   * Puts each file in one piece, all of them from the first block on, directories into as few metadata
   * pairs as they need, and what is free behind them. After a power cut the tree is whole; once more
   * goes on. What is too large for the free blocks stays as it is.
   *
   * @throws FsError `EBUSY` where open files have what is not saved in the tree: then nothing has
   *   changed.
   */
  async defrag(options?: DefragOptions): Promise<DefragReport> {
    return this.reference.defrag(options)
  }

  defragSync(options?: DefragOptions): DefragReport {
    return this.reference.defragSync(options)
  }

  /** How files and metadata lie: in how many pieces, and what is free behind them. */
  async fragmentation(): Promise<Fragmentation> {
    return this.reference.fragmentation()
  }

  fragmentationSync(): Fragmentation {
    return this.reference.fragmentationSync()
  }

  /**
   * Raises the disk version to 2.1, or takes it back to 2.0, which writes every metadata log anew that
   * has a forward CRC. Nothing else changes the version of an image. After a power cut the tree stands,
   * under the old version or the new one; once more does what is left.
   *
   * @throws MisuseError `INVALID_ARGUMENT`; FsError `ENOSPC`.
   */
  async setDiskVersion(version: DiskVersion): Promise<void> {
    return this.reference.setDiskVersion(version)
  }

  setDiskVersionSync(version: DiskVersion): void {
    this.reference.setDiskVersionSync(version)
  }

  /**
   * Ends the use of the filesystem, once the calls made so far have ended. The device stays open:
   * whoever opened it closes it.
   *
   * @throws MisuseError `OPEN_HANDLES` while files are open, unless they are to be closed.
   */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    return this.mount.unmount(options, this.engine)
  }

  unmountSync(options: UnmountOptions = {}): void {
    this.mount.unmountSync(options, this.engine)
  }

  private resolved(path: PathLike): Path {
    return this.mount.context.parse(path)
  }
}

function stateOf({ geometry }: BlockDevice, { at = 0, crc32 }: LittleFSOptions): Op<Overlay> {
  return planState(geometry, at, crc32 ?? portableCrc32)
}

function timesOf({ times = 'auto', now = Date.now }: LittleFSOptions) {
  return { times, now }
}
