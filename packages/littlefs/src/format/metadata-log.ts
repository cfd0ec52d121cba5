/**
 * Metadata log: what one block of a metadata pair holds.
 *
 *     [ revision count | tag, data | tag, data | ... | CRC tag, CRC | tag, data | ... ]
 *
 * A log is a run of commits, each ended by a CRC tag. Only what a good CRC covers counts: power
 * loss leaves any bits after the last commit, so a tag that makes no sense ends the log and what
 * came before it stands.
 *
 * Two readings, since mounting needs little of each log and looking up needs all of one:
 * {@link scanLog} finds the commits and what concerns the pair, {@link decodeEntries} the entries.
 *
 * Source: littlefs SPEC.md, "Metadata pairs", "Metadata tags".
 */

import { CRC_INITIAL, type Crc32 } from './crc32.js'
import { decodeGlobalState, type GlobalState } from './global-state.js'
import { byteString } from './name.js'
import {
  FIRST_PREVIOUS_TAG,
  NO_ID,
  readStoredTag,
  TagFamily,
  TagType,
  tagChunk,
  tagDataLength,
  tagFamily,
  tagId,
  tagIsCommitCrc,
  tagIsDeleted,
  tagIsValid,
  tagSplice,
  tagType,
} from './tag.js'
import { CREATION_ATTRIBUTE, dialectOf, type TimeDialect } from './time-attribute.js'
import { readDataWord, readWord, uniformByte } from './word.js'

export const REVISION_SIZE_BYTES = 4
export const TAG_SIZE_BYTES = 4
export const CRC_SIZE_BYTES = 4

/** A pair address that says "none". */
const NULL_BLOCK = 0xffffffff

export type BlockPair = readonly [number, number]

export interface LogSummary {
  readonly revision: number
  /** Where the last good commit ends and the next would begin. */
  readonly end: number
  /** What the next commit's first tag is XORed with, valid state included. */
  readonly lastTag: number
  readonly commitCount: number
  /** The next pair of the threaded list. */
  readonly tail: BlockPair | undefined
  /** True where the tail continues this directory. */
  readonly hardTail: boolean
  readonly globalDelta: GlobalState | undefined
  /** All commits' CRCs, folded: the seed of the reference's allocator. */
  readonly crcFold: number
  /** The dialect of the first attribute that holds times, and bytes of a creation time. */
  readonly timeDialect?: TimeDialect | undefined
  readonly creationBytes?: number | undefined
  /**
   * The byte that all of the block after `end` is made of, where a next commit may be programmed
   * there without an erase.
   */
  readonly erasedByte: number | undefined
  /** True where a further commit fits behind the last one at all. */
  readonly leavesRoom: boolean
}

/** What a good commit leaves behind; replaced whole at each CRC. */
interface Committed {
  end: number
  lastTag: number
  commitCount: number
  tail: BlockPair | undefined
  hardTail: boolean
  globalDelta: GlobalState | undefined
  crcFold: number
}

export interface LogRules {
  readonly progSize: number
  readonly crc32: Crc32
  /** Version 2.0 has no forward CRCs: what looks erased is taken to be. */
  readonly hasForwardCrc: boolean
}

/** `undefined` where the block holds no good commit. */
export function scanLog(block: Uint8Array, rules: LogRules): LogSummary | undefined {
  const blockSize = block.length
  const committed: Committed = {
    end: 0,
    lastTag: FIRST_PREVIOUS_TAG,
    commitCount: 0,
    tail: undefined,
    hardTail: false,
    globalDelta: undefined,
    crcFold: 0,
  }
  let tail: BlockPair | undefined
  let hardTail = false
  let globalDelta: GlobalState | undefined
  let forwardCrc: { size: number; crc: number } | undefined
  let endsAtUnprogrammed = false
  let timeDialect: TimeDialect | undefined
  let creationBytes: number | undefined

  let commitStart = 0
  let at = REVISION_SIZE_BYTES
  let previous: number = FIRST_PREVIOUS_TAG
  while (at + TAG_SIZE_BYTES <= blockSize) {
    const tag = readStoredTag(block, at) ^ previous
    if (!tagIsValid(tag)) {
      endsAtUnprogrammed = at === committed.end
      break
    }
    const data = at + TAG_SIZE_BYTES
    const next = data + tagDataLength(tag)
    if (next > blockSize) break
    previous = tag

    if (tagIsCommitCrc(tag)) {
      // A CRC tag's length counts its padding too, so it may be less than a CRC only by damage.
      if (data + CRC_SIZE_BYTES > blockSize) break
      const crc = rules.crc32(CRC_INITIAL, block, commitStart, data)
      if (crc >>> 0 !== readWord(block, data)) break
      previous = tag ^ ((tagChunk(tag) & 1) << 31)
      committed.end = next
      committed.lastTag = previous
      committed.commitCount++
      committed.tail = tail
      committed.hardTail = hardTail
      committed.globalDelta = globalDelta
      committed.crcFold = foldCrc(committed.crcFold, crc)
      commitStart = next
    } else if (tagFamily(tag) === TagFamily.USER_ATTRIBUTE) {
      timeDialect ??= dialectOf(tagChunk(tag), tagDataLength(tag))
      if (tagChunk(tag) === CREATION_ATTRIBUTE) creationBytes ??= tagDataLength(tag)
    } else if (tagFamily(tag) === TagFamily.TAIL) {
      const a = readDataWord(block, data, tagDataLength(tag), 0)
      const b = readDataWord(block, data, tagDataLength(tag), 1)
      tail = a === NULL_BLOCK || b === NULL_BLOCK ? undefined : [a, b]
      hardTail = (tagChunk(tag) & 1) !== 0
    } else if (tagType(tag) === TagType.MOVE_STATE) {
      globalDelta = tagIsDeleted(tag)
        ? undefined
        : decodeGlobalState(block, data, tagDataLength(tag))
    } else if (tagType(tag) === TagType.FORWARD_CRC) {
      forwardCrc = {
        size: readDataWord(block, data, tagDataLength(tag), 0),
        crc: readDataWord(block, data, tagDataLength(tag), 1),
      }
    }
    at = next
  }
  if (committed.commitCount === 0) return undefined
  if (at === blockSize) endsAtUnprogrammed = false

  let erasedByte = endsAtUnprogrammed ? erasedByteAt(block, committed.end, rules) : undefined
  if (erasedByte !== undefined && rules.hasForwardCrc) {
    // What a torn commit programmed still looks invalid here; the forward CRC tells.
    const { end } = committed
    const matches =
      forwardCrc !== undefined &&
      end + forwardCrc.size <= blockSize &&
      rules.crc32(CRC_INITIAL, block, end, end + forwardCrc.size) >>> 0 === forwardCrc.crc
    if (!matches) erasedByte = undefined
  }
  const leavesRoom = committed.end <= blockSize - rules.progSize
  return {
    revision: readWord(block, 0),
    erasedByte,
    leavesRoom,
    ...committed,
    timeDialect,
    creationBytes,
  }
}

/**
 * A commit may be torn so that its first program unit is still erased and a later one is not, and
 * version 2.0 has no forward CRC at all: only a rest that is all alike is taken to be erased.
 */
function erasedByteAt(block: Uint8Array, end: number, rules: LogRules): number | undefined {
  return end % rules.progSize === 0 ? uniformByte(block, end) : undefined
}

function foldCrc(fold: number, crc: number): number {
  return (Math.imul(fold ^ crc, 0x9e3779b1) ^ (fold >>> 15)) | 0
}

/** Where a directory, an inline file or a file's blocks are. */
export type Struct =
  | { readonly kind: 'directory'; readonly pair: BlockPair }
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'ctz'; readonly head: number; readonly size: number }
  | { readonly kind: 'unknown'; readonly type: number; readonly bytes: Uint8Array }

export interface Attribute {
  /** 0 to 255. */
  readonly type: number
  readonly bytes: Uint8Array
}

/** One entry of a metadata pair; a value that is never changed, only replaced. */
export interface EntryContent {
  /** `undefined` where the log names none: such an entry is not shown. */
  readonly nameType: number | undefined
  /** A byte string. */
  readonly name: string
  readonly struct: Struct | undefined
  /** Ascending by type. */
  readonly attributes: readonly Attribute[]
  /** Tags of types that this version does not know: carried along as they are. */
  readonly others: readonly { readonly type: number; readonly bytes: Uint8Array }[]
}

const NOTHING: readonly never[] = []

const EMPTY: EntryContent = {
  nameType: undefined,
  name: '',
  struct: undefined,
  attributes: NOTHING,
  others: NOTHING,
}

/**
 * All entries by their id, as the commits of `log[0..end)` leave them.
 *
 * @param log a log that {@link scanLog} accepted, up to its `end`; contents refer to its bytes.
 */
export function decodeEntries(log: Uint8Array): EntryContent[] {
  const entries: EntryContent[] = []
  let at = REVISION_SIZE_BYTES
  let previous: number = FIRST_PREVIOUS_TAG
  while (at + TAG_SIZE_BYTES <= log.length) {
    const tag = readStoredTag(log, at) ^ previous
    const data = at + TAG_SIZE_BYTES
    const length = tagDataLength(tag)
    previous = tagIsCommitCrc(tag) ? tag ^ ((tagChunk(tag) & 1) << 31) : tag
    at = data + length
    const id = tagId(tag)
    if (id === NO_ID) continue

    switch (tagFamily(tag)) {
      case TagFamily.SPLICE: {
        const splice = tagSplice(tag)
        if (splice > 0) {
          while (entries.length < id) entries.push(EMPTY)
          entries.splice(id, 0, ...new Array<EntryContent>(splice).fill(EMPTY))
          // Damage alone makes more entries than ids: no tag can be about them.
          if (entries.length > NO_ID) entries.length = NO_ID
        } else {
          entries.splice(id, -splice)
        }
        break
      }
      case TagFamily.NAME:
        while (entries.length <= id) entries.push(EMPTY)
        entries[id] = {
          ...(entries[id] as EntryContent),
          nameType: tagType(tag),
          name: byteString(log, data, data + length),
        }
        break
      case TagFamily.STRUCT:
        replace(entries, id, (entry) => ({
          ...entry,
          struct: tagIsDeleted(tag) ? undefined : decodeStruct(tagType(tag), log, data, length),
        }))
        break
      case TagFamily.USER_ATTRIBUTE:
        replace(entries, id, (entry) => ({
          ...entry,
          attributes: withAttribute(
            entry.attributes,
            tagChunk(tag),
            tagIsDeleted(tag) ? undefined : log.subarray(data, data + length),
          ),
        }))
        break
      default:
        // Splices, checksums, tails and state are of the log and not of an entry, whatever id they
        // bear: written again, they would end the new log. The reference drops them likewise.
        if ((tagType(tag) & OF_THE_LOG) !== 0) break
        replace(entries, id, (entry) => ({
          ...entry,
          others: [
            ...entry.others.filter((other) => other.type !== tagType(tag)),
            ...(tagIsDeleted(tag)
              ? []
              : [{ type: tagType(tag), bytes: log.subarray(data, data + length) }]),
          ],
        }))
    }
  }
  // What never got a name is no entry.
  while (entries.length > 0 && entries[entries.length - 1]?.nameType === undefined) entries.pop()
  return entries
}

/** Set in the types of tags that are no part of an entry. */
const OF_THE_LOG = 0x400

/** A tag may come before the name that makes its entry one. */
function replace(
  entries: EntryContent[],
  id: number,
  change: (entry: EntryContent) => EntryContent,
): void {
  while (entries.length <= id) entries.push(EMPTY)
  entries[id] = change(entries[id] as EntryContent)
}

export function decodeStruct(type: number, log: Uint8Array, at: number, length: number): Struct {
  switch (type) {
    case TagType.INLINE_STRUCT:
      return { kind: 'inline', bytes: log.subarray(at, at + length) }
    case TagType.CTZ_STRUCT:
      return {
        kind: 'ctz',
        head: readDataWord(log, at, length, 0),
        size: readDataWord(log, at, length, 1),
      }
    case TagType.DIRECTORY_STRUCT:
      return {
        kind: 'directory',
        pair: [readDataWord(log, at, length, 0), readDataWord(log, at, length, 1)],
      }
    default:
      return { kind: 'unknown', type, bytes: log.subarray(at, at + length) }
  }
}

/** The attributes with one set, or removed where `bytes` is undefined. */
export function withAttribute(
  attributes: readonly Attribute[],
  type: number,
  bytes: Uint8Array | undefined,
): readonly Attribute[] {
  const rest = attributes.filter((attribute) => attribute.type !== type)
  if (bytes === undefined) return rest
  const place = rest.findIndex((attribute) => attribute.type > type)
  rest.splice(place === -1 ? rest.length : place, 0, { type, bytes })
  return rest
}

/** True for the entries that a directory shows. */
export function isShown(entry: EntryContent): boolean {
  return entry.nameType !== undefined && entry.nameType < 0x080 && entry.struct !== undefined
}
