/**
 * IDX, version 2: which object begins where in the PACK, sorted by id.
 *
 *     magic, version     8 bytes
 *     fan-out            256 counts: how many ids begin with a byte up to this one
 *     ids                one after the other, ascending
 *     CRC-32             of each entry as it stands in the PACK
 *     offsets            32 bits; with bit 31 set the rest counts into the next table
 *     large offsets      64 bits, for what lies beyond 2 GiB
 *     trailer            the PACK's hash, then that of all before
 *
 * All numbers are big-endian.
 *
 * Source: git's Documentation/gitformat-pack, "Version 2 pack-*.idx files".
 */

import { FormatError } from '@caravan/core'
import type { IdSize } from './object-id.js'

const MAGIC = 0xff744f63
const VERSION = 2
const HEAD_BYTES = 8
const FAN_OUT_COUNT = 256

/** Bit 31 of an offset: it counts into the table of large ones. */
export const LARGE = 0x80000000

/** What comes before the ids. */
export const INDEX_HEAD_BYTES = HEAD_BYTES + 4 * FAN_OUT_COUNT

/** Where each table of an IDX begins, from its own beginning. */
export interface IndexLayout {
  readonly count: number
  readonly ids: number
  readonly crcs: number
  readonly offsets: number
  readonly largeOffsets: number
}

export function indexLayout(count: number, idSize: IdSize): IndexLayout {
  const ids = INDEX_HEAD_BYTES
  const crcs = ids + count * idSize
  const offsets = crcs + count * 4
  return { count, ids, crcs, offsets, largeOffsets: offsets + count * 4 }
}

/** Bytes of an IDX with so many large offsets. */
export function indexSize(layout: IndexLayout, largeCount: number, idSize: IdSize): number {
  return layout.largeOffsets + 8 * largeCount + 2 * idSize
}

/** @returns the fan-out. @throws FormatError `BAD_INDEX`. */
export function decodeIndexHead(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < INDEX_HEAD_BYTES || view.getUint32(0) !== MAGIC) {
    throw badIndex('it does not begin as an IDX does')
  }
  const version = view.getUint32(4)
  if (version !== VERSION) throw badIndex(`it is of version ${version}, and version 2 is known`)
  const fanOut = new Uint32Array(FAN_OUT_COUNT)
  for (let i = 0; i < FAN_OUT_COUNT; i++) {
    fanOut[i] = view.getUint32(HEAD_BYTES + 4 * i)
    if (i > 0 && (fanOut[i] as number) < (fanOut[i - 1] as number)) {
      throw badIndex(`its fan-out goes down at ${i}`)
    }
  }
  return fanOut
}

/** The tables of an IDX, in the order of the ids. */
interface IndexTables {
  /** One after the other, ascending. */
  readonly ids: Uint8Array
  readonly crcs: Uint32Array
  readonly offsets: Float64Array
  readonly packHash: Uint8Array
}

/** The bytes of an IDX as git writes it, but for the hash behind it, which the caller adds. */
export function encodeIndex(
  { ids, crcs, offsets, packHash }: IndexTables,
  idSize: IdSize,
): Uint8Array {
  const count = crcs.length
  const layout = indexLayout(count, idSize)
  const large = offsets.reduce((sum, offset) => (offset >= LARGE ? sum + 1 : sum), 0)
  const bytes = new Uint8Array(indexSize(layout, large, idSize))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC)
  view.setUint32(4, VERSION)
  for (let byte = 0, next = 0; byte < FAN_OUT_COUNT; byte++) {
    while (next < count && (ids[next * idSize] as number) <= byte) next++
    view.setUint32(HEAD_BYTES + 4 * byte, next)
  }
  bytes.set(ids, layout.ids)
  let largeCount = 0
  for (let i = 0; i < count; i++) {
    const offset = offsets[i] as number
    view.setUint32(layout.crcs + 4 * i, crcs[i] as number)
    if (offset < LARGE) {
      view.setUint32(layout.offsets + 4 * i, offset)
      continue
    }
    view.setUint32(layout.offsets + 4 * i, LARGE + largeCount)
    view.setBigUint64(layout.largeOffsets + 8 * largeCount++, BigInt(offset))
  }
  bytes.set(packHash, bytes.length - 2 * idSize)
  return bytes
}

export function badIndex(what: string): FormatError {
  return new FormatError(
    'BAD_INDEX',
    `The IDX of the image is damaged: ${what}. Mount with analyze: true to read the image without it.`,
    { structure: 'IDX' },
  )
}
