/**
 * Volume: a mounted littlefs as the engine sees it; what is known of it as a whole, and the caches.
 *
 * 1. What is kept in memory of the device was read from it or is durable on it: the caches may be
 *    dropped between any two operations. What an open handle refers to stays.
 * 2. Changes go one at a time, each through {@link Volume.change}; one that was left in the middle
 *    is the last.
 */

import { FormatError, FsError, KeyValueError, MisuseError, type Op } from '@caravan/core'
import { Allocator } from './allocator.js'
import { Caches, encodeSnapshot } from './caches.js'
import type { Directory } from './directory.js'
import { CommitEncoder } from './format/commit-encoder.js'
import type { Crc32 } from './format/crc32.js'
import { type GlobalState, xorStates, ZERO_STATE } from './format/global-state.js'
import type { BlockPair, LogRules } from './format/metadata-log.js'
import type { Packing } from './format/split-plan.js'
import type { Superblock } from './format/superblock.js'
import { TagType } from './format/tag.js'
import { FreeSpace } from './free-space.js'
import type { MemoryLedger } from './memory-ledger.js'
import {
  type Entry,
  isSamePair,
  type MetadataPair,
  pairKey,
  readMetadataPair,
  sharesBlock,
} from './metadata-pair.js'
import type { OpenFile } from './open-file.js'
import { PairCache } from './pair-cache.js'
import { StateKeeper } from './state-keeper.js'
import { makeConsistent, makeRoomForMoves } from './thread.js'
import type { TimeKeeper } from './time-keeper.js'
import type { TreeBuilder } from './tree-builder.js'
import { VerifiedProg } from './verified-prog.js'

/** Where bytes are, and what is kept of them: sizes in bytes. */
export interface Layout {
  readonly blockSize: number
  readonly blockCount: number
  /** Blocks that the device has at all: fewer where an image was cut short, or its superblock lies. */
  readonly heldBlockCount: number
  readonly readSize: number
  readonly progSize: number
  /** True where everything that can be read shall be, and nothing is written. */
  readonly isSalvage?: boolean
  /** Counts what files keep in memory. */
  readonly ledger: MemoryLedger
}

/** Longest name, largest file and attribute in bytes. */
export interface Limits {
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

export type DiskVersion = '2.0' | '2.1'

/** How a writer goes about it; nothing of it stands on disk. */
export interface WriterSettings {
  /** The largest file kept in its directory's metadata, in bytes. */
  readonly inlineMax: number
  /** Bytes of a block that a metadata log may take. */
  readonly metadataMax: number
  /** Compactions after which a metadata pair moves; 0: never. */
  readonly blockCycles: number
  readonly packing: Packing
}

interface VolumeState extends WriterSettings {
  readonly layout: Layout
  readonly limits: Limits
  readonly superblock: Superblock
  readonly root: BlockPair
  readonly globalState: GlobalState
  /** The revision count of the root's first pair. */
  readonly rootRevision: number
  /** Of all commits' CRCs: where the allocator begins. */
  readonly seed: number
  readonly crc32: Crc32
  readonly times: TimeKeeper
  readonly readOnly: boolean
  /** What the caches may take, roughly, in bytes. */
  readonly memoryBudget: number
}

/** Where a commit has left a pair: for those who refer to it. */
export interface MovedPair {
  readonly pair: MetadataPair
  readonly before: BlockPair
}

/** While blocks are rearranged pairs move where that is asked for alone, and logs stay as few as they are. */
interface Rearranging {
  /** The pair whose half that is not in force shall have another block. */
  moving: MetadataPair | undefined
}

/** Blocks' buffers that are kept for the next use. */
const BUFFERS_MAX = 64

/** How much of the memory budget may go to buffers that are kept. */
const BUFFERS_SHARE = 1 / 16

export class Volume implements WriterSettings {
  layout: Layout
  readonly limits: Limits
  superblock: Superblock
  root: BlockPair
  rules: LogRules
  readonly rootRevision: number
  readonly inlineMax: number
  readonly metadataMax: number
  readonly blockCycles: number
  readonly packing: Packing
  readonly readOnly: boolean
  readonly memoryBudget: number
  readonly encoder: CommitEncoder
  readonly verifiedProg: VerifiedProg
  readonly allocator: Allocator
  readonly space = new FreeSpace(this)
  readonly caches = new Caches(this)
  readonly times: TimeKeeper
  readonly openFiles = new Set<OpenFile>()
  readonly builders = new Set<TreeBuilder>()

  /** Counts changes of metadata, so that whoever reads them can tell that they have changed. */
  metadataEpoch = 0
  /** True while data was programmed and not made durable. */
  dataIsUnsynced = false

  readonly state: StateKeeper

  /** The pair that moved last, while nothing on the device leads to its new place. */
  unreached: MovedPair | undefined
  rearranging: Rearranging | undefined
  /** Counts the pairs that got another block. */
  relocatedCount = 0
  /** Worn pairs that stayed where they are for want of room in those that lead to them. */
  readonly crowded: MetadataPair[] = []

  readonly pairs: PairCache
  private readonly buffers: Uint8Array[] = []
  private readonly buffersMax: number
  private changing = false
  private failure: unknown
  /** True once a commit failed that the device may yet have: what state it says is to be read anew. */
  private stateIsUnknown = false

  constructor(state: VolumeState) {
    this.layout = state.layout
    this.limits = state.limits
    this.times = state.times
    this.superblock = state.superblock
    this.root = state.root
    this.rootRevision = state.rootRevision
    this.inlineMax = state.inlineMax
    this.metadataMax = state.metadataMax
    this.blockCycles = state.blockCycles
    this.packing = state.packing
    this.readOnly = state.readOnly
    this.memoryBudget = state.memoryBudget
    const buffersBytes = this.memoryBudget * BUFFERS_SHARE
    this.buffersMax = Math.min(BUFFERS_MAX, Math.floor(buffersBytes / this.layout.blockSize))
    this.rules = {
      progSize: state.layout.progSize,
      crc32: state.crc32,
      hasForwardCrc: state.superblock.minorVersion >= 1,
    }
    this.state = new StateKeeper(state.globalState)
    this.encoder = new CommitEncoder(state.layout.blockSize, state.layout.progSize, state.crc32)
    this.verifiedProg = new VerifiedProg(state.layout)
    this.pairs = new PairCache({
      encode: (contents) => encodeSnapshot(this, contents),
      saveTimes: (pair) => this.times.save(pairKey(pair.blocks), pair.decodedEntries),
      restoreTimes: (pair) => this.times.restore(pairKey(pair.blocks), pair.decodedEntries),
    })
    this.allocator = new Allocator(
      Math.min(state.layout.blockCount, state.layout.heldBlockCount),
      state.seed,
    )
  }

  /** False on a device that holds what it takes: nothing that is written is read back to be compared. */
  get readsBack(): boolean {
    return this.verifiedProg.readsBack
  }

  get diskVersion(): DiskVersion {
    return this.superblock.minorVersion >= 1 ? '2.1' : '2.0'
  }

  // Metadata pairs

  /** @throws FormatError `CORRUPT_PAIR`. */
  *readPair(blocks: BlockPair): Op<MetadataPair> {
    for (;;) {
      const cached = this.findPair(blocks)
      if (cached !== undefined) return cached
      const epoch = this.metadataEpoch
      let pair: MetadataPair
      try {
        pair = yield* readMetadataPair(blocks, this.layout, this.rules)
      } catch (error) {
        if (epoch !== this.metadataEpoch) continue
        throw error
      }
      // What a writer was changing meanwhile may be half of each.
      if (epoch !== this.metadataEpoch) continue
      const meanwhile = this.findPair(blocks)
      if (meanwhile !== undefined) return meanwhile
      this.pairs.keep(pair)
      return pair
    }
  }

  /** What the tail of a pair leads to, and is in memory, has it as the one before it. */
  linkBehind(pair: MetadataPair): void {
    const { tail } = pair.summary
    const next = tail === undefined ? undefined : this.findPair(tail)
    if (next !== undefined) next.predecessor = pair
  }

  /** The pair where it is in memory. What lies outside the filesystem never is. */
  findPair(blocks: BlockPair): MetadataPair | undefined {
    const { blockCount } = this.layout
    return blocks[0] < blockCount && blocks[1] < blockCount ? this.pairs.find(blocks) : undefined
  }

  /** A pair was taken off the list: its blocks are free once the operation has ended. */
  forgetPair(pair: MetadataPair): void {
    this.pairs.forget(pair)
    for (const block of pair.blocks) this.giveBackBlock(block)
  }

  /** False for an entry that is no longer where it was: removed, or of a pair that is read anew. */
  isCurrent(entry: Entry): boolean {
    return this.pairs.has(entry.pair) && entry.pair.entries.includes(entry)
  }

  /** The root's entry where it is in memory. */
  get rootInMemory(): Entry | undefined {
    return this.stateIsUnknown ? undefined : this.findPair(this.root)?.entries[0]
  }

  isFirstPair(pair: MetadataPair): boolean {
    return isSamePair(pair.blocks, [0, 1])
  }

  isRoot(blocks: BlockPair): boolean {
    return sharesBlock(this.root, blocks)
  }

  setRoot(pair: MetadataPair): void {
    this.root = pair.blocks
  }

  /** The superblock's own entry, which stands for the root directory and holds its attributes. */
  *readRoot(): Op<Entry> {
    if (this.stateIsUnknown) yield* this.readState()
    const pair = this.findPair(this.root) ?? (yield* this.readPair(this.root))
    const entry = pair.entries[0]
    if (entry === undefined) throw noSuperblock(this.root[0])
    return entry
  }

  /** As at a mount: where the root is, and the global state of all pairs; a move hides its source. */
  private *readState(): Op<void> {
    let state = ZERO_STATE
    let next: BlockPair | undefined = [0, 1]
    for (let steps = 0; next !== undefined && steps < this.layout.blockCount; steps++) {
      const visit = this.caches.beginVisit()
      const pair: MetadataPair = yield* this.readPair(next)
      state = xorStates(state, pair.summary.globalDelta ?? ZERO_STATE)
      if (this.caches.contentsOf(pair)[0]?.nameType === TagType.SUPERBLOCK) this.setRoot(pair)
      next = pair.summary.tail
      visit.release()
    }
    this.state.adopt(state)
    this.stateIsUnknown = false
  }

  cachedDirectory(head: BlockPair): Directory | undefined {
    const pair = this.findPair(head)
    return pair?.directory?.head === pair ? pair?.directory : undefined
  }

  // Blocks

  giveBackBlock(block: number): void {
    this.allocator.giveBack(block)
  }

  markBadBlock(block: number): void {
    this.allocator.markBad(block)
  }

  /** What the superblock says from now on: the filesystem may have another number of blocks. */
  setSuperblock(superblock: Superblock): void {
    const { blockCount } = superblock
    this.superblock = superblock
    this.layout = { ...this.layout, blockCount }
    this.allocator.setBlockCount(blockCount)
  }

  /** Whether commits bring forward CRCs from now on. */
  setForwardCrcs(hasForwardCrc: boolean): void {
    this.rules = { ...this.rules, hasForwardCrc }
  }

  /** Makes data durable that a commit is going to refer to. */
  *syncData(): Op<void> {
    if (!this.dataIsUnsynced) return
    yield { kind: 'sync' }
    this.dataIsUnsynced = false
  }

  /** A buffer of a block's size, of any content. */
  takeBuffer(): Uint8Array {
    return this.buffers.pop() ?? new Uint8Array(this.layout.blockSize)
  }

  /** The buffer must have come from {@link takeBuffer}, perhaps in part. */
  returnBuffer(bytes: Uint8Array): void {
    if (this.buffers.length >= this.buffersMax) return
    const isWhole = bytes.length === this.layout.blockSize
    this.buffers.push(isWhole ? bytes : new Uint8Array(bytes.buffer))
  }

  // Changes

  /**
   * Runs an operation that changes the filesystem: alone, on a consistent state, with its blocks
   * settled when it ends.
   *
   * @throws FsError `EROFS` on a read-only mount, or after a device error left it unknown what
   *   stands on the device.
   */
  *change<T>(syscall: string, body: () => Op<T>): Op<T> {
    this.checkWritable(syscall)
    this.changing = true
    const epoch = this.metadataEpoch
    try {
      if (this.state.wantedMove !== undefined || this.state.wantsOrphans) {
        yield* makeConsistent(this)
        this.allocator.settle()
        this.allocator.invalidate()
      }
      const result = yield* body()
      if (this.crowded.length > 0) yield* makeRoomForMoves(this)
      this.allocator.settle()
      this.pairs.settle()
      this.metadataEpoch++
      this.changing = false
      return result
    } catch (error) {
      this.recover(error, this.metadataEpoch !== epoch)
      throw error
    }
  }

  get isChanging(): boolean {
    return this.changing
  }

  /** True where a change would begin with nothing to be checked or mended. */
  get isReadyToChange(): boolean {
    if (this.changing || this.readOnly || this.failure !== undefined) return false
    return !this.state.wantsOrphans && this.state.wantedMove === undefined
  }

  private checkWritable(syscall: string): void {
    if (this.changing) {
      throw new MisuseError(
        'ABANDONED',
        'An earlier change of this filesystem was left in the middle, or is still under way. Await it first; if it was dropped, mount the device again.',
      )
    }
    if (this.readOnly) throw new FsError('EROFS', { syscall, hint: 'it was mounted read-only' })
    if (this.failure !== undefined) {
      const reason = this.failure instanceof Error ? this.failure.message : String(this.failure)
      const hint = `an earlier write failed: ${reason} Mount again to go on`
      throw new FsError('EROFS', { syscall, hint, cause: this.failure })
    }
  }

  /** After a failure: memory says again what the device does, or writing ends. */
  private recover(error: unknown, metadataChanged: boolean): void {
    this.changing = false
    this.allocator.revert()
    this.pairs.settle()
    this.state.reset()
    this.crowded.length = 0
    const { unreached } = this
    this.unreached = undefined
    const isClean =
      error instanceof FsError || error instanceof FormatError || error instanceof KeyValueError
    if (!isClean || unreached !== undefined) {
      this.failure = error
      this.stateIsUnknown = metadataChanged
    }
    // What it moved stands, for the device, where it was before.
    if (unreached !== undefined && this.isRoot(unreached.pair.blocks)) this.root = unreached.before
    if (!metadataChanged) return
    this.dropCaches()
    // Whoever has read beside it may hold what was just dropped.
    this.metadataEpoch++
  }

  dropCaches(): void {
    this.pairs.clear()
    this.times.forget()
    // What handles refer to keeps its identity; what it knew of others is read again.
    for (const { entry } of this.openFiles) {
      if (entry.removed || this.pairs.has(entry.pair)) continue
      this.pairs.keep(entry.pair)
      entry.pair.forgetOthers()
    }
  }
}

export function noSuperblock(block: number): FormatError {
  return new FormatError(
    'NOT_LITTLEFS',
    'No littlefs superblock was found: the metadata pair of blocks 0 and 1 holds no entry named "littlefs". Check that this is a littlefs image, that it begins at the right offset, and the block size.',
    { structure: 'superblock', block },
  )
}
