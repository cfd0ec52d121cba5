/**
 * NotaFS: a mounted notafs as a program uses it: `node:fs` (see `FileSystem` of `@caravan/fs`), and
 * beside it what notafs alone has: transactions, snapshots, generations. Each as a promise and as
 * `...Sync`.
 */

import {
  type BlockDevice,
  FormatError,
  type HashFunction,
  MisuseError,
  type Op,
  run,
  runSync,
  sha256,
  withBlockSize,
} from '@caravan/core'
import { type FaceOptions, FileSystem, Mount, type UnmountOptions } from '@caravan/fs'
import { checkVolume } from './check.js'
import { flush as commitPending } from './commit.js'
import { freeing, NotafsEngine } from './engine.js'
import type { ChecksumName, Layout } from './format/layout.js'
import { type FormatOptions, formatVolume, layoutFor } from './format-volume.js'
import { type KeyValueOptions, NotafsKeyValue, type StoreHost } from './key-value/store.js'
import { type GenerationInfo, readLog } from './log.js'
import { type MountOptions, mountVolume, probeNotafs, readLayout } from './mount.js'
import { readPageUse } from './page-use.js'
import { type RepairResult, repairVolume } from './repair.js'
import { Snapshot } from './snapshot.js'
import { change, type Stage } from './stage.js'
import { Transaction, TransactionHost } from './transaction.js'
import type { Volume } from './volume.js'
import type { CheckFinding, PageUse } from './walk.js'

export interface NotaFSOptions extends MountOptions, FaceOptions {}

export interface TransactionOptions {
  /** What digests in it are made with. Default: SHA-256 in plain JavaScript. */
  readonly hash?: HashFunction
}

/** What a disk says of itself. */
export interface NotaFSInfo {
  readonly pageSize: number
  readonly pageCount: number
  readonly checksum: ChecksumName
  /** Bytes of a sector id. */
  readonly idBytes: number
  /** The last durable generation, or the one that was asked for. */
  readonly generation: number
  readonly readOnly: boolean
}

export class NotaFS extends FileSystem {
  private readonly now: () => number
  private readonly engine: NotafsEngine
  private readonly host: StoreHost

  private constructor(
    readonly device: BlockDevice,
    private readonly volume: Volume,
    options: NotaFSOptions,
  ) {
    const now = options.now ?? Date.now
    const engine = new NotafsEngine(volume, now)
    super(new Mount(device, engine, options))
    this.engine = engine
    this.now = now
    this.host = this.makeHost()
  }

  /**
   * Mounts a device. Nothing is written before the first change.
   *
   * @throws FormatError `NOT_NOTAFS`, `BIG_ENDIAN`, `BAD_HEADER`, `BAD_CHECKSUM`, `WRONG_GEOMETRY`,
   *   `UNSUPPORTED_CHECKSUM`, `NO_GENERATION`; DeviceError what the device cannot do.
   */
  static async mount(device: BlockDevice, options: NotaFSOptions = {}): Promise<NotaFS> {
    const layout = await run(readLayout(device.geometry), device)
    const view = viewOf(device, layout)
    const volume = await run(mountVolume(layout, readOnlyOf(view, options), options), view)
    return new NotaFS(view, volume, options)
  }

  /** @throws as {@link NotaFS.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: NotaFSOptions = {}): NotaFS {
    const layout = runSync(readLayout(device.geometry), device)
    const view = viewOf(device, layout)
    const volume = runSync(mountVolume(layout, readOnlyOf(view, options), options), view)
    return new NotaFS(view, volume, options)
  }

  /** Makes an empty disk of the device. What it held is lost. @throws MisuseError, DeviceError. */
  static async format(device: BlockDevice, options: FormatOptions = {}): Promise<void> {
    const layout = layoutFor(device, options)
    await run(
      formatVolume(layout, options.erases ?? false),
      withBlockSize(device, layout.pageBytes),
    )
  }

  static formatSync(device: BlockDevice, options: FormatOptions = {}): void {
    const layout = layoutFor(device, options)
    runSync(formatVolume(layout, options.erases ?? false), withBlockSize(device, layout.pageBytes))
  }

  /** True where a device begins as a notafs does. */
  static async probe(device: BlockDevice): Promise<boolean> {
    return run(probeNotafs(device.geometry), device)
  }

  static probeSync(device: BlockDevice): boolean {
    return runSync(probeNotafs(device.geometry), device)
  }

  /** The generations that a device still tells of, the newest first. */
  static async log(device: BlockDevice): Promise<GenerationInfo[]> {
    const layout = await run(readLayout(device.geometry), device)
    return run(readLog(layout), viewOf(device, layout))
  }

  static logSync(device: BlockDevice): GenerationInfo[] {
    const layout = runSync(readLayout(device.geometry), device)
    return runSync(readLog(layout), viewOf(device, layout))
  }

  /**
   * Goes back to the newest generation that is whole, and puts the free space right.
   *
   * @throws FormatError `NO_GENERATION` where none is; FsError `ENOSPC`; DeviceError.
   */
  static async repair(device: BlockDevice, options: RepairOptions = {}): Promise<RepairResult> {
    const layout = await run(readLayout(device.geometry), device)
    return run(repairVolume(layout, options.erases ?? false), viewOf(device, layout))
  }

  static repairSync(device: BlockDevice, options: RepairOptions = {}): RepairResult {
    const layout = runSync(readLayout(device.geometry), device)
    return runSync(repairVolume(layout, options.erases ?? false), viewOf(device, layout))
  }

  /** The filesystem as a key-value store: files are values, directories dictionaries. */
  keyValue(options: KeyValueOptions = {}): NotafsKeyValue {
    return new NotafsKeyValue(this.host, this.now, options)
  }

  info(): NotaFSInfo {
    const { layout, options, generation } = this.volume
    return {
      pageSize: layout.pageBytes,
      pageCount: layout.pageCount,
      checksum: layout.checksumName,
      idBytes: layout.idBytes,
      generation,
      readOnly: options.readOnly,
    }
  }

  // All or nothing

  /**
   * Runs a function whose changes, made through `tx`, become visible and durable together when it
   * ends; nothing of them where it throws. Others see the state before it meanwhile, and their
   * changes wait: inside, change things through `tx` alone, or it waits for itself.
   *
   * @throws what the function throws; KeyValueError and FsError of its changes.
   */
  transaction<T>(
    make: (tx: Transaction) => T | Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    return this.mount.scheduler.exclusive(async () => {
      await run(this.engine.settleFiles(), this.device)
      const base = await run(this.volume.begin(), this.device)
      const host = new TransactionHost(this.volume, this.device, base)
      this.volume.isInTransaction = true
      let result: T
      try {
        result = await make(new Transaction(host, this.now, options))
        await host.settled()
      } catch (error) {
        await host.settled()
        host.drop()
        throw error
      } finally {
        this.volume.isInTransaction = false
      }
      await run(host.commit(), this.device)
      return result
    })
  }

  transactionSync<T>(make: (tx: Transaction) => T, options: TransactionOptions = {}): T {
    const { scheduler } = this.mount
    const base = scheduler.changeSync(() => this.ready())
    const host = new TransactionHost(this.volume, this.device, base)
    this.volume.isInTransaction = true
    let result: T
    try {
      result = make(new Transaction(host, this.now, options))
      if (result instanceof Promise) {
        throw new MisuseError(
          'NEEDS_ASYNC',
          'The function of transactionSync gave a promise: use transaction() for one that waits.',
        )
      }
    } catch (error) {
      host.drop()
      throw error
    } finally {
      this.volume.isInTransaction = false
    }
    scheduler.changeSync(() => host.commit())
    return result
  }

  private *ready() {
    yield* this.engine.settleFiles()
    return yield* this.volume.begin()
  }

  /** Makes durable what grouped commits still hold back, and what was written to open files. */
  async flush(): Promise<void> {
    return this.mount.scheduler.change(() => this.settling())
  }

  flushSync(): void {
    this.mount.scheduler.changeSync(() => this.settling())
  }

  private *settling(): Op<void> {
    if (this.volume.options.readOnly) return
    yield* this.engine.settleFiles()
    if (this.volume.pending.changeCount > 0) yield* commitPending(this.volume)
  }

  /** The state of now, as it will stay: to be closed, since nothing that it holds is reused before. */
  async snapshot(options: TransactionOptions = {}): Promise<Snapshot> {
    await this.mount.scheduler.read(this.volume.tree())
    return this.snapshotNow(options)
  }

  snapshotSync(options: TransactionOptions = {}): Snapshot {
    this.mount.scheduler.readSync(this.volume.tree())
    return this.snapshotNow(options)
  }

  private snapshotNow({ hash = sha256 }: TransactionOptions): Snapshot {
    return Snapshot.of(this.host, this.volume.openSnapshot(), this.volume.generation, hash)
  }

  // The disk

  /** Everything that is wrong with the mounted generation: all pages are read. */
  async check(): Promise<CheckFinding[]> {
    return this.mount.scheduler.change(() => checkVolume(this.volume))
  }

  checkSync(): CheckFinding[] {
    return this.mount.scheduler.changeSync(() => checkVolume(this.volume))
  }

  /** What every page of the disk is used for. */
  async pageUse(): Promise<PageUse[]> {
    return this.mount.scheduler.change(() => readPageUse(this.volume))
  }

  pageUseSync(): PageUse[] {
    return this.mount.scheduler.changeSync(() => readPageUse(this.volume))
  }

  /**
   * Ends the use of the filesystem, once the calls made so far have ended and all is durable. The
   * device stays open: whoever opened it closes it.
   *
   * @throws MisuseError `OPEN_HANDLES` while files are open, unless they are to be closed.
   */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    this.mount.scheduler.checkMounted()
    await this.mount.scheduler.settled()
    if (this.volume.failure === undefined) await this.mount.scheduler.change(() => this.leaving())
    await this.mount.unmount(options)
  }

  unmountSync(options: UnmountOptions = {}): void {
    this.mount.scheduler.checkMounted()
    if (this.volume.failure === undefined) this.mount.scheduler.changeSync(() => this.leaving())
    this.mount.unmountSync(options)
  }

  /** A mount verifies what the last commit wrote: behind a large one goes an empty one. */
  private *leaving(): Op<void> {
    yield* this.settling()
    const { volume } = this
    if (volume.lastCommitPages <= SEALED_PAGES || !volume.hasRoom(0, false)) return
    yield* commitPending(volume, true)
  }

  private makeHost(): StoreHost {
    const { volume, engine } = this
    const { scheduler } = this.mount
    const settled = <T>(op: () => Op<T>) =>
      function* (): Op<T> {
        if (volume.openFiles.size > 0) yield* engine.settleFiles()
        return yield* op()
      }
    return {
      pages: volume.pages,
      defersChanges: volume.options.commitEvery > 1,
      viewNow: () => volume.view,
      view: () => volume.tree(),
      read: (op) => scheduler.read(op()),
      readSync: (op) => scheduler.readSync(op()),
      enter: () => scheduler.enter(),
      settled: () => scheduler.settled(),
      change: <T>(make: (stage: Stage) => Op<T>) =>
        scheduler.change(settled(() => change(volume, make))),
      changeSync: <T>(make: (stage: Stage) => Op<T>) =>
        scheduler.changeSync(settled(() => change(volume, make))),
      free: (seconds, make) => scheduler.change(settled(() => freeing(volume, seconds, make))),
      freeSync: (seconds, make) =>
        scheduler.changeSync(settled(() => freeing(volume, seconds, make))),
    }
  }
}

/** More pages than a mount should have to read. */
const SEALED_PAGES = 256

export interface RepairOptions {
  /** As of mounting: erases sectors before they are written. Default false. */
  readonly erases?: boolean
}

/** The device in blocks of a page. @throws FormatError `WRONG_GEOMETRY` where it cannot be. */
function viewOf(device: BlockDevice, { pageBytes }: Layout): BlockDevice {
  try {
    return withBlockSize(device, pageBytes)
  } catch (error) {
    if (!(error instanceof MisuseError)) throw error
    throw new FormatError(
      'WRONG_GEOMETRY',
      `The header says pages of ${pageBytes} bytes, which this device cannot have. ${error.message}`,
      { structure: 'header', block: 0, cause: error },
    )
  }
}

function readOnlyOf(view: BlockDevice, options: MountOptions): boolean {
  return options.readOnly ?? view.readOnly
}
