/**
 * Tag: the 32-bit word before every entry of a littlefs metadata log.
 *
 *      31   30   28   27   20   19  10   9     0
 *     [end |  type1 |  chunk  |   id   |  length ]
 *
 * Big-endian, alone in littlefs, so that `end` is the first bit programmed. Stored XORed with the
 * tag before it, so that a log can be walked both ways. A log holds many tags and is on the way of
 * every operation, so a tag is a plain number here, read by the functions below.
 *
 * Source: littlefs SPEC.md, "Metadata tags".
 */

/** What a log's first tag is XORed with. */
export const FIRST_PREVIOUS_TAG = 0xffffffff | 0

/** The id of what belongs to the pair and not to one of its entries. */
export const NO_ID = 0x3ff

/** A length that says: this attribute is deleted. */
export const DELETED = 0x3ff

/** The longest data of one tag. */
export const TAG_LENGTH_MAX = 0x3fe

/** `type1 << 8 | chunk`, SPEC.md's type3, of everything that littlefs 2.1 writes. */
export const TagType = {
  FILE: 0x001,
  DIRECTORY: 0x002,
  SUPERBLOCK: 0x0ff,
  DIRECTORY_STRUCT: 0x200,
  INLINE_STRUCT: 0x201,
  CTZ_STRUCT: 0x202,
  USER_ATTRIBUTE: 0x300,
  CREATE: 0x401,
  DELETE: 0x4ff,
  /** The lowest bit of the chunk is the valid state that the next commit's first tag must have. */
  CRC: 0x500,
  FORWARD_CRC: 0x5ff,
  SOFT_TAIL: 0x600,
  HARD_TAIL: 0x601,
  MOVE_STATE: 0x7ff,
} as const

/** The families of types: SPEC.md's type1, in the place where a type3 has it. */
export const TagFamily = {
  NAME: 0x000,
  STRUCT: 0x200,
  USER_ATTRIBUTE: 0x300,
  SPLICE: 0x400,
  CRC: 0x500,
  TAIL: 0x600,
  GLOBALS: 0x700,
} as const

export function makeTag(type: number, id: number, length: number): number {
  return (type << 20) | (id << 10) | length
}

/** False where nothing was programmed, or in the wrong state: the log ends here. */
export function tagIsValid(tag: number): boolean {
  return tag >= 0
}

export function tagType(tag: number): number {
  return (tag >>> 20) & 0x7ff
}

export function tagFamily(tag: number): number {
  return (tag >>> 20) & 0x700
}

export function tagChunk(tag: number): number {
  return (tag >>> 20) & 0xff
}

export function tagId(tag: number): number {
  return (tag >>> 10) & 0x3ff
}

export function tagIsDeleted(tag: number): boolean {
  return (tag & 0x3ff) === DELETED
}

/** Bytes of data behind the tag. */
export function tagDataLength(tag: number): number {
  const length = tag & 0x3ff
  return length === DELETED ? 0 : length
}

/** A CRC tag that ends a commit (and not the forward CRC, which shares its family). */
export function tagIsCommitCrc(tag: number): boolean {
  return ((tag >>> 20) & 0x780) === TagType.CRC
}

/** How many entries a SPLICE tag puts in (positive) or takes out (negative) at its id. */
export function tagSplice(tag: number): number {
  return (tag << 4) >> 24
}

/** The tag as stored, before the XOR with its predecessor is undone. */
export function readStoredTag(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

export function writeStoredTag(bytes: Uint8Array, at: number, stored: number): void {
  bytes[at] = stored >>> 24
  bytes[at + 1] = stored >>> 16
  bytes[at + 2] = stored >>> 8
  bytes[at + 3] = stored
}
