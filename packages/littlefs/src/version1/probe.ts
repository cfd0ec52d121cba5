/**
 * Telling littlefs 1 from littlefs 2, and finding the block size of an image that does not come with
 * it.
 *
 * The magic stands 40 bytes into blocks 0 and 1. Where block 0 is damaged the copy in block 1 says a
 * block size that must equal the place where it stands. An image that littlefs 2 mounts is littlefs 2,
 * whatever else it looks like: the last step of a migration leaves both for a moment.
 */

import type { Geometry, Op } from '@caravan/core'
import { byteString } from '../format/name.js'
import { MAGIC } from '../format/superblock.js'
import {
  findBlockSize as findVersion2BlockSize,
  HEAD_SIZE_BYTES,
  isSound as isSoundVersion2,
  readBytes,
  superblockAt,
} from '../probe.js'
import { decodeDirectoryHeader } from './format/directory-block.js'
import {
  BLOCK_SIZE_MIN_BYTES,
  decodeSuperblock,
  isSupported,
  SUPERBLOCK_BLOCK_BYTES,
} from './format/superblock.js'

/** How far the copy of the superblock is looked for: the largest block there is. */
const SEARCH_END_BYTES = 16 * 1024 * 1024

const CHUNK_SIZE_BYTES = 64 * 1024

/** What stands at a place that may be a superblock's. */
interface Found {
  readonly blockSize: number
  /** True where its checksum is good. */
  readonly isSound: boolean
}

/**
 * The block size in bytes that a superblock of littlefs 1 says; `undefined` where none is found. One
 * with a good checksum is preferred to one that may be damaged.
 *
 * @param geometry the device in blocks of any size.
 */
export function* findBlockSize(geometry: Geometry): Op<number | undefined> {
  const atStart = foundAt(yield* readHead(geometry), 0)
  if (atStart?.isSound) return atStart.blockSize
  const copy = yield* findCopy(geometry)
  return copy?.isSound ? copy.blockSize : (atStart ?? copy)?.blockSize
}

function readHead(geometry: Geometry): Op<Uint8Array> {
  return readBytes(geometry, 0, Math.min(HEAD_SIZE_BYTES, sizeOf(geometry)))
}

/** Bytes of a device. */
function sizeOf({ blockSize, blockCount }: Geometry): number {
  return blockSize * blockCount
}

/** The copy in block 1, wherever that begins. */
function* findCopy(geometry: Geometry): Op<Found | undefined> {
  const sizeBytes = sizeOf(geometry)
  const end = Math.min(SEARCH_END_BYTES, sizeBytes)
  let doubtful: Found | undefined
  for (let start = 0; start < end; start += CHUNK_SIZE_BYTES) {
    // The overlap holds a superblock that begins at the end of the chunk.
    const length = Math.min(CHUNK_SIZE_BYTES + SUPERBLOCK_BLOCK_BYTES, sizeBytes - start)
    const chunk = yield* readBytes(geometry, start, length)
    for (let at = 0; at < Math.min(CHUNK_SIZE_BYTES, length); at += 4) {
      if (start + at < BLOCK_SIZE_MIN_BYTES) continue
      const found = foundAt(chunk, at)
      if (found?.blockSize !== start + at) continue
      if (found.isSound) return found
      doubtful ??= found
    }
  }
  return doubtful
}

function foundAt(bytes: Uint8Array, at: number): Found | undefined {
  // "l" is rare enough to ask for first.
  if (bytes[at + MAGIC_AT] !== LETTER_L) return undefined
  const block = bytes.subarray(at, at + SUPERBLOCK_BLOCK_BYTES)
  const superblock = decodeSuperblock(block)
  if (superblock === undefined || superblock.blockSize < BLOCK_SIZE_MIN_BYTES) return undefined
  const isSound = decodeDirectoryHeader(block)?.size === SUPERBLOCK_BLOCK_BYTES
  // The magic alone stands there in a UF2 file of a littlefs 2 too.
  if (!isSound && !isSupported(superblock) && !isEntry(block)) return undefined
  return { blockSize: superblock.blockSize, isSound }
}

/** True where an entry begins as a superblock's does, of either type that libraries wrote. */
function isEntry(block: Uint8Array): boolean {
  const [type, ...lengths] = block.subarray(ENTRY_AT, ENTRY_AT + 4)
  return (type === 0x2e || type === 0xe2) && lengths.join() === '20,0,8'
}

const ENTRY_AT = 16
const MAGIC_AT = 0x28
const LETTER_L = 0x6c

/**
 * True where a device holds a littlefs 1, and not a littlefs 2. Where nothing at its start hints at
 * either, only `isThorough` looks further.
 */
export function* recognise(geometry: Geometry, isThorough: boolean): Op<boolean> {
  const head = yield* readHead(geometry)
  const atStart = foundAt(head, 0)
  if (atStart?.isSound) return !(yield* isVersion2(geometry, atStart.blockSize))
  const version2 = superblockAt(head, 0)
  if (version2 !== undefined && (yield* isSoundVersion2(geometry, 0, version2.blockSize))) {
    return false
  }
  const hasVersion2Magic = byteString(head, 8, 16) === MAGIC
  if (atStart === undefined && !hasVersion2Magic && !isThorough) return false
  // What a power cut leaves of a superblock says sizes that nobody wrote: block 1 decides.
  const copy = yield* findCopy(geometry)
  if (copy?.isSound) return !(yield* isVersion2(geometry, copy.blockSize))
  const blockSize = yield* findVersion2BlockSize(geometry)
  if (blockSize !== undefined && (yield* isVersion2(geometry, blockSize))) return false
  return atStart !== undefined || copy !== undefined
}

/** True where one of the first two blocks holds a sound superblock of littlefs 2. */
export function* isVersion2(geometry: Geometry, blockSize: number): Op<boolean> {
  for (const start of [0, blockSize]) {
    if (start + HEAD_SIZE_BYTES > sizeOf(geometry)) continue
    const head = yield* readBytes(geometry, start, HEAD_SIZE_BYTES)
    if (superblockAt(head, 0) === undefined) continue
    if (yield* isSoundVersion2(geometry, start, blockSize)) return true
  }
  return false
}
