/**
 * Metadata pair: two blocks that hold the same log at two times, so that one is good at any moment.
 *
 * 1. `blocks[0]` is the half in force: the one with the newer revision count that holds a good
 *    commit, else the other.
 * 2. `entries[i]` is the entry of id `i`; an entry knows its pair, and keeps its identity while
 *    commits replace its content, move it to another id, or to another pair.
 * 3. Where memory is short, and no operation or handle has any of its entries, a pair is kept as a
 *    log: its entries come into being anew when they are asked for.
 *
 * Source: littlefs SPEC.md, "Metadata pairs".
 */

import { DeviceError, FormatError, type Op, type Span } from '@caravan/core'
import type { FileTimes } from '@caravan/fs'
import type { Directory } from './directory.js'
import type { FileBlocks } from './file-blocks.js'
import {
  type BlockPair,
  decodeEntries,
  type EntryContent,
  type LogRules,
  type LogSummary,
  type Struct,
  scanLog,
} from './format/metadata-log.js'
import { MAGIC, MAGIC_OFFSET_BYTES } from './format/superblock.js'
import { readWord } from './format/word.js'

const NO_LOG = new Uint8Array(0)
const NO_ENTRIES: readonly Entry[] = []

/** A file or directory as its metadata pair holds it. */
export class Entry {
  /** Open handles on it: while there are any, its pair stays in memory. */
  openHandles = 0
  /** True once it was removed: it lives on until its last handle closes. */
  removed = false
  /** Blocks of older versions that open handles may still read. */
  retained: number[] = []
  /** What is known of the blocks of `blocksOf`: a cache. */
  fileBlocks: FileBlocks | undefined
  blocksOf: Struct | undefined
  /** Times newer than what the attributes say: see `TimeKeeper`. */
  times: FileTimes | undefined
  private knownDirectory: Directory | undefined

  constructor(
    public content: EntryContent,
    public pair: MetadataPair,
    /** The entry that this one stands for while that is being moved. */
    readonly standsFor?: Entry,
  ) {}

  /** The directory that this entry is, once it was looked into: a cache. */
  get directory(): Directory | undefined {
    const directory = this.knownDirectory
    if (directory === undefined || directory.isDropped) return undefined
    directory.isUsed = true
    return directory
  }

  set directory(directory: Directory | undefined) {
    this.knownDirectory = directory
  }
}

/** What takes part in the memory of a pair, in bytes and roughly: measured, and rounded up. */
const PAIR_MEMORY_BYTES = 1000
const ENTRY_MEMORY_BYTES = 600

export class MetadataPair {
  private decoded: Entry[] | undefined
  /** The directory that it is part of, once that was looked into: a cache. */
  directory: Directory | undefined
  /** The pair whose tail this is, as last seen: a hint, to be verified. */
  predecessor: MetadataPair | undefined
  /** It has moved, and the list still leads to the log that it had before, one block of which it keeps. */
  isUnlisted = false

  /** True where a commit may be appended without an erase. */
  nextIsErased: boolean

  /** Set by whoever asks for it: while it is, it is not the one to let go of. */
  isUsed = true
  /** What the cache has counted for it. */
  countedBytes = 0
  /** Told of entries: come into being anew, or changed by a commit. While it is in a cache. */
  onDecoded: ((pair: MetadataPair, isAnew: boolean) => void) | undefined

  private hasLastName = false
  private keptLastName: string | undefined

  constructor(
    /** The half in force first. */
    public blocks: BlockPair,
    public summary: LogSummary,
    /** The half in force, up to the end of its last good commit. */
    private log: Uint8Array,
  ) {
    this.nextIsErased = summary.erasedByte !== undefined
  }

  /** A pair just written, whose block was erased before. */
  static written(blocks: BlockPair, summary: LogSummary): MetadataPair {
    const pair = new MetadataPair(blocks, summary, NO_LOG)
    pair.nextIsErased = summary.leavesRoom
    return pair
  }

  /** Forgets what may be known of other pairs. */
  forgetOthers(): void {
    this.directory = undefined
    this.predecessor = undefined
    for (const entry of this.decoded ?? []) entry.directory = undefined
  }

  /** Puts another entry in the place of one. */
  substitute(id: number, entry: Entry): void {
    const entries = this.entries.slice()
    entries[id] = entry
    this.decoded = entries
  }

  /** Its log was written anew, into what is now its first block. */
  rewritten(blocks: BlockPair, summary: LogSummary): void {
    this.blocks = blocks
    this.summary = summary
    this.nextIsErased = summary.leavesRoom
  }

  get entries(): readonly Entry[] {
    this.isUsed = true
    if (this.decoded === undefined) {
      this.decoded = decodeEntries(this.log).map((content) => new Entry(content, this))
      this.onDecoded?.(this, true)
    }
    return this.decoded
  }

  get isDecoded(): boolean {
    return this.decoded !== undefined
  }

  /** Of those that are decoded. */
  get entryCount(): number {
    return this.decoded?.length ?? 0
  }

  /** None where they are not decoded: for whoever looks, and asks for nothing. */
  get decodedEntries(): readonly Entry[] {
    return this.decoded ?? NO_ENTRIES
  }

  /** What its entries hold, without any of them coming into being. */
  contents(): EntryContent[] {
    return this.decoded?.map((entry) => entry.content) ?? decodeEntries(this.log)
  }

  /** The last of the names that stand in order; `undefined` where there is none. */
  get lastName(): string | undefined {
    if (!this.hasLastName) this.keepLastName(this.contents())
    return this.keptLastName
  }

  /** Finds it in contents that were decoded anyway. */
  keepLastName(contents: readonly EntryContent[]): void {
    this.hasLastName = true
    this.keptLastName = undefined
    for (let id = contents.length - 1; id >= 0; id--) {
      const content = contents[id] as EntryContent
      if (!isOrdered(content)) continue
      this.keptLastName = content.name
      return
    }
  }

  /** True while a handle is open on one of its entries, or one stands for another. */
  get isHeld(): boolean {
    return this.decoded?.some((each) => each.openHandles > 0 || each.standsFor) === true
  }

  /**
   * Keeps a log alone. Nobody may have any of its entries.
   *
   * @param encode makes the log of contents; `undefined` where they do not fit in one.
   * @returns false where it stays as it is.
   */
  fold(encode: (contents: readonly EntryContent[]) => Uint8Array | undefined): boolean {
    const { decoded } = this
    if (decoded === undefined) return true
    if (this.log.length === 0) {
      const log = encode(decoded.map((entry) => entry.content))
      if (log === undefined) return false
      this.log = log
    }
    this.keepLastName(decoded.map((entry) => entry.content))
    this.decoded = undefined
    return true
  }

  /** Lets go of the lists of blocks that its entries have. */
  forgetLists(): void {
    for (const entry of this.decoded ?? [])
      if (entry.openHandles === 0) entry.fileBlocks = undefined
  }

  /** What a commit made of the pair: entries by id, each with its content. */
  setEntries(entries: Entry[], contents: readonly EntryContent[]): void {
    for (let id = 0; id < entries.length; id++) {
      const entry = entries[id] as Entry
      entry.content = contents[id] as EntryContent
      entry.pair = this
    }
    this.decoded = entries
    this.hasLastName = false
    if (this.directory !== undefined) this.directory.version++
    // Decoded entries refer to the bytes that they need.
    this.log = NO_LOG
    this.onDecoded?.(this, false)
  }

  /** False where the log does not begin with the superblock's name: not worth decoding at mount. */
  get beginsWithMagic(): boolean {
    for (let i = 0; i < MAGIC.length; i++) {
      if (this.log[MAGIC_OFFSET_BYTES + i] !== MAGIC.charCodeAt(i)) return false
    }
    return true
  }

  /** What it takes in memory, roughly. */
  get memoryBytes(): number {
    const { decoded } = this
    if (decoded === undefined) return PAIR_MEMORY_BYTES + this.log.length
    return PAIR_MEMORY_BYTES + this.summary.end + ENTRY_MEMORY_BYTES * decoded.length
  }
}

/** True for what takes part in the order of names. */
export function isOrdered({ nameType }: EntryContent): boolean {
  return nameType !== undefined && nameType < 0x080
}

/** The same number for both orders of a pair. */
export function pairKey(blocks: BlockPair): number {
  return Math.min(blocks[0], blocks[1])
}

export function isSamePair(a: BlockPair, b: BlockPair): boolean {
  return (a[0] === b[0] && a[1] === b[1]) || (a[0] === b[1] && a[1] === b[0])
}

/** True also for a pair one half of which has moved since. */
export function sharesBlock(a: BlockPair, b: BlockPair): boolean {
  return a[0] === b[0] || a[1] === b[1] || a[0] === b[1] || a[1] === b[0]
}

/** True where revision `a` came after `b`, counting on across the end of 32 bits. */
export function isNewerRevision(a: number, b: number): boolean {
  return ((a - b) | 0) > 0
}

/** Where pairs may lie. Sizes in bytes. */
interface PairLayout {
  readonly blockSize: number
  readonly blockCount: number
  /** True where of a pair with one half beyond the end the other one shall do. */
  readonly isSalvage?: boolean
}

/**
 * Reads both halves in one request and takes the one in force.
 *
 * @param buffers of a block's size, for who reads many pairs one after the other.
 * @throws FormatError `CORRUPT_PAIR` where neither half holds a good commit, or the pair lies
 *   outside the filesystem.
 */
export function* readMetadataPair(
  blocks: BlockPair,
  { blockSize, blockCount, isSalvage }: PairLayout,
  rules: LogRules,
  buffers: readonly [Uint8Array, Uint8Array] = newBuffers(blockSize),
): Op<MetadataPair> {
  const isThere = (block: number) => block < blockCount
  if (!(isSalvage === true ? blocks.some(isThere) : blocks.every(isThere))) {
    throw new FormatError(
      'CORRUPT_PAIR',
      `The metadata pair {${blocks[0]}, ${blocks[1]}} lies outside the filesystem of ${blockCount} blocks.`,
      { structure: 'metadata pair', block: Math.max(blocks[0], blocks[1]) },
    )
  }
  const halves = blocks.map((block, i) => ({ block, offset: 0, bytes: buffers[i] })) as [Span, Span]
  const read = yield* readWhatCan(halves.filter(({ block }) => isThere(block)))
  const readable = halves.map(({ block }) => isThere(block) && read.shift() === true)
  const [first, second] = halves
  const secondIsNewer =
    readable[1] &&
    (!readable[0] || isNewerRevision(readWord(second.bytes, 0), readWord(first.bytes, 0)))
  for (const chosen of secondIsNewer ? [1, 0] : [0, 1]) {
    const half = halves[chosen] as Span
    const summary = readable[chosen] ? scanLog(half.bytes, rules) : undefined
    if (summary !== undefined) {
      const other = blocks[1 - chosen] as number
      return new MetadataPair([half.block, other], summary, half.bytes.slice(0, summary.end))
    }
  }
  throw new FormatError(
    'CORRUPT_PAIR',
    `Neither block of the metadata pair {${blocks[0]}, ${blocks[1]}} holds a commit with a good CRC.`,
    { structure: 'metadata pair', block: blocks[0], pair: [blocks[0], blocks[1]] },
  )
}

/** For {@link readMetadataPair}. */
export function newBuffers(blockSize: number): readonly [Uint8Array, Uint8Array] {
  return [new Uint8Array(blockSize), new Uint8Array(blockSize)]
}

/** Which of the spans could be read. A bad block costs its own only. */
export function* readWhatCan(spans: readonly Span[]): Op<boolean[]> {
  if (spans.length === 0) return []
  try {
    yield { kind: 'read', spans }
    return spans.map(() => true)
  } catch (error) {
    if (!isBadBlock(error)) throw error
  }
  const readable: boolean[] = []
  for (const span of spans) {
    try {
      yield { kind: 'read', spans: [span] }
      readable.push(true)
    } catch (error) {
      if (!isBadBlock(error)) throw error
      readable.push(false)
    }
  }
  return readable
}

export function isBadBlock(error: unknown): error is DeviceError {
  return error instanceof DeviceError && error.code === 'BAD_BLOCK'
}
