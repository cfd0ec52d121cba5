/**
 * Directory: a chain of metadata pairs joined by hard tails, whose entries stand in name order over
 * the whole chain.
 *
 * Kept in memory as a chain and an index by name: both are caches, read again from the device at
 * any time.
 *
 * Source: littlefs SPEC.md, "0x601 LFS_TYPE_HARDTAIL"; DESIGN.md, "Directories".
 */

import { FormatError, FsError, type Op } from '@caravan/core'
import { type BlockPair, isShown } from './format/metadata-log.js'
import { compareNames } from './format/name.js'
import { TagType } from './format/tag.js'
import { type Entry, type MetadataPair, pairKey, sharesBlock } from './metadata-pair.js'
import type { Path } from './path.js'
import type { Volume } from './volume.js'

export class Directory {
  /** By byte string. Where a damaged directory holds a name twice, the later entry. */
  readonly index = new Map<string, Entry>()

  /** The entry that leads here, as last followed: a hint, to be verified. */
  owner: Entry | undefined

  /** Counts the commits to its pairs: what was made of its entries holds while it stays. */
  version = 0

  constructor(
    readonly chain: MetadataPair[],
    /** False where damage has put names out of order. */
    private readonly isOrdered: boolean,
  ) {}

  removeFromChain(pair: MetadataPair): void {
    const place = this.chain.indexOf(pair)
    if (place !== -1) this.chain.splice(place, 1)
  }

  /** New pairs follow the one that they were cut off. */
  insertIntoChain(pair: MetadataPair, pairs: readonly MetadataPair[]): void {
    this.chain.splice(this.chain.indexOf(pair) + 1, 0, ...pairs)
    for (const each of pairs) each.directory = this
  }

  /** Where a name belongs: in the first pair that holds a greater one, else at the very end. */
  placeOf(name: string): { pair: MetadataPair; id: number } {
    const { chain } = this
    const place = this.isOrdered ? this.searchPair(name) : this.walkToPair(name)
    if (place < chain.length) {
      const pair = chain[place] as MetadataPair
      return { pair, id: firstNotBelow(pair.entries, name) }
    }
    const pair = chain[chain.length - 1]
    if (pair === undefined) throw noPairs()
    return { pair, id: pair.entries.length }
  }

  /** The first pair whose last name is not below this one. */
  private searchPair(name: string): number {
    const { chain } = this
    let low = 0
    let high = chain.length
    while (low < high) {
      const middle = (low + high) >>> 1
      // A pair without names says nothing of where it stands: the one before it does.
      let place = middle
      let last = lastNamed((chain[place] as MetadataPair).entries)
      while (last === undefined && place > low) {
        last = lastNamed((chain[--place] as MetadataPair).entries)
      }
      if (last !== undefined && compareNames(last.content.name, name) >= 0) high = place
      else low = middle + 1
    }
    return low
  }

  /** The same where damage has put names out of order. */
  private walkToPair(name: string): number {
    const { chain } = this
    for (let i = 0; i < chain.length; i++) {
      const last = lastNamed((chain[i] as MetadataPair).entries)
      if (last !== undefined && compareNames(last.content.name, name) >= 0) return i
    }
    return chain.length
  }

  get head(): MetadataPair {
    return this.chain[0] as MetadataPair
  }
}

/** True for entries that take part in the order of names. */
function isNamed(entry: Entry): boolean {
  const { nameType } = entry.content
  return nameType !== undefined && nameType < 0x080
}

function lastNamed(entries: readonly Entry[]): Entry | undefined {
  for (let id = entries.length - 1; id >= 0; id--) {
    const entry = entries[id] as Entry
    if (isNamed(entry)) return entry
  }
  return undefined
}

function firstNotBelow(entries: readonly Entry[], name: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle] as Entry
    if (!isNamed(entry) || compareNames(entry.content.name, name) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export type EntryType = 'file' | 'directory' | 'other'

export function entryType(entry: Entry): EntryType {
  switch (entry.content.nameType) {
    case TagType.FILE:
      return 'file'
    case TagType.DIRECTORY:
    // The superblock's entry stands for the root, and holds its attributes.
    case TagType.SUPERBLOCK:
      return 'directory'
    default:
      return 'other'
  }
}

export function entrySize(entry: Entry): number {
  const { struct } = entry.content
  if (entryType(entry) === 'directory' || struct === undefined) return 0
  if (struct.kind === 'ctz') return struct.size
  return struct.kind === 'inline' ? struct.bytes.length : 0
}

/** The entries that a pair shows: what is being moved elsewhere is there, not here. */
export function* shownEntries(volume: Volume, pair: MetadataPair): Generator<Entry, void, void> {
  const move = volume.state.pendingMove
  const hiddenId = move !== undefined && sharesBlock(move.pair, pair.blocks) ? move.id : -1
  const { entries } = pair
  for (let id = 0; id < entries.length; id++) {
    const entry = entries[id] as Entry
    if (id !== hiddenId && isShown(entry.content)) yield entry
  }
}

/** The directory that begins with that pair. */
function* readDirectory(volume: Volume, head: BlockPair): Op<Directory> {
  for (;;) {
    const cached = volume.cachedDirectory(head)
    if (cached !== undefined) return cached
    // A writer may change the chain while it is read: then it is read again.
    const epoch = volume.metadataEpoch
    const chain = yield* readChain(volume, head)
    if (volume.metadataEpoch !== epoch) continue
    // Whoever read it meanwhile may be changing it: there is one object of each directory.
    const meanwhile = volume.cachedDirectory(head)
    if (meanwhile !== undefined) return meanwhile
    const directory = new Directory(chain, isInOrder(chain))
    for (const pair of chain) {
      pair.directory = directory
      for (const entry of shownEntries(volume, pair)) directory.index.set(entry.content.name, entry)
    }
    return directory
  }
}

function isInOrder(chain: readonly MetadataPair[]): boolean {
  let last: string | undefined
  for (const { entries } of chain) {
    for (const entry of entries) {
      if (!isNamed(entry)) continue
      const { name } = entry.content
      if (last !== undefined && compareNames(last, name) > 0) return false
      last = name
    }
  }
  return true
}

function* readChain(volume: Volume, head: BlockPair): Op<MetadataPair[]> {
  const chain: MetadataPair[] = []
  const seen = new Set<number>()
  let next: BlockPair | undefined = head
  while (next !== undefined) {
    const pair: MetadataPair = yield* volume.readPair(next)
    if (seen.has(pairKey(pair.blocks))) {
      throw new FormatError(
        'DIRECTORY_LOOP',
        `The directory that begins at {${head[0]}, ${head[1]}} comes back to its pair {${next[0]}, ${next[1]}}: its list of pairs is damaged.`,
        { structure: 'hard tail', block: next[0] },
      )
    }
    seen.add(pairKey(pair.blocks))
    chain.push(pair)
    next = pair.summary.hardTail ? pair.summary.tail : undefined
  }
  return chain
}

/** @throws FormatError `DIRECTORY_LOOP` for a directory that is one of those above it. */
export function checkNoLoop(directory: Directory, above: readonly number[]): void {
  const { blocks } = directory.head
  if (!above.includes(pairKey(blocks))) return
  throw new FormatError(
    'DIRECTORY_LOOP',
    `A directory's entry leads back to {${blocks[0]}, ${blocks[1]}}, a directory that it lies in: its pointer is damaged.`,
    { structure: 'directory struct', block: blocks[0] },
  )
}

/** The directory that an entry is. */
export function* openDirectory(volume: Volume, entry: Entry): Op<Directory> {
  if (entry.directory !== undefined) return entry.directory
  const { struct } = entry.content
  const isRoot = entry.content.nameType === TagType.SUPERBLOCK
  if (!isRoot && struct?.kind !== 'directory') {
    throw new FormatError(
      'CORRUPT_ENTRY',
      `The directory in the metadata pair {${entry.pair.blocks[0]}, ${entry.pair.blocks[1]}} has no pair of its own: its entry is damaged.`,
      { structure: 'directory struct', block: entry.pair.blocks[0] },
    )
  }
  const head = isRoot ? volume.root : (struct as { pair: BlockPair }).pair
  const directory: Directory = yield* readDirectory(volume, head)
  entry.directory = directory
  if (!isRoot) directory.owner = entry
  return directory
}

/**
 * The entry of a path; `undefined` where there is none but its directory is there.
 *
 * @throws FsError `ENOENT` where a directory on the way is missing, `ENOTDIR` where it is none.
 */
export function* findEntry(volume: Volume, path: Path, syscall: string): Op<Entry | undefined> {
  for (;;) {
    const found = lookUp(volume, path, syscall)
    if (found !== UNREAD) return found
    yield* readWay(volume, path)
  }
}

/** Told of a path of which not all is in memory. */
export const UNREAD: unique symbol = Symbol('not in memory')

/**
 * {@link findEntry} without an operation: what is in memory is found by plain functions.
 *
 * @throws as it does.
 */
export function lookUp(
  volume: Volume,
  path: Path,
  syscall: string,
): Entry | undefined | typeof UNREAD {
  let entry = volume.rootInMemory
  if (entry === undefined) return UNREAD
  const { names } = path
  for (let i = 0; i < names.length; i++) {
    if (entryType(entry) !== 'directory') throw new FsError('ENOTDIR', { syscall, path: path.text })
    const { directory }: Entry = entry
    if (directory === undefined) return UNREAD
    const child = directory.index.get(names[i] as string)
    if (child === undefined) {
      const isLast = i === names.length - 1
      if (!isLast || path.mustExist) throw new FsError('ENOENT', { syscall, path: path.text })
      return undefined
    }
    entry = child
  }
  if (path.mustBeDirectory && entryType(entry) !== 'directory') {
    throw new FsError('ENOTDIR', { syscall, path: path.text })
  }
  return entry
}

/** The directory that a path's last name is in, where it is in memory. */
export function parentInMemory(volume: Volume, path: Path): Directory | undefined {
  let entry = volume.rootInMemory
  const last = path.names.length - 1
  for (let i = 0; i < last; i++) entry = entry?.directory?.index.get(path.names[i] as string)
  return entry?.directory
}

/** Reads the directories of a path, as far as they are there. */
function* readWay(volume: Volume, path: Path): Op<void> {
  let entry: Entry | undefined = yield* volume.readRoot()
  for (const name of path.names) {
    if (entry === undefined || entryType(entry) !== 'directory') return
    const directory: Directory = entry.directory ?? (yield* openDirectory(volume, entry))
    entry = directory.index.get(name)
  }
}

/** @throws FsError `ENOENT` where it does not exist, `ENOTDIR` where something on the way is none. */
export function* requireEntry(volume: Volume, path: Path, syscall: string): Op<Entry> {
  const entry = yield* findEntry(volume, path, syscall)
  if (entry === undefined) throw new FsError('ENOENT', { syscall, path: path.text })
  return entry
}

/** @throws FsError also `ENOTDIR` where it is no directory. */
export function* requireDirectory(volume: Volume, path: Path, syscall: string): Op<Directory> {
  const entry = yield* requireEntry(volume, path, syscall)
  if (entryType(entry) !== 'directory') throw new FsError('ENOTDIR', { syscall, path: path.text })
  return entry.directory ?? (yield* openDirectory(volume, entry))
}

/** Damage alone makes another directory take the last pair of this one off the list. */
function noPairs(): FormatError {
  return new FormatError(
    'CORRUPT_PAIR',
    'A directory has lost its last metadata pair to another directory: the image is damaged. Mount it again, or copy its files to a new image.',
    { structure: 'metadata pair' },
  )
}
