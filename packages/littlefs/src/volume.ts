/**
 * Volume: a mounted littlefs as the engine sees it; what is known of it as a whole, and the caches.
 *
 * 1. Nothing here is the only copy of anything: what is kept in memory was read from the device or
 *    is there already. The caches may be dropped between any two operations.
 * 2. `globalState` is the XOR of the deltas of all pairs on the threaded list.
 */

import { FormatError, type Op } from '@caravan/core'
import type { Directory } from './directory.js'
import type { Crc32 } from './format/crc32.js'
import {
  type GlobalState,
  hasOrphans,
  type PendingMove,
  pendingMove,
  ZERO_STATE,
} from './format/global-state.js'
import type { BlockPair, LogRules } from './format/metadata-log.js'
import type { Superblock } from './format/superblock.js'
import {
  type Entry,
  isSamePair,
  type MetadataPair,
  pairKey,
  readMetadataPair,
} from './metadata-pair.js'

/** Where bytes are: sizes in bytes. */
export interface Layout {
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
}

/** Longest name, largest file and attribute in bytes. */
export interface Limits {
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

export type DiskVersion = '2.0' | '2.1'

export interface VolumeState {
  readonly layout: Layout
  readonly limits: Limits
  readonly superblock: Superblock
  readonly root: BlockPair
  readonly globalState: GlobalState
  /** The revision count of the root's first pair. */
  readonly rootRevision: number
  readonly crc32: Crc32
  /** What the caches may take, roughly, in bytes. */
  readonly memoryBudget: number
}

export class Volume {
  readonly layout: Layout
  readonly limits: Limits
  readonly superblock: Superblock
  readonly root: BlockPair
  readonly rules: LogRules
  readonly memoryBudget: number
  readonly rootRevision: number
  globalState: GlobalState = ZERO_STATE
  pendingMove: PendingMove | undefined

  /** Counted by the first `df`. */
  usedBlocks: number | undefined

  private readonly pairs = new Map<number, MetadataPair>()
  private readonly directories = new Map<number, Directory>()
  private cachedBytes = 0

  constructor(state: VolumeState) {
    this.layout = state.layout
    this.limits = state.limits
    this.superblock = state.superblock
    this.root = state.root
    this.memoryBudget = state.memoryBudget
    this.rootRevision = state.rootRevision
    this.rules = {
      progSize: state.layout.progSize,
      crc32: state.crc32,
      hasForwardCrc: state.superblock.minorVersion >= 1,
    }
    this.globalState = state.globalState
    this.pendingMove = pendingMove(state.globalState)
  }

  get diskVersion(): DiskVersion {
    return this.superblock.minorVersion >= 1 ? '2.1' : '2.0'
  }

  get hasOrphans(): boolean {
    return hasOrphans(this.globalState)
  }

  /** @throws FormatError `CORRUPT_PAIR`. */
  *readPair(blocks: BlockPair): Op<MetadataPair> {
    const cached = this.pairs.get(pairKey(blocks))
    if (cached !== undefined && isSamePair(cached.blocks, blocks)) return cached
    const { blockSize, blockCount } = this.layout
    const pair = yield* readMetadataPair(blocks, blockSize, blockCount, this.rules)
    this.keepPair(pair)
    return pair
  }

  /** Takes a pair into the cache. */
  keepPair(pair: MetadataPair): void {
    this.pairs.set(pairKey(pair.blocks), pair)
    this.cachedBytes += pair.memoryBytes
  }

  /** The superblock's own entry, which stands for the root directory and holds its attributes. */
  *readRoot(): Op<Entry> {
    const pair = yield* this.readPair(this.root)
    const entry = pair.entries[0]
    if (entry === undefined) throw noSuperblock(this.root[0])
    return entry
  }

  cachedDirectory(head: BlockPair): Directory | undefined {
    const directory = this.directories.get(pairKey(head))
    return directory !== undefined && isSamePair(directory.head.blocks, head)
      ? directory
      : undefined
  }

  keepDirectory(directory: Directory): void {
    this.directories.set(pairKey(directory.head.blocks), directory)
    this.cachedBytes += 100 * directory.index.size
  }

  /** Called between operations: drops the caches once they have outgrown their budget. */
  trimCaches(): void {
    if (this.cachedBytes > this.memoryBudget) this.dropCaches()
  }

  dropCaches(): void {
    this.pairs.clear()
    this.directories.clear()
    this.cachedBytes = 0
  }
}

export function noSuperblock(block: number): FormatError {
  return new FormatError(
    'NOT_LITTLEFS',
    'No littlefs superblock was found: the metadata pair of blocks 0 and 1 holds no entry named "littlefs". Check that this is a littlefs image, that it begins at the right offset, and the block size.',
    { structure: 'superblock', block },
  )
}
