/**
 * Dump: every block decoded as what it is, tag by tag; for people who want to see, and for programs.
 *
 * Nothing is left out for being wrong: what stands behind the last good commit is shown as far as it
 * reads, and marked.
 */

import type { Op } from '@caravan/core'
import type { Survey } from '../check/check.js'
import type { Crc32 } from '../format/crc32.js'
import { POINTER_SIZE_BYTES, pointerCount } from '../format/ctz-list.js'
import { decodeGlobalState } from '../format/global-state.js'
import { type PlacedTag, type WalkedLog, walkLog } from '../format/log-walk.js'
import type { BlockPair } from '../format/metadata-log.js'
import { byteString, byteStringToText } from '../format/name.js'
import { decodeSuperblock, SUPERBLOCK_SIZE_BYTES } from '../format/superblock.js'
import {
  NO_ID,
  TagFamily,
  TagType,
  tagChunk,
  tagFamily,
  tagId,
  tagIsDeleted,
  tagSplice,
  tagType,
} from '../format/tag.js'
import { readDataWord, readWord } from '../format/word.js'
import { readWhatCan } from '../metadata-pair.js'

export interface DumpedTag {
  /** Bytes from the beginning of the block. */
  readonly offset: number
  /** SPEC.md's type3. */
  readonly type: number
  /** `NAME`, `CTZ STRUCT`, `SOFT TAIL`...: the words of SPEC.md. */
  readonly name: string
  /** `undefined` for what belongs to the pair as a whole. */
  readonly id: number | undefined
  readonly deleted: boolean
  /** What the data says, where it says something: `"notes"`, `block 7, 1500 bytes`. */
  readonly says: string
  readonly data: Uint8Array
}

export interface DumpedCommit {
  readonly start: number
  readonly end: number
  readonly tags: readonly DumpedTag[]
  /** As stored. It is good: else it is no commit. */
  readonly crc: number
}

export interface DumpedLog {
  readonly revision: number
  readonly commits: readonly DumpedCommit[]
  /** Why the log ends, and what of a torn commit can be read behind it. */
  readonly end: {
    readonly kind: 'full' | 'unwritten' | 'torn'
    readonly offset: number
    readonly reason: string
    readonly tags: readonly DumpedTag[]
  }
}

export interface DumpedBlock {
  readonly block: number
  /**
   * - `metadata`: half of a pair that the list of pairs or the tree leads to;
   * - `data`: of a file;
   * - `old log`: nothing leads to it, and it holds commits;
   * - `erased`: all bytes are the same, and nothing leads to it;
   * - `unused`: nothing leads to it, and it holds something else: old data most often;
   * - `unreadable`: the device cannot read it.
   */
  readonly kind: 'metadata' | 'data' | 'old log' | 'erased' | 'unused' | 'unreadable'
  /** The file or directory, where one leads to it. */
  readonly path?: string
  /** Of metadata: both blocks of the pair, and whether devices take this one. */
  readonly pair?: BlockPair
  readonly inForce?: boolean
  readonly log?: DumpedLog
  /** Of data: its place in the file, and where its pointers lead. */
  readonly index?: number
  readonly pointers?: readonly number[]
  readonly bytes: Uint8Array
}

export function* dumpBlock(
  survey: Survey,
  blockSize: number,
  block: number,
  crc32: Crc32,
): Op<DumpedBlock> {
  const bytes = new Uint8Array(blockSize)
  const [isReadable] = yield* readWhatCan([{ block, offset: 0, bytes }])
  const use = survey.uses.get(block)
  const known = { block, bytes, ...(use?.path === undefined ? {} : { path: use.path }) }
  if (isReadable !== true) return { ...known, kind: 'unreadable' }
  if (use?.kind === 'data') {
    const pointers = Array.from({ length: pointerCount(use.index) }, (_, k) =>
      readWord(bytes, POINTER_SIZE_BYTES * k),
    )
    return { ...known, kind: 'data', index: use.index, pointers }
  }
  const log = walkLog(bytes, crc32)
  if (use !== undefined) {
    const { blocks, inForce } = use
    return { ...known, kind: 'metadata', pair: blocks, inForce, log: dumpLog(log) }
  }
  if (log.commits.length > 0) return { ...known, kind: 'old log', log: dumpLog(log) }
  const isErased = bytes.every((byte) => byte === bytes[0])
  return { ...known, kind: isErased ? 'erased' : 'unused' }
}

function dumpLog({ revision, commits, end }: WalkedLog): DumpedLog {
  return {
    revision,
    commits: commits.map(({ start, end, tags, crcTag }) => ({
      start,
      end,
      tags: [...tags, crcTag].map(dumpTag),
      crc: readDataWord(crcTag.data, 0, crcTag.data.length, 0),
    })),
    end: { ...end, tags: end.tags.map(dumpTag) },
  }
}

function dumpTag({ tag, offset, data }: PlacedTag): DumpedTag {
  const type = tagType(tag)
  const deleted = tagIsDeleted(tag)
  const id = tagId(tag)
  return {
    offset,
    type,
    name: nameOf(tag),
    id: id === NO_ID ? undefined : id,
    deleted,
    says: deleted ? '' : meaningOf(type, data),
    data,
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [TagType.FILE]: 'NAME of a file',
  [TagType.DIRECTORY]: 'NAME of a directory',
  [TagType.SUPERBLOCK]: 'SUPERBLOCK',
  [TagType.DIRECTORY_STRUCT]: 'DIRSTRUCT',
  [TagType.INLINE_STRUCT]: 'INLINESTRUCT',
  [TagType.CTZ_STRUCT]: 'CTZSTRUCT',
  [TagType.CREATE]: 'CREATE',
  [TagType.DELETE]: 'DELETE',
  [TagType.FORWARD_CRC]: 'FCRC',
  [TagType.SOFT_TAIL]: 'SOFTTAIL',
  [TagType.HARD_TAIL]: 'HARDTAIL',
  [TagType.MOVE_STATE]: 'MOVESTATE',
}

function nameOf(tag: number): string {
  const type = tagType(tag)
  const known = NAMES[type]
  if (known !== undefined) return known
  if (tagFamily(tag) === TagFamily.USER_ATTRIBUTE) return `USERATTR ${hex(tagChunk(tag), 2)}`
  if (tagFamily(tag) === TagFamily.CRC)
    return tagChunk(tag) <= 1 ? 'CRC' : `CRC ${hex(tagChunk(tag), 2)}`
  if (tagFamily(tag) === TagFamily.SPLICE) return `SPLICE ${tagSplice(tag)}`
  return `unknown ${hex(type, 3)}`
}

function meaningOf(type: number, data: Uint8Array): string {
  const word = (i: number) => readDataWord(data, 0, data.length, i)
  switch (type) {
    case TagType.DIRECTORY_STRUCT:
    case TagType.SOFT_TAIL:
    case TagType.HARD_TAIL:
      return word(0) === NO_BLOCK || word(1) === NO_BLOCK ? 'none' : `pair {${word(0)}, ${word(1)}}`
    case TagType.CTZ_STRUCT:
      return `last block ${word(0)}, ${word(1)} bytes`
    case TagType.INLINE_STRUCT:
      return data.length === SUPERBLOCK_SIZE_BYTES && looksLikeSuperblock(data)
        ? superblockInWords(data)
        : `${data.length} bytes`
    case TagType.FORWARD_CRC:
      return `${hex(word(1), 8)} of ${word(0)} bytes`
    case TagType.MOVE_STATE: {
      const { tag, pair } = decodeGlobalState(data, 0, data.length)
      return `share of the global state: tag ${hex(tag >>> 0, 8)}, pair {${pair[0]}, ${pair[1]}}`
    }
  }
  if ((type & 0x780) === TagType.CRC) return `${hex(word(0), 8)}, good`
  if ((type & 0x700) === TagFamily.NAME) {
    return JSON.stringify(byteStringToText(byteString(data, 0, data.length)))
  }
  return data.length === 0 ? '' : `${data.length} bytes`
}

const NO_BLOCK = 0xffffffff

function looksLikeSuperblock(data: Uint8Array): boolean {
  const { majorVersion, blockSize } = decodeSuperblock(data)
  return majorVersion === 2 && blockSize >= 128
}

function superblockInWords(data: Uint8Array): string {
  const { majorVersion, minorVersion, blockSize, blockCount, ...limits } = decodeSuperblock(data)
  const { nameMax, fileMax, attrMax } = limits
  return `version ${majorVersion}.${minorVersion}, ${blockCount} blocks of ${blockSize} bytes, limits ${nameMax}, ${fileMax}, ${attrMax}`
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}
