/**
 * Log check: what is wrong with the tags of one half of a metadata pair, before any directory is made
 * of them.
 *
 * Source: littlefs SPEC.md, "Metadata tags", "Metadata types".
 */

import { CRC_INITIAL, type Crc32 } from '../format/crc32.js'
import type { Commit, PlacedTag, WalkedLog } from '../format/log-walk.js'
import { TAG_SIZE_BYTES } from '../format/metadata-log.js'
import {
  DELETED,
  NO_ID,
  TagFamily,
  TagType,
  tagFamily,
  tagId,
  tagSplice,
  tagType,
} from '../format/tag.js'
import { readDataWord } from '../format/word.js'
import type { FindingCode } from './findings.js'

/** Told of a block's log: where in it is said in the sentence. */
type LogReport = (code: FindingCode, what: string) => void

/** Most ids of one pair: the highest is 0xfe. */
const IDS_MAX = 0xff

/** What a compacted log must leave free for a tail, a delta and its CRCs, in bytes. */
const COMPACTION_RESERVE_BYTES = 40

const KNOWN_TYPES: ReadonlySet<number> = new Set<number>([
  ...Object.values(TagType),
  TagType.CRC + 1,
])

function isKnownType(type: number): boolean {
  return (type & 0x700) === TagFamily.USER_ATTRIBUTE || KNOWN_TYPES.has(type)
}

/** `Tag 0x401 of id 3 at 24`. */
function inWords({ tag, offset }: PlacedTag): string {
  return `Tag 0x${tagType(tag).toString(16).padStart(3, '0')} of id ${tagId(tag)} at ${offset}`
}

/** The tags of all commits, and what they make of the ids. */
export function checkTags({ commits }: WalkedLog, report: LogReport): void {
  const ids = new IdCheck(report)
  for (const commit of commits) {
    for (const tag of commit.tags) if (checkTag(tag, report)) ids.apply(tag)
    checkCrcTag(commit.crcTag, report)
    ids.endCommit(commit)
  }
  ids.end()
}

/** Bytes that a tag of this type must carry; `undefined` where any number may. */
function fixedLength(type: number): number | undefined {
  switch (type) {
    case TagType.DIRECTORY_STRUCT:
    case TagType.CTZ_STRUCT:
    case TagType.FORWARD_CRC:
    case TagType.SOFT_TAIL:
    case TagType.HARD_TAIL:
      return 8
    case TagType.CREATE:
    case TagType.DELETE:
      return 0
    case TagType.MOVE_STATE:
      return 12
    default:
      return undefined
  }
}

/** False where nothing can be made of the tag. */
function checkTag(placed: PlacedTag, report: LogReport): boolean {
  const { tag } = placed
  const type = tagType(tag)
  const family = tagFamily(tag)
  if (!isKnownType(type)) {
    report('UNKNOWN_TAG', `${inWords(placed)} is of a type that littlefs 2.1 does not have.`)
    // A name of an unknown file type still takes its id.
    if (family !== TagFamily.NAME) return false
  }
  const ofEntry = family <= TagFamily.SPLICE
  if (ofEntry === (tagId(tag) === NO_ID)) {
    const expected = ofEntry ? 'the id of an entry' : 'the id 0x3ff'
    report('MALFORMED_TAG', `${inWords(placed)} must carry ${expected}.`)
    return false
  }
  const length = tag & 0x3ff
  const expected = fixedLength(type)
  const mayBeDeleted =
    family === TagFamily.STRUCT ||
    family === TagFamily.USER_ATTRIBUTE ||
    family === TagFamily.GLOBALS
  if (length === DELETED ? mayBeDeleted : length === (expected ?? length)) return true
  const found = length === DELETED ? 'is marked as deleted' : `has ${length} bytes`
  report('MALFORMED_TAG', `${inWords(placed)} ${found}, which its type does not allow.`)
  return false
}

function checkCrcTag(placed: PlacedTag, report: LogReport): void {
  const { tag, data } = placed
  if (tagId(tag) !== NO_ID) report('MALFORMED_TAG', `${inWords(placed)} must carry the id 0x3ff.`)
  if (data.length < 4) report('MALFORMED_TAG', `${inWords(placed)} has no room for a CRC.`)
  if (!isKnownType(tagType(tag))) {
    report('UNKNOWN_TAG', `${inWords(placed)} is a CRC with flags that littlefs 2.1 does not have.`)
  }
}

/** Ids come and go with the tags; each must have a name once its commit ends. */
class IdCheck {
  /** By id: whether it has a name. */
  private readonly named: boolean[] = []
  private most = 0

  constructor(private readonly report: LogReport) {}

  apply(placed: PlacedTag): void {
    const { tag } = placed
    const id = tagId(tag)
    const { named } = this
    switch (tagFamily(tag)) {
      case TagFamily.NAME:
        while (named.length <= id) named.push(false)
        if (named[id] === true) {
          this.report('NAME_TWICE', `${inWords(placed)} names an id that has a name.`)
        }
        named[id] = true
        break
      case TagFamily.STRUCT:
      case TagFamily.USER_ATTRIBUTE:
        if (id >= named.length) this.outOfRange(placed)
        else if (named[id] === false) {
          this.report('NAME_LATE', `${inWords(placed)} stands before the name of its id.`)
        }
        break
      case TagFamily.SPLICE:
        if (tagSplice(tag) > 0) {
          if (id > named.length) this.outOfRange(placed)
          else named.splice(id, 0, false)
        } else if (id >= named.length) this.outOfRange(placed)
        else named.splice(id, 1)
        break
    }
    this.most = Math.max(this.most, named.length)
  }

  endCommit({ end }: Commit): void {
    const id = this.named.indexOf(false)
    if (id === -1) return
    this.report('NAME_MISSING', `Id ${id} has no name after the commit that ends at ${end}.`)
  }

  end(): void {
    if (this.most <= IDS_MAX) return
    this.report(
      'TOO_MANY_IDS',
      `The log has ${this.most} ids, and at most ${IDS_MAX} fit in a pair.`,
    )
  }

  private outOfRange(placed: PlacedTag): void {
    const count = this.named.length
    this.report(
      'ID_OUT_OF_RANGE',
      `${inWords(placed)} is about an id beyond the ${count} there are.`,
    )
  }
}

/** How the log ends, and what its commits say of what would follow. */
export function checkLogEnd(
  { commits, end }: WalkedLog,
  block: Uint8Array,
  crc32: Crc32,
  report: LogReport,
): void {
  if (end.kind === 'torn') {
    report(
      'TORN_COMMIT',
      `Behind the last good commit something begins that is none: ${end.reason}.`,
    )
  }
  const first = commits[0]
  if (first !== undefined) checkCompacted(first, block.length, report)
  commits.forEach((commit, i) => {
    const forward = commit.tags.filter(({ tag }) => tagType(tag) === TagType.FORWARD_CRC).at(-1)
    if (forward === undefined || forward.data.length !== 8) return
    const sizeBytes = readDataWord(forward.data, 0, 8, 0)
    const expected = readDataWord(forward.data, 0, 8, 1)
    if (sizeBytes === 0 || commit.end + sizeBytes > block.length) {
      const what = `${inWords(forward)} covers ${sizeBytes} bytes from ${commit.end} on, in a block of ${block.length}.`
      report('FORWARD_CRC_MALFORMED', what)
      return
    }
    // Only behind the last commit do the erased bytes still stand; what is torn there was told.
    if (i < commits.length - 1 || end.kind === 'torn') return
    if (crc32(CRC_INITIAL, block, commit.end, commit.end + sizeBytes) >>> 0 === expected) return
    const what = `The ${sizeBytes} bytes from ${commit.end} on are not as they were erased.`
    report('FORWARD_CRC_MISMATCH', what)
  })
}

/** True where a commit carries a forward CRC, which version 2.0 does not have. */
export function forwardCrcIn({ commits }: WalkedLog): PlacedTag | undefined {
  for (const { tags } of commits) {
    const forward = tags.find(({ tag }) => tagType(tag) === TagType.FORWARD_CRC)
    if (forward !== undefined) return forward
  }
  return undefined
}

/** A single entry, which no split makes smaller, may take all there is. */
function checkCompacted(first: Commit, blockSize: number, report: LogReport): void {
  const tags = first.tags.filter(({ tag }) => tagFamily(tag) < TagFamily.CRC)
  if (new Set(tags.map(({ tag }) => tagId(tag))).size < 2) return
  const contentBytes = tags.reduce((sum, { data }) => sum + TAG_SIZE_BYTES + data.length, 0)
  const most = blockSize - COMPACTION_RESERVE_BYTES
  if (contentBytes <= most) return
  const what = `The first commit holds ${contentBytes} bytes, and at most ${most} may be compacted.`
  report('COMMIT_OVERFULL', what)
}

/** True where a log without any commit begins like one: its first commit is torn or damaged. */
export function beginsLikeLog({ commits, end }: WalkedLog): boolean {
  if (commits.length > 0 || end.kind !== 'torn') return false
  const first = end.tags[0]
  // Without a tag it is the CRC that is wrong, or the length.
  return first === undefined ? end.reason.startsWith('the CRC at') : isKnownType(tagType(first.tag))
}
