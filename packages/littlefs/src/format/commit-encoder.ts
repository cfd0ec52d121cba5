/**
 * Encodes a commit: tags XORed with the one before, their data, and the CRC tags that end it.
 *
 * 1. What is encoded runs from `start` to `at` in `bytes`, at the offsets that it will have in the
 *    block.
 * 2. Nothing is encoded beyond `limit`; what does not fit is told, and the commit is given up.
 *
 * Source: littlefs SPEC.md, "Metadata tags", "0x5xx LFS_TYPE_CRC", "0x5ff LFS_TYPE_FCRC".
 */

import { CRC_INITIAL, type Crc32 } from './crc32.js'
import {
  type Attribute,
  CRC_SIZE_BYTES,
  type EntryContent,
  REVISION_SIZE_BYTES,
  type Struct,
  TAG_SIZE_BYTES,
} from './metadata-log.js'
import {
  DELETED,
  FIRST_PREVIOUS_TAG,
  makeTag,
  NO_ID,
  TAG_LENGTH_MAX,
  TagType,
  writeStoredTag,
} from './tag.js'
import { writeWord } from './word.js'

/** A CRC tag with its CRC, and a forward CRC tag before it. */
const CRC_TAG_SIZE_BYTES = TAG_SIZE_BYTES + CRC_SIZE_BYTES
const FORWARD_CRC_TAG_SIZE_BYTES = TAG_SIZE_BYTES + 8
const COMMIT_END_SIZE_BYTES = FORWARD_CRC_TAG_SIZE_BYTES + CRC_TAG_SIZE_BYTES

const NO_BYTES = new Uint8Array(0)

/** What the medium holds where the next commit will begin. */
export interface ErasedState {
  /** The byte at that place. */
  readonly firstByte: number
  /** The CRC of the program unit there, or `undefined` where the version has no forward CRCs. */
  readonly unitCrc: number | undefined
}

export class CommitEncoder {
  readonly bytes: Uint8Array
  private start = 0
  private previous: number = FIRST_PREVIOUS_TAG
  private crcStart = 0
  private limit = 0
  private overflown = false
  private readonly unitCrcs = new Map<number, number>()
  at = 0

  constructor(
    private readonly blockSize: number,
    private readonly progSize: number,
    private readonly crc32: Crc32,
  ) {
    this.bytes = new Uint8Array(blockSize)
  }

  /** Begins a commit behind others. `limit`: where its tags must end, the last CRC tag excluded. */
  beginAppend(at: number, lastTag: number, limit: number): void {
    this.begin(at, lastTag, limit)
  }

  /** Begins a block's first commit. */
  beginBlock(revision: number, limit: number): void {
    this.begin(0, FIRST_PREVIOUS_TAG, limit)
    writeWord(this.bytes, 0, revision)
    this.at = REVISION_SIZE_BYTES
  }

  private begin(at: number, lastTag: number, limit: number): void {
    this.start = at
    this.crcStart = at
    this.at = at
    this.previous = lastTag
    this.limit = limit - CRC_TAG_SIZE_BYTES
    this.overflown = false
  }

  /** True while everything put so far has fitted. */
  get fits(): boolean {
    return !this.overflown
  }

  /** The tag that the next commit's first one is XORed with. */
  get lastTag(): number {
    return this.previous
  }

  get encoded(): Uint8Array {
    return this.bytes.subarray(this.start, this.at)
  }

  put(type: number, id: number, data: Uint8Array): void {
    this.putTag(makeTag(type, id, data.length), data)
  }

  putDeleted(type: number, id: number): void {
    this.putTag(makeTag(type, id, DELETED), NO_BYTES)
  }

  /** Takes an entry out: the ids above it move down. */
  putDelete(id: number): void {
    this.putTag(makeTag(TagType.DELETE, id, 0), NO_BYTES)
  }

  /** Makes room for an entry: the ids from this one on move up. */
  putCreate(id: number): void {
    this.putTag(makeTag(TagType.CREATE, id, 0), NO_BYTES)
  }

  putName(type: number, id: number, name: string): void {
    const at = this.at + TAG_SIZE_BYTES
    this.putTag(makeTag(type, id, name.length), NO_BYTES, name.length)
    if (this.overflown) return
    for (let i = 0; i < name.length; i++) this.bytes[at + i] = name.charCodeAt(i)
  }

  putWords(type: number, id: number, words: readonly number[]): void {
    const at = this.at + TAG_SIZE_BYTES
    this.putTag(makeTag(type, id, 4 * words.length), NO_BYTES, 4 * words.length)
    if (this.overflown) return
    for (let i = 0; i < words.length; i++) writeWord(this.bytes, at + 4 * i, words[i] as number)
  }

  putStruct(id: number, struct: Struct): void {
    switch (struct.kind) {
      case 'directory':
        this.putWords(TagType.DIRECTORY_STRUCT, id, struct.pair)
        break
      case 'ctz':
        this.putWords(TagType.CTZ_STRUCT, id, [struct.head, struct.size])
        break
      case 'inline':
        this.put(TagType.INLINE_STRUCT, id, struct.bytes)
        break
      case 'unknown':
        this.put(struct.type, id, struct.bytes)
        break
    }
  }

  /** All tags of an entry; with `create` also the one that makes room for its id. */
  putEntry(id: number, content: EntryContent, create: boolean): void {
    if (create) this.putCreate(id)
    if (content.nameType !== undefined) this.putName(content.nameType, id, content.name)
    if (content.struct !== undefined) this.putStruct(id, content.struct)
    for (const { type, bytes } of content.attributes) {
      this.put(TagType.USER_ATTRIBUTE + type, id, bytes)
    }
    for (const { type, bytes } of content.others) this.put(type, id, bytes)
  }

  /** The tags that turn an entry's content into another. */
  putChange(id: number, before: EntryContent, after: EntryContent): void {
    if (after.name !== before.name || after.nameType !== before.nameType) {
      this.putName(after.nameType ?? TagType.FILE, id, after.name)
    }
    if (after.struct !== before.struct && after.struct !== undefined) {
      this.putStruct(id, after.struct)
    }
    if (after.attributes !== before.attributes) {
      this.putAttributeChange(id, before.attributes, after.attributes)
    }
  }

  private putAttributeChange(
    id: number,
    before: readonly Attribute[],
    after: readonly Attribute[],
  ): void {
    for (const attribute of after) {
      if (!before.includes(attribute)) {
        this.put(TagType.USER_ATTRIBUTE + attribute.type, id, attribute.bytes)
      }
    }
    for (const { type } of before) {
      if (!after.some((attribute) => attribute.type === type)) {
        this.putDeleted(TagType.USER_ATTRIBUTE + type, id)
      }
    }
  }

  /** The CRC of a program unit of which every byte is the same. */
  erasedUnitCrc(byte: number): number {
    let crc = this.unitCrcs.get(byte)
    if (crc === undefined) {
      const unit = new Uint8Array(this.progSize).fill(byte)
      crc = this.crc32(CRC_INITIAL, unit, 0, unit.length)
      this.unitCrcs.set(byte, crc)
    }
    return crc
  }

  /** Where the commit would end, its CRC tags and padding included. */
  get end(): number {
    const end = Math.min(this.at + COMMIT_END_SIZE_BYTES, this.blockSize)
    return Math.ceil(end / this.progSize) * this.progSize
  }

  /** True where a further commit could follow this one. */
  get leavesRoom(): boolean {
    return this.end <= this.blockSize - this.progSize
  }

  /**
   * Ends the commit: padding up to a program unit, which a CRC tag's length covers. A tag's length
   * has ten bits, so long padding takes several CRC tags, each a commit of its own.
   *
   * @param erased what stands where the next commit will begin; only read where {@link leavesRoom}.
   */
  finish(erased: ErasedState | undefined): void {
    const { end } = this
    // The CRC does not cover padding; what is programmed there is as good as erased.
    this.bytes.fill(0xff, this.at, end)
    while (this.at < end) {
      let next = Math.min(this.at + TAG_SIZE_BYTES + TAG_LENGTH_MAX, end)
      // Room for a whole end must remain behind a padding tag.
      if (next < end) next = Math.min(next, end - COMMIT_END_SIZE_BYTES)
      let validBit = 0
      if (next >= end && erased !== undefined && end <= this.blockSize - this.progSize) {
        validBit = (erased.firstByte >>> 7) ^ 1
        if (erased.unitCrc !== undefined) {
          this.putWordsUnchecked(TagType.FORWARD_CRC, [this.progSize, erased.unitCrc])
        }
      }
      const tag = makeTag(TagType.CRC + validBit, NO_ID, next - this.at - TAG_SIZE_BYTES)
      writeStoredTag(this.bytes, this.at, tag ^ this.previous)
      const data = this.at + TAG_SIZE_BYTES
      writeWord(this.bytes, data, this.crc32(CRC_INITIAL, this.bytes, this.crcStart, data))
      this.previous = tag ^ (validBit << 31)
      this.at = next
      this.crcStart = next
    }
  }

  private putWordsUnchecked(type: number, words: readonly number[]): void {
    const { limit } = this
    this.limit = Number.POSITIVE_INFINITY
    this.putWords(type, NO_ID, words)
    this.limit = limit
  }

  private putTag(tag: number, data: Uint8Array, length: number = data.length): void {
    const next = this.at + TAG_SIZE_BYTES + length
    if (this.overflown || next > this.limit) {
      this.overflown = true
      return
    }
    writeStoredTag(this.bytes, this.at, tag ^ this.previous)
    if (data.length > 0) this.bytes.set(data, this.at + TAG_SIZE_BYTES)
    // What XORs the next tag is the tag without its end bit.
    this.previous = tag & 0x7fffffff
    this.at = next
  }
}

/** Bytes that an entry takes in a compacted log. */
export function encodedSize(content: EntryContent): number {
  let size = 0
  if (content.nameType !== undefined) size += TAG_SIZE_BYTES + content.name.length
  if (content.struct !== undefined) size += TAG_SIZE_BYTES + structSize(content.struct)
  for (const { bytes } of content.attributes) size += TAG_SIZE_BYTES + bytes.length
  for (const { bytes } of content.others) size += TAG_SIZE_BYTES + bytes.length
  return size
}

function structSize(struct: Struct): number {
  return struct.kind === 'inline' || struct.kind === 'unknown' ? struct.bytes.length : 8
}
