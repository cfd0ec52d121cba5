/**
 * Repair in place: only what is provably right, by commits of the engine, so that a power cut leaves
 * each pair as it was or mended.
 *
 * 1. Nothing is written while an error stands that makes writing dangerous: blocks that two things use,
 *    a list or a tree that cannot be followed, tags that say what no writer says.
 * 2. A half that is broken is written anew from the one in force; what a power cut left undone is
 *    finished. What a mount shows is the same before and after.
 * 3. Entries that lead nowhere stay, unless their removal is asked for.
 */

import { FormatError, type Op } from '@caravan/core'
import type { CheckReport } from '../check/check.js'
import type { FindingCode, LittlefsFinding } from '../check/findings.js'
import { type Directory, entryType, openDirectory, shownEntries } from '../directory.js'
import { findBlocks } from '../file-blocks.js'
import { fileBlocksOf } from '../file-read.js'
import { byteStringToText } from '../format/name.js'
import { type Entry, type MetadataPair, pairKey } from '../metadata-pair.js'
import { commit } from '../thread.js'
import { checkSteps, FIRST_PAIR } from '../thread-search.js'
import { setContent } from '../tree-change.js'
import { eraseBlock } from '../verified-prog.js'
import type { Volume } from '../volume.js'

/** What becomes of entries whose content cannot be found. */
export type DanglingChoice = 'keep' | 'remove' | 'empty'

export interface RepairStep {
  /**
   * - `finish`: what a power cut left undone is done: a rename's old name, directories half made;
   * - `rewrite`: a log is written anew, into the other block of its pair;
   * - `remove`: an entry that leads nowhere is taken away;
   * - `empty`: a file whose blocks cannot be found gets no content.
   */
  readonly kind: 'finish' | 'rewrite' | 'remove' | 'empty'
  readonly block?: number
  readonly path?: string
  /** As a sentence. */
  readonly what: string
}

const REWRITTEN: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'SUPERBLOCK_HALF_LOST',
  'NEWER_HALF_LOST',
  'REVISIONS_EQUAL',
  'TORN_COMMIT',
  'STALE_DAMAGE',
  'FORWARD_CRC_MISMATCH',
])

const FINISHED: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'HALF_ORPHAN',
  'ORPHAN',
  'ORPHANS_ANNOUNCED',
  'MOVE_PENDING',
])

/** Errors beside which writing harms nothing that was not lost before. */
const HARMLESS: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'NAME_TOO_LONG',
  'NAME_INVALID',
  'FILE_TOO_LARGE',
  'ORPHAN_UNANNOUNCED',
  // Entries that lead nowhere:
  'PAIR_OUT_OF_RANGE',
  'PAIR_LOST',
  'IMPOSSIBLE_SIZE',
  'FILE_BLOCK_OUT_OF_RANGE',
  'WRONG_STRUCT',
])

/** The findings that keep everything in place from being touched. */
export function blockersOf({ findings }: CheckReport): LittlefsFinding[] {
  return findings.filter(({ code, severity }) => severity === 'error' && !HARMLESS.has(code))
}

/** What is to be done about the findings; entries that lead nowhere are looked for in the volume. */
export function* planSteps(
  volume: Volume,
  { findings }: CheckReport,
  dangling: DanglingChoice,
): Op<RepairStep[]> {
  const steps: RepairStep[] = []
  const pending = findings.filter(({ code }) => FINISHED.has(code))
  if (pending.length > 0) {
    const whats = pending.map(({ what }) => what).join(' ')
    steps.push({ kind: 'finish', what: `What a power cut left undone is finished: ${whats}` })
  }
  if (dangling !== 'keep') {
    for (const { entry, path } of yield* findDangling(volume)) {
      steps.push(danglingStep(entry, path, dangling))
    }
  }
  const blocks = new Set<number>()
  for (const { code, block, path, what } of findings) {
    if (!REWRITTEN.has(code) || block === undefined || blocks.has(block)) continue
    blocks.add(block)
    steps.push({
      kind: 'rewrite',
      block,
      ...(path === undefined ? {} : { path }),
      what: `The pair of block ${block} is written anew from the half in force: ${what}`,
    })
  }
  return steps
}

function danglingStep(entry: Entry, path: string, choice: DanglingChoice): RepairStep {
  const kind = choice === 'empty' && entryType(entry) === 'file' ? 'empty' : 'remove'
  const done = kind === 'empty' ? 'becomes an empty file' : 'is removed'
  return { kind, path, what: `${path} ${done}: where its content was cannot be found.` }
}

/**
 * Does the steps on a mounted volume. Each is a change of its own.
 *
 * @param onDone told of each step once it is done.
 */
export function* doSteps(
  volume: Volume,
  steps: readonly RepairStep[],
  dangling: DanglingChoice,
  onDone: (step: RepairStep) => void,
): Op<void> {
  let danglingIsSettled = false
  for (const step of steps) {
    switch (step.kind) {
      case 'finish':
        // The first change finishes what is undone, whatever it is itself.
        yield* volume.change('repair', nothing)
        break
      case 'remove':
      case 'empty':
        // All of them in one walk: looked for one by one each would take a walk of its own.
        if (!danglingIsSettled) yield* settleDangling(volume, dangling, onDone)
        danglingIsSettled = true
        continue
      case 'rewrite': {
        const pair = yield* findPairOf(volume, step.block as number)
        if (pair === undefined) continue
        yield* volume.change('repair', () => rewrite(volume, pair))
      }
    }
    onDone(step)
  }
}

function* nothing(): Op<void> {}

function* rewrite(volume: Volume, pair: MetadataPair): Op<void> {
  // What is broken there must not become a good log by a part of the new one: where the cut loses the
  // erase, and keeps of the prog just what was damaged.
  if (yield* eraseBlock(pair.blocks[1])) yield { kind: 'sync' }
  // So that nothing is appended.
  pair.nextIsErased = false
  yield* commit(volume, pair, [])
}

/** The pair on the list that has a block. */
function* findPairOf(volume: Volume, block: number): Op<MetadataPair | undefined> {
  let pair: MetadataPair = yield* volume.readPair(FIRST_PAIR)
  for (let steps = 0; ; steps++) {
    if (pair.blocks.includes(block)) return pair
    const { tail } = pair.summary
    if (tail === undefined) return undefined
    checkSteps(volume, steps, tail)
    pair = yield* volume.readPair(tail)
  }
}

interface DanglingEntry {
  readonly entry: Entry
  readonly path: string
}

/** Entries whose directory or blocks cannot be found, in the order of the tree. */
function* findDangling(volume: Volume): Op<DanglingEntry[]> {
  const found: DanglingEntry[] = []
  yield* walkDirectories(volume, function* (path, list) {
    for (const entry of yield* list()) {
      if (yield* leadsSomewhere(volume, entry)) continue
      found.push({ entry, path: childPath(path, entry) })
    }
  })
  return found
}

/**
 * Every directory once, before those that lie in it; these are looked for once it was visited.
 *
 * @param visit is told of its path, '' for the root, and how to list it.
 */
function* walkDirectories(
  volume: Volume,
  visit: (path: string, list: () => Op<Entry[]>) => Op<void>,
): Op<void> {
  const seen = new Set<number>()
  /** Names from the root: a path cannot tell a slash in a name. */
  const pending: (readonly string[])[] = [[]]
  for (let names = pending.pop(); names !== undefined; names = pending.pop()) {
    const directory = yield* openByNames(volume, names)
    if (directory === undefined || seen.has(pairKey(directory.head.blocks))) continue
    seen.add(pairKey(directory.head.blocks))
    const here = names
    const list = function* () {
      const chain = (yield* openByNames(volume, here))?.chain ?? []
      return chain.flatMap((pair) => [...shownEntries(volume, pair)])
    }
    yield* visit(names.map((name) => `/${byteStringToText(name)}`).join(''), list)
    for (const child of yield* list()) {
      if (entryType(child) !== 'directory' || !(yield* leadsSomewhere(volume, child))) continue
      pending.push([...names, child.content.name])
    }
  }
}

/** From the root on: what was read before a change may be what it was before. */
function* openByNames(volume: Volume, names: readonly string[]): Op<Directory | undefined> {
  let directory: Directory = yield* openDirectory(volume, yield* volume.readRoot())
  for (const name of names) {
    const entry = directory.find(name)
    if (entry === undefined) return undefined
    directory = yield* openDirectory(volume, entry)
  }
  return directory
}

function* leadsSomewhere(volume: Volume, entry: Entry): Op<boolean> {
  try {
    switch (entryType(entry)) {
      case 'directory':
        yield* openDirectory(volume, entry)
        return true
      case 'file': {
        const { struct } = entry.content
        if (struct?.kind === 'inline' || (struct?.kind === 'ctz' && struct.size === 0)) return true
        const blocks = fileBlocksOf(volume.layout, entry)
        yield* findBlocks(volume.layout, [{ blocks, from: 0, to: blocks.lastIndex }])
        return true
      }
      case 'other':
        return true
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return false
  }
}

function* settleDangling(
  volume: Volume,
  choice: DanglingChoice,
  onDone: (step: RepairStep) => void,
): Op<void> {
  yield* walkDirectories(volume, function* (path, list) {
    const sound = new Set<string>()
    for (;;) {
      // Read anew: with each that is taken out the ids of others move down.
      const found = yield* firstDangling(volume, yield* list(), sound)
      if (found === undefined) return
      yield* settle(volume, found, choice)
      onDone(danglingStep(found, childPath(path, found), choice))
    }
  })
}

/** @param sound names of entries that are known to lead somewhere; added to. */
function* firstDangling(
  volume: Volume,
  entries: readonly Entry[],
  sound: Set<string>,
): Op<Entry | undefined> {
  for (const entry of entries) {
    const { name } = entry.content
    if (sound.has(name)) continue
    if (!(yield* leadsSomewhere(volume, entry))) return entry
    sound.add(name)
  }
  return undefined
}

function* settle(volume: Volume, entry: Entry, choice: DanglingChoice): Op<void> {
  yield* volume.change('repair', function* () {
    if (choice === 'empty' && entryType(entry) === 'file') {
      const struct = { kind: 'inline', bytes: new Uint8Array(0) } as const
      yield* setContent(volume, entry, { ...entry.content, struct })
    } else {
      const id = entry.pair.entries.indexOf(entry)
      yield* commit(volume, entry.pair, [{ kind: 'delete', id }])
    }
  })
}

function childPath(directory: string, { content }: Entry): string {
  return `${directory}/${byteStringToText(content.name)}`
}
