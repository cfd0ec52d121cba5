/**
 * Finding the block size of an image that does not come with it: the superblock says it.
 *
 * The first superblock stands at the start of the image. Where that is damaged the second one, one
 * block in, says a size that must equal the place where it stands.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK" (the magic at a fixed offset).
 */

import type { Geometry, Op, Span } from '@caravan/core'
import { crc32 } from './format/crc32.js'
import { scanLog } from './format/metadata-log.js'
import { byteString } from './format/name.js'
import {
  BLOCK_SIZE_MIN_BYTES,
  decodeSuperblock,
  MAGIC,
  MAGIC_OFFSET_BYTES,
  SUPERBLOCK_SIZE_BYTES,
  type Superblock,
} from './format/superblock.js'
import {
  FIRST_PREVIOUS_TAG,
  readStoredTag,
  TagType,
  tagDataLength,
  tagIsValid,
  tagType,
} from './format/tag.js'
import { isBadBlock } from './metadata-pair.js'

/** What is read to decode the start of a superblock's log. */
export const HEAD_SIZE_BYTES = 128

/** How far the second superblock is looked for: the largest block there is. */
const SEARCH_END_BYTES = 16 * 1024 * 1024

const CHUNK_SIZE_BYTES = 64 * 1024

/**
 * The block size in bytes that a superblock of the image says; `undefined` where none is found. One
 * with a good CRC is preferred to one that may be damaged.
 *
 * @param geometry the device in blocks of any size.
 */
export function* findBlockSize(geometry: Geometry): Op<number | undefined> {
  const sizeBytes = geometry.blockSize * geometry.blockCount
  const head = yield* readBytes(geometry, 0, Math.min(HEAD_SIZE_BYTES, sizeBytes))
  const atStart = blockSizeAt(head, 0)
  if (atStart !== undefined && (yield* isSound(geometry, 0, atStart))) return atStart

  const end = Math.min(SEARCH_END_BYTES, sizeBytes)
  let doubtful = isBelievable(geometry, head, atStart) ? atStart : undefined
  for (let start = 0; start < end; start += CHUNK_SIZE_BYTES) {
    // The overlap holds a superblock that begins at the end of the chunk.
    const length = Math.min(CHUNK_SIZE_BYTES + HEAD_SIZE_BYTES, sizeBytes - start)
    const chunk = yield* readBytes(geometry, start, length)
    for (let at = 0; at < Math.min(CHUNK_SIZE_BYTES, length); at += 4) {
      // Blocks are multiples of 4 bytes in practice, and "l" is rare enough to ask for first.
      if (chunk[at + MAGIC_OFFSET_BYTES] !== 0x6c) continue
      const blockSize = blockSizeAt(chunk, at)
      if (blockSize === undefined || blockSize !== start + at) continue
      if (yield* isSound(geometry, start + at, blockSize)) return blockSize
      doubtful ??= blockSize
    }
  }
  return doubtful
}

/**
 * False for garbage that a power cut leaves of a superblock: a size that the device cannot have, and no
 * commit with a good CRC that says so.
 */
function isBelievable(
  { blockSize: unit, blockCount }: Geometry,
  head: Uint8Array,
  blockSize: number | undefined,
): boolean {
  if (blockSize === undefined) return false
  if (blockSize % unit === 0 && blockSize <= unit * blockCount) return true
  return scanLog(head, { progSize: 1, crc32, hasForwardCrc: false }) !== undefined
}

/** True where the block of that size holds a commit with a good CRC. */
export function* isSound(geometry: Geometry, start: number, blockSize: number): Op<boolean> {
  const { blockSize: unit, blockCount } = geometry
  if (blockSize > SEARCH_END_BYTES || start + blockSize > unit * blockCount) return false
  const block = yield* readBytes(geometry, start, blockSize)
  return scanLog(block, { progSize: 1, crc32, hasForwardCrc: false }) !== undefined
}

/** The block size that a superblock at that place says. */
function blockSizeAt(bytes: Uint8Array, at: number): number | undefined {
  return superblockAt(bytes, at)?.blockSize
}

/** What stands at a place that may be a superblock's, whether its CRC is good or not. */
export function superblockAt(bytes: Uint8Array, at: number): Superblock | undefined {
  const magicEnd = at + MAGIC_OFFSET_BYTES + MAGIC.length
  if (magicEnd > bytes.length) return undefined
  if (byteString(bytes, at + MAGIC_OFFSET_BYTES, magicEnd) !== MAGIC) return undefined
  let previous: number = FIRST_PREVIOUS_TAG
  for (let tagAt = at + 4; tagAt + 4 <= bytes.length; ) {
    const tag = readStoredTag(bytes, tagAt) ^ previous
    if (!tagIsValid(tag)) return undefined
    const data = tagAt + 4
    if (tagType(tag) === TagType.INLINE_STRUCT && data + SUPERBLOCK_SIZE_BYTES <= bytes.length) {
      const superblock = decodeSuperblock(bytes.subarray(data, data + SUPERBLOCK_SIZE_BYTES))
      return superblock.blockSize >= BLOCK_SIZE_MIN_BYTES ? superblock : undefined
    }
    previous = tag
    tagAt = data + tagDataLength(tag)
  }
  return undefined
}

/** Bytes of a device by their place on it, whatever its blocks and read units are. */
export function* readBytes(geometry: Geometry, start: number, length: number): Op<Uint8Array> {
  const { blockSize, readSize } = geometry
  const first = start - (start % readSize)
  const bytes = new Uint8Array(Math.ceil((start + length - first) / readSize) * readSize)
  const spans = []
  for (let done = 0; done < bytes.length; ) {
    const at = first + done
    const offset = at % blockSize
    const part = Math.min(bytes.length - done, blockSize - offset)
    spans.push({
      block: Math.floor(at / blockSize),
      offset,
      bytes: bytes.subarray(done, done + part),
    })
    done += part
  }
  yield* readWhatReads(spans)
  return bytes.subarray(start - first, start - first + length)
}

/** Reads spans; zeros stand for what lies on a bad block: the other superblock may be good. */
export function* readWhatReads(spans: readonly Span[]): Op<void> {
  try {
    yield { kind: 'read', spans }
    return
  } catch (error) {
    if (!isBadBlock(error)) throw error
  }
  for (const span of spans) {
    try {
      yield { kind: 'read', spans: [span] }
    } catch (error) {
      if (!isBadBlock(error)) throw error
      span.bytes.fill(0)
    }
  }
}
