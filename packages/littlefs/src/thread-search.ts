/**
 * What leads to a metadata pair: its predecessor on the threaded list, its entry in the tree.
 *
 * Source: littlefs DESIGN.md, "The move problem", "Directories".
 */

import { FormatError, type Op } from '@caravan/core'
import { contentType, openDirectory, readChain, shownContents } from './directory.js'
import type { BlockPair } from './format/metadata-log.js'
import { type Entry, isSamePair, type MetadataPair, sharesBlock } from './metadata-pair.js'
import { PairSet } from './pair-set.js'
import type { Volume } from './volume.js'

export const FIRST_PAIR: BlockPair = [0, 1]

/** The pair whose tail leads to these blocks. */
export function* findPredecessor(volume: Volume, blocks: BlockPair): Op<MetadataPair | undefined> {
  const hint = volume.findPair(blocks)?.predecessor
  if (hint !== undefined && volume.pairs.has(hint) && leadsTo(hint, blocks)) return hint
  const visit = volume.caches.beginVisit()
  let pair = yield* volume.readPair(FIRST_PAIR)
  for (let steps = 0; pair.summary.tail !== undefined; steps++) {
    checkSteps(volume, steps, pair.summary.tail)
    if (leadsTo(pair, blocks)) return pair
    const next: MetadataPair = yield* volume.readPair(pair.summary.tail)
    next.predecessor = pair
    pair = next
    visit.release(pair)
  }
  return undefined
}

/**
 * Refuses a pair that the list does not lead to: the share of the global state that is put there
 * nobody would add up, and a move that was done would be finished again, on another entry.
 *
 * @throws FormatError `NOT_THREADED`.
 */
export function* checkThreaded(volume: Volume, pair: MetadataPair): Op<void> {
  if (volume.isFirstPair(pair)) return
  const tail = (yield* findPredecessor(volume, pair.blocks))?.summary.tail
  if (tail !== undefined && isSamePair(tail, pair.blocks)) return
  throw new FormatError(
    'NOT_THREADED',
    `The metadata pair {${pair.blocks[0]}, ${pair.blocks[1]}} is not on the list of all pairs: the image is damaged, and nothing can be moved out of or into this directory. Copy its files instead.`,
    { structure: 'tail', block: pair.blocks[0] },
  )
}

function leadsTo(pair: MetadataPair, blocks: BlockPair): boolean {
  return pair.summary.tail !== undefined && sharesBlock(pair.summary.tail, blocks)
}

/** The entry of the directory that begins with these blocks. */
export function* findParentEntry(volume: Volume, blocks: BlockPair): Op<Entry | undefined> {
  const cached = volume.findPair(blocks)
  const directory = cached?.directory
  if (directory !== undefined) {
    if (directory.head !== cached) return undefined
    const owner = directory.owner
    // A reader may have come by an entry that a rename was just moving away.
    const isThere = owner?.removed === false && volume.isCurrent(owner)
    if (owner !== undefined && isThere && isEntryOf(owner, blocks)) return owner
  }
  // By the tree: on the list may stand the old log of a pair that moved, with what it said then.
  const seen = new PairSet()
  const pending: { readonly head: BlockPair; readonly entry: Entry | undefined }[] = []
  const root = yield* volume.readRoot()
  pending.push({ head: volume.root, entry: root })
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const visit = volume.caches.beginVisit()
    for (const pair of yield* readableChain(volume, next.head, next.entry)) {
      if (!seen.add(pair.blocks)) break
      for (const { content, id } of shownContents(volume, pair)) {
        const { struct } = content
        if (struct?.kind !== 'directory') continue
        if (sharesBlock(struct.pair, blocks)) return pair.entries[id]
        if (contentType(content) !== 'directory') continue
        pending.push({
          head: struct.pair,
          entry: volume.caches.hasRoom ? pair.entries[id] : undefined,
        })
      }
    }
    visit.release()
  }
  return undefined
}

/** Nothing for a directory that is damaged. Where there is room it stays, and knows who leads to it. */
function* readableChain(
  volume: Volume,
  head: BlockPair,
  entry: Entry | undefined,
): Op<readonly MetadataPair[]> {
  try {
    if (entry === undefined || !volume.caches.hasRoom) return yield* readChain(volume, head)
    return (yield* openDirectory(volume, entry)).chain
  } catch (error) {
    if (error instanceof FormatError) return []
    throw error
  }
}

function isEntryOf(entry: Entry, blocks: BlockPair): boolean {
  const { struct } = entry.content
  return struct?.kind === 'directory' && sharesBlock(struct.pair, blocks)
}

/**
 * Stops a walk along the list that runs in circles: each step goes on or mends a pair, so that there
 * are not many more than blocks. Mounting has seen no loop, but what was written since may have made
 * one of damaged logs that share blocks.
 *
 * @throws FormatError `TAIL_CYCLE`.
 */
export function checkSteps(volume: Volume, steps: number, tail: BlockPair): void {
  const { blockCount, heldBlockCount } = volume.layout
  if (steps <= 2 * Math.min(blockCount, heldBlockCount)) return
  throw new FormatError(
    'TAIL_CYCLE',
    `The list of all metadata pairs comes back to {${tail[0]}, ${tail[1]}}: the image is damaged, and writing cannot go on.`,
    { structure: 'tail', block: tail[0] },
  )
}
