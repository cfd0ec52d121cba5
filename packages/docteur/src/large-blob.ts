/**
 * LargeBlob: a large object at any position, put together of pieces of inflated streams.
 *
 * A delta copies pieces of its base. Through a chain of deltas every piece of the object comes, in
 * the end, from the content of one entry: of the base, or of what a delta inserts. So the object is
 * a list of such pieces, and neither it nor any version below it is ever whole in memory.
 *
 * The list is made once, from the base up, and is bounded: an object of too many pieces is refused.
 */

import { FormatError, type Op } from '@caravan/core'
import {
  badDelta,
  DELTA_SIZES_MAX_BYTES,
  decodeDeltaSizes,
  decodeInstruction,
} from './format/delta.js'
import type { ObjectKind } from './format/pack-entry.js'
import { InflatedStream } from './inflated-stream.js'
import type { ChainLink, Pack } from './pack.js'

/** A run of the object that lies together in one source. */
interface Piece {
  /** Within the object. */
  readonly at: number
  readonly source: InflatedStream
  /** Within the source. */
  readonly from: number
  readonly size: number
}

/** A piece takes about this much. */
const PIECE_COST_BYTES = 64

/** Instructions are read so many bytes at a time. */
const DELTA_READ_BYTES = 65_536

export class LargeBlob {
  private constructor(
    readonly kind: ObjectKind,
    readonly size: number,
    private readonly pieces: readonly Piece[],
  ) {}

  /** @throws FormatError for what is damaged; `OBJECT_TOO_LARGE` where it has too many pieces. */
  static *open(pack: Pack, offset: number): Op<LargeBlob> {
    const { deltas, base, kind } = yield* pack.readChain(offset)
    const whole = streamOf(pack, base)
    let size = base.size
    let pieces: Piece[] = size === 0 ? [] : [{ at: 0, source: whole, from: 0, size }]
    for (const delta of [...deltas].reverse()) {
      const made = yield* applyToPieces(pack, delta, pieces, size)
      pieces = made.pieces
      size = made.size
    }
    return new LargeBlob(kind, size, pieces)
  }

  /** @returns the bytes read: fewer than asked for at the end. */
  *readAt(position: number, target: Uint8Array): Op<number> {
    const count = Math.max(0, Math.min(target.length, this.size - position))
    let index = pieceAt(this.pieces, position)
    for (let done = 0; done < count; index++) {
      const { at, source, from, size } = this.pieces[index] as Piece
      const inner = position + done - at
      const part = Math.min(count - done, size - inner)
      yield* source.readAt(from + inner, target.subarray(done, done + part))
      done += part
    }
    return count
  }
}

function streamOf(pack: Pack, { offset, headerBytes, size }: ChainLink): InflatedStream {
  return new InflatedStream(pack, offset, offset + headerBytes, size)
}

/** The piece that a position lies in. */
function pieceAt(pieces: readonly Piece[], position: number): number {
  let low = 0
  let high = pieces.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((pieces[middle] as Piece).at <= position) low = middle
    else high = middle
  }
  return low
}

function* applyToPieces(
  pack: Pack,
  link: ChainLink,
  base: readonly Piece[],
  baseSize: number,
): Op<{ pieces: Piece[]; size: number }> {
  const { offset } = link
  const source = streamOf(pack, link)
  const head = new Uint8Array(Math.min(link.size, DELTA_SIZES_MAX_BYTES))
  yield* source.readAt(0, head)
  const sizes = decodeDeltaSizes(head, offset)
  if (sizes.baseSize !== baseSize) {
    throw badDelta(
      offset,
      `it is for a base of ${sizes.baseSize} bytes, and its base has ${baseSize}`,
    )
  }
  const list = new PieceList(Math.floor(pack.settings.wholeMaxBytes / PIECE_COST_BYTES), offset)
  let window = new Uint8Array(0)
  let windowAt = sizes.headerBytes
  for (let at = sizes.headerBytes; at < link.size; ) {
    const next = decodeInstruction(window, at - windowAt, offset)
    if (next === undefined) {
      if (windowAt + window.length >= link.size)
        throw badDelta(offset, 'it ends within an instruction')
      windowAt = at
      window = new Uint8Array(Math.min(DELTA_READ_BYTES, link.size - at))
      yield* source.readAt(at, window)
      continue
    }
    if (next.isCopy) {
      if (next.from + next.size > baseSize) throw badDelta(offset, 'it copies from behind its base')
      list.copy(base, next.from, next.size)
    } else {
      const from = windowAt + next.from
      if (from + next.size > link.size) throw badDelta(offset, 'it ends within what it inserts')
      list.add(source, from, next.size)
    }
    if (list.size > sizes.resultSize) break
    at = windowAt + next.next
  }
  if (list.size !== sizes.resultSize) {
    throw badDelta(offset, `it does not make the ${sizes.resultSize} bytes that it says`)
  }
  return { pieces: list.pieces, size: list.size }
}

class PieceList {
  readonly pieces: Piece[] = []
  size = 0

  constructor(
    private readonly countMax: number,
    private readonly offset: number,
  ) {}

  add(source: InflatedStream, from: number, size: number): void {
    const last = this.pieces.at(-1)
    if (last !== undefined && last.source === source && last.from + last.size === from) {
      this.pieces[this.pieces.length - 1] = { ...last, size: last.size + size }
    } else {
      if (this.pieces.length >= this.countMax) throw this.tooMany()
      this.pieces.push({ at: this.size, source, from, size })
    }
    this.size += size
  }

  copy(base: readonly Piece[], from: number, size: number): void {
    const end = from + size
    for (let index = pieceAt(base, from), at = from; at < end; index++) {
      const piece = base[index] as Piece
      const inner = at - piece.at
      const part = Math.min(end - at, piece.size - inner)
      this.add(piece.source, piece.from + inner, part)
      at += part
    }
  }

  private tooMany(): FormatError {
    return new FormatError(
      'OBJECT_TOO_LARGE',
      `The object at byte ${this.offset} of the PACK is too large for the memory that it may take: its deltas cut it into more than ${this.countMax} pieces. Mount with a higher cacheBytes.`,
      { structure: 'PACK entry', offset: this.offset },
    )
  }
}
