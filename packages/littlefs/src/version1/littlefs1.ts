/**
 * LittleFS1: a mounted littlefs of version 1 as a program uses it: `node:fs` for reading (see
 * `FileSystem` of `@caravan/fs`), and beside it what littlefs alone has.
 *
 * Nothing is ever written, so readers run side by side.
 */

import {
  type BlockDevice,
  byteStringToBytes,
  type HashFunction,
  type Op,
  run,
  runSync,
  sha256,
} from '@caravan/core'
import {
  type FaceOptions,
  FileSystem,
  Mount,
  type PathLike,
  type UnmountOptions,
} from '@caravan/fs'
import { viewOf } from '../mounting.js'
import type { Space, WalkEntry } from '../read.js'
import { type Node, requireDirectory, requireNode } from './directory.js'
import { Version1Engine } from './engine.js'
import { readFileAt, requireFile } from './file.js'
import { LittleFS1KeyValue } from './key-value.js'
import { findBlockSize, recognise } from './probe.js'
import { measureSpace } from './space.js'
import { readThread, threadState } from './thread.js'
import { mountVolume, type Volume } from './volume.js'
import { Walk, walkedFile } from './walk.js'

export interface LittleFS1Options extends Pick<FaceOptions, 'now'> {
  /** Bytes. Default: found from the image. Where it is given, what the superblock says is not looked at. */
  readonly blockSize?: number
  /** Default: what the superblock says. As for the block size. */
  readonly blockCount?: number
  /**
   * What directories and lists of blocks may take in memory between operations, roughly, in bytes; 0 for
   * the least (docs/memory.md). Default 64 MiB.
   */
  readonly memoryBudget?: number
}

/** What the superblock says. */
export interface LittleFS1Info {
  /** `1.1`; no released library has written another. */
  readonly diskVersion: string
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  /** Longest name in bytes. */
  readonly nameMax: number
  /** Largest file in bytes. */
  readonly fileMax: number
  /** The root directory's first pair, as the superblock names it. */
  readonly rootPair: readonly [number, number]
  /** The block of the superblock that is in force. */
  readonly superblock: number
  /** Its revision. */
  readonly revision: number
}

/** What the threaded list and the tree say of each other. */
export interface LittleFS1State {
  /** Pairs of directories on the list. */
  readonly pairCount: number
  /** Entries that a rename has marked, interrupted or failed. */
  readonly movedCount: number
  /** Of these, those that are somewhere else already, and are not shown. */
  readonly movedElsewhereCount: number
  /** Directories on the list that no entry leads to. */
  readonly orphanCount: number
  /** Directories whose entry names another block than the list. */
  readonly desyncCount: number
}

/** What stands in a directory. */
export interface LittleFS1Entry {
  readonly name: Uint8Array
  readonly type: 'file' | 'directory'
  /** Bytes; 0 for directories. */
  readonly size: number
}

/** Pieces of files where not said, in bytes. */
const PIECE_SIZE_BYTES = 64 * 1024

export class LittleFS1 extends FileSystem {
  private constructor(
    /** The device, in blocks of the filesystem's size. */
    readonly device: BlockDevice,
    private readonly volume: Volume,
    options: LittleFS1Options,
  ) {
    super(new Mount(device, new Version1Engine(volume), options))
  }

  /**
   * Mounts a device. Reads its superblock alone.
   *
   * @throws FormatError `NOT_LITTLEFS`, `UNSUPPORTED_VERSION`, `WRONG_GEOMETRY`; MisuseError
   *   `INVALID_ARGUMENT`; DeviceError.
   */
  static async mount(device: BlockDevice, options: LittleFS1Options = {}): Promise<LittleFS1> {
    const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
    const view = viewOf(device, blockSize, options)
    return new LittleFS1(view, await run(mountVolume(view.geometry, options), view), options)
  }

  /** @throws as {@link LittleFS1.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: LittleFS1Options = {}): LittleFS1 {
    const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
    const view = viewOf(device, blockSize, options)
    return new LittleFS1(view, runSync(mountVolume(view.geometry, options), view), options)
  }

  /**
   * True where a device holds a littlefs 1. What littlefs 2 can be mounted of is littlefs 2, also where
   * a migration has left both. Nothing is thrown for what holds something else.
   *
   * @param isThorough looks for the copy of the superblock too where nothing at the start hints at it.
   */
  static async recognises(device: BlockDevice, isThorough = true): Promise<boolean> {
    return run(recognise(device.geometry, isThorough), device)
  }

  static recognisesSync(device: BlockDevice, isThorough = true): boolean {
    return runSync(recognise(device.geometry, isThorough), device)
  }

  /**
   * Ends the use of the filesystem; the device stays open.
   *
   * @throws MisuseError `OPEN_HANDLES`, unless told to close them; `UNMOUNTED`.
   */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    await this.mount.unmount(options)
  }

  unmountSync(options: UnmountOptions = {}): void {
    this.mount.unmountSync(options)
  }

  info(): LittleFS1Info {
    const { superblock, superblockAt, layout, blockCount, limits } = this.volume
    return {
      diskVersion: `${superblock.majorVersion}.${superblock.minorVersion}`,
      blockSize: layout.blockSize,
      blockCount,
      ...limits,
      rootPair: superblock.root,
      superblock: superblockAt.block,
      revision: superblockAt.revision,
    }
  }

  /** @throws FormatError where the list cannot be followed. */
  async state(): Promise<LittleFS1State> {
    return this.mount.scheduler.read(stateOf(this.volume))
  }

  stateSync(): LittleFS1State {
    return this.mount.scheduler.readSync(stateOf(this.volume))
  }

  /** How many blocks are used and free, as the library itself counts them: by the threaded list. */
  async df(): Promise<Space> {
    return this.mount.scheduler.read(measureSpace(this.volume))
  }

  dfSync(): Space {
    return this.mount.scheduler.readSync(measureSpace(this.volume))
  }

  /** The tree as a key-value store that refuses changes: files are values, directories dictionaries. */
  keyValue({ hash = sha256 }: { readonly hash?: HashFunction } = {}): LittleFS1KeyValue {
    const { scheduler } = this.mount
    const runner = {
      read: <T>(op: Op<T>) => scheduler.read(op),
      readSync: <T>(op: Op<T>) => scheduler.readSync(op),
    }
    return new LittleFS1KeyValue(this.volume, runner, hash)
  }

  /**
   * What stands in a directory, in the order in which it was made: names as bytes.
   *
   * @throws FsError `ENOENT`, `ENOTDIR`; FormatError where not all of it can be read.
   */
  async list(path: PathLike = '/'): Promise<LittleFS1Entry[]> {
    return this.mount.scheduler.run(this.listCall(path))
  }

  listSync(path: PathLike = '/'): LittleFS1Entry[] {
    return this.mount.scheduler.runSync(this.listCall(path))
  }

  private listCall(path: PathLike) {
    const parsed = this.mount.context.parse(path)
    const { volume } = this
    return {
      kind: 'read' as const,
      syscall: 'scandir',
      path: parsed.text,
      *op() {
        const directory = yield* requireDirectory(volume, parsed)
        return directory
          .checkWhole()
          .nodes.map(({ name, type, size }) => ({ name: byteStringToBytes(name), type, size }))
      },
    }
  }

  /**
   * Everything below a path, the path itself first, a directory before what is in it, in byte order
   * of the names. What cannot be listed says why in its `error`.
   */
  async *walk(path: PathLike = '/'): AsyncGenerator<WalkEntry, void, void> {
    const walk = new Walk(this.volume, this.mount.context.parse(path))
    for (;;) {
      const walked = await this.mount.scheduler.read(walk.next())
      if (walked === undefined) return
      yield walked
    }
  }

  *walkSync(path: PathLike = '/'): Generator<WalkEntry, void, void> {
    const walk = new Walk(this.volume, this.mount.context.parse(path))
    for (;;) {
      const walked = this.mount.scheduler.readSync(walk.next())
      if (walked === undefined) return
      yield walked
    }
  }

  /**
   * The content of exactly the file that a walk met, also where no path leads to it, in pieces of 64
   * KiB.
   */
  readEntryInPieces(walked: WalkEntry): AsyncGenerator<Uint8Array, void, void> {
    return this.piecesOf(walkedFile(walked))
  }

  /** The content of the file that a path leads to, in pieces of 64 KiB. */
  async *readFileInPieces(path: PathLike): AsyncGenerator<Uint8Array, void, void> {
    const parsed = this.mount.context.parse(path)
    const volume = this.volume
    const node = await this.mount.scheduler.run({
      kind: 'read',
      syscall: 'open',
      path: parsed.text,
      *op() {
        return requireFile(yield* requireNode(volume, parsed))
      },
    })
    yield* this.piecesOf(node)
  }

  private async *piecesOf(node: Node): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; at < node.size; ) {
      // What cannot be so large is told before there is a buffer for more of it.
      const piece = new Uint8Array(Math.min(PIECE_SIZE_BYTES, node.size - at))
      at += await this.mount.scheduler.read(readFileAt(this.volume, node, at, piece))
      yield piece
    }
  }
}

function* stateOf({ layout }: Volume): Op<LittleFS1State> {
  const state = threadState(yield* readThread(layout))
  return {
    pairCount: state.pairCount,
    movedCount: state.movedCount,
    movedElsewhereCount: state.movedElsewhereCount,
    orphanCount: state.orphans.length,
    desyncCount: state.desyncs.length,
  }
}
