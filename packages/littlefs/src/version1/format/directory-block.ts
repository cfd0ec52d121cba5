/**
 * Directory block: one half of a metadata pair of littlefs 1, and the entries in it.
 *
 *      0  revision   +1 with every write, counting on across the end of 32 bits
 *      4  size       bytes from 0 to behind the CRC; its top bit: the directory goes on in the tail
 *      8  tail       the next pair on the threaded list; 0xffffffff in either word: none
 *     16  entries    one behind another
 *   S-4  CRC-32      of all before it, no final inversion
 *
 * An entry: type, lengths of data, attributes and name (a byte each), then these three. Attributes are
 * skipped: no library has written any.
 *
 * Source: littlefs v1 SPEC.md, "Metadata pairs", "Directories", "Entries".
 */

import { FormatError } from '@caravan/core'
import { CRC_INITIAL, crc32 } from '../../format/crc32.js'
import type { BlockPair } from '../../format/metadata-log.js'
import { byteString } from '../../format/name.js'
import { readWord } from '../../format/word.js'

export const HEADER_SIZE_BYTES = 16
const CRC_SIZE_BYTES = 4
const CONTINUED = 0x80000000

/** What is before an entry's name and attributes, its data counted: fewer bytes than that hold none. */
const ENTRY_HEAD_SIZE_BYTES = 12
const LENGTHS_SIZE_BYTES = 4

/** The null of a block pointer. */
const NULL_BLOCK = 0xffffffff

/** An entry's type without {@link MOVED}. */
export const EntryType = { FILE: 0x11, DIRECTORY: 0x22, SUPERBLOCK: 0x2e } as const

/** Bit of the type: a rename has begun, and the entry counts only where its like is nowhere else. */
const MOVED = 0x80

/** Bits of the type that say what the data are. */
const STRUCT_MASK = 0x70
const FILE_STRUCT = 0x10
const DIRECTORY_STRUCT = 0x20

export interface DirectoryHeader {
  readonly revision: number
  /** Bytes, the CRC counted. */
  readonly size: number
  /** True where the directory goes on in the tail pair. */
  readonly isContinued: boolean
  readonly tail: BlockPair
}

export interface DiskEntry {
  /** Without the bit that says moved. */
  readonly type: number
  readonly isMoved: boolean
  /** The first two words of its data: head and size of a file, the pair of a directory. */
  readonly data: readonly [number, number]
  /** A byte string. */
  readonly name: string
  /** Where in the block it begins. */
  readonly offset: number
}

/** `undefined` for a block that a power cut, damage or another use has left without a good CRC. */
export function decodeDirectoryHeader(block: Uint8Array): DirectoryHeader | undefined {
  if (block.length < HEADER_SIZE_BYTES + CRC_SIZE_BYTES) return undefined
  const sizeWord = readWord(block, 4)
  const size = (sizeWord & ~CONTINUED) >>> 0
  if (size < HEADER_SIZE_BYTES + CRC_SIZE_BYTES || size > block.length) return undefined
  if (crc32(CRC_INITIAL, block, 0, size) !== 0) return undefined
  return {
    revision: readWord(block, 0),
    size,
    isContinued: sizeWord >= CONTINUED,
    tail: [readWord(block, 8), readWord(block, 12)],
  }
}

/**
 * The entries of a block whose header is good, up to one that runs over the end: that one's lengths
 * are damaged, and where the next would begin is lost with them.
 */
export function decodeDirectoryEntries(
  block: Uint8Array,
  { size }: DirectoryHeader,
  blockNumber: number,
): { readonly entries: DiskEntry[]; readonly damage: FormatError | undefined } {
  const end = size - CRC_SIZE_BYTES
  const entries: DiskEntry[] = []
  for (let at = HEADER_SIZE_BYTES; at + ENTRY_HEAD_SIZE_BYTES <= end; ) {
    const [type = 0, dataSize = 0, attributesSize = 0, nameSize = 0] = block.subarray(at, at + 4)
    const nameAt = at + LENGTHS_SIZE_BYTES + dataSize + attributesSize
    if (nameAt + nameSize > end) {
      const damage = new FormatError(
        'CORRUPT_ENTRY',
        `The entry at byte ${at} of block ${blockNumber} is said to end at byte ${nameAt + nameSize}, and the directory's entries end at ${end}: its lengths are damaged.`,
        { structure: 'directory entry', block: blockNumber, offset: at },
      )
      return { entries, damage }
    }
    const data = at + LENGTHS_SIZE_BYTES
    entries.push({
      type: type & ~MOVED,
      isMoved: (type & MOVED) !== 0,
      data: [readWord(block, data), readWord(block, data + 4)],
      name: byteString(block, nameAt, nameAt + nameSize),
      offset: at,
    })
    at = nameAt + nameSize
  }
  return { entries, damage: undefined }
}

export function isNullPair(pair: BlockPair): boolean {
  return pair[0] === NULL_BLOCK || pair[1] === NULL_BLOCK
}

/** True for what has blocks of a file, also of a type that is not known. */
export function hasFileBlocks({ type, data }: DiskEntry): boolean {
  return (type & STRUCT_MASK) === FILE_STRUCT && data[1] !== 0
}

/** True for what leads to a pair, the superblock's entry among them. */
export function leadsToPair({ type }: DiskEntry): boolean {
  return (type & STRUCT_MASK) === DIRECTORY_STRUCT
}

/** Two entries with the same key are the two ends of one rename. */
export function moveKey({ data }: DiskEntry): string {
  return `${data[0]} ${data[1]}`
}
