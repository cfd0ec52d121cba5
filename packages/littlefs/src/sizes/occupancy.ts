/**
 * Occupancy: what stands in which block, so that it can be moved.
 *
 * 1. A block has one item. On a damaged image two may claim it: then nothing is moved at all.
 * 2. It is right for as long as every move is told to it; who finds that something else has moved
 *    (a block went bad) reads it anew.
 */

import { FormatError, type Op } from '@caravan/core'
import { contentType, headOf, readChain, shownContents } from '../directory.js'
import { findBlocks } from '../file-blocks.js'
import { newFileBlocks } from '../file-read.js'
import type { BlockPair, EntryContent } from '../format/metadata-log.js'
import { byteStringToText } from '../format/name.js'
import { TagType } from '../format/tag.js'
import { MemoryLedger } from '../memory-ledger.js'
import { type MetadataPair, pairKey } from '../metadata-pair.js'
import { checkSteps, FIRST_PAIR } from '../thread-search.js'
import type { Volume } from '../volume.js'

/** A file with blocks of its own. */
export interface FileItem {
  readonly kind: 'file'
  /** From the root, as byte strings: a path cannot tell a slash in a name. */
  readonly names: readonly string[]
  /** By index. */
  blocks: readonly number[]
  /** True where it stays where it is. */
  isFixed: boolean
}

export interface PairItem {
  readonly kind: 'pair'
  /** The half in force first, as it was when it was last looked at. */
  blocks: BlockPair
  isFixed: boolean
}

export type Item = FileItem | PairItem

/** Blocks that are counted together. */
const PAGE_BITS = 10

export class Occupancy {
  /** Pairs in the order of the tree, a directory before those in it. */
  readonly pairs: PairItem[] = []
  readonly files: FileItem[] = []
  private readonly owners = new Map<number, Item>()
  private readonly pageCounts: number[] = []

  /** @throws FormatError `SHARED_BLOCK`. */
  add(item: Item): void {
    for (const block of item.blocks) this.take(block, item)
    if (item.kind === 'pair') this.pairs.push(item)
    else this.files.push(item)
  }

  /** Two things that both have a block go on sharing it for as long as neither is written to. */
  private take(block: number, item: Item): void {
    const other = this.owners.get(block)
    if (other !== undefined) {
      throw new FormatError(
        'SHARED_BLOCK',
        `Block ${block} is used by ${inWords(other)} and by ${inWords(item)}: the image is damaged, and nothing in it can be moved. \`check\` lists what is wrong; copy its files to a new image.`,
        { structure: item.kind === 'pair' ? 'metadata pair' : 'CTZ skip-list', block },
      )
    }
    this.owners.set(block, item)
    this.count(block, 1)
  }

  private count(block: number, difference: number): void {
    const page = block >>> PAGE_BITS
    this.pageCounts[page] = (this.pageCounts[page] ?? 0) + difference
  }

  /** The item has other blocks now. */
  moved(item: Item, blocks: readonly number[]): void {
    for (const block of item.blocks) {
      this.owners.delete(block)
      this.count(block, -1)
    }
    for (const block of blocks) this.take(block, item)
    if (item.kind === 'file') item.blocks = blocks
    else item.blocks = [blocks[0] as number, blocks[1] as number]
  }

  /** A pair is no more. */
  remove(item: PairItem): void {
    for (const block of item.blocks) {
      this.owners.delete(block)
      this.count(block, -1)
    }
    this.pairs.splice(this.pairs.indexOf(item), 1)
  }

  ownerOf(block: number): Item | undefined {
    return this.owners.get(block)
  }

  get usedCount(): number {
    return this.owners.size
  }

  /** How many blocks are in use from `begin` up to `end`. */
  usedIn(begin: number, end: number): number {
    let count = 0
    for (let block = begin; block < end; ) {
      const next = ((block >>> PAGE_BITS) + 1) << PAGE_BITS
      const isWholePage = block % (1 << PAGE_BITS) === 0 && next <= end
      if (isWholePage) count += this.pageCounts[block >>> PAGE_BITS] ?? 0
      else for (let at = block; at < Math.min(next, end); at++) if (this.owners.has(at)) count++
      block = next
    }
    return count
  }

  /** The block after the last one in use. */
  get end(): number {
    let end = 0
    for (const block of this.owners.keys()) if (block >= end) end = block + 1
    return end
  }
}

export interface DefragOptions {
  /** Told of every file that has moved, and the blocks written for it; `undefined` for metadata. */
  readonly onMoved?: ((path: string | undefined, blockCount: number) => void) | undefined
}

export function onMovedItem(
  onMoved: DefragOptions['onMoved'],
): (item: Item, blockCount: number) => void {
  return (item, blockCount) =>
    onMoved?.(item.kind === 'file' ? pathOf(item) : undefined, blockCount)
}

/** As sentences name it. */
function inWords(item: Item): string {
  return item.kind === 'file' ? pathOf(item) : `the metadata pair {${item.blocks.join(', ')}}`
}

/** The path of a file as text. */
export function pathOf({ names }: FileItem): string {
  return `/${names.map(byteStringToText).join('/')}`
}

/**
 * Reads the places of everything.
 *
 * @throws FormatError `SHARED_BLOCK`, `NOT_THREADED` and what cannot be followed: on a damaged image
 *   nothing is moved.
 */
export function* readOccupancy(volume: Volume): Op<Occupancy> {
  const occupancy = new Occupancy()
  yield* addTree(volume, occupancy)
  yield* addThread(volume, occupancy)
  return occupancy
}

function* addTree(volume: Volume, occupancy: Occupancy): Op<void> {
  yield* volume.readRoot()
  const pending: { head: BlockPair; names: readonly string[] }[] = [
    { head: volume.root, names: [] },
  ]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { head, names } = next
    const visit = volume.caches.beginVisit()
    const found: { content: EntryContent; pair: MetadataPair }[] = []
    for (const pair of yield* readChain(volume, head)) {
      occupancy.add(pairItem(volume, pair))
      for (const { content } of shownContents(volume, pair)) found.push({ content, pair })
    }
    checkNames(found)
    yield* addFiles(volume, occupancy, names, found)
    for (const { content, pair } of found.reverse()) {
      if (contentType(content) !== 'directory') continue
      pending.push({ head: headOf(volume, content, pair), names: [...names, content.name] })
    }
    visit.release()
  }
}

/** What is moved is found by its name. */
function checkNames(
  found: readonly { readonly content: EntryContent; readonly pair: MetadataPair }[],
): void {
  const seen = new Set<string>()
  for (const { content, pair } of found) {
    const { name } = content
    if (seen.has(name)) {
      throw new FormatError(
        'DUPLICATE_NAME',
        `The name '${byteStringToText(name)}' stands twice in a directory, with one entry in the metadata pair {${pair.blocks.join(', ')}}: the image is damaged, and nothing in it can be moved. Remove or rename one of them.`,
        { structure: 'directory', block: pair.blocks[0] },
      )
    }
    seen.add(name)
  }
}

function pairItem(volume: Volume, pair: MetadataPair): PairItem {
  return { kind: 'pair', blocks: pair.blocks, isFixed: volume.isFirstPair(pair) }
}

/** Those of one directory. What is of an unknown type has its blocks as files do. */
function* addFiles(
  volume: Volume,
  occupancy: Occupancy,
  names: readonly string[],
  found: readonly { readonly content: EntryContent; readonly pair: MetadataPair }[],
): Op<void> {
  // What is looked up here is known for the moment only.
  const layout = { ...volume.layout, ledger: new MemoryLedger() }
  for (const { content, pair } of found) {
    const { struct, name } = content
    if (contentType(content) === 'directory') continue
    if (struct?.kind !== 'ctz' || struct.size === 0) continue
    const list = newFileBlocks(layout, struct, pair.blocks)
    yield* findBlocks(layout, [{ blocks: list, from: 0, to: list.lastIndex }])
    const blocks = Array.from({ length: list.lastIndex + 1 }, (_, i) => list.get(i) as number)
    occupancy.add({ kind: 'file', names: [...names, name], blocks, isFixed: false })
  }
}

/** Adds superblocks that the tree does not lead to, and sees to it that both have the same pairs. */
function* addThread(volume: Volume, occupancy: Occupancy): Op<void> {
  // What a power cut left undone is seen to before anything moves.
  const isPending = volume.state.wantsOrphans || volume.state.wantedMove !== undefined
  const threaded = new Set<number>()
  let next: BlockPair | undefined = FIRST_PAIR
  for (let steps = 0; next !== undefined; steps++) {
    checkSteps(volume, steps, next)
    const visit = volume.caches.beginVisit()
    const pair: MetadataPair = yield* volume.readPair(next)
    threaded.add(pairKey(pair.blocks))
    const isInTree = pair.blocks.some((block) => occupancy.ownerOf(block)?.kind === 'pair')
    const isSuperblock = volume.caches.contentsOf(pair)[0]?.nameType === TagType.SUPERBLOCK
    if (!isInTree && isSuperblock) occupancy.add(pairItem(volume, pair))
    else if (!isInTree && !isPending) throw notBoth(pair.blocks, 'in the tree')
    next = pair.summary.tail
    visit.release()
  }
  if (isPending) return
  for (const { blocks } of occupancy.pairs) {
    if (!threaded.has(pairKey(blocks))) throw notBoth(blocks, 'on the list of all pairs')
  }
}

function notBoth(blocks: BlockPair, where: string): FormatError {
  return new FormatError(
    'NOT_THREADED',
    `The metadata pair {${blocks[0]}, ${blocks[1]}} is not ${where}: the image is damaged, and nothing in it can be moved. Copy its files to a new image.`,
    { structure: 'tail', block: blocks[0] },
  )
}
