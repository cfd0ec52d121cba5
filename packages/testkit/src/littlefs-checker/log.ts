/**
 * One metadata block as a log of commits, read forward.
 *
 * Source: littlefs SPEC.md, "Directories / Metadata pairs", "Metadata tags", "LFS_TYPE_CRC",
 * "LFS_TYPE_FCRC". Written for the checker alone: it shares nothing with the engine, so that one
 * mistake cannot be made on both sides.
 */
import { le32 } from './finding.js'

export const DELETED_LENGTH = 0x3ff
export const NO_ID = 0x3ff

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** CRC-32, polynomial 0x04c11db7 (reflected), no final inversion. */
export function crc(bytes: Uint8Array, seed = 0xffffffff): number {
  let value = seed
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8)
  return value >>> 0
}

export interface LogTag {
  /** 11 bits: type1 and chunk. */
  readonly type: number
  readonly id: number
  /** The length field as stored: {@link DELETED_LENGTH} for a deleted tag. */
  readonly length: number
  /** Where the tag itself begins in the block. */
  readonly offset: number
  readonly data: Uint8Array
}

export interface Commit {
  readonly beginOffset: number
  /** Behind the CRC's padding: where the next commit begins. */
  readonly endOffset: number
  /** Without the CRC tag. */
  readonly tags: readonly LogTag[]
  readonly crcTag: LogTag
}

/**
 * Why a log ended. `unwritten`: the next tag's valid bit says that nothing follows; `torn`: something
 * follows that claims to be a commit and is none.
 */
type LogEnd = 'block-end' | 'unwritten' | 'torn'

export interface Log {
  readonly block: number
  readonly bytes: Uint8Array
  readonly revision: number
  readonly commits: readonly Commit[]
  readonly end: LogEnd
  readonly endReason: string
}

export function typeKind(type: number): number {
  return type >>> 8
}

/**
 * The reference looks at four bits of the type (`lfs_tag_type2`), so 0x580 to 0x5ff end no commit:
 * one is the forward CRC, the others are passed over.
 */
function isCrc(type: number): boolean {
  return (type & 0x780) === 0x500
}

/** Whether SPEC.md, "Metadata types", names this type. */
export function isKnownType(type: number): boolean {
  switch (typeKind(type)) {
    case 0:
      return type === 0x001 || type === 0x002 || type === 0x0ff
    case 2:
      return type <= 0x202
    case 3:
      return true
    case 4:
      return type === 0x401 || type === 0x4ff
    case 5:
      return type === 0x500 || type === 0x501 || type === 0x5ff
    case 6:
      return type === 0x600 || type === 0x601
    case 7:
      return type === 0x7ff
    default:
      return false
  }
}

export function readLog(bytes: Uint8Array, block: number): Log {
  const commits: Commit[] = []
  let offset = 4
  let beginOffset = 0
  let previous = 0xffffffff
  let sum = crc(bytes.subarray(0, 4))
  let tags: LogTag[] = []

  const finish = (reason: string, atCommitStart: LogEnd): Log => ({
    block,
    bytes,
    revision: le32(bytes, 0),
    commits,
    end: tags.length === 0 ? atCommitStart : 'torn',
    endReason: reason,
  })

  for (;;) {
    if (offset + 4 > bytes.length) return finish('the block ends', 'block-end')
    const stored =
      (bytes[offset] << 24) |
      (bytes[offset + 1] << 16) |
      (bytes[offset + 2] << 8) |
      bytes[offset + 3]
    const word = (stored ^ previous) >>> 0
    if (word >>> 31 === 1) return finish(`tag at ${offset} has its valid bit off`, 'unwritten')
    const type = (word >>> 20) & 0x7ff
    const id = (word >>> 10) & 0x3ff
    const length = word & 0x3ff
    const dataBytes = length === DELETED_LENGTH ? 0 : length
    const dataOffset = offset + 4
    if (dataOffset + dataBytes > bytes.length) {
      return finish(`tag at ${offset} claims ${dataBytes} bytes, past the block's end`, 'torn')
    }
    const data = bytes.subarray(dataOffset, dataOffset + dataBytes)
    const tag: LogTag = { type, id, length, offset, data }
    sum = crc(bytes.subarray(offset, dataOffset), sum)
    previous = word
    if (isCrc(type)) {
      if (dataBytes < 4) return finish(`CRC tag at ${offset} has no room for a CRC`, 'torn')
      const found = le32(data, 0)
      if (found !== sum) {
        return finish(
          `CRC at ${dataOffset} is 0x${found.toString(16)}, the commit's is 0x${sum.toString(16)}`,
          'torn',
        )
      }
      offset = dataOffset + dataBytes
      commits.push({ beginOffset, endOffset: offset, tags, crcTag: tag })
      // The next commit's tags are expected with this valid bit; see SPEC.md, "valid state".
      previous = (word ^ ((type & 1) << 31)) >>> 0
      beginOffset = offset
      sum = 0xffffffff
      tags = []
    } else {
      sum = crc(data, sum)
      tags.push(tag)
      offset = dataOffset + dataBytes
    }
  }
}

/** Whether a log without any commit still begins like one: a torn or damaged first commit. */
export function beginsLikeLog(bytes: Uint8Array): boolean {
  const word = ((bytes[4] << 24) | (bytes[5] << 16) | (bytes[6] << 8) | bytes[7]) ^ 0xffffffff
  if (word >>> 31 === 1 || word === 0) return false
  const length = word & 0x3ff
  const end = 8 + (length === DELETED_LENGTH ? 0 : length)
  return isKnownType((word >>> 20) & 0x7ff) && end <= bytes.length
}
