/**
 * Batches: many changes, those of each metadata pair in one commit.
 *
 * Atomic where one commit holds all of it: every key in one metadata pair, and its dictionary there
 * already. What is removed and was not there takes no commit.
 */

import {
  type BatchOperation,
  type BatchResult,
  KeyValueError,
  keyOf,
  type Op,
  parseKey,
} from '@caravan/core'
import type { Change } from '../commit.js'
import type { Directory } from '../directory.js'
import type { FileBlocks } from '../file-blocks.js'
import {
  adopt,
  blocksToGiveBack,
  giveBackOld,
  type WrittenContent,
  writeContent,
} from '../file-write.js'
import { compareNames } from '../format/name.js'
import { Entry, type MetadataPair } from '../metadata-pair.js'
import { commit } from '../thread.js'
import { giveBackFile } from '../tree-change.js'
import type { Volume } from '../volume.js'
import {
  boundContent,
  checkValueSize,
  type Moment,
  makeParent,
  newContent,
  placeOfValue,
  removeKey,
} from './change.js'
import { find, isDictionary } from './find.js'

/** The last operation on a key. */
interface Wanted {
  readonly segments: readonly string[]
  /** `undefined`: to be removed. */
  readonly data: Uint8Array | undefined
}

const encoder = new TextEncoder()

/** Each key's last operation, in the order of the keys' first ones. */
export function planBatch(operations: Iterable<BatchOperation>): Wanted[] {
  const wanted = new Map<string, Wanted>()
  for (const operation of operations) {
    const segments = parseKey(operation.key)
    const data = operation.op === 'set' ? bytesOf(operation.value) : undefined
    wanted.set(segments.join('/'), { segments, data })
  }
  return [...wanted.values()]
}

export function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : value
}

/** @throws KeyValueError `NotAtomic`; what the single operations throw, before anything is written. */
export function* changeMany(
  volume: Volume,
  wanted: readonly Wanted[],
  mustBeAtomic: boolean,
  moment: Moment,
): Op<BatchResult> {
  checkTogether(wanted)
  const newDictionaries: (readonly string[])[] = []
  let removesDictionary = false
  for (const { segments, data } of wanted) {
    if (data === undefined) {
      if (segments.length === 0) yield* removeKey(volume, segments)
      const entry = yield* find(volume, segments)
      if (entry !== undefined && isDictionary(entry)) removesDictionary = true
      continue
    }
    yield* placeOfValue(volume, segments)
    checkValueSize(volume, segments, data.length)
    if ((yield* find(volume, segments.slice(0, -1))) === undefined) newDictionaries.push(segments)
  }
  let isAtomic = newDictionaries.length === 0 && !removesDictionary
  if (isAtomic) isAtomic = (yield* pairsOf(volume, wanted)).size <= 1
  else if (wanted.length === 1 && newDictionaries.length === 1) isAtomic = true
  if (mustBeAtomic && !isAtomic) {
    const [first] = wanted
    throw new KeyValueError('NotAtomic', first === undefined ? '/' : keyOf(first.segments), {
      hint: 'littlefs changes one metadata pair in a step: keep what belongs together in one small dictionary, made before',
    })
  }
  yield* perform(volume, wanted, moment)
  return { atomic: isAtomic }
}

/** A value and something below it cannot both be. */
function checkTogether(wanted: readonly Wanted[]): void {
  const values = new Set<string>()
  for (const { segments, data } of wanted) if (data !== undefined) values.add(segments.join('/'))
  for (const { segments, data } of wanted) {
    if (data === undefined) continue
    for (let depth = 1; depth < segments.length; depth++) {
      const above = segments.slice(0, depth)
      if (!values.has(above.join('/'))) continue
      throw new KeyValueError('DictionaryExpected', keyOf(above), {
        hint: `the batch sets it, and '${keyOf(segments)}' below it`,
      })
    }
  }
}

function* pairsOf(volume: Volume, wanted: readonly Wanted[]): Op<Set<MetadataPair>> {
  const pairs = new Set<MetadataPair>()
  for (const { segments, data } of wanted) {
    const entry = yield* find(volume, segments)
    if (entry !== undefined) pairs.add(entry.pair)
    else if (data !== undefined) {
      const directory = yield* makeParent(volume, segments)
      pairs.add(directory.placeOf(segments[segments.length - 1] as string).pair)
    }
  }
  return pairs
}

/** One change of an entry of a pair. */
interface Prepared {
  readonly name: string
  readonly directory: Directory
  readonly entry: Entry | undefined
  /** `undefined`: to be removed. */
  readonly data: Uint8Array | undefined
}

function* perform(volume: Volume, wanted: readonly Wanted[], moment: Moment): Op<void> {
  const prepared: Prepared[] = []
  for (const { segments, data } of wanted) {
    const entry = yield* find(volume, segments)
    if (data === undefined && entry === undefined) continue
    if (data === undefined && entry !== undefined && isDictionary(entry)) {
      yield* removeKey(volume, segments)
      continue
    }
    const directory = yield* makeParent(volume, segments)
    prepared.push({ name: segments[segments.length - 1] as string, directory, entry, data })
  }
  let rest = prepared
  while (rest.length > 0) {
    // A commit may split a pair: the next group is found anew.
    const pair = pairOf(rest[0] as Prepared)
    const group = rest.filter((each) => pairOf(each) === pair)
    rest = rest.filter((each) => pairOf(each) !== pair)
    yield* commitGroup(volume, pair, group, moment)
  }
}

function pairOf({ entry, directory, name }: Prepared): MetadataPair {
  return entry === undefined ? directory.placeOf(name).pair : entry.pair
}

/** A change that is planned, and what follows once it is committed. */
interface Planned {
  readonly prepared: Prepared
  readonly entry: Entry
  readonly written: WrittenContent | undefined
  /** The blocks that the old content had. */
  readonly old: FileBlocks | undefined
}

function* commitGroup(
  volume: Volume,
  pair: MetadataPair,
  group: readonly Prepared[],
  moment: Moment,
): Op<void> {
  const changes: Change[] = []
  const planned: Planned[] = []
  const entries = pair.entries.slice()
  for (const prepared of group) {
    const { name, data, entry } = prepared
    const written = data && (yield* writeContent(volume, data))
    if (entry === undefined) {
      if (written === undefined) continue
      const content = boundContent(newContent(name), written, moment)
      const created = new Entry(content, pair)
      const id = placeAmong(entries, name)
      changes.push({ kind: 'create', id, entry: created, content })
      entries.splice(id, 0, created)
      planned.push({ prepared, entry: created, written, old: undefined })
      continue
    }
    const id = entries.indexOf(entry)
    planned.push({ prepared, entry, written, old: blocksToGiveBack(volume, entry) })
    if (written === undefined) {
      changes.push({ kind: 'delete', id })
      entries.splice(id, 1)
    } else {
      changes.push({ kind: 'set', id, content: boundContent(entry.content, written, moment) })
    }
  }
  yield* commit(volume, pair, changes)
  for (const each of planned) yield* finish(volume, each)
}

function* finish(volume: Volume, { prepared, entry, written, old }: Planned): Op<void> {
  const { directory, name } = prepared
  if (written === undefined) {
    entry.removed = true
    directory.removed(name)
    if (entry.openHandles === 0) yield* giveBackFile(volume, entry)
    return
  }
  directory.added(name, entry)
  adopt(entry, written)
  yield* giveBackOld(volume, entry, old, written)
}

function placeAmong(entries: readonly Entry[], name: string): number {
  let place = entries.length
  while (place > 0) {
    const { content } = entries[place - 1] as Entry
    const isNamed = content.nameType !== undefined && content.nameType < 0x080
    if (!isNamed || compareNames(content.name, name) < 0) break
    place--
  }
  return place
}
