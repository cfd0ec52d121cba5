/**
 * Log walk: one block's log taken apart into commits and tags, each with its place, and what stands
 * where the log ends.
 *
 * {@link scanLog} reads what counts, and fast; this reads what is there, for those who look closer. Both
 * end a log at the same place.
 *
 * Source: littlefs SPEC.md, "Metadata pairs", "Metadata tags", "0x5xx LFS_TYPE_CRC".
 */

import { CRC_INITIAL, type Crc32 } from './crc32.js'
import { CRC_SIZE_BYTES, REVISION_SIZE_BYTES, TAG_SIZE_BYTES } from './metadata-log.js'
import {
  FIRST_PREVIOUS_TAG,
  readStoredTag,
  tagChunk,
  tagDataLength,
  tagIsCommitCrc,
  tagIsValid,
} from './tag.js'
import { readWord } from './word.js'

/** A tag with its data. */
export interface PlacedTag {
  /** As it is after the XOR with its predecessor was undone. */
  readonly tag: number
  /** Where the tag itself begins in its block, in bytes. */
  readonly offset: number
  readonly data: Uint8Array
}

/** What one good CRC covers. */
export interface Commit {
  /** Bytes from the beginning of the block; the first commit begins with the revision count. */
  readonly start: number
  /** Behind the padding of its CRC tag, where the next commit begins. */
  readonly end: number
  /** All but the CRC tag that ends it. */
  readonly tags: readonly PlacedTag[]
  readonly crcTag: PlacedTag
}

/** Where the commits end, and why. */
interface LogEnd {
  /**
   * - `full`: the block ends;
   * - `unwritten`: the next tag says that nothing was programmed;
   * - `torn`: something begins like a commit and is none.
   */
  readonly kind: 'full' | 'unwritten' | 'torn'
  /** The tag at which the reading ended, in bytes from the beginning of the block. */
  readonly offset: number
  readonly reason: string
  /** Tags behind the last good commit that could be read: nothing vouches for them. */
  readonly tags: readonly PlacedTag[]
}

export interface WalkedLog {
  readonly revision: number
  readonly commits: readonly Commit[]
  readonly end: LogEnd
}

export function walkLog(block: Uint8Array, crc32: Crc32): WalkedLog {
  const commits: Commit[] = []
  let tags: PlacedTag[] = []
  let start = 0
  let offset = REVISION_SIZE_BYTES
  let previous: number = FIRST_PREVIOUS_TAG
  const ended = (kind: LogEnd['kind'], reason: string): WalkedLog => ({
    revision: block.length < REVISION_SIZE_BYTES ? 0 : readWord(block, 0),
    commits,
    end: { kind: tags.length > 0 ? 'torn' : kind, offset, reason, tags },
  })

  while (offset + TAG_SIZE_BYTES <= block.length) {
    const tag = readStoredTag(block, offset) ^ previous
    if (!tagIsValid(tag)) return ended('unwritten', `nothing was programmed at ${offset}`)
    const data = offset + TAG_SIZE_BYTES
    const next = data + tagDataLength(tag)
    if (next > block.length) {
      return ended('torn', `the tag at ${offset} claims ${next - data} bytes, beyond the block`)
    }
    const placed = { tag, offset, data: block.subarray(data, next) }
    previous = tag
    if (!tagIsCommitCrc(tag)) {
      tags.push(placed)
      offset = next
      continue
    }
    if (data + CRC_SIZE_BYTES > block.length) {
      return ended('torn', `the CRC tag at ${offset} has no room for a CRC`)
    }
    const stored = readWord(block, data)
    const computed = crc32(CRC_INITIAL, block, start, data) >>> 0
    if (stored !== computed) {
      return ended(
        'torn',
        `the CRC at ${data} is ${hexOf(stored)}, and the bytes make ${hexOf(computed)}`,
      )
    }
    commits.push({ start, end: next, tags, crcTag: placed })
    previous = tag ^ ((tagChunk(tag) & 1) << 31)
    start = next
    offset = next
    tags = []
  }
  return ended('full', 'the block ends')
}

function hexOf(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`
}
