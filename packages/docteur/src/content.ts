/** Content of files: whole, or at a position, with the check that the mount asked for. */

import { type Op, plain } from '@caravan/core'
import type { Image } from './image.js'
import { LargeBlob } from './large-blob.js'
import { objectHasher } from './platform.js'
import type { Entry } from './tree.js'

/** The offset of an entry's object. @throws FormatError `MISSING_OBJECT`. */
export function* offsetOf(image: Image, entry: Entry): Op<number> {
  if (entry.offset === -1) entry.offset = yield* image.locate(entry.id, 'The object')
  return entry.offset
}

/** Bytes of an entry's content, from headers where they tell. */
export function* sizeOf(image: Image, entry: Entry): Op<number> {
  if (entry.size === -1) entry.size = yield* image.pack.sizeOf(yield* offsetOf(image, entry))
  return entry.size
}

/**
 * The whole content. Others may hold the same bytes: they are not to be changed.
 *
 * @param keeps true where it is known to be asked for again.
 * @throws FormatError for what is damaged, or no blob; `OBJECT_TOO_LARGE`.
 */
export function* readBlob(image: Image, entry: Entry, keeps = false): Op<Uint8Array> {
  const offset = entry.offset === -1 ? yield* offsetOf(image, entry) : entry.offset
  const object = image.pack.peek(offset) ?? (yield* image.pack.readObject(offset, keeps))
  if (image.options.checkContent === true) image.checkId(object, entry.id, 'blob')
  else if (object.kind !== 'blob') throw image.wrongKind(entry.id, object.kind, 'blob')
  return object.bytes
}

/** Content that is read at positions. */
interface OpenContent {
  readonly size: number
  /** {@link readAt} without an operation, where all of it is in memory. */
  readNow?(position: number, target: Uint8Array): number
  readAt(position: number, target: Uint8Array): Op<number>
}

/** Opens an entry's content: held whole where it is small, put together as it is read where not. */
export function* openContent(image: Image, entry: Entry): Op<OpenContent> {
  const size = yield* sizeOf(image, entry)
  if (size <= image.pack.settings.wholeMaxBytes)
    return new WholeContent(yield* readBlob(image, entry))
  const blob = yield* LargeBlob.open(image.pack, entry.offset)
  if (blob.kind !== 'blob') throw image.wrongKind(entry.id, blob.kind, 'blob')
  if (image.options.checkContent === true) yield* checkLarge(image, entry, blob)
  return blob
}

class WholeContent implements OpenContent {
  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length
  }

  readNow(position: number, target: Uint8Array): number {
    const part = this.bytes.subarray(position, position + target.length)
    target.set(part)
    return part.length
  }

  // biome-ignore lint/correctness/useYield: what is in memory needs no device.
  *readAt(position: number, target: Uint8Array): Op<number> {
    return this.readNow(position, target)
  }
}

const PIECE_BYTES = 131_072

function* checkLarge(image: Image, entry: Entry, blob: LargeBlob): Op<void> {
  const hasher = objectHasher(image.platform.hash, 'blob', blob.size)
  const piece = new Uint8Array(PIECE_BYTES)
  for (let at = 0; at < blob.size; at += piece.length) {
    hasher.update(piece.subarray(0, yield* blob.readAt(at, piece)))
  }
  image.checkHash(plain(hasher.digest()), entry.id, 'blob')
}

/**
 * The whole content as bytes of the caller's own.
 *
 * @param keeps as for {@link readBlob}.
 * @throws as {@link readBlob}.
 */
export function* copyBlob(image: Image, entry: Entry, keeps = false): Op<Uint8Array> {
  const bytes = yield* readBlob(image, entry, keeps)
  // What is kept is everybody's: it is given out as a copy.
  return image.pack.peek(entry.offset)?.bytes === bytes ? bytes.slice() : bytes
}
