/** What a program may ask of a mounted filesystem without changing it. */

import { type BlockDevice, MisuseError, type Op } from '@caravan/core'
import type { Scheduler } from '@caravan/fs'
import { Face } from './face.js'
import { byteStringToBytes, byteStringToText } from './format/name.js'
import type { Entry } from './metadata-pair.js'
import type { MountOptions } from './mount.js'
import { OpenFile } from './open-file.js'
import { type AnyPath, textOf } from './path.js'
import {
  Dirent,
  df,
  getAttribute,
  getAttributes,
  type ListedEntry,
  list,
  readableSize,
  readFile,
  readWalked,
  requireFile,
  type Space,
  type Stats,
  stat,
  Walk,
  type WalkEntry,
  walkedFile,
} from './read.js'
import { type BlockUse, findUsedBlocks } from './traverse.js'
import type { DiskVersion, Volume } from './volume.js'

/** What a superblock and the global state say. */
export interface FilesystemInfo {
  readonly diskVersion: DiskVersion
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  /** Longest name in bytes. */
  readonly nameMax: number
  /** Largest file in bytes. */
  readonly fileMax: number
  /** Largest attribute in bytes. */
  readonly attrMax: number
  /** The blocks of the root directory's first metadata pair, the half in force first. */
  readonly rootPair: readonly [number, number]
  /** The revision count of that pair. */
  readonly revision: number
  /** A rename that power loss stopped between its two commits. */
  readonly pendingMove:
    | { readonly id: number; readonly pair: readonly [number, number] }
    | undefined
  /** True where directories may be on the list of pairs that are not in the tree. */
  readonly hasOrphans: boolean
  /** True where the superblock is older than the newest version accepted. */
  readonly needsSuperblock: boolean
}

export interface ReaddirOptions {
  readonly withFileTypes?: boolean
  readonly recursive?: boolean
  /** `'buffer'` lists names as bytes, for those that are not UTF-8. Default `'utf8'`. */
  readonly encoding?: 'utf8' | 'buffer'
}

type Encoded = { readonly encoding: 'buffer' }
type WithTypes = { readonly withFileTypes: true }
type TextOption = 'utf8' | { readonly encoding: 'utf8' }

/** Pieces of `readFileInPieces` where not said, in bytes. */
const PIECE_SIZE_BYTES = 64 * 1024

/** The reading half of {@link ReferenceFS}. */
export class ReadFace extends Face {
  constructor(
    device: BlockDevice,
    volume: Volume,
    private readonly options: MountOptions,
    scheduler?: Scheduler,
  ) {
    super(device, volume, scheduler)
  }

  info(): FilesystemInfo {
    const { volume } = this
    const { blockSize, blockCount } = volume.layout
    const move = volume.state.pendingMove
    const newestMinor = this.options.diskVersion === '2.0' ? 0 : 1
    return {
      diskVersion: volume.diskVersion,
      blockSize,
      blockCount,
      ...volume.limits,
      rootPair: volume.root,
      revision: volume.rootRevision,
      pendingMove: move && { id: move.id, pair: move.pair },
      hasOrphans: volume.state.hasOrphans,
      needsSuperblock: volume.superblock.minorVersion < newestMinor,
    }
  }

  /** The whole content of a file. */
  readFile(path: AnyPath, options: TextOption): Promise<string>
  readFile(path: AnyPath, options?: { readonly encoding?: undefined }): Promise<Uint8Array>
  async readFile(
    path: AnyPath,
    options?: TextOption | { readonly encoding?: undefined },
  ): Promise<Uint8Array | string> {
    return decoded(await this.run(readFile(this.volume, path)), options)
  }

  readFileSync(path: AnyPath, options: TextOption): string
  readFileSync(path: AnyPath, options?: { readonly encoding?: undefined }): Uint8Array
  readFileSync(
    path: AnyPath,
    options?: TextOption | { readonly encoding?: undefined },
  ): Uint8Array | string {
    return decoded(this.runSync(readFile(this.volume, path)), options)
  }

  /**
   * A file in pieces of at most `pieceSize` bytes (64 KiB where not said), one at a time in memory.
   * All are of the file as it was at the first: while they are taken it counts as open.
   */
  async *readFileInPieces(
    path: AnyPath,
    pieceSize: number = PIECE_SIZE_BYTES,
  ): AsyncGenerator<Uint8Array, void, void> {
    checkPieceSize(pieceSize)
    yield* this.piecesOf(await this.run(openWhole(this.volume, path)), pieceSize)
  }

  *readFileInPiecesSync(
    path: AnyPath,
    pieceSize: number = PIECE_SIZE_BYTES,
  ): Generator<Uint8Array, void, void> {
    checkPieceSize(pieceSize)
    const file = this.runSync(openWhole(this.volume, path))
    try {
      for (let piece = nextPiece(file, pieceSize); piece.length > 0; ) {
        this.runSync(file.read(piece))
        yield piece
        piece = nextPiece(file, pieceSize)
      }
    } finally {
      if (file.closesQuietly) this.runSync(file.close())
      else this.changeSync(() => this.volume.change('close', () => file.close()))
    }
  }

  /**
   * The content of exactly the file that a walk met, also where no path leads to it (a name that
   * stands twice, or holds a slash).
   */
  async readEntry(walked: WalkEntry): Promise<Uint8Array> {
    return this.run(readWalked(this.volume, walked))
  }

  readEntrySync(walked: WalkEntry): Uint8Array {
    return this.runSync(readWalked(this.volume, walked))
  }

  /** {@link readEntry} in pieces. */
  async *readEntryInPieces(
    walked: WalkEntry,
    pieceSize: number = PIECE_SIZE_BYTES,
  ): AsyncGenerator<Uint8Array, void, void> {
    checkPieceSize(pieceSize)
    yield* this.piecesOf(await this.run(openWalked(this.volume, walked)), pieceSize)
  }

  private async *piecesOf(
    file: OpenFile,
    pieceSize: number,
  ): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (let piece = nextPiece(file, pieceSize); piece.length > 0; ) {
        await this.run(file.read(piece))
        yield piece
        piece = nextPiece(file, pieceSize)
      }
    } finally {
      if (file.closesQuietly) await this.run(file.close())
      else await this.change(() => this.volume.change('close', () => file.close()))
    }
  }

  /** The names in a directory, in the order in which it holds them. */
  readdir(
    path: AnyPath,
    options: ReaddirOptions & WithTypes & Encoded,
  ): Promise<Dirent<Uint8Array>[]>
  readdir(path: AnyPath, options: ReaddirOptions & WithTypes): Promise<Dirent[]>
  readdir(path: AnyPath, options: ReaddirOptions & Encoded): Promise<Uint8Array[]>
  readdir(path: AnyPath, options?: ReaddirOptions): Promise<string[]>
  async readdir(path: AnyPath, options: ReaddirOptions = {}): Promise<unknown[]> {
    return listing(
      await this.run(list(this.volume, path, options.recursive === true)),
      path,
      options,
    )
  }

  readdirSync(path: AnyPath, options: ReaddirOptions & WithTypes & Encoded): Dirent<Uint8Array>[]
  readdirSync(path: AnyPath, options: ReaddirOptions & WithTypes): Dirent[]
  readdirSync(path: AnyPath, options: ReaddirOptions & Encoded): Uint8Array[]
  readdirSync(path: AnyPath, options?: ReaddirOptions): string[]
  readdirSync(path: AnyPath, options: ReaddirOptions = {}): unknown[] {
    return listing(this.runSync(list(this.volume, path, options.recursive === true)), path, options)
  }

  async stat(path: AnyPath): Promise<Stats> {
    return this.run(stat(this.volume, path))
  }

  statSync(path: AnyPath): Stats {
    return this.runSync(stat(this.volume, path))
  }

  /** @throws FsError `ENODATA` where it has no attribute of that type (0 to 255). */
  async getAttribute(path: AnyPath, type: number): Promise<Uint8Array> {
    return this.run(getAttribute(this.volume, path, type))
  }

  getAttributeSync(path: AnyPath, type: number): Uint8Array {
    return this.runSync(getAttribute(this.volume, path, type))
  }

  /** All attributes by type, ascending. */
  async getAttributes(path: AnyPath): Promise<Map<number, Uint8Array>> {
    return this.run(getAttributes(this.volume, path))
  }

  getAttributesSync(path: AnyPath): Map<number, Uint8Array> {
    return this.runSync(getAttributes(this.volume, path))
  }

  /** How many blocks are used and free. */
  async df(): Promise<Space> {
    return this.run(df(this.volume))
  }

  dfSync(): Space {
    return this.runSync(df(this.volume))
  }

  /** Everything below a path, the path itself first. */
  async *walk(path: AnyPath = '/'): AsyncGenerator<WalkEntry, void, void> {
    const walk = new Walk(this.volume, path)
    for (let entry = await this.run(walk.next()); entry; entry = await this.run(walk.next())) {
      yield entry
    }
  }

  *walkSync(path: AnyPath = '/'): Generator<WalkEntry, void, void> {
    const walk = new Walk(this.volume, path)
    for (let entry = this.runSync(walk.next()); entry; entry = this.runSync(walk.next()))
      yield entry
  }

  /** What every used block is used for. What damage hides is left out. */
  async blockUse(): Promise<BlockUse[]> {
    const uses: BlockUse[] = []
    await this.run(findUsedBlocks(this.volume, collectInto(uses)))
    return uses
  }

  blockUseSync(): BlockUse[] {
    const uses: BlockUse[] = []
    this.runSync(findUsedBlocks(this.volume, collectInto(uses)))
    return uses
  }
}

/** A file opened to be read whole, as it is now. */
function* openWhole(volume: Volume, path: AnyPath): Op<OpenFile> {
  return yield* openEntry(volume, yield* requireFile(volume, path), textOf(path))
}

function* openWalked(volume: Volume, walked: WalkEntry): Op<OpenFile> {
  return yield* openEntry(volume, yield* walkedFile(volume, walked), walked.path)
}

/** A handle that keeps the version that it was opened on. */
function* openEntry(volume: Volume, entry: Entry, path: string): Op<OpenFile> {
  // A size that cannot be is told before there is a handle, or a buffer of that size.
  yield* readableSize(volume, entry)
  const file = new OpenFile(volume, entry, { read: true, write: false, append: false }, path)
  file.keepsVersion = true
  return file
}

function nextPiece(file: OpenFile, pieceSize: number): Uint8Array {
  return new Uint8Array(Math.min(pieceSize, file.size - file.position))
}

function checkPieceSize(pieceSize: number): void {
  if (Number.isInteger(pieceSize) && pieceSize >= 1) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `pieceSize is ${pieceSize}: give a whole number of bytes, 1 or more.`,
  )
}

function collectInto(uses: BlockUse[]) {
  return { onUse: (use: BlockUse) => uses.push(use), onError: () => {} }
}

function decoded(
  bytes: Uint8Array,
  options: TextOption | { readonly encoding?: undefined } | undefined,
): Uint8Array | string {
  const encoding = typeof options === 'string' ? options : options?.encoding
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes)
}

function listing(entries: ListedEntry[], path: AnyPath, options: ReaddirOptions): unknown[] {
  const shown = (name: string) =>
    options.encoding === 'buffer' ? byteStringToBytes(name) : byteStringToText(name)
  const below = (name: string, parent: string) => (parent === '' ? name : `${parent}/${name}`)
  if (options.withFileTypes !== true) {
    return entries.map(({ name, parent }) => shown(below(name, parent)))
  }
  return entries.map(({ name, parent, type, size }) => {
    const top = textOf(path).replace(/\/+$/, '')
    const parentPath = parent === '' ? top || '/' : `${top}/${byteStringToText(parent)}`
    return new Dirent(shown(name), parentPath, type, size)
  })
}
