/**
 * ImageBytes: any range of an image, through the blocks of its device.
 *
 * 1. Small ranges go through pages that are kept; a reader that goes on where it stopped is read
 *    ahead for, into a window; large ranges are read as they are, into a buffer of their own.
 * 2. What is in memory is given at once ({@link ImageBytes.peek}), without an operation.
 * 3. What is given out may lie in the window, whose room is used again: it is good until the
 *    operation yields. Nobody may change it.
 */

import type { BlockDevice, Op, Span } from '@caravan/core'
import type { Cache, Shelf } from './cache.js'

/** A device whose bytes can be told by their place in the image, and how many there are. */
interface ImageView {
  readonly device: BlockDevice
  readonly sizeBytes: number
}

/** The device as one block of all its bytes, where its medium has no blocks of its own. */
export function viewImage(device: BlockDevice): ImageView {
  const { readSize, progSize, blockSize, blockCount } = device.geometry
  if (device.withBlockSize === undefined) return { device, sizeBytes: blockSize * blockCount }
  const unit = Math.max(readSize, progSize)
  const { geometry } = device.withBlockSize(unit)
  const sizeBytes = geometry.blockSize * geometry.blockCount
  if (sizeBytes === 0) return { device, sizeBytes }
  return { device: device.withBlockSize(sizeBytes), sizeBytes }
}

/** Small, since the objects of one chain lie far from each other; as `HttpDevice` has them. */
const PAGE_BYTES = 8192
/** Longer ranges are read past the pages. */
const PAGED_MAX_PAGES = 8
/** What is read at once for a reader that goes on: twice as much each time. */
const WINDOW_MIN_BYTES = 32_768
const WINDOW_MAX_BYTES = 131_072
/** What a reader may have passed over and still goes on. */
const GAP_BYTES = 16_384

const NOTHING = new Uint8Array(0)

/** Bytes that are asked for by their place: an image, or a part of one that is held. */
export interface ByteSource {
  readonly sizeBytes: number
  peek(offset: number, length: number): Uint8Array | undefined
  read(offset: number, length: number): Op<Uint8Array>
}

/** A part of an image that was read at once. */
export class HeldBytes implements ByteSource {
  readonly sizeBytes: number

  constructor(
    private readonly begin: number,
    private readonly bytes: Uint8Array,
  ) {
    this.sizeBytes = begin + bytes.length
  }

  peek(offset: number, length: number): Uint8Array {
    const from = Math.max(0, offset - this.begin)
    return this.bytes.subarray(from, from + length)
  }

  // biome-ignore lint/correctness/useYield: what is in memory needs no device.
  *read(offset: number, length: number): Op<Uint8Array> {
    return this.peek(offset, length)
  }
}

export class ImageBytes implements ByteSource {
  readonly sizeBytes: number
  private readonly pageBytes: number
  private readonly pages: Shelf<Uint8Array>
  private window: Uint8Array = NOTHING
  /** The window's place in the image. Behind its end a reader goes on. */
  private windowBegin = 0
  private windowEnd = 0
  /** What the next window is filled in, unless another is just being filled. */
  private spare: Uint8Array | undefined
  /** Behind the pages that were read last. */
  private pagesEnd = Number.NEGATIVE_INFINITY

  constructor(
    private readonly view: ImageView,
    cache: Cache,
  ) {
    this.sizeBytes = view.sizeBytes
    const { readSize } = view.device.geometry
    this.pageBytes = Math.ceil(PAGE_BYTES / readSize) * readSize
    this.pages = cache.shelf()
  }

  /** True where every request is a round trip. */
  get isRemote(): boolean {
    return this.view.device.isRemote === true
  }

  /**
   * The bytes of a range, cut where the image ends, where they lie in the window, or in one page that
   * is in memory.
   */
  peek(offset: number, length: number): Uint8Array | undefined {
    const { pageBytes, windowBegin } = this
    if (offset >= windowBegin && offset + length <= this.windowEnd) {
      return this.window.subarray(offset - windowBegin, offset - windowBegin + length)
    }
    const index = Math.floor(offset / pageBytes)
    const from = offset - index * pageBytes
    const end = Math.min(from + length, this.sizeBytes - index * pageBytes)
    if (end > pageBytes) return undefined
    return this.pages.get(index)?.subarray(from, end)
  }

  /** {@link peek}, from the device where it must be. Empty behind the end of the image. */
  *read(offset: number, length: number): Op<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes)
    if (offset >= end) return NOTHING
    const { pageBytes } = this
    const first = Math.floor(offset / pageBytes)
    const last = Math.floor((end - 1) / pageBytes)
    if (last - first >= PAGED_MAX_PAGES) return yield* this.readDirect(offset, end)
    const windowBytes = this.windowFor(offset, end)
    if (windowBytes > 0) return yield* this.readWindow(offset, end, windowBytes)
    const held = Array.from({ length: last - first + 1 }, (_, i) => this.pages.get(first + i))
    const spans: Span[] = []
    for (const [i, page] of held.entries()) {
      if (page !== undefined) continue
      const begin = (first + i) * pageBytes
      const bytes = new Uint8Array(Math.min(pageBytes, this.sizeBytes - begin))
      held[i] = bytes
      this.addSpans(spans, begin, bytes)
    }
    if (spans.length > 0) {
      this.pagesEnd = (last + 1) * pageBytes
      yield { kind: 'read', spans }
      for (const [i, page] of held.entries()) {
        if (page !== undefined) this.pages.keep(first + i, page, pageBytes)
      }
    }
    const start = offset - first * pageBytes
    if (first === last) return (held[0] as Uint8Array).subarray(start, end - first * pageBytes)
    const bytes = new Uint8Array(end - offset)
    for (let i = 0, at = 0; i < held.length; i++) {
      const page = held[i] as Uint8Array
      const part = page.subarray(i === 0 ? start : 0, (i === 0 ? start : 0) + bytes.length - at)
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  /** How much to read at once for a reader that goes on; 0 for one that does not. */
  private windowFor(offset: number, end: number): number {
    // A device of the network reads ahead by itself, and knows what its requests cost.
    if (this.isRemote) return 0
    const goesOn = (from: number) => end > from && offset < from + GAP_BYTES
    if (this.windowEnd > 0 && goesOn(this.windowEnd) && offset >= this.windowBegin) {
      return Math.min(WINDOW_MAX_BYTES, 2 * (this.windowEnd - this.windowBegin))
    }
    return offset >= this.pagesEnd - this.pageBytes && goesOn(this.pagesEnd) ? WINDOW_MIN_BYTES : 0
  }

  private *readWindow(offset: number, end: number, windowBytes: number): Op<Uint8Array> {
    const { readSize } = this.view.device.geometry
    const begin = offset - (offset % readSize)
    const wanted = Math.ceil(Math.max(end - begin, windowBytes) / readSize) * readSize
    const count = Math.min(wanted, this.sizeBytes - begin)
    const room = this.spare
    this.spare = undefined
    const window = room !== undefined && room.length >= count ? room : new Uint8Array(count)
    const spans: Span[] = []
    this.addSpans(spans, begin, window.subarray(0, count))
    yield { kind: 'read', spans }
    this.spare = this.window
    this.window = window
    this.windowBegin = begin
    this.windowEnd = begin + count
    return window.subarray(offset - begin, end - begin)
  }

  private *readDirect(offset: number, end: number): Op<Uint8Array> {
    const { readSize } = this.view.device.geometry
    const begin = offset - (offset % readSize)
    const bytes = new Uint8Array(Math.ceil((end - begin) / readSize) * readSize)
    const spans: Span[] = []
    this.addSpans(spans, begin, bytes)
    yield { kind: 'read', spans }
    return bytes.subarray(offset - begin, end - begin)
  }

  /** What fills `bytes` from `offset` on, cut at the device's blocks. */
  private addSpans(spans: Span[], offset: number, bytes: Uint8Array): void {
    const { blockSize } = this.view.device.geometry
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done
      const inner = at % blockSize
      const count = Math.min(bytes.length - done, blockSize - inner)
      const part = bytes.subarray(done, done + count)
      spans.push({ block: Math.floor(at / blockSize), offset: inner, bytes: part })
      done += count
    }
  }
}
