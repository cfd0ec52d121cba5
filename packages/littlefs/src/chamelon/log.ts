/**
 * chamelon's metadata log: littlefs' tags in commits, with rules of its own.
 *
 * - Both blocks of a pair hold the same bytes, revision count included.
 * - An id is never used again and deleting one moves no other: a SPLICE only ends its id. So there
 *   are no CREATE tags, and no forward CRCs, move states or soft tails either.
 * - Ids end at 0x3ff: from there on all entries share it, each in a commit of its own.
 * - An inline value of 1023 bytes or more is written whole, its length cut to ten bits.
 *
 * Source: chamelon 0.2.1, as observed; littlefs SPEC.md for tags and CRCs.
 */

import { CRC_INITIAL, crc32 } from '../format/crc32.js'
import type { BlockPair } from '../format/metadata-log.js'
import { CRC_SIZE_BYTES, REVISION_SIZE_BYTES, TAG_SIZE_BYTES } from '../format/metadata-log.js'
import {
  DELETED,
  FIRST_PREVIOUS_TAG,
  readStoredTag,
  TagFamily,
  TagType,
  tagDataLength,
  tagFamily,
  tagId,
  tagType,
} from '../format/tag.js'
import { readWord } from '../format/word.js'

/** One tag with its data; of an inline value, all of its data. */
export interface LogTag {
  readonly type: number
  readonly id: number
  readonly data: Uint8Array
}

interface LogCommit {
  readonly tags: readonly LogTag[]
  /** True where the CRC is that of the bytes. */
  readonly isSound: boolean
}

export interface ChamelonLog {
  readonly revision: number
  readonly commits: readonly LogCommit[]
  /** The last hard tail. */
  readonly tail: BlockPair | undefined
  /** True where every commit's CRC is right. */
  readonly isSound: boolean
}

/** Values up to this part of a block are inline. */
const INLINE_DIVISOR = 4

/** Tags looked at while lengths that were cut are sought: bounds the work on damaged blocks. */
const SEARCH_TAGS_MAX = 20_000

/** `undefined` where the block holds no log at all. */
export function decodeLog(block: Uint8Array): ChamelonLog | undefined {
  const commits: LogCommit[] = []
  let at = REVISION_SIZE_BYTES
  let previous: number = FIRST_PREVIOUS_TAG
  let start = 0
  for (;;) {
    const reader = new CommitReader(block, start)
    const whole = reader.read(at, previous, [])
    if (whole === undefined) {
      // What is left of a commit without its end counts too, as chamelon reads it.
      if (reader.longest.length > 0) commits.push({ tags: reader.longest, isSound: false })
      break
    }
    commits.push({ tags: whole.tags, isSound: whole.isSound })
    if (whole.tags.length === 0) break
    start = whole.end
    at = whole.end
    previous = whole.lastTag
  }
  if (!commits.some(({ tags }) => tags.length > 0) && commits[0]?.isSound !== true) return undefined
  return {
    revision: readWord(block, 0),
    commits,
    tail: tailOf(commits),
    isSound: commits.every(({ isSound }) => isSound),
  }
}

function tailOf(commits: readonly LogCommit[]): BlockPair | undefined {
  let tail: BlockPair | undefined
  for (const { tags } of commits) {
    for (const { type, data } of tags) {
      if (type === TagType.HARD_TAIL && data.length >= 8) {
        tail = [readWord(data, 0), readWord(data, 4)]
      }
    }
  }
  return tail
}

interface WholeCommit {
  readonly tags: readonly LogTag[]
  readonly end: number
  readonly lastTag: number
  readonly isSound: boolean
}

class CommitReader {
  /** The longest run of tags that made sense as they are written. */
  longest: readonly LogTag[] = []
  private looked = 0

  constructor(
    private readonly block: Uint8Array,
    private readonly start: number,
  ) {}

  /**
   * The commit that goes on here: with its lengths as they are, or where that ends in no right CRC,
   * with a length of which the upper bits were cut.
   */
  read(at: number, previous: number, before: readonly LogTag[]): WholeCommit | undefined {
    const plain = this.readPlainly(at, previous, before)
    if (plain.whole?.isSound === true) return plain.whole
    if (before.length === 0) this.longest = plain.tags
    for (const cut of plain.inline) {
      for (const length of this.possibleLengths(cut.length)) {
        if (++this.looked > SEARCH_TAGS_MAX) return plain.whole
        const data = cut.at + TAG_SIZE_BYTES
        if (data + length + TAG_SIZE_BYTES > this.block.length) break
        const tag: LogTag = {
          type: TagType.INLINE_STRUCT,
          id: cut.id,
          data: this.block.subarray(data, data + length),
        }
        const rest = this.read(data + length, cut.tag, [...cut.before, tag])
        if (rest?.isSound === true) return rest
      }
    }
    return plain.whole
  }

  private *possibleLengths(written: number): Generator<number, void, void> {
    const most = Math.floor(this.block.length / INLINE_DIVISOR)
    const first = written === DELETED ? DELETED : written + 0x400
    for (let length = first; length <= most; length += 0x400) yield length
  }

  private readPlainly(from: number, first: number, before: readonly LogTag[]): PlainRun {
    const { block } = this
    const tags = [...before]
    const inline: InlineTag[] = []
    let previous = first
    for (let at = from; at + TAG_SIZE_BYTES <= block.length; ) {
      const stored = readStoredTag(block, at)
      const tag = stored ^ previous
      this.looked++
      if (isEnd(stored) || isEnd(tag)) break
      const family = tagFamily(tag)
      const data = at + TAG_SIZE_BYTES
      const written = tag & 0x3ff
      if (tagType(tag) === TagType.INLINE_STRUCT) {
        inline.push({ at, tag, id: tagId(tag), length: written, before: tags.slice() })
      }
      const end = data + tagDataLength(tag)
      if (family === 0x100 || written === DELETED || end > block.length) break
      if (family === TagFamily.CRC) {
        if (data + CRC_SIZE_BYTES > block.length) break
        const crc = crc32(CRC_INITIAL, block, this.start, data) >>> 0
        const isSound = crc === readWord(block, data)
        return { tags, inline, whole: { tags, end, lastTag: tag, isSound } }
      }
      tags.push({ type: tagType(tag), id: tagId(tag), data: block.subarray(data, end) })
      previous = tag
      at = end
    }
    return { tags, inline, whole: undefined }
  }
}

interface InlineTag {
  readonly at: number
  readonly tag: number
  readonly id: number
  /** As it is written. */
  readonly length: number
  readonly before: readonly LogTag[]
}

interface PlainRun {
  readonly tags: readonly LogTag[]
  readonly inline: readonly InlineTag[]
  readonly whole: WholeCommit | undefined
}

function isEnd(word: number): boolean {
  return word === 0 || word === -1
}
