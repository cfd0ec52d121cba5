/**
 * Where the metadata of a littlefs 2 goes on a device that holds a littlefs 1, whose tree must stay
 * readable until the last step.
 *
 * 1. Nothing is written into a block that the littlefs 1 needs: the half in force of a pair of its tree
 *    or its list, the blocks of files.
 * 2. A directory goes into the halves of its own pairs that are not in force; only what does not fit
 *    there takes others. So no room is needed for what fits.
 * 3. The other block of a new pair may be one that only the littlefs 1 needs: it is written first when
 *    the littlefs 2 is in use.
 */

import { FsError } from '@caravan/core'
import { BlockSet } from '../block-set.js'
import { encodedSize } from '../format/commit-encoder.js'
import type { Attribute, BlockPair, EntryContent, Struct } from '../format/metadata-log.js'
import { compareNames } from '../format/name.js'
import { contentMaxIn, fillPairs } from '../format/split-plan.js'
import { TagType } from '../format/tag.js'
import type { Directory, DirectoryPair, Node } from './directory.js'

/** Of a block: its revision, the tags of its tail and of the commit's end. */
const FULL_RESERVE_BYTES = 24

/** A directory to be moved; those in it come behind it. */
export interface DirectoryToMove {
  readonly node: Node
  readonly directory: Directory
}

/** A metadata pair of the littlefs 2 to be. */
export interface PlannedPair {
  /** The block that is written, and the one beside it. */
  readonly blocks: BlockPair
  readonly contents: readonly EntryContent[]
  /** Where the list goes on; `undefined` at its end. */
  readonly tail: BlockPair | undefined
  readonly hardTail: boolean
}

/** What is known of the blocks. */
export interface BlockUse {
  readonly blockCount: number
  /** What the littlefs 1 needs until the last step. */
  readonly needed: BlockSet
  /** Blocks of files that the tree leads to: the littlefs 2 has them too. */
  readonly kept: BlockSet
  /** Blocks that did not take what was written. */
  readonly bad: ReadonlySet<number>
}

interface Part {
  readonly nodes: readonly Node[]
  readonly blocks: BlockPair
}

/**
 * @param directories the root first.
 * @param attributes of every file.
 * @throws FsError `ENOSPC`.
 */
export function planMigration(
  directories: readonly DirectoryToMove[],
  use: BlockUse,
  blockSize: number,
  attributes: readonly Attribute[],
): PlannedPair[] {
  const allocator = new PairAllocator(use)
  const cuts = directories.map(({ directory: { nodes, pairs } }) => {
    // An empty root needs no pair but the superblock's.
    if (nodes.length === 0 && directories.length === 1) return []
    const sorted = [...nodes].sort((a, b) => compareNames(a.name, b.name))
    const sizes = sorted.map((node) => encodedSize(contentOf(node, [0, 0], attributes)))
    const starts = split(sizes, pairs.length, blockSize)
    allocator.reserve(pairs.slice(0, starts.length))
    return starts.map((from, i) => ({ nodes: sorted.slice(from, starts[i + 1]), own: pairs[i] }))
  })
  const parts = cuts.map((ofDirectory) =>
    ofDirectory.map(({ nodes, own }): Part => ({ nodes, blocks: allocator.take(own) })),
  )
  const firstOf = new Map<Node, BlockPair>()
  directories.forEach(({ node }, i) => {
    const first = parts[i]?.[0]
    if (first !== undefined) firstOf.set(node, first.blocks)
  })
  const planned: PlannedPair[] = []
  parts.forEach((ofDirectory, i) => {
    ofDirectory.forEach(({ nodes, blocks }, k) => {
      const isLast = k === ofDirectory.length - 1
      const next = isLast ? parts[i + 1]?.[0] : ofDirectory[k + 1]
      planned.push({
        blocks,
        contents: nodes.map((node) => contentOf(node, firstOf.get(node) ?? node.pair, attributes)),
        tail: next?.blocks,
        hardTail: !isLast,
      })
    })
  })
  return planned
}

function contentOf(node: Node, pair: BlockPair, attributes: readonly Attribute[]): EntryContent {
  const { name, type } = node
  if (type === 'directory') {
    const struct: Struct = { kind: 'directory', pair }
    return { nameType: TagType.DIRECTORY, name, struct, attributes: [], others: [] }
  }
  return { nameType: TagType.FILE, name, struct: structOf(node), attributes, others: [] }
}

/** The lists of blocks are the same; only an empty file is kept in its directory. */
function structOf({ head, size }: Node): Struct {
  return size === 0 ? { kind: 'inline', bytes: new Uint8Array(0) } : { kind: 'ctz', head, size }
}

/**
 * Where each pair's entries begin: with half of each block left for what comes, where the directory's
 * own pairs are enough for that; else as full as a log may be that can still be changed.
 *
 * @throws FsError `ENOSPC` for an entry that no block can hold.
 */
function split(sizes: readonly number[], ownPairs: number, blockSize: number): number[] {
  const full = blockSize - FULL_RESERVE_BYTES
  const tooLarge = sizes.find((size) => size > full)
  if (tooLarge !== undefined) {
    const hint = `an entry takes ${tooLarge} bytes in a littlefs 2, and a block of ${blockSize} bytes has room for ${full}: migrate with larger blocks, by caravan extract and caravan create`
    throw new FsError('ENOSPC', { hint })
  }
  const comfortable = fillPairs(sizes, Math.floor(blockSize / 2))
  return comfortable.length <= ownPairs ? comfortable : fillPairs(sizes, contentMaxIn(blockSize))
}

/** Gives out the blocks of new pairs. */
class PairAllocator {
  private readonly taken = new BlockSet()
  private readonly own = new BlockSet()
  private nextWritten = 2
  private nextBeside = 2

  constructor(private readonly use: BlockUse) {}

  /** Blocks of a directory that is to be moved are for itself, as long as there are others. */
  reserve(pairs: readonly DirectoryPair[]): void {
    for (const { blocks } of pairs) for (const block of blocks) this.own.add(block)
  }

  /** @throws FsError `ENOSPC`. */
  take(own: DirectoryPair | undefined): BlockPair {
    const written = this.takeWritten(own)
    return [written, this.takeBeside(own)]
  }

  private takeWritten(own: DirectoryPair | undefined): number {
    const older = own?.blocks[1 - own.active]
    if (older !== undefined && this.mayWrite(older)) return this.mark(older)
    for (; this.nextWritten < this.use.blockCount; this.nextWritten++) {
      const block = this.nextWritten
      if (!this.own.has(block) && this.mayWrite(block)) return this.mark(block)
    }
    throw this.noSpace()
  }

  private takeBeside(own: DirectoryPair | undefined): number {
    const active = own?.blocks[own.active]
    if (active !== undefined && this.isFreeLater(active)) return this.mark(active)
    // What only the littlefs 1 needs cannot be written now, and is best here.
    for (; this.nextBeside < this.use.blockCount; this.nextBeside++) {
      const block = this.nextBeside
      if (this.use.needed.has(block) && !this.own.has(block) && this.isFreeLater(block)) {
        return this.mark(block)
      }
    }
    return this.takeWritten(undefined)
  }

  private mayWrite(block: number): boolean {
    return !this.use.needed.has(block) && this.isFreeLater(block)
  }

  private isFreeLater(block: number): boolean {
    const { blockCount, kept, bad } = this.use
    if (block < 2 || block >= blockCount) return false
    return !kept.has(block) && !this.taken.has(block) && !bad.has(block)
  }

  private mark(block: number): number {
    this.taken.add(block)
    return block
  }

  private noSpace(): FsError {
    const hint = `the littlefs 2 does not fit beside the littlefs 1 in ${this.use.blockCount} blocks: migrate into a new image`
    return new FsError('ENOSPC', { hint })
  }
}
