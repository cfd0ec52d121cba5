/**
 * What the command asks of an image format, so that one verb serves them all.
 *
 * A format is a file in this directory and a row in table.ts. What it cannot do it leaves out: a
 * member that is not there is what a verb says in words ("docteur images hold no attributes").
 * ../../README.md, "Adding a format", goes through it.
 */

import type { BlockDevice, CaravanError, Finding, KeyValueStore } from '@caravan/core'
import type { FileSystem } from '@caravan/fs'
import type { Option } from 'commander'
import type { PlaceOptions } from '../place.js'
import type { Colour } from '../style.js'
import type { Cloning, DefragReport, OnMoved, ShrinkPlan } from './sizes-calls.js'

/** The options of all verbs on images, as they come from the command line. */
export interface ImageOptions extends PlaceOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Default: what the image says. */
  readonly blockCount?: number
  /** The name of the format. Default: found from the image. */
  readonly format?: string
  /** Whose blocks of a UF2 file are meant. Default: the only family in it. */
  readonly family?: string
}

/** A place in a dump where an image of a format begins. */
export interface LocatedImage {
  /** `littlefs 2.1`. */
  readonly title: string
  /** Bytes from the beginning of the dump. */
  readonly offset: number
  /** Bytes that it says to have. */
  readonly sizeBytes: number
  /** What speaks for it, and what against. */
  readonly evidence: readonly string[]
  /** A checksum speaks for it, and all of it is there. */
  readonly isCertain: boolean
}

export interface ImageFormat {
  /** As `--format` takes it and sentences call it. */
  readonly name: string
  /** With its versions, for the help: `littlefs 2.0 and 2.1`. */
  readonly title: string
  /** The versions on disk, and what is done with each, for `--version`: `2.0, 2.1: read, written`. */
  readonly versions: string
  /** What it is known by, for the sentence that says that it was not there: `littlefs superblock`. */
  readonly mark: string
  /** What to try where it was not found, for the same sentence. */
  readonly advice?: string
  /** Options of its own for every verb that opens it; one that several formats take is one object. */
  readonly openOptions?: readonly Option[]
  /** The same for the verbs that say what a device would make of it: `check` and `info`. */
  readonly judgingOptions?: readonly Option[]
  /** The same for the verbs that change it in place. */
  readonly writerOptions?: readonly Option[]
  /** Values of {@link writerOptions} that follow from those that were given. @throws UsageError. */
  writerDefaults?(given: object): object

  /** Looks at the first few kilobytes. Never writes; damage elsewhere is no reason to say no. */
  recognise(device: BlockDevice): Promise<boolean>
  /** Looks further, where no format was recognised: for an image whose beginning is damaged. */
  search?(device: BlockDevice): Promise<boolean>
  /**
   * Mounts it.
   *
   * @throws FormatError where it cannot be; UsageError and MisuseError for options that cannot be.
   */
  open(device: BlockDevice, options: ImageOptions, writable: boolean): Promise<MountedImage>
  /** Opens it as a key-value store alone, where that takes less or more than {@link open}. */
  openStore?(device: BlockDevice, options: ImageOptions, writable: boolean): Promise<OpenStore>
  /** Where images are never changed in place: why, and what to do instead, as a sentence. */
  readonly unchanging?: string
  /**
   * Walks everything, whatever state it is in; what it finds is never thrown.
   *
   * @throws DeviceError; Interrupted.
   */
  check?(device: BlockDevice, options: ImageOptions, signal: AbortSignal): Promise<CheckReport>
  /** What {@link repair} would do. Default: something about each finding of {@link check}. */
  planRepair?(device: BlockDevice, options: ImageOptions): Promise<RepairReport>
  /** Mends what {@link check} finds, as far as that can be, and says what was lost with it. */
  repair?(device: BlockDevice, options: ImageOptions, signal: AbortSignal): Promise<RepairReport>
  /** Everything that can be read of it in a new image. */
  salvage?(device: BlockDevice, options: ImageOptions): Promise<SalvageReport>
  /** What a mount does not show: removed files, earlier versions, lost directories. */
  recover?(device: BlockDevice, options: ImageOptions): Promise<readonly RecoveredFile[]>
  /** Where in a raw dump images of it may begin. Reads all of it. */
  locate?(device: BlockDevice): Promise<readonly LocatedImage[]>
  /** Options of its own for the verb that mends. */
  readonly repairOptions?: readonly Option[]
  /** The older states of it that can still be seen, the newest first. */
  log?(
    device: BlockDevice,
    options: ImageOptions,
    path: Uint8Array | undefined,
  ): Promise<readonly LoggedState[]>
  /** True where {@link log} can be asked for one file or directory. */
  readonly logsPaths?: boolean
  /** Blocks decoded as what they are, all where none are named. Works on what does not mount. */
  dump?(
    device: BlockDevice,
    options: ImageOptions,
    blocks: readonly number[] | undefined,
  ): AsyncIterable<DumpedBlock>
  /**
   * Makes another of everything in it, of the geometry that the options say; what they do not say is as
   * it was.
   */
  readonly cloning?: Cloning
  /** How one is made; a string says how else, where `format` and `create` cannot. */
  readonly making: Making | string
}

export interface CheckReport {
  readonly findings: readonly Finding[]
  /** What was looked at: `3 generations, 120 pages`. */
  readonly summary: string
}

export interface RepairReport {
  /** What was done, and what is lost by it; empty where there was nothing to do. */
  readonly changes: readonly RepairChange[]
  /** What could not be mended, where a format says so. */
  readonly left?: readonly Finding[]
}

interface RepairChange {
  /** As a sentence. */
  readonly what: string
  readonly kind?: string
  readonly block?: number
  readonly path?: string
}

export interface SalvageReport {
  readonly bytes: Uint8Array
  /** What is in it: `12 files and directories`. */
  readonly summary: string
  /** What is left out, or has another name. */
  readonly problems: readonly {
    readonly path: string
    readonly what: string
    readonly isLost: boolean
  }[]
}

/** A state of a file that a mount does not show. */
export interface RecoveredFile {
  /** From the root. */
  readonly path: Uint8Array
  /** Why it is not shown: `removed`, `earlier`... */
  readonly why: string
  readonly left: 'whole' | 'partial' | 'nothing'
  /** Bytes that it had. */
  readonly size: number
  readonly sizeLeft: number
  /** Where it was found: `block 7, revision 3`. */
  readonly place: string
  readonly attributes: ReadonlyMap<number, Uint8Array>
  /** What `--json` prints of it besides. */
  readonly details: Readonly<Record<string, unknown>>
  /** Zeros stand for what is lost. */
  content(): Promise<Uint8Array>
}

/** A block as `dump` shows it. */
export interface DumpedBlock {
  readonly block: number
  /** What it is, in a line. */
  readonly title: string
  /** What is in it, decoded. */
  readonly lines: readonly string[]
  /** True where it holds nothing that is of use: not shown where no blocks are named. */
  readonly isFree: boolean
  readonly bytes: Uint8Array
  /** What `--json` prints of it besides its number. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface LoggedState {
  /** As `--at` takes it. */
  readonly id: string
  readonly time?: Date
  /** What is known of it: `12 files, 3 pages since the one before`. */
  readonly note: string
  /** What `--json` prints of it besides. */
  readonly details?: Readonly<Record<string, unknown>>
}

export interface OpenStore {
  readonly store: KeyValueStore
  unmount(): Promise<void>
}

/** What files and directories of this computer lose when they go into a format, and what not. */
export interface Holdings {
  readonly symlinks: boolean
  readonly modes: boolean
  /** User attributes, by number. */
  readonly attributes: boolean
}

/** A mounted image, whatever its format. */
export interface MountedImage {
  readonly fs: FileSystem
  readonly tree: ImageTree
  readonly holds: Holdings
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  /** True where no file in it can rightly be named `.git`: such a name is not extracted. */
  readonly refusesGitNames?: boolean
  describe(options: ImageOptions): Promise<Description>
  space(): Promise<Space>
  store(): KeyValueStore
  /**
   * Adds many entries. Files that are there are replaced, directories merged, and their attributes
   * stay where an entry brings none. In one step where the format can. There unless `unchanging`.
   */
  addTree?(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): Promise<void>
  readonly attributes?: AttributeCalls
  readonly blockMap?: BlockMapCalls
  /** Gives an entry a modification time, in seconds since 1970, also where it had none. */
  setModified?(path: Uint8Array, seconds: number): Promise<void>
  /** Where there are several versions of it on disk. */
  readonly diskVersionCalls?: DiskVersionCalls
  /** Takes up to so many blocks into use. */
  grow?(blockCount: number): Promise<void>
  /** What {@link shrink} would move; to the fewest blocks there can be, where no number is given. */
  planShrink?(blockCount?: number): Promise<ShrinkPlan>
  /**
   * Gives up all blocks from that many on, and moves what is in use there.
   *
   * @param onMoved told of every file that has moved, `undefined` for metadata, and the blocks written.
   */
  shrink?(blockCount: number, onMoved: OnMoved): Promise<void>
  /** Puts files in one piece, and what is free behind them. */
  defrag?(onMoved: OnMoved): Promise<DefragReport>
  unmount(): Promise<void>
}

export type EntryType = 'file' | 'directory' | 'symlink' | 'submodule' | 'other'

/** An entry as the format itself has it: a link is the link. */
export interface TreeEntry {
  /** From the root. */
  readonly path: Uint8Array
  readonly type: EntryType
  /** In bytes; 0 for directories. */
  readonly size: number
  readonly modified?: Date | undefined
  /** Permission bits. */
  readonly mode?: number | undefined
  readonly attributes?: ReadonlyMap<number, Uint8Array> | undefined
  /** Where a symbolic link leads. */
  readonly target?: Uint8Array | undefined
  /** The object that the entry is, in hexadecimal: of a submodule its commit. */
  readonly id?: string | undefined
  /** Why a directory could not be listed, or something of the entry not be read. */
  readonly error?: CaravanError | undefined
}

/** What the listing of a directory says of an entry before it is looked up. */
export interface ListedEntry {
  readonly name: Uint8Array
  readonly type: EntryType
  readonly size: number
}

export interface ImageTree {
  /**
   * The entry at a path and all below it, a directory before what is in it, by the bytes of names.
   *
   * @throws FsError where nothing is at the path. What fails further below is the entry's `error`.
   */
  walk(path: Uint8Array): AsyncIterable<TreeEntry>
  /** @throws FsError, FormatError where the directory cannot be read. */
  list(path: Uint8Array): Promise<readonly ListedEntry[]>
  /** @throws FsError where nothing is there. */
  lookUp(path: Uint8Array): Promise<TreeEntry>
  /** The content of exactly the file that a walk met, also where no path leads to it. */
  read(entry: TreeEntry): AsyncIterable<Uint8Array>
  /** The content of the file that a path leads to, through links. */
  readPath(path: Uint8Array): AsyncIterable<Uint8Array>
}

/** User attributes by type, 0 to 255. */
export interface AttributeCalls {
  all(path: Uint8Array): Promise<ReadonlyMap<number, Uint8Array>>
  /** @throws FsError `ENODATA`. */
  get(path: Uint8Array, type: number): Promise<Uint8Array>
  set(path: Uint8Array, type: number, value: Uint8Array): Promise<void>
  remove(path: Uint8Array, type: number): Promise<void>
}

export interface DiskVersionCalls {
  version(): DiskVersion
  change(version: DiskVersion): Promise<void>
}

type DiskVersion = '2.0' | '2.1'

/** Space in blocks of `blockSize` bytes. */
interface Space {
  readonly blockSize: number
  readonly blockCount: number
  readonly usedBlocks: number
  readonly freeBlocks: number
}

/** What `caravan info` shows. */
export interface Description {
  /** `littlefs 2.1`. */
  readonly title: string
  /** In the order in which they are shown. */
  readonly rows: readonly (readonly [name: string, value: string])[]
  /** What `--json` prints. */
  readonly json: Readonly<Record<string, unknown>>
  /** Bytes that the filesystem takes of the image. */
  readonly sizeBytes: number
  /** What kept a part of it from being found out. */
  readonly problems: readonly CaravanError[]
}

/** How the blocks of a kind are drawn. */
export interface BlockLook {
  readonly name: string
  readonly mark: string
  readonly ascii: string
  readonly colour: Colour
  /** Of a cell that stands for many blocks: drawn lighter where fewer of them are of this kind. */
  readonly shaded?: boolean
}

/** One block in use. */
export interface BlockUse {
  readonly block: number
  /** One of {@link BlockMapCalls.looks}. */
  readonly look: string
  /** The file or directory that it belongs to; `undefined` where the tree does not lead to it. */
  readonly path: string | undefined
  /** What `--json` prints of it besides block and path. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface BlockMapCalls {
  /** By name, what matters most first: of several blocks in one cell, the first of these is drawn. */
  readonly looks: Readonly<Record<string, BlockLook>>
  /** Every block in use, once. What damage hides is left out. */
  uses(): Promise<readonly BlockUse[]>
}

/** A file, directory or link to be put into an image. */
export interface NewEntry {
  /** From the root. */
  readonly path: Uint8Array
  readonly type: 'file' | 'directory' | 'symlink'
  /** Bytes of the content; 0 for directories. */
  readonly size: number
  /** A file's; can be gone through again. */
  readonly content?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Where a symbolic link leads. */
  readonly target?: Uint8Array
  /** Permission bits, for formats that hold them. */
  readonly mode?: number
  /** Modification time in seconds since 1970, and parts of one. */
  readonly mtime?: number
  readonly attributes?: ReadonlyMap<number, Uint8Array>
}

/** How `format` and `create` make images. */
export interface Making {
  /** Of both verbs. */
  readonly options: readonly Option[]
  readonly holds: Holdings
  /**
   * What the options ask for.
   *
   * @throws UsageError for what cannot be.
   */
  plan(options: Readonly<Record<string, unknown>>): NewImage
}

/** An image to be made, but for how many blocks it has, which may be found out later. */
export interface NewImage {
  /** `littlefs 2.1`. */
  readonly title: string
  readonly blockSize: number
  /** `undefined` where the options do not say. */
  readonly blockCount: number | undefined
  /** How its device writes. */
  readonly progSize?: number | undefined
  readonly eraseValue?: number | undefined
  /** How much of it the entries would take; nothing is read but sizes. */
  measure(entries: readonly NewEntry[]): Promise<NewImagePlan>
  /** Makes it of a device in blocks of its size, which holds nothing that is needed. */
  makeOn(
    device: BlockDevice,
    blockCount: number,
    entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
  ): Promise<void>
  /** Makes it in memory, where that is faster than {@link makeOn} a device there. */
  make?(blockCount: number, entries: Iterable<NewEntry>): Promise<Uint8Array>
}

export interface NewImagePlan {
  /** What the format cannot hold, by path; the rest is what was measured. */
  readonly problems: readonly { readonly path: string; readonly message: string }[]
  readonly blocksNeeded: number
  /** Blocks that are missing; 0 where all fits, or no size was given. */
  readonly missingBlocks: number
  /** Blocks of the smallest image that would do, where that is less than `blocksNeeded`. */
  readonly smallestBlocks?: number
  /** What the blocks are for, with the bytes in them. */
  readonly parts?: readonly {
    readonly name: string
    readonly blocks: number
    readonly bytes: number
  }[]
  /** The largest first. */
  readonly largest: readonly {
    readonly path: string
    readonly size: number
    readonly blocks?: number
  }[]
}
