/** What can be asked of a volume without changing it, as operations. */

import {
  type CaravanError,
  DeviceError,
  FormatError,
  FsError,
  isErrno,
  type Op,
} from '@caravan/core'
import type { Directory } from './directory.js'
import {
  checkNoLoop,
  contentSize,
  contentType,
  type EntryType,
  entrySize,
  entryType,
  findEntry,
  openDirectory,
  requireDirectory,
  requireEntry,
  shownContents,
} from './directory.js'
import { checkIsFile, readFileAt, versionOf } from './file-read.js'
import { byteStringToBytes, byteStringToText } from './format/name.js'
import { type Entry, pairKey } from './metadata-pair.js'
import { type AnyPath, parsePath, textOf } from './path.js'
import type { Volume } from './volume.js'

/** What `stat` tells: littlefs knows types and sizes; anything else is in attributes. */
export class Stats {
  constructor(
    readonly type: EntryType,
    /** Bytes; 0 for directories. */
    readonly size: number,
  ) {}

  isFile(): boolean {
    return this.type === 'file'
  }

  isDirectory(): boolean {
    return this.type === 'directory'
  }
}

/** An entry of a directory, as `readdir({ withFileTypes: true })` lists it. */
export class Dirent<Name extends string | Uint8Array = string> {
  constructor(
    readonly name: Name,
    /** The directory that it was found in. */
    readonly parentPath: string,
    readonly type: EntryType,
    readonly size: number,
  ) {}

  isFile(): boolean {
    return this.type === 'file'
  }

  isDirectory(): boolean {
    return this.type === 'directory'
  }
}

/** One file or directory met on a walk. */
export interface WalkEntry {
  /** Bytes that are not UTF-8 show as U+FFFD: `pathBytes` is exact. */
  readonly path: string
  readonly pathBytes: Uint8Array
  readonly type: EntryType
  /** Bytes; 0 for directories. */
  readonly size: number
  /** All user attributes by type, ascending. */
  readonly attributes: ReadonlyMap<number, Uint8Array>
  /** Why the directory could not be listed. The walk goes on without it. */
  readonly error?: CaravanError
}

/** Space, in blocks of `blockSize` bytes. */
export interface Space {
  readonly blockSize: number
  readonly blockCount: number
  /** Blocks that the tree and the list of pairs reach, each counted once. */
  readonly usedBlocks: number
  readonly freeBlocks: number
}

export function* readFile(volume: Volume, path: AnyPath): Op<Uint8Array> {
  return yield* readWhole(volume, yield* requireFile(volume, path))
}

/** The whole content of a file. */
export function* readWhole(volume: Volume, entry: Entry): Op<Uint8Array> {
  const version = versionOf(volume.layout, entry)
  // A size that cannot be is told before there is a buffer of that size.
  yield* version.readAt(0, new Uint8Array(Math.min(1, version.size)))
  const bytes = new Uint8Array(version.size)
  yield* version.readAt(0, bytes)
  return bytes
}

export function* requireFile(volume: Volume, path: AnyPath): Op<Entry> {
  const entry = yield* requireEntry(volume, parsePath(path, 'open'), 'open')
  checkIsFile(entry, 'open', textOf(path))
  return entry
}

/** The size of a file, after a check that so much can be there at all. */
export function* readableSize(volume: Volume, entry: Entry): Op<number> {
  yield* readFileAt(volume.layout, entry, 0, new Uint8Array(Math.min(1, entrySize(entry))))
  return entrySize(entry)
}

export function* stat(volume: Volume, path: AnyPath): Op<Stats> {
  const entry = yield* requireEntry(volume, parsePath(path, 'stat'), 'stat')
  return new Stats(entryType(entry), entrySize(entry))
}

export function* getAttribute(volume: Volume, path: AnyPath, type: number): Op<Uint8Array> {
  const entry = yield* requireEntry(volume, parsePath(path, 'getattr'), 'getattr')
  const attribute = entry.content.attributes.find((each) => each.type === type)
  if (attribute === undefined) {
    const hint = `it has no attribute 0x${type.toString(16)}`
    throw new FsError('ENODATA', { syscall: 'getattr', path: textOf(path), hint })
  }
  return attribute.bytes.slice()
}

export function* getAttributes(volume: Volume, path: AnyPath): Op<Map<number, Uint8Array>> {
  const entry = yield* requireEntry(volume, parsePath(path, 'getattr'), 'getattr')
  return attributesOf(entry)
}

function attributesOf(entry: Entry): Map<number, Uint8Array> {
  return new Map(entry.content.attributes.map(({ type, bytes }) => [type, bytes.slice()]))
}

/** An entry with its path below the directory that was listed, as a byte string. */
export interface ListedEntry {
  readonly name: string
  readonly parent: string
  readonly type: EntryType
  /** Bytes; 0 for directories. */
  readonly size: number
}

/** The entries in the directory's own order; with `recursive` each directory before what is in it. */
export function* list(volume: Volume, path: AnyPath, recursive: boolean): Op<ListedEntry[]> {
  const top = yield* requireDirectory(volume, parsePath(path, 'scandir'), 'scandir')
  const listed: ListedEntry[] = []
  const pending: { directory: Directory; parent: string; above: readonly number[] }[] = [
    { directory: top, parent: '', above: [] },
  ]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { directory, parent } = next
    const above = [...next.above, pairKey(directory.head.blocks)]
    const inner: Entry[] = []
    for (const pair of directory.chain) {
      for (const { content, id } of shownContents(volume, pair)) {
        const type = contentType(content)
        listed.push({ name: content.name, parent, type, size: contentSize(content) })
        if (recursive && type === 'directory') inner.push(pair.entries[id] as Entry)
      }
    }
    for (const entry of inner) {
      const { name } = entry.content
      const child = yield* openDirectory(volume, entry)
      checkNoLoop(child, above)
      pending.push({ directory: child, parent: parent === '' ? name : `${parent}/${name}`, above })
    }
  }
  return listed
}

export function* df(volume: Volume): Op<Space> {
  const { blockSize, blockCount } = volume.layout
  const usedBlocks = yield* volume.space.measureUse()
  return { blockSize, blockCount, usedBlocks, freeBlocks: blockCount - usedBlocks }
}

/** Where an entry is, also one that no path leads to. */
interface Place {
  /** Byte strings, from the root on. */
  readonly names: readonly string[]
  /** By name: of several that bear it in a damaged directory, which. `undefined` where all are alone. */
  readonly nths: readonly (number | undefined)[] | undefined
}

/** Where a walk is to go on. */
interface WalkStep extends Place {
  /** `undefined` where memory was short: to be found by its place. */
  readonly entry: Entry | undefined
  /** The first pairs of the directories that it lies in. */
  readonly above: readonly number[]
}

type FoundStep = WalkStep & { readonly entry: Entry }

/** What each walk entry was made of: no path may lead to it. */
const walkedSteps = new WeakMap<WalkEntry, FoundStep>()

/** @throws FsError `ENOENT` where it was removed since, `EISDIR` where it is no file. */
export function* walkedFile(volume: Volume, walked: WalkEntry): Op<Entry> {
  const step = walkedSteps.get(walked)
  let entry = step?.entry
  if (step === undefined) {
    entry = yield* requireEntry(volume, parsePath(walked.pathBytes, 'open'), 'open')
  } else if (!volume.isCurrent(step.entry)) {
    // The caches were dropped since: it has another object now.
    entry = yield* findPlace(volume, step)
  }
  if (entry === undefined) throw new FsError('ENOENT', { syscall: 'open', path: walked.path })
  checkIsFile(entry, 'open', walked.path)
  return entry
}

/** What stands at a place now; `undefined` where nothing does. */
function* findPlace(volume: Volume, { names, nths }: Place): Op<Entry | undefined> {
  if (nths === undefined) {
    const text = `/${names.join('/')}`
    try {
      const path = { names, mustBeDirectory: false, mustExist: false, text }
      return yield* findEntry(volume, path, 'scandir')
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
      throw error
    }
  }
  let entry: Entry | undefined = yield* volume.readRoot()
  for (let i = 0; i < names.length && entry !== undefined; i++) {
    if (entryType(entry) !== 'directory') return undefined
    const directory: Directory = yield* openDirectory(volume, entry)
    const [name, nth] = [names[i] as string, nths[i]]
    entry = nth === undefined ? directory.find(name) : nthOfName(volume, directory, name, nth)
  }
  return entry
}

function nthOfName(
  volume: Volume,
  directory: Directory,
  name: string,
  nth: number,
): Entry | undefined {
  let before = 0
  for (const pair of directory.chain) {
    for (const { content, id } of shownContents(volume, pair)) {
      if (content.name === name && before++ === nth) return pair.entries[id]
    }
  }
  return undefined
}

/** The content of exactly the file that a walk met. */
export function* readWalked(volume: Volume, walked: WalkEntry): Op<Uint8Array> {
  return yield* readWhole(volume, yield* walkedFile(volume, walked))
}

/** A walk over everything below a path, one entry a step. */
export class Walk {
  private pending: WalkStep[] | undefined
  private epoch = 0

  constructor(
    private readonly volume: Volume,
    private readonly top: AnyPath,
  ) {}

  /** The next entry: depth first, a directory before what is in it, children in byte order. */
  *next(): Op<WalkEntry | undefined> {
    const step = yield* this.nextStep()
    if (step === undefined) return undefined
    const { entry } = step
    let error: CaravanError | undefined
    if (entryType(entry) === 'directory') {
      try {
        yield* this.enter(step)
      } catch (caught) {
        if (!(caught instanceof FormatError) && !(caught instanceof DeviceError)) throw caught
        error = caught
      }
    }
    const path = `/${step.names.join('/')}`
    const walked: WalkEntry = {
      path: byteStringToText(path),
      pathBytes: byteStringToBytes(path),
      type: entryType(entry),
      size: entrySize(entry),
      attributes: attributesOf(entry),
      ...(error === undefined ? {} : { error }),
    }
    walkedSteps.set(walked, step)
    return walked
  }

  private *nextStep(): Op<FoundStep | undefined> {
    if (this.pending === undefined) {
      const path = parsePath(this.top, 'scandir')
      const entry = yield* requireEntry(this.volume, path, 'scandir')
      this.epoch = this.volume.metadataEpoch
      this.pending = [{ entry, names: path.names, nths: undefined, above: [] }]
    }
    for (;;) {
      const step = this.pending.pop()
      if (step === undefined) return undefined
      const { entry } = step
      if (entry !== undefined && this.volume.metadataEpoch === this.epoch) return { ...step, entry }
      // The filesystem has changed since: what is still there is found by its place.
      const found = yield* findPlace(this.volume, step)
      if (found !== undefined) return { ...step, entry: found }
    }
  }

  private *enter(at: FoundStep): Op<void> {
    const directory = yield* openDirectory(this.volume, at.entry)
    checkNoLoop(directory, at.above)
    const above = [...at.above, pairKey(directory.head.blocks)]
    // Where no path leads to some of them, their entries are in memory in any case.
    const keepsEntries = directory.hasIndex
    const children: { name: string; entry: Entry | undefined }[] = []
    for (const pair of directory.chain) {
      for (const { content, id } of shownContents(this.volume, pair)) {
        children.push({ name: content.name, entry: keepsEntries ? pair.entries[id] : undefined })
      }
    }
    children.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    const steps: WalkStep[] = []
    let nth = 0
    for (const [i, { name, entry }] of children.entries()) {
      nth = children[i - 1]?.name === name ? nth + 1 : 0
      const isAlone = nth === 0 && children[i + 1]?.name !== name
      const names = [...at.names, name]
      const isPlain = isAlone && at.nths === undefined
      const before = at.nths ?? at.names.map(() => undefined)
      const nths = isPlain ? undefined : [...before, isAlone ? undefined : nth]
      steps.push({ entry, names, nths, above })
    }
    // The last to be pushed is the first to be visited.
    for (const step of steps.reverse()) this.pending?.push(step)
  }
}
