/**
 * Analysis of a PACK: what is in it and where, from the PACK alone, as git's `index-pack` finds out.
 *
 * 1. Two passes: the first goes through the PACK once, in order, and inflates every entry piece by
 *    piece; the second makes the objects of the deltas, each base before what stands on it, so that
 *    a base is made once as long as the cache holds it.
 * 2. Memory holds ids, offsets and checksums of all objects, and of their content what the cache
 *    holds.
 */

import { FormatError, type HashFunction, type Op, plain } from '@caravan/core'
import { compareIds, type IdSize, idToHex } from './format/object-id.js'
import { decodeEntry, ENTRY_HEADER_MAX_BYTES, type ObjectKind } from './format/pack-entry.js'
import { PACK_HEADER_BYTES } from './format/pack-header.js'
import type { Image } from './image.js'
import { Inflater, WINDOW_BYTES } from './inflate/inflater.js'
import { LargeBlob } from './large-blob.js'
import { AnalysedIndex, type ObjectIndex } from './object-index.js'
import { Pack } from './pack.js'
import { badStream, checkPossible } from './pack-errors.js'
import { hashObject, objectHasher } from './platform.js'

/** One entry of a PACK, as the first pass sees it. */
interface Scanned {
  /** Within the PACK. */
  readonly offset: number
  readonly kind: ObjectKind | undefined
  readonly base: number | string | undefined
  /** Bytes from its header to the end of its zlib stream. */
  readonly sizeBytes: number
}

/** All that an analysis knows. */
export interface Analysis {
  /** In the order of the PACK. */
  readonly offsets: Float64Array
  readonly crcs: Uint32Array
  /** One after the other; only those of resolved entries count. */
  readonly ids: Uint8Array
  readonly kinds: readonly (ObjectKind | undefined)[]
  /** Entries whose base is not there, or that stand on themselves. */
  readonly unresolved: readonly { readonly offset: number; readonly error: FormatError }[]
  /** Where the hash behind the entries begins, within the PACK. */
  readonly entriesEnd: number
  /** The hash as it stands there, and as the bytes have it. */
  readonly packHash: Uint8Array
  readonly actualHash: Uint8Array
}

/** How far an analysis is, in entries; both passes together are twice their count. */
export type OnProgress = (done: number, total: number) => void

const INPUT_BYTES = 131_072
const OUTPUT_BYTES = 131_072

/** An index of all objects that an analysis has resolved. */
export function analysedIndex(analysis: Analysis, idSize: IdSize): AnalysedIndex {
  const order = sortedOrder(analysis, idSize)
  const ids = new Uint8Array(order.length * idSize)
  const offsets = new Float64Array(order.length)
  for (const [i, entry] of order.entries()) {
    ids.set(analysis.ids.subarray(entry * idSize, (entry + 1) * idSize), i * idSize)
    offsets[i] = analysis.offsets[entry] as number
  }
  return new AnalysedIndex(ids, offsets, idSize)
}

/** The resolved entries, ascending by their ids. */
export function sortedOrder({ kinds, ids }: Analysis, idSize: number): number[] {
  return kinds
    .map((kind, i) => (kind === undefined ? -1 : i))
    .filter((i) => i >= 0)
    .sort((a, b) => compareIds(ids, a * idSize, ids, b * idSize, idSize))
}

/** @throws FormatError for what keeps the PACK from being read to its end. */
export function* analyse(image: Image, onProgress: OnProgress = () => {}): Op<Analysis> {
  const { objectCount, header } = image
  const { idSize } = header
  // A count that cannot be is told before there is room for it.
  const room = image.pack.settings.end - image.pack.settings.begin
  if (objectCount * ENTRY_MIN_BYTES > room) {
    throw new FormatError(
      'BAD_PACK_HEADER',
      `The header of the PACK says that it has ${objectCount} objects, and ${room} bytes cannot hold as many.`,
      { structure: 'PACK header', offset: 8 },
    )
  }
  const scanner = new Scanner(image)
  const ids = new Uint8Array(objectCount * idSize)
  const offsets = new Float64Array(objectCount)
  const crcs = new Uint32Array(objectCount)
  const kinds: (ObjectKind | undefined)[] = []
  const bases: (number | string | undefined)[] = []
  yield* scanner.begin()
  for (let i = 0; i < objectCount; i++) {
    const { offset, kind, base } = yield* scanner.entry(ids.subarray(i * idSize, (i + 1) * idSize))
    offsets[i] = offset
    crcs[i] = scanner.crc
    kinds.push(kind)
    bases.push(base)
    onProgress(i + 1, 2 * objectCount)
  }
  const { entriesEnd, packHash, actualHash } = yield* scanner.end()
  const analysis = { offsets, crcs, ids, kinds, entriesEnd, packHash, actualHash }
  const unresolved = yield* resolveDeltas(image, analysis, bases, onProgress)
  return { ...analysis, unresolved }
}

/** A header byte and the shortest zlib stream. */
const ENTRY_MIN_BYTES = 9

/** The first pass: entry after entry, through one window over the PACK. */
class Scanner {
  crc = 0
  private input: Uint8Array = new Uint8Array(0)
  /** Where `input` begins, and where in it the next entry does. */
  private inputOffset = 0
  private at = 0
  /** Up to where in `input` the hash of the PACK has come. */
  private hashed = 0
  private readonly output = new Uint8Array(WINDOW_BYTES + OUTPUT_BYTES)
  private readonly inflater = new Inflater()
  private readonly hasher

  constructor(private readonly image: Image) {
    this.hasher = image.platform.hash()
  }

  *begin(): Op<void> {
    yield* this.fill(PACK_HEADER_BYTES)
    this.at = PACK_HEADER_BYTES
  }

  /** Reads one entry; the id of what is no delta goes into `id`. */
  *entry(id: Uint8Array): Op<Scanned> {
    const { idSize } = this.image.header
    const offset = this.inputOffset + this.at
    this.crc = 0
    yield* this.fill(ENTRY_HEADER_MAX_BYTES)
    const head = decodeEntry(this.input.subarray(this.at), idSize, offset)
    this.pass(head.headerBytes)
    const { begin, end } = this.image.pack.settings
    checkPossible(offset, head.size, end - begin - offset)
    const { kind, size } = head
    const hasher = kind === undefined ? undefined : this.hasherOf(kind, size)
    yield* this.inflate(offset, size, (bytes) => hasher?.update(bytes))
    if (hasher !== undefined) id.set(hasher.digest())
    const base =
      head.baseDistance === undefined
        ? head.baseId && idToHex(head.baseId)
        : offset - head.baseDistance
    return { offset, kind, base, sizeBytes: this.inputOffset + this.at - offset }
  }

  *end() {
    const { idSize } = this.image.header
    this.sumUp()
    const actualHash = plain(this.hasher.digest())
    yield* this.fill(idSize)
    const packHash = this.input.slice(this.at, this.at + idSize)
    if (packHash.length < idSize) {
      throw new FormatError('BAD_PACK_HASH', 'The image ends before the hash of the PACK.', {
        structure: 'PACK trailer',
      })
    }
    return { entriesEnd: this.inputOffset + this.at, packHash, actualHash }
  }

  private hasherOf(kind: ObjectKind, size: number) {
    return objectHasher(this.image.platform.hash, kind, size)
  }

  private *inflate(offset: number, size: number, take: (bytes: Uint8Array) => void): Op<void> {
    const { inflater, output } = this
    inflater.reset()
    let start = 0
    let total = 0
    for (;;) {
      const limit = Math.min(output.length, start + size - total + 1)
      const status = inflater.run(this.input, this.at, this.input.length, output, start, limit)
      const made = inflater.outputEnd - start
      total += made
      if (made > 0) take(output.subarray(start, inflater.outputEnd))
      this.pass(inflater.inputEnd - this.at)
      if (status === 'damaged') throw badStream(offset, inflater.damage)
      // A repetition that is longer than what is left makes nothing, and asks for room for ever.
      const isTooLong = status === 'needs room' && limit < output.length
      if (total > size || isTooLong || (status === 'done' && total < size)) {
        throw badStream(
          offset,
          `it holds ${total === size ? 'more than ' : ''}${total} bytes, and its header tells ${size}`,
        )
      }
      if (status === 'done') return
      start = inflater.outputEnd
      if (start > WINDOW_BYTES + OUTPUT_BYTES / 2) {
        output.copyWithin(0, start - WINDOW_BYTES, start)
        start = WINDOW_BYTES
      }
      if (status === 'needs input' && !(yield* this.more())) {
        throw badStream(offset, 'the PACK ends within it')
      }
    }
  }

  /** So many bytes belong to the entry. */
  private pass(count: number): void {
    const bytes = this.input.subarray(this.at, this.at + count)
    this.crc = this.image.platform.crc32(this.crc, bytes)
    this.at += count
  }

  private sumUp(): void {
    if (this.at > this.hashed) this.hasher.update(this.input.subarray(this.hashed, this.at))
    this.hashed = this.at
  }

  /** Makes sure of so many bytes, or of all that there are. */
  private *fill(count: number): Op<void> {
    while (this.input.length - this.at < count) if (!(yield* this.more())) return
  }

  /** Goes on with the window; false where the PACK has ended. */
  private *more(): Op<boolean> {
    this.sumUp()
    const { begin, end } = this.image.pack.settings
    const left = this.input.subarray(this.at)
    const next = this.inputOffset + this.input.length
    const count = Math.min(INPUT_BYTES, end - begin - next)
    if (count <= 0) return false
    const bytes = yield* this.image.bytes.read(begin + next, count)
    if (bytes.length === 0) return false
    const input = new Uint8Array(left.length + bytes.length)
    input.set(left)
    input.set(bytes, left.length)
    this.inputOffset += this.at
    this.input = input
    this.at = 0
    this.hashed = 0
    return true
  }
}

interface Resolving extends Pick<Analysis, 'offsets' | 'ids'> {
  readonly kinds: (ObjectKind | undefined)[]
}

/** The second pass. Fills in ids and kinds; @returns what could not be resolved. */
function* resolveDeltas(
  image: Image,
  { offsets, ids, kinds }: Resolving,
  bases: readonly (number | string | undefined)[],
  onProgress: OnProgress,
): Op<Analysis['unresolved']> {
  const { idSize } = image.header
  const count = offsets.length
  const byOffset = new Map<number, number[]>()
  const byId = new Map<string, number[]>()
  for (let i = 0; i < count; i++) {
    const base = bases[i]
    if (base === undefined) continue
    const children = typeof base === 'number' ? byOffset.get(base) : byId.get(base)
    if (children !== undefined) children.push(i)
    else if (typeof base === 'number') byOffset.set(base, [i])
    else byId.set(base, [i])
  }
  const known = new KnownObjects()
  const pack = new Pack(image.bytes, image.cache, image.pack.settings, () => known)
  const pending: number[] = []
  const unresolved: { offset: number; error: FormatError }[] = []
  let done = count
  /** What stands on an entry comes next, the first of it first. */
  const push = (entry: number) => {
    const id = idToHex(ids, entry * idSize, idSize)
    const offset = offsets[entry] as number
    known.add(id, offset)
    const children = [...(byOffset.get(offset) ?? []), ...(byId.get(id) ?? [])]
    for (const child of children.reverse()) pending.push(child)
    byId.delete(id)
  }
  const roots = Array.from({ length: count }, (_, i) => i).filter((i) => bases[i] === undefined)
  for (const root of roots) {
    push(root)
    onProgress(++done, 2 * count)
    for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
      if (kinds[entry] !== undefined) continue
      const offset = offsets[entry] as number
      try {
        const { kind, id } = yield* hashDelta(pack, image.platform.hash, offset)
        ids.set(id, entry * idSize)
        kinds[entry] = kind
        push(entry)
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        unresolved.push({ offset, error })
      }
      onProgress(++done, 2 * count)
    }
  }
  const told = new Set(unresolved.map(({ offset }) => offset))
  for (let i = 0; i < count; i++) {
    const offset = offsets[i] as number
    if (kinds[i] === undefined && !told.has(offset)) {
      unresolved.push({ offset, error: noBase(offset, bases, i) })
    }
  }
  return unresolved.sort((a, b) => a.offset - b.offset)
}

function noBase(
  offset: number,
  bases: readonly (number | string | undefined)[],
  entry: number,
): FormatError {
  return new FormatError(
    'MISSING_BASE',
    `The delta at byte ${offset} of the PACK has no content: its base, ${bases[entry]}, is not in the PACK, or stands on this delta itself.`,
    { structure: 'PACK entry', offset },
  )
}

/** The objects that are resolved so far: bases are looked for among them. */
class KnownObjects implements ObjectIndex {
  private readonly offsets = new Map<string, number>()

  get count(): number {
    return this.offsets.size
  }

  add(id: string, offset: number): void {
    if (!this.offsets.has(id)) this.offsets.set(id, offset)
  }

  // biome-ignore lint/correctness/useYield: what is in memory needs no device.
  *find(id: Uint8Array): Op<number | undefined> {
    return this.offsets.get(idToHex(id))
  }

  *withPrefix(hex: string, limit: number): Op<string[]> {
    return [...this.offsets.keys()].filter((id) => id.startsWith(hex)).slice(0, limit)
  }
}

function* hashDelta(
  pack: Pack,
  hash: HashFunction,
  offset: number,
): Op<{ kind: ObjectKind; id: Uint8Array }> {
  if ((yield* pack.sizeOf(offset)) <= pack.settings.wholeMaxBytes) {
    const { kind, bytes } = yield* pack.readObject(offset)
    return { kind, id: hashObject(hash, kind, bytes) }
  }
  const blob = yield* LargeBlob.open(pack, offset)
  const hasher = objectHasher(hash, blob.kind, blob.size)
  const piece = new Uint8Array(INPUT_BYTES)
  for (let at = 0; at < blob.size; at += piece.length) {
    const count = yield* blob.readAt(at, piece)
    hasher.update(piece.subarray(0, count))
  }
  return { kind: blob.kind, id: plain(hasher.digest()) }
}
