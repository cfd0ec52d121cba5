/**
 * The threaded list of littlefs 1: from the superblock's pair on every pair leads to the next one by
 * its tail. It tells which blocks are in use, and whether an entry that is being moved has its like
 * elsewhere; reading by path needs the tree alone.
 *
 * Source: littlefs v1 DESIGN.md, "The move problem"; SPEC.md, "Directories".
 */

import { FormatError, type Op } from '@caravan/core'
import type { BlockPair } from '../format/metadata-log.js'
import { isSamePair, sharesBlock } from '../metadata-pair.js'
import { PairSet } from '../pair-set.js'
import type { Layout } from '../volume.js'
import { type DiskEntry, isNullPair, leadsToPair, moveKey } from './format/directory-block.js'
import { entriesOf, readPair } from './pair.js'

export const SUPERBLOCK_PAIR: BlockPair = [0, 1]

export interface ThreadPair {
  readonly blocks: BlockPair
  /** Which of them is in force. */
  readonly active: 0 | 1
  readonly entries: readonly DiskEntry[]
  readonly tail: BlockPair
  /** True where it goes on with a directory that began in a pair before it. */
  readonly isContinuation: boolean
}

/**
 * All pairs in the order of the list, the superblock's first.
 *
 * @throws FormatError `TAIL_CYCLE`, `CORRUPT_PAIR`, `CORRUPT_ENTRY`.
 */
export function* readThread(layout: Layout): Op<ThreadPair[]> {
  const pairs: ThreadPair[] = []
  const met = new PairSet()
  let isContinuation = false
  for (let blocks = SUPERBLOCK_PAIR; !isNullPair(blocks); ) {
    if (!met.add(blocks)) throw listInCircles(blocks)
    const pair = yield* readPair(layout, blocks)
    const { tail, isContinued } = pair.header
    const { entries, damage } = entriesOf(pair)
    if (damage !== undefined) throw damage
    pairs.push({ blocks, active: pair.active, entries, tail, isContinuation })
    isContinuation = isContinued
    blocks = tail
  }
  return pairs
}

function listInCircles(blocks: BlockPair): FormatError {
  return new FormatError(
    'TAIL_CYCLE',
    `The list of metadata pairs leads back to {${blocks[0]}, ${blocks[1]}}: the image is damaged, and a device would follow the list for ever.`,
    { structure: 'metadata pair', block: blocks[0] },
  )
}

/** What list and tree say of each other. */
export interface ThreadState {
  /** On the list, the superblock's own not counted. */
  readonly pairCount: number
  /** Entries that a rename has marked. */
  readonly movedCount: number
  /** Of these, those whose like is elsewhere: they are not there any more. */
  readonly movedElsewhereCount: number
  /** Directories that no entry leads to. */
  readonly orphans: readonly BlockPair[]
  /** Directories whose entry names another block than the list. */
  readonly desyncs: readonly { readonly listed: BlockPair; readonly named: BlockPair }[]
}

export function threadState(pairs: readonly ThreadPair[]): ThreadState {
  const placed = placedKeys(pairs)
  const leading = new Map<number, BlockPair[]>()
  let movedCount = 0
  let movedElsewhereCount = 0
  for (const entry of pairs.flatMap(({ entries }) => entries)) {
    if (leadsToPair(entry)) {
      for (const block of new Set(entry.data)) {
        const known = leading.get(block)
        if (known === undefined) leading.set(block, [entry.data])
        else known.push(entry.data)
      }
    }
  }
  for (const entry of pairs.slice(1).flatMap(({ entries }) => entries)) {
    if (!entry.isMoved) continue
    movedCount++
    if (placed.has(moveKey(entry))) movedElsewhereCount++
  }
  const orphans: BlockPair[] = []
  const desyncs: { listed: BlockPair; named: BlockPair }[] = []
  for (const { blocks, isContinuation } of pairs.slice(1)) {
    if (isContinuation) continue
    const named = [...(leading.get(blocks[0]) ?? []), ...(leading.get(blocks[1]) ?? [])].filter(
      (other) => sharesBlock(other, blocks),
    )
    const [first] = named
    if (first === undefined) orphans.push(blocks)
    else if (!named.some((other) => isSamePair(other, blocks))) {
      desyncs.push({ listed: blocks, named: first })
    }
  }
  return { pairCount: pairs.length - 1, movedCount, movedElsewhereCount, orphans, desyncs }
}

/** What all entries are that no rename has marked, by the key of their data. */
export function placedKeys(pairs: readonly ThreadPair[]): Set<string> {
  const keys = new Set<string>()
  for (const { entries } of pairs.slice(1)) {
    for (const entry of entries) if (!entry.isMoved) keys.add(moveKey(entry))
  }
  return keys
}
