/**
 * Directory: a chain of metadata pairs joined by hard tails, whose entries stand in name order over
 * the whole chain.
 *
 * Kept in memory as a chain and an index by name: both are caches, read again from the device at
 * any time. Where memory is short there is no index: the pair of a name is found by the last name
 * of each, and its entries are decoded for the time being.
 *
 * Source: littlefs SPEC.md, "0x601 LFS_TYPE_HARDTAIL"; DESIGN.md, "Directories".
 */

import { type EntryKind, FormatError, FsError, type Op } from '@caravan/core'
import { type BlockPair, type EntryContent, isShown } from './format/metadata-log.js'
import { compareNames } from './format/name.js'
import { TagType } from './format/tag.js'
import { type Entry, isOrdered, type MetadataPair, pairKey, sharesBlock } from './metadata-pair.js'
import type { Path } from './path.js'
import type { Volume } from './volume.js'

export class Directory {
  /** By byte string. Where a damaged directory holds a name twice, the later entry. */
  private index: Map<string, Entry> | undefined

  /** The entry that leads here, as last followed: a hint, to be verified. */
  owner: Entry | undefined

  /** Counts the commits to its pairs: what was made of its entries holds while it stays. */
  version = 0

  /** A list that a key-value store has made of a version: a cache, counted in the ledger. */
  listing:
    | {
        readonly version: number
        readonly listing: (readonly [name: string, kind: EntryKind])[]
      }
    | undefined

  /** Set by whoever comes by it: while it is, it is not the one to let go of. */
  isUsed = true

  private dropped = false

  constructor(
    private readonly volume: Volume,
    readonly chain: MetadataPair[],
    private readonly order: Order,
    /** True for one that is found by its index alone: where damage has put names out of order. */
    public mustBeWhole: boolean,
    index: Map<string, Entry> | undefined,
  ) {
    this.index = index
    for (const pair of chain) pair.directory = this
  }

  /** The entry of a name, where that is shown. */
  find(name: string): Entry | undefined {
    if (this.index !== undefined) return this.index.get(name)
    const pair = this.chain[this.searchPair(name)]
    if (pair === undefined) return undefined
    const id = firstNotBelow(pair.entries, name)
    const entry = pair.entries[id]
    if (entry === undefined || entry.content.name !== name || !isShown(entry.content)) {
      return undefined
    }
    return id === hiddenId(this.volume, pair) ? undefined : (entry.standsFor ?? entry)
  }

  /** What its entries hold, each name once. Not to be changed meanwhile. */
  *contents(): Generator<EntryContent, void, void> {
    if (this.index !== undefined) {
      for (const { content } of this.index.values()) yield content
      return
    }
    for (const pair of this.chain) {
      for (const { content } of shownContents(this.volume, pair)) yield content
    }
  }

  /** A commit has given an entry that name. */
  added(name: string, entry: Entry): void {
    this.index?.set(name, entry)
  }

  /** A commit has taken an entry of that name away. */
  removed(name: string): void {
    this.index?.delete(name)
  }

  get hasIndex(): boolean {
    return this.index !== undefined
  }

  /** @returns true where there was one. */
  forgetIndex(): boolean {
    const had = this.index !== undefined
    this.index = undefined
    return had
  }

  /** It is no longer in memory: whoever leads here reads it again. */
  drop(): void {
    this.dropped = true
    this.index = undefined
    this.chain.length = 0
    this.owner = undefined
  }

  get isDropped(): boolean {
    return this.dropped
  }

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
    const place = this.order === 'damaged' ? this.walkToPair(name) : this.searchPair(name)
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
      let last = (chain[place] as MetadataPair).lastName
      while (last === undefined && place > low) last = (chain[--place] as MetadataPair).lastName
      if (last !== undefined && compareNames(last, name) >= 0) high = place
      else low = middle + 1
    }
    return low
  }

  /** The same where damage has put names out of order. */
  private walkToPair(name: string): number {
    const { chain } = this
    for (let i = 0; i < chain.length; i++) {
      const last = (chain[i] as MetadataPair).lastName
      if (last !== undefined && compareNames(last, name) >= 0) return i
    }
    return chain.length
  }

  get head(): MetadataPair {
    return this.chain[0] as MetadataPair
  }
}

/** How names stand in a directory: in order, each once; some more than once; out of order. */
type Order = 'strict' | 'repeated' | 'damaged'

function firstNotBelow(entries: readonly Entry[], name: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { content } = entries[middle] as Entry
    if (!isOrdered(content) || compareNames(content.name, name) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export type EntryType = 'file' | 'directory' | 'other'

export function entryType(entry: Entry): EntryType {
  return contentType(entry.content)
}

export function contentType({ nameType }: EntryContent): EntryType {
  switch (nameType) {
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
  return contentSize(entry.content)
}

export function contentSize(content: EntryContent): number {
  const { struct } = content
  if (contentType(content) === 'directory' || struct === undefined) return 0
  if (struct.kind === 'ctz') return struct.size
  return struct.kind === 'inline' ? struct.bytes.length : 0
}

/** The id of the entry in a pair that is being moved elsewhere: it is there, not here. */
function hiddenId(volume: Volume, pair: MetadataPair): number {
  const move = volume.state.pendingMove
  return move !== undefined && sharesBlock(move.pair, pair.blocks) ? move.id : -1
}

/** The entries that a pair shows. */
export function* shownEntries(volume: Volume, pair: MetadataPair): Generator<Entry, void, void> {
  const hidden = hiddenId(volume, pair)
  const { entries } = pair
  for (let id = 0; id < entries.length; id++) {
    const entry = entries[id] as Entry
    if (id !== hidden && isShown(entry.content)) yield entry
  }
}

/** The same where nobody is to have the entries: decoded for the moment where memory is short. */
export function* shownContents(
  volume: Volume,
  pair: MetadataPair,
): Generator<{ readonly content: EntryContent; readonly id: number }, void, void> {
  const hidden = hiddenId(volume, pair)
  const contents = volume.caches.contentsOf(pair)
  for (let id = 0; id < contents.length; id++) {
    const content = contents[id] as EntryContent
    if (id !== hidden && isShown(content)) yield { content, id }
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
    return makeDirectory(volume, chain)
  }
}

function makeDirectory(volume: Volume, chain: MetadataPair[]): Directory {
  const order = orderOf(volume, chain)
  const mustBeWhole = order !== 'strict'
  let index: Map<string, Entry> | undefined = new Map()
  for (const pair of chain) {
    if (!mustBeWhole && !pair.isDecoded && !volume.caches.hasRoom) {
      index = undefined
      break
    }
    for (const entry of shownEntries(volume, pair)) index.set(entry.content.name, entry)
  }
  const directory = new Directory(volume, chain, order, mustBeWhole, index)
  if (index !== undefined) chain.forEach(volume.pairs.count)
  return directory
}

function orderOf(volume: Volume, chain: readonly MetadataPair[]): Order {
  let last: string | undefined
  let isRepeated = false
  for (const pair of chain) {
    const contents = volume.caches.contentsOf(pair)
    pair.keepLastName(contents)
    for (const content of contents) {
      if (!isOrdered(content)) continue
      const { name } = content
      const comparison = last === undefined ? -1 : compareNames(last, name)
      if (comparison > 0) return 'damaged'
      if (comparison === 0) isRepeated = true
      last = name
    }
  }
  return isRepeated ? 'repeated' : 'strict'
}

/** The pairs of the directory that begins with that one. */
export function* readChain(volume: Volume, head: BlockPair): Op<MetadataPair[]> {
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
    // The list of pairs goes the same way.
    if (chain.length > 0) pair.predecessor ??= chain[chain.length - 1]
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

/** The first pair of the directory that an entry is. @throws FormatError `CORRUPT_ENTRY`. */
export function headOf(volume: Volume, content: EntryContent, pair: MetadataPair): BlockPair {
  if (content.nameType === TagType.SUPERBLOCK) return volume.root
  const { struct } = content
  if (struct?.kind === 'directory') return struct.pair
  throw new FormatError(
    'CORRUPT_ENTRY',
    `The directory in the metadata pair {${pair.blocks[0]}, ${pair.blocks[1]}} has no pair of its own: its entry is damaged.`,
    { structure: 'directory struct', block: pair.blocks[0] },
  )
}

/** The directory that an entry is. */
export function* openDirectory(volume: Volume, entry: Entry): Op<Directory> {
  const known = entry.directory
  if (known !== undefined) return known
  const head = headOf(volume, entry.content, entry.pair)
  const directory: Directory = yield* readDirectory(volume, head)
  entry.directory = directory
  if (entry.content.nameType !== TagType.SUPERBLOCK) directory.owner = entry
  return directory
}

/**
 * The entry of a path; `undefined` where there is none but its directory is there.
 *
 * @throws FsError `ENOENT` where a directory on the way is missing, `ENOTDIR` where it is none.
 */
export function* findEntry(volume: Volume, path: Path, syscall: string): Op<Entry | undefined> {
  for (let tried = 0; tried < READINGS_MAX; tried++) {
    const found = lookUp(volume, path, syscall)
    if (found !== UNREAD) return found
    yield* readWay(volume, path)
  }
  throw new FormatError(
    'CORRUPT_PAIR',
    `The directories on the way to '${path.text}' take each other's metadata blocks: the image is damaged. Copy its files to a new image.`,
    { structure: 'metadata pair' },
  )
}

/** Other operations may let go of what was read; only damage does so each time. */
const READINGS_MAX = 100

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
    const child = directory.find(names[i] as string)
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
  for (let i = 0; i < last; i++) entry = entry?.directory?.find(path.names[i] as string)
  return entry?.directory
}

/** Reads the directories of a path, as far as they are there. */
function* readWay(volume: Volume, path: Path): Op<void> {
  let entry: Entry | undefined = yield* volume.readRoot()
  for (const name of path.names) {
    if (entry === undefined || entryType(entry) !== 'directory') return
    const directory: Directory = entry.directory ?? (yield* openDirectory(volume, entry))
    entry = directory.find(name)
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
