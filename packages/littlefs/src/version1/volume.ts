/**
 * Volume: a mounted littlefs 1. It is only read, so whatever was read once holds.
 *
 * Only the superblock is read to mount it. A directory is read whole when it is first asked for, and
 * kept while there is room.
 */

import { FormatError, type Geometry, type Op } from '@caravan/core'
import type { BlockPair } from '../format/metadata-log.js'
import { memoryBudgetOf } from '../memory-budget.js'
import { MemoryLedger } from '../memory-ledger.js'
import { PairSet } from '../pair-set.js'
import { type Layout, noSuperblock } from '../volume.js'
import { type Directory, Listing, type Node, nodeOf } from './directory.js'
import { isNullPair, moveKey } from './format/directory-block.js'
import {
  BLOCK_SIZE_MIN_BYTES,
  decodeSuperblock,
  isSupported,
  type Superblock,
} from './format/superblock.js'
import { entriesOf, type Pair, readPair } from './pair.js'
import { placedKeys, readThread, SUPERBLOCK_PAIR } from './thread.js'

/** Longest name, with room for it in a block. */
const NAME_MAX_BYTES = 255
const NAME_ROOM_BYTES = 32
export const FILE_MAX_BYTES = 0x7fffffff

/** An entry with what belongs to it, in memory; and what is known of one that is being moved. */
const ENTRY_MEMORY_BYTES = 300
const KEY_MEMORY_BYTES = 100

interface VolumeOptions {
  /** Blocks that the filesystem may have. Default: all that the device has, or the superblock says. */
  readonly blockCount?: number
  /** What directories and lists of blocks may take in memory between operations, in bytes. */
  readonly memoryBudget?: number
}

export class Volume {
  readonly limits: { readonly nameMax: number; readonly fileMax: number }
  readonly root: Node
  private readonly directories = new Map<string, Directory>()
  private placed: Set<string> | undefined

  constructor(
    /** Its block count bounds what pointers may lead to. */
    readonly layout: Layout,
    readonly superblock: Superblock,
    /** The block of the superblock that is in force, and its revision. */
    readonly superblockAt: { readonly block: number; readonly revision: number },
    /** Of the filesystem. */
    readonly blockCount: number,
    private readonly memoryBudget: number,
  ) {
    const nameMax = Math.min(NAME_MAX_BYTES, layout.blockSize - NAME_ROOM_BYTES)
    this.limits = { nameMax, fileMax: FILE_MAX_BYTES }
    this.root = { type: 'directory', name: '', pair: superblock.root, size: 0, head: 0 }
  }

  /** One that is in memory. */
  known(pair: BlockPair): Directory | undefined {
    return this.directories.get(keyOf(pair))
  }

  /**
   * A directory, as far as it can be read: damage further on is its `damage`.
   *
   * @throws FormatError where nothing of it can be read.
   */
  *readDirectory(first: BlockPair): Op<Directory> {
    const known = this.known(first)
    if (known !== undefined) return known
    const met = new PairSet()
    const listing = new Listing()
    let pair = yield* this.readPairOf(first, met)
    let damage: FormatError | undefined
    try {
      for (;;) {
        yield* this.addEntries(pair, listing)
        if (!pair.header.isContinued) break
        pair = yield* this.readPairOf(pair.header.tail, met)
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      damage = error
    }
    const directory = listing.finish(damage)
    this.layout.ledger.bytes += ENTRY_MEMORY_BYTES * (directory.nodes.length + 1)
    this.directories.set(keyOf(first), directory)
    return directory
  }

  private *addEntries(pair: Pair, listing: Listing): Op<void> {
    listing.pairs.push({ blocks: pair.blocks, active: pair.active })
    const { entries, damage } = entriesOf(pair)
    for (const entry of entries) {
      const node = nodeOf(entry)
      if (node === undefined) continue
      listing.add(node, entry.isMoved && (yield* this.isPlaced(moveKey(entry))))
    }
    if (damage !== undefined) throw damage
  }

  private *readPairOf(blocks: BlockPair, met: PairSet) {
    if (isNullPair(blocks) || !met.add(blocks)) {
      const what = isNullPair(blocks)
        ? 'A pointer to a metadata pair leads nowhere'
        : `A directory goes on with its own pair {${blocks[0]}, ${blocks[1]}}`
      throw new FormatError('CORRUPT_PAIR', `${what}: the image is damaged.`, {
        structure: 'metadata pair',
        ...(isNullPair(blocks) ? {} : { block: blocks[0] }),
      })
    }
    return yield* readPair(this.layout, blocks)
  }

  /** True where an entry with that key is on the list which no rename has marked. */
  private *isPlaced(key: string): Op<boolean> {
    if (this.placed === undefined) {
      this.placed = placedKeys(yield* readThread(this.layout))
      this.layout.ledger.bytes += KEY_MEMORY_BYTES * this.placed.size
    }
    return this.placed.has(key)
  }

  /** Nothing is running. */
  trim(): void {
    if (this.layout.ledger.bytes > this.memoryBudget) this.forget()
  }

  forget(): void {
    this.directories.clear()
    this.placed = undefined
    this.layout.ledger.bytes = 0
  }
}

function keyOf([a, b]: BlockPair): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

/**
 * Mounts a device seen in blocks of the filesystem's size.
 *
 * @throws FormatError `NOT_LITTLEFS`, `UNSUPPORTED_VERSION`, `WRONG_GEOMETRY`; MisuseError
 *   `INVALID_ARGUMENT`.
 */
export function* mountVolume(geometry: Geometry, options: VolumeOptions): Op<Volume> {
  const { blockSize, blockCount: heldBlockCount, readSize, progSize } = geometry
  if (blockSize < BLOCK_SIZE_MIN_BYTES || heldBlockCount < 2) throw noSuperblock(0)
  const memoryBudget = memoryBudgetOf(options)
  const ledger = new MemoryLedger()
  const held: Layout = {
    blockSize,
    blockCount: heldBlockCount,
    heldBlockCount,
    readSize,
    progSize,
    ledger,
  }
  const pair = yield* readSuperblockPair(held)
  const superblock = pair && decodeSuperblock(pair.bytes)
  if (pair === undefined || superblock === undefined) throw noSuperblock(0)
  const { majorVersion, minorVersion } = superblock
  if (!isSupported(superblock)) {
    throw new FormatError(
      'UNSUPPORTED_VERSION',
      `The superblock says version ${majorVersion}.${minorVersion} in the layout of littlefs 1, of which there are 1.0 and 1.1: it was written by a draft of littlefs 2, or is damaged.`,
      { structure: 'superblock', block: pair.blocks[pair.active] },
    )
  }
  const blockCount = options.blockCount ?? superblock.blockCount
  // A device looks at its own size alone: what it can reach may be read, whatever the superblock says.
  const bound = options.blockCount ?? Math.max(blockCount, heldBlockCount)
  const at = { block: pair.blocks[pair.active], revision: pair.header.revision }
  return new Volume({ ...held, blockCount: bound }, superblock, at, blockCount, memoryBudget)
}

function* readSuperblockPair(layout: Layout) {
  try {
    return yield* readPair(layout, SUPERBLOCK_PAIR)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
