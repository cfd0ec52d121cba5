/**
 * Pack: the objects of an image, by where they begin in the PACK.
 *
 * 1. A delta chain is walked in loops, never by recursion: headers on the way down to the base, the
 *    deltas themselves on the way up, so that two versions and one delta are in memory at once.
 * 2. No room is made for content before its size was found to be possible: within the limit, and no
 *    more than the bytes behind it could ever inflate to.
 * 3. What was made on the way is kept in the cache. Nobody may change what this gives out.
 */

import type { Op } from '@caravan/core'
import type { Cache, Shelf } from './cache.js'
import { applyDelta, DELTA_SIZES_MAX_BYTES, decodeDeltaSizes } from './format/delta.js'
import { type IdSize, idToHex } from './format/object-id.js'
import {
  decodeEntry,
  ENTRY_HEADER_MAX_BYTES,
  type ObjectKind,
  type PackEntry,
} from './format/pack-entry.js'
import type { ImageBytes } from './image-bytes.js'
import type { Inflate } from './inflate/inflate.js'
import { Inflater } from './inflate/inflater.js'
import { LargeBlob } from './large-blob.js'
import type { ObjectIndex } from './object-index.js'
import { badStream, checkPossible, deltaLoop, missingBase, tooLarge } from './pack-errors.js'

export interface PackObject {
  readonly kind: ObjectKind
  readonly bytes: Uint8Array
}

/** Where a Pack lies, and what it works with. */
interface PackSettings {
  readonly idSize: IdSize
  /** Where in the image the PACK begins. */
  readonly begin: number
  /** Where in the image it must have ended. */
  readonly end: number
  readonly inflate: Inflate
  /** The largest object that is ever made in memory, in bytes. */
  readonly objectMaxBytes: number
  /** Larger bases are not held whole: what stands on them is put together piece by piece. */
  readonly wholeMaxBytes: number
}

/** An entry of a delta chain, as its header tells. */
export interface ChainLink {
  readonly offset: number
  readonly size: number
  readonly headerBytes: number
}

/** A delta chain: the deltas from the object down, and what they stand on. */
interface Chain {
  readonly deltas: readonly ChainLink[]
  readonly base: ChainLink
  readonly kind: ObjectKind
}

/** Bytes of a delta's stream that hold the two sizes, whatever codes come before them. */
const DELTA_HEAD_INPUT_BYTES = 1024

/** What may be made of deltas to get to one object, in units of the largest object. */
const CHAIN_WORK_MAX = 32

export class Pack {
  /** By offset. */
  private readonly objects: Shelf<PackObject>
  /** Offsets of objects that were asked for lately, each at a place of its own choice. */
  private readonly asked = new Float64Array(ASKED_COUNT).fill(-1)
  private readonly headInflater = new Inflater()

  constructor(
    readonly bytes: ImageBytes,
    cache: Cache,
    readonly settings: PackSettings,
    /** For bases that are told by their id. */
    private readonly index: () => ObjectIndex,
  ) {
    this.objects = cache.shelf()
  }

  /** The object, where it is in memory. */
  peek(offset: number): PackObject | undefined {
    return this.objects.get(offset)
  }

  /**
   * @param keeps true where it is known to be asked for again.
   * @throws FormatError for what is damaged; `OBJECT_TOO_LARGE`.
   */
  *readObject(offset: number, keeps = false): Op<PackObject> {
    const kept = this.objects.get(offset)
    if (kept !== undefined) return kept
    const entry = this.peekEntry(offset) ?? (yield* this.readEntry(offset))
    if (entry.kind !== undefined) {
      const object = { kind: entry.kind, bytes: yield* this.inflateEntry(offset, entry) }
      return keeps || this.isAskedAgain(offset) ? this.keep(offset, object) : object
    }
    return yield* this.resolve(offset, entry, keeps)
  }

  /** What the entry at an offset within the PACK says of itself. */
  *readEntry(offset: number): Op<PackEntry> {
    const bytes = yield* this.readStream(offset, ENTRY_HEADER_MAX_BYTES)
    return decodeEntry(bytes, this.settings.idSize, offset)
  }

  /** {@link readEntry}, where its bytes are in memory. */
  peekEntry(offset: number): PackEntry | undefined {
    const bytes = this.peekStream(offset, ENTRY_HEADER_MAX_BYTES)
    return bytes && decodeEntry(bytes, this.settings.idSize, offset)
  }

  /** The deltas between an object and its base, from the headers alone. */
  *readChain(offset: number): Op<Chain> {
    const deltas: ChainLink[] = []
    let entry = yield* this.readEntry(offset)
    let at = offset
    const seen = new Set<number>()
    while (entry.kind === undefined) {
      deltas.push({ offset: at, size: entry.size, headerBytes: entry.headerBytes })
      at = yield* this.baseOf(at, entry)
      checkLoop(seen, at, entry)
      entry = yield* this.readEntry(at)
    }
    const base = { offset: at, size: entry.size, headerBytes: entry.headerBytes }
    return { deltas, base, kind: entry.kind }
  }

  /** Kind and size of an object, without making it. */
  *measure(offset: number): Op<{ readonly kind: ObjectKind; readonly size: number }> {
    const kept = this.objects.get(offset)
    if (kept !== undefined) return { kind: kept.kind, size: kept.bytes.length }
    const entry = yield* this.readEntry(offset)
    if (entry.kind !== undefined) return { kind: entry.kind, size: entry.size }
    const { kind } = yield* this.readChain(offset)
    return { kind, size: yield* this.resultSize(offset, entry) }
  }

  /** The size alone: of a delta it stands in its first bytes. */
  *sizeOf(offset: number): Op<number> {
    const kept = this.objects.get(offset)
    if (kept !== undefined) return kept.bytes.length
    const entry = yield* this.readEntry(offset)
    return entry.kind === undefined ? yield* this.resultSize(offset, entry) : entry.size
  }

  private *resultSize(offset: number, entry: PackEntry): Op<number> {
    const input = yield* this.readStream(offset + entry.headerBytes, DELTA_HEAD_INPUT_BYTES)
    const head = new Uint8Array(Math.min(entry.size, DELTA_SIZES_MAX_BYTES))
    this.headInflater.reset()
    const status = this.headInflater.run(input, 0, input.length, head, 0, head.length)
    if (status === 'damaged') throw badStream(offset, this.headInflater.damage)
    return decodeDeltaSizes(head.subarray(0, this.headInflater.outputEnd), offset).resultSize
  }

  /** Bytes of the PACK from an offset on, cut where it must have ended. */
  *readStream(offset: number, length: number): Op<Uint8Array> {
    const { begin, end } = this.settings
    const room = Math.max(0, Math.min(length, end - begin - offset))
    return this.bytes.peek(begin + offset, room) ?? (yield* this.bytes.read(begin + offset, room))
  }

  /** {@link readStream}, where they are in memory. */
  private peekStream(offset: number, length: number): Uint8Array | undefined {
    const { begin, end } = this.settings
    return this.bytes.peek(begin + offset, Math.max(0, Math.min(length, end - begin - offset)))
  }

  private *resolve(offset: number, first: PackEntry, keeps: boolean): Op<PackObject> {
    const { objectMaxBytes } = this.settings
    const deltas: { readonly offset: number; readonly entry: PackEntry }[] = []
    const seen = new Set<number>()
    let at = offset
    let entry = first
    let object: PackObject | undefined
    while (object === undefined) {
      if (entry.kind !== undefined) {
        if (entry.size > this.settings.wholeMaxBytes) return yield* this.resolveLarge(offset)
        const bytes = yield* this.inflateEntry(at, entry)
        object = this.keep(at, { kind: entry.kind, bytes })
        break
      }
      deltas.push({ offset: at, entry })
      at = yield* this.baseOf(at, entry)
      checkLoop(seen, at, entry)
      object = this.objects.get(at)
      if (object === undefined) entry = this.peekEntry(at) ?? (yield* this.readEntry(at))
    }
    let work = 0
    for (let i = deltas.length - 1; i >= 0; i--) {
      const { offset: deltaAt, entry: deltaEntry } = deltas[i] as (typeof deltas)[number]
      const delta = yield* this.inflateEntry(deltaAt, deltaEntry)
      const { resultSize } = decodeDeltaSizes(delta, deltaAt)
      this.checkSize(deltaAt, resultSize)
      work += resultSize
      if (work > CHAIN_WORK_MAX * objectMaxBytes) {
        throw tooLarge(offset, `its deltas make ${work} bytes or more`, objectMaxBytes)
      }
      object = { kind: object.kind, bytes: applyDelta(object.bytes, delta, deltaAt) }
      if (i > 0 || keeps || this.isAskedAgain(offset)) this.keep(deltaAt, object)
    }
    return object
  }

  /** Makes what stands on a large base without the base. */
  private *resolveLarge(offset: number): Op<PackObject> {
    const blob = yield* LargeBlob.open(this, offset)
    this.checkSize(offset, blob.size)
    const bytes = new Uint8Array(blob.size)
    yield* blob.readAt(0, bytes)
    return this.keep(offset, { kind: blob.kind, bytes })
  }

  /**
   * What is no base of another object is kept only where it is asked for a second time: else a read
   * of all files would push out the bases that it needs.
   */
  private isAskedAgain(offset: number): boolean {
    const place = offset % ASKED_COUNT
    if (this.asked[place] === offset) return true
    this.asked[place] = offset
    return false
  }

  private keep(offset: number, object: PackObject): PackObject {
    this.objects.keep(offset, object, object.bytes.length + OBJECT_COST_BYTES)
    return object
  }

  /** Where the base of a delta begins. @throws FormatError `MISSING_BASE`. */
  *baseOf(offset: number, { baseDistance, baseId }: PackEntry): Op<number> {
    if (baseDistance !== undefined) return offset - baseDistance
    const found = baseId && (yield* this.index().find(baseId))
    if (found !== undefined) return found
    throw missingBase(offset, idToHex(baseId as Uint8Array))
  }

  /** The whole content of one entry: of a delta its instructions. */
  private *inflateEntry(offset: number, { size, headerBytes }: PackEntry): Op<Uint8Array> {
    const { begin, end, inflate } = this.settings
    const start = offset + headerBytes
    const room = end - begin - start
    checkPossible(offset, size, room)
    this.checkSize(offset, size)
    // What zlib needs at most. Others may need more: then it is asked for again.
    for (let want = size + (size >> 10) + 64; ; want *= 2) {
      const input = this.peekStream(start, want) ?? (yield* this.readStream(start, want))
      const inflated = inflate(input, size)
      if (typeof inflated === 'object') return inflated.bytes
      if (inflated !== undefined) throw badStream(offset, inflated)
      if (want >= room) throw badStream(offset, 'the PACK ends within it')
    }
  }

  private checkSize(offset: number, size: number): void {
    const { objectMaxBytes } = this.settings
    if (size > objectMaxBytes) throw tooLarge(offset, `it has ${size} bytes`, objectMaxBytes)
  }
}

/** A prime, so that offsets come to lie apart. */
const ASKED_COUNT = 4093

/** What an object in the cache costs beside its bytes. */
const OBJECT_COST_BYTES = 160

/** Distances lead back, so only ids can lead round. */
function checkLoop(seen: Set<number>, at: number, { baseId }: PackEntry): void {
  if (seen.has(at)) throw deltaLoop(at)
  if (baseId !== undefined || seen.size > 0) seen.add(at)
}
