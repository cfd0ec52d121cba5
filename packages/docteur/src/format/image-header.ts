/**
 * The header of an image: which commit it shows, and where its IDX begins.
 *
 *     0                    20                   28
 *     [id of the commit    | offset of the IDX  | PACK ... zeros | IDX ... zeros
 *
 * The offset is 64 bits, little-endian, from the beginning of the image. The PACK follows at once,
 * aligned to nothing. Zeros fill up behind the PACK and behind the IDX to a multiple of the block
 * size, at least one: an end that is aligned already gets a whole block of them.
 *
 * Images of SHA-256 repositories have an id of 32 bytes, and everything else 12 bytes later. They
 * are told apart by where the PACK begins.
 *
 * Source: docteur's own images; its reader takes the IDX in blocks of 512 bytes.
 */

import { FormatError } from '@caravan/core'
import type { IdSize } from './object-id.js'
import { PACK_MAGIC } from './pack-header.js'

const OFFSET_SIZE_BYTES = 8

/** The block size that images have where nothing else is asked for. */
export const BLOCK_SIZE_DEFAULT = 512

export interface ImageHeader {
  readonly idSize: IdSize
  /** The commit's id. */
  readonly commit: Uint8Array
  /** From the beginning of the image. */
  readonly indexOffset: number
}

/** Where the PACK begins. */
export function packOffsetOf(idSize: IdSize): number {
  return idSize + OFFSET_SIZE_BYTES
}

/** Bytes that tell every header apart from what is none. */
export const HEADER_READ_BYTES = packOffsetOf(32) + PACK_MAGIC.length

/** True where the bytes that an image begins with are those of a docteur image. */
export function recogniseHeader(bytes: Uint8Array): IdSize | undefined {
  for (const idSize of [20, 32] as const) {
    const at = packOffsetOf(idSize)
    if (bytes.length >= at + 4 && PACK_MAGIC.every((byte, i) => bytes[at + i] === byte)) {
      return idSize
    }
  }
  return undefined
}

/** @throws FormatError `NOT_DOCTEUR`, `BAD_INDEX_OFFSET`. */
export function decodeHeader(bytes: Uint8Array): ImageHeader {
  const idSize = recogniseHeader(bytes)
  if (idSize === undefined) {
    throw new FormatError(
      'NOT_DOCTEUR',
      'No PACK begins at byte 28, so this is no image of docteur. Check that it is the whole image, from its first byte.',
      { structure: 'image header', offset: packOffsetOf(20) },
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const offset = view.getBigUint64(idSize, true)
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FormatError(
      'BAD_INDEX_OFFSET',
      `The header says that the IDX begins at byte ${offset}, which no image reaches. The header is damaged.`,
      { structure: 'image header', offset: idSize },
    )
  }
  return { idSize, commit: bytes.slice(0, idSize), indexOffset: Number(offset) }
}

export function encodeHeader({ commit, indexOffset, idSize }: ImageHeader): Uint8Array {
  const bytes = new Uint8Array(packOffsetOf(idSize))
  bytes.set(commit)
  new DataView(bytes.buffer).setBigUint64(idSize, BigInt(indexOffset), true)
  return bytes
}

/** Zeros that follow what ends at `end`: 1 to `blockSize`. */
export function paddingBehind(end: number, blockSize: number): number {
  return blockSize - (end % blockSize)
}
