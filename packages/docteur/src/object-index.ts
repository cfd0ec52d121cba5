/** Where in the PACK an object begins, by its id: from the IDX, or from an analysis of the PACK. */

import type { Op } from '@caravan/core'
import { compareIds, type IdSize, idToHex } from './format/object-id.js'
import {
  badIndex,
  decodeIndexHead,
  INDEX_HEAD_BYTES,
  type IndexLayout,
  indexLayout,
  indexSize,
  LARGE,
} from './format/pack-index.js'
import { type ByteSource, HeldBytes, type ImageBytes } from './image-bytes.js'

export interface ObjectIndex {
  /** How many objects there are. */
  readonly count: number
  /** The offset within the PACK; `undefined` where there is no such object. */
  find(id: Uint8Array): Op<number | undefined>
  /** Ids that begin so, in hexadecimal: as many as there are, but at most `limit`. */
  withPrefix(hex: string, limit: number): Op<string[]>
}

/** Ids that are read at once; among more, the middle one is asked. */
const RUN_BYTES = 16_384

/** Over a network an IDX is read at once where it is no more than this, and a small part of the image. */
const HELD_MAX_BYTES = 2 ** 20
const HELD_SHARE = 30

/** The IDX of an image: nothing of it is read but what a question needs. */
export class PackIndex implements ObjectIndex {
  readonly count: number
  private readonly layout: IndexLayout

  private constructor(
    private readonly bytes: ByteSource,
    private readonly begin: number,
    private readonly packBytesMax: number,
    private readonly idSize: IdSize,
    private readonly fanOut: Uint32Array,
  ) {
    this.count = fanOut[255] as number
    this.layout = indexLayout(this.count, idSize)
  }

  /**
   * @param begin where in the image it begins.
   * @param objectCount as the PACK tells it.
   * @throws FormatError `BAD_INDEX` for what its first bytes and its place already tell.
   */
  static *open(
    bytes: ImageBytes,
    begin: number,
    packBegin: number,
    objectCount: number,
    idSize: IdSize,
  ): Op<PackIndex> {
    const sizeBytes = indexSize(indexLayout(objectCount, idSize), 0, idSize)
    if (begin < packBegin || begin + sizeBytes > bytes.sizeBytes) {
      throw badIndex(
        `it would lie from byte ${begin} to ${begin + sizeBytes} of an image of ${bytes.sizeBytes} bytes`,
      )
    }
    // A PACK that has large offsets is left to be looked up.
    const isHeld =
      bytes.isRemote &&
      bytes.sizeBytes < LARGE &&
      sizeBytes <= HELD_MAX_BYTES &&
      sizeBytes * HELD_SHARE <= bytes.sizeBytes
    const source = isHeld
      ? new HeldBytes(begin, (yield* bytes.read(begin, sizeBytes)).slice())
      : bytes
    const fanOut = decodeIndexHead(yield* source.read(begin, INDEX_HEAD_BYTES))
    if (fanOut[255] !== objectCount) {
      throw badIndex(`it has ${fanOut[255]} objects, and the PACK has ${objectCount}`)
    }
    return new PackIndex(source, begin, begin - packBegin, idSize, fanOut)
  }

  *find(id: Uint8Array): Op<number | undefined> {
    const { idSize } = this
    const first = id[0] as number
    let low = first === 0 ? 0 : (this.fanOut[first - 1] as number)
    let high = this.fanOut[first] as number
    while ((high - low) * idSize > RUN_BYTES) {
      const middle = (low + high) >>> 1
      const order = compareIds(yield* this.readIds(middle, 1), 0, id, 0, idSize)
      if (order === 0) return yield* this.offsetOf(middle)
      if (order < 0) low = middle + 1
      else high = middle
    }
    if (low >= high) return undefined
    const at = searchIds(
      this.peekIds(low, high - low) ?? (yield* this.readIds(low, high - low)),
      id,
      idSize,
      high - low,
    )
    return at === undefined ? undefined : yield* this.offsetOf(low + at)
  }

  *withPrefix(hex: string, limit: number): Op<string[]> {
    const from = Number.parseInt(hex.slice(0, 2), 16)
    const found: string[] = []
    const end = this.fanOut[from] as number
    const step = Math.floor(RUN_BYTES / this.idSize)
    for (let at = from === 0 ? 0 : (this.fanOut[from - 1] as number); at < end; at += step) {
      const count = Math.min(step, end - at)
      addWithPrefix(found, yield* this.readIds(at, count), count, this.idSize, hex, limit)
      if (found.length >= limit) break
    }
    return found
  }

  private peekIds(first: number, count: number): Uint8Array | undefined {
    return this.bytes.peek(this.begin + this.layout.ids + first * this.idSize, count * this.idSize)
  }

  private readIds(first: number, count: number): Op<Uint8Array> {
    return this.bytes.read(this.begin + this.layout.ids + first * this.idSize, count * this.idSize)
  }

  private *offsetOf(position: number): Op<number> {
    const at = this.begin + this.layout.offsets + 4 * position
    const bytes = this.bytes.peek(at, 4) ?? (yield* this.bytes.read(at, 4))
    let offset =
      ((bytes[0] as number) * 0x1000000 +
        (((bytes[1] as number) << 16) | ((bytes[2] as number) << 8) | (bytes[3] as number))) >>>
      0
    if (offset >= LARGE) {
      const large = this.begin + this.layout.largeOffsets + 8 * (offset - LARGE)
      const more = yield* this.bytes.read(large, 8)
      if (more.length < 8) throw badIndex(`it has no large offset ${offset - LARGE}`)
      const value = new DataView(more.buffer, more.byteOffset).getBigUint64(0)
      if (value > BigInt(this.packBytesMax)) throw badIndex(`it leads to byte ${value}`)
      offset = Number(value)
    }
    if (offset < this.packBytesMax) return offset
    throw badIndex(`it leads to byte ${offset} of a PACK that has ${this.packBytesMax} at most`)
  }
}

/** Ids and offsets that an analysis has found. */
export class AnalysedIndex implements ObjectIndex {
  readonly count: number

  constructor(
    /** One after the other, ascending. */
    private readonly ids: Uint8Array,
    private readonly offsets: Float64Array,
    private readonly idSize: IdSize,
  ) {
    this.count = offsets.length
  }

  // biome-ignore lint/correctness/useYield: what is in memory needs no device.
  *find(id: Uint8Array): Op<number | undefined> {
    const at = searchIds(this.ids, id, this.idSize, this.count)
    return at === undefined ? undefined : this.offsets[at]
  }

  // biome-ignore lint/correctness/useYield: what is in memory needs no device.
  *withPrefix(hex: string, limit: number): Op<string[]> {
    const found: string[] = []
    addWithPrefix(found, this.ids, this.count, this.idSize, hex, limit)
    return found
  }
}

function searchIds(
  ids: Uint8Array,
  id: Uint8Array,
  idSize: number,
  count: number,
): number | undefined {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareIds(ids, middle * idSize, id, 0, idSize)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle
  }
  return undefined
}

function addWithPrefix(
  found: string[],
  ids: Uint8Array,
  count: number,
  idSize: number,
  hex: string,
  limit: number,
): void {
  for (let i = 0; i < count && found.length < limit; i++) {
    const id = idToHex(ids, i * idSize, idSize)
    if (id.startsWith(hex)) found.push(id)
  }
}
