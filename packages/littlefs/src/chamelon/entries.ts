/** What one of chamelon's logs says: its entries, what it deleted, and which ids it began with. */

import type { Timestamp } from '@caravan/core'
import { type BlockPair, decodeStruct, type Struct } from '../format/metadata-log.js'
import { byteString } from '../format/name.js'
import { NO_ID, TagFamily, TagType } from '../format/tag.js'
import { timeAttributeType } from '../format/time-attribute.js'
import { timeOf } from '../key-value/time.js'
import type { ChamelonLog, LogTag } from './log.js'

const TIME_ATTRIBUTE = timeAttributeType('t12')

export interface ChamelonEntry {
  readonly id: number
  /** A byte string. */
  readonly name: string
  readonly isDictionary: boolean
  /** `undefined`: the log names the entry, and its content is gone. */
  readonly struct: Struct | undefined
  readonly time: Timestamp | undefined
  /** False where the checksum over it is wrong. */
  readonly isSound: boolean
}

export interface LogEntries {
  readonly entries: readonly ChamelonEntry[]
  /** Content that was replaced or deleted later, and still stands in the log. */
  readonly superseded: readonly ChamelonEntry[]
  /** What was set again as it was and then deleted: so chamelon loses a key renamed to itself. */
  readonly undone: readonly ChamelonEntry[]
  /** The id that the log began with: 1 for the first pair of a dictionary. */
  readonly firstId: number
  /** Ids that are or were here. */
  readonly ids: ReadonlySet<number>
}

/** Where an entry without an id of its own is found: the last id is shared. */
const SHARED_ID = NO_ID

export function entriesOf(log: ChamelonLog): LogEntries {
  const byId = new Map<number, LogTag[]>()
  const soundIds = new Map<number, boolean>()
  const shared: ChamelonEntry[] = []
  const superseded: ChamelonEntry[] = []
  const named = new Set<number>()
  const deleted = new Set<number>()
  const undone: ChamelonEntry[] = []
  let replacement: { readonly id: number; readonly before: ChamelonEntry } | undefined
  for (const { tags, isSound } of log.commits) {
    const [deletion, ...others] = tags.filter(({ type }) => type === TagType.DELETE)
    const name = tags.find((tag) => familyOf(tag) === TagFamily.NAME)
    const [before] = deletion ? entryOf(deletion.id, byId.get(deletion.id) ?? [], true) : []
    const isAlone = others.length === 0 && before !== undefined
    if (isAlone && name === undefined && deletion?.id === replacement?.id) {
      if (isSameContent(before, replacement?.before)) undone.push(before)
    }
    replacement = isAlone && name !== undefined ? { id: name.id, before } : undefined
    const ofShared = tags.filter((tag) => tag.id === SHARED_ID && isOfEntry(tag))
    if (ofShared.length > 0) applyShared(shared, superseded, ofShared, isSound)
    for (const tag of tags) {
      if (tag.id === SHARED_ID || !isOfEntry(tag)) continue
      if (familyOf(tag) === TagFamily.SPLICE) {
        superseded.push(...entryOf(tag.id, byId.get(tag.id) ?? [], true))
        byId.delete(tag.id)
        deleted.add(tag.id)
        continue
      }
      const before = byId.get(tag.id) ?? []
      byId.set(tag.id, [...before.filter((other) => !replaces(tag, other)), tag])
      soundIds.set(tag.id, (soundIds.get(tag.id) ?? true) && isSound)
      if (familyOf(tag) === TagFamily.NAME) named.add(tag.id)
    }
  }
  const entries = [...byId]
    .sort(([a], [b]) => a - b)
    .flatMap(([id, tags]) => entryOf(id, tags, soundIds.get(id) ?? true))
  if (shared.length > 0) named.add(SHARED_ID)
  return {
    entries: [...entries, ...shared],
    superseded,
    undone,
    firstId: firstIdOf(named, deleted),
    ids: new Set([...named, ...deleted]),
  }
}

/** Of content in blocks, as far as the entry tells. */
function isSameContent(a: ChamelonEntry, b: ChamelonEntry | undefined): boolean {
  const [x, y] = [a.struct, b?.struct]
  if (a.name !== b?.name) return false
  if (x?.kind === 'ctz' && y?.kind === 'ctz') return x.size === y.size
  if (x?.kind !== 'inline' || y?.kind !== 'inline') return false
  return x.bytes.length === y.bytes.length && x.bytes.every((byte, i) => byte === y.bytes[i])
}

function familyOf({ type }: LogTag): number {
  return type & 0x700
}

function isOfEntry(tag: LogTag): boolean {
  if (tag.type === TagType.SUPERBLOCK) return false
  const family = familyOf(tag)
  return (
    family === TagFamily.NAME ||
    family === TagFamily.STRUCT ||
    family === TagFamily.USER_ATTRIBUTE ||
    tag.type === TagType.DELETE
  )
}

function replaces(tag: LogTag, other: LogTag): boolean {
  return familyOf(tag) === TagFamily.USER_ATTRIBUTE
    ? tag.type === other.type
    : familyOf(tag) === familyOf(other)
}

/** An entry among those that share the last id: its tags stand in one commit, with its name. */
function applyShared(
  shared: ChamelonEntry[],
  superseded: ChamelonEntry[],
  tags: readonly LogTag[],
  isSound: boolean,
): void {
  const isDeleting = tags.some(({ type }) => type === TagType.DELETE)
  const [made] = entryOf(
    SHARED_ID,
    tags.filter(({ type }) => type !== TagType.DELETE),
    isSound,
  )
  const place = made
    ? shared.findIndex(({ name }) => name === made.name)
    : isDeleting
      ? shared.length - 1
      : -1
  if (place !== -1) superseded.push(...shared.splice(place, 1))
  if (made !== undefined) shared.push(made)
}

function entryOf(id: number, tags: readonly LogTag[], isSound: boolean): ChamelonEntry[] {
  const nameTag = tags.find(({ type }) => type === TagType.FILE || type === TagType.DIRECTORY)
  if (nameTag === undefined || nameTag.data.length === 0) return []
  const isDictionary = nameTag.type === TagType.DIRECTORY
  const structTag = tags.find((tag) => familyOf(tag) === TagFamily.STRUCT)
  const timeTag = tags.find(({ type }) => type === (TagType.USER_ATTRIBUTE | TIME_ATTRIBUTE))
  const struct = structTag && decodeStruct(structTag.type, structTag.data, 0, structTag.data.length)
  return [
    {
      id,
      name: byteString(nameTag.data, 0, nameTag.data.length),
      isDictionary,
      struct: struct && isDictionary === (struct.kind === 'directory') ? struct : undefined,
      time: timeTag && timeOf([{ type: TIME_ATTRIBUTE, bytes: timeTag.data }]),
      isSound,
    },
  ]
}

/**
 * Overwriting a key of an earlier pair leaves its DELETE here, with an id that was never here: only
 * deleted ids that reach down from the first name in one run count as this log's own.
 */
function firstIdOf(named: ReadonlySet<number>, deleted: ReadonlySet<number>): number {
  let first = Math.min(...named)
  if (first === Number.POSITIVE_INFINITY) return Math.min(...deleted)
  while (deleted.has(first - 1)) first--
  return first
}

export function pairOf(entry: ChamelonEntry): BlockPair | undefined {
  return entry.struct?.kind === 'directory' ? entry.struct.pair : undefined
}
