/**
 * The header of a PACK entry: what it is, how large its content is, and for a delta its base.
 *
 *     first byte   [more | kind: 3 | size: 4]     then 7 bits of the size a byte, while `more`
 *     ofs-delta    7 bits a byte of the distance back to the base, the highest first; each byte
 *                  before the last counts one more, so that no distance has two spellings
 *     ref-delta    the id of the base
 *
 * The zlib stream of the content follows at once. How long it is stands nowhere.
 *
 * Source: git's Documentation/gitformat-pack, "pack-*.pack files".
 */

import { FormatError } from '@caravan/core'
import type { IdSize } from './object-id.js'

export type ObjectKind = 'commit' | 'tree' | 'blob' | 'tag'

const COMMIT = 1
const TREE = 2
const BLOB = 3
const TAG = 4
const OFS_DELTA = 6
const REF_DELTA = 7

const KINDS: Readonly<Record<number, ObjectKind>> = {
  [COMMIT]: 'commit',
  [TREE]: 'tree',
  [BLOB]: 'blob',
  [TAG]: 'tag',
}

/** The longest header there is: 10 bytes of size, then 10 of a distance or an id. */
export const ENTRY_HEADER_MAX_BYTES = 10 + 32

export interface PackEntry {
  /** `undefined` for a delta: its base tells. */
  readonly kind: ObjectKind | undefined
  /** Bytes of the content, for a delta those of the delta. */
  readonly size: number
  /** Where the zlib stream begins, from the beginning of the entry. */
  readonly headerBytes: number
  /** Of an ofs-delta: how far before the entry its base begins. */
  readonly baseDistance: number | undefined
  /** Of a ref-delta. */
  readonly baseId: Uint8Array | undefined
}

/**
 * @param bytes from the beginning of the entry, {@link ENTRY_HEADER_MAX_BYTES} where there are so many.
 * @param offset of the entry within the PACK, for messages.
 * @throws FormatError `BAD_ENTRY`.
 */
export function decodeEntry(bytes: Uint8Array, idSize: IdSize, offset: number): PackEntry {
  let at = 0
  let byte = byteAt(bytes, at++, offset)
  const code = (byte >> 4) & 7
  let size = byte & 15
  for (let scale = 16; byte >= 0x80; scale *= 128) {
    byte = byteAt(bytes, at++, offset)
    size += (byte & 0x7f) * scale
  }
  if (!Number.isSafeInteger(size)) throw bad(offset, 'its size has no end')
  const kind = KINDS[code]
  if (kind !== undefined) {
    return { kind, size, headerBytes: at, baseDistance: undefined, baseId: undefined }
  }
  if (code === REF_DELTA) {
    if (bytes.length < at + idSize) throw cutOff(offset)
    const baseId = bytes.slice(at, at + idSize)
    return { kind, size, headerBytes: at + idSize, baseDistance: undefined, baseId }
  }
  if (code !== OFS_DELTA) throw bad(offset, `its kind is ${code}, which there is not`)
  byte = byteAt(bytes, at++, offset)
  let baseDistance = byte & 0x7f
  while (byte >= 0x80) {
    byte = byteAt(bytes, at++, offset)
    baseDistance = (baseDistance + 1) * 128 + (byte & 0x7f)
  }
  if (!(baseDistance > 0 && baseDistance <= offset)) {
    throw bad(offset, `its base would begin ${baseDistance} bytes before it`)
  }
  return { kind, size, headerBytes: at, baseDistance, baseId: undefined }
}

function byteAt(bytes: Uint8Array, at: number, offset: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw cutOff(offset)
  return byte
}

function cutOff(offset: number): FormatError {
  return bad(offset, 'the PACK ends within it')
}

function bad(offset: number, what: string): FormatError {
  return new FormatError('BAD_ENTRY', `The PACK entry at byte ${offset} cannot be read: ${what}.`, {
    structure: 'PACK entry',
    offset,
  })
}
