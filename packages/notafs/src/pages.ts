/**
 * Pages: reading what pointers point to.
 *
 * 1. Every page that is read from the device is held against the checksum of the pointer that led to
 *    it, before anything is made of it.
 * 2. What is kept in memory is within a budget; a page that is given back is forgotten before it can
 *    be written anew.
 */

import { FormatError, type Op, type Span } from '@caravan/core'
import type { Layout, Pointer } from './format/layout.js'
import { ropeHeight } from './format/rope-node.js'

/** Pages asked for in one request. */
const REQUEST_PAGES = 1024
/** Bytes of those whose bytes are not kept. */
const PORTION_BYTES = 1024 * 1024
/** Small pages share buffers of so many bytes: one each costs more than most of them hold. */
const SHARED_BYTES = 4096
/** Memory of a kept page beside its bytes. */
const ENTRY_BYTES = 120

export class Pages {
  private readonly kept = new Map<number, Uint8Array>()
  private keptBytes = 0
  /** What is left of the buffer that small pages share. */
  private shared: Uint8Array = new Uint8Array(0)
  /** For the next large read, unless one is under way. */
  private portion: Uint8Array | undefined

  constructor(
    readonly layout: Layout,
    private readonly budgetBytes: number,
  ) {}

  /** A page in memory, maybe without the zeros at its end. */
  find(id: number): Uint8Array | undefined {
    return this.kept.get(id)
  }

  /** Keeps a page; `usedBytes` of it say all. */
  keep(id: number, page: Uint8Array, usedBytes = page.length): void {
    // A copy: a small page must not hold a large buffer.
    this.keepNew(id, usedBytes)?.set(page.subarray(0, usedBytes))
  }

  /** Keeps a page that the caller fills; `undefined` where it is not kept. */
  keepNew(id: number, sizeBytes: number): Uint8Array | undefined {
    if (sizeBytes > this.budgetBytes / 16) return undefined
    this.forget(id)
    const page = this.room(sizeBytes)
    this.kept.set(id, page)
    this.keptBytes += page.length + ENTRY_BYTES
    if (this.keptBytes > this.budgetBytes) this.drop()
    return page
  }

  private room(sizeBytes: number): Uint8Array {
    if (sizeBytes > SHARED_BYTES / 8) return new Uint8Array(sizeBytes)
    if (this.shared.length < sizeBytes) this.shared = new Uint8Array(SHARED_BYTES)
    const page = this.shared.subarray(0, sizeBytes)
    this.shared = this.shared.subarray(sizeBytes)
    return page
  }

  private drop(): void {
    // The oldest go first; those that are used again and again are soon back.
    // Many at once: a map is walked from its beginning, over all that is gone from there.
    const enough = this.budgetBytes - (this.budgetBytes >> 3)
    for (const [oldest, bytes] of this.kept) {
      if (this.keptBytes <= enough) break
      this.kept.delete(oldest)
      this.keptBytes -= bytes.length + ENTRY_BYTES
    }
  }

  forget(id: number): void {
    const page = this.kept.get(id)
    if (page === undefined) return
    this.kept.delete(id)
    this.keptBytes -= page.length + ENTRY_BYTES
  }

  clear(): void {
    this.kept.clear()
    this.keptBytes = 0
    this.portion = undefined
    this.shared = new Uint8Array(0)
  }

  /**
   * The page of a pointer; kept in memory.
   *
   * @throws FormatError `BAD_CHECKSUM`.
   */
  *read(pointer: Pointer): Op<Uint8Array> {
    const kept = this.kept.get(pointer.id)
    if (kept !== undefined) return kept
    const page = new Uint8Array(this.layout.pageBytes)
    yield { kind: 'read', spans: [{ block: pointer.id, offset: 0, bytes: page }] }
    this.check(pointer, page)
    this.keep(pointer.id, page, usedBytes(page, this.layout))
    return page
  }

  /**
   * Pages of many pointers, in one request; those that are leaves of large files are not kept.
   *
   * @throws FormatError `BAD_CHECKSUM`.
   */
  *readAll(pointers: readonly Pointer[], keeps: boolean): Op<Uint8Array[]> {
    const { pageBytes } = this.layout
    const pages: Uint8Array[] = new Array(pointers.length)
    const missing: number[] = []
    for (let i = 0; i < pointers.length; i++) {
      const kept = this.kept.get((pointers[i] as Pointer).id)
      if (kept === undefined) missing.push(i)
      else pages[i] = kept
    }
    for (let from = 0; from < missing.length; from += REQUEST_PAGES) {
      const part = missing.slice(from, from + REQUEST_PAGES)
      const buffer = new Uint8Array(part.length * pageBytes)
      const spans: Span[] = part.map((index, i) => ({
        block: (pointers[index] as Pointer).id,
        offset: 0,
        bytes: buffer.subarray(i * pageBytes, (i + 1) * pageBytes),
      }))
      yield { kind: 'read', spans }
      for (let i = 0; i < part.length; i++) {
        const pointer = pointers[part[i] as number] as Pointer
        const page = (spans[i] as Span).bytes
        this.check(pointer, page)
        if (keeps) this.keep(pointer.id, page, usedBytes(page, this.layout))
        pages[part[i] as number] = page
      }
    }
    return pages
  }

  /**
   * Pages of many pointers, for a look at each: `use` is told its place among the pointers, and bytes
   * that it may not keep. In portions, and in any order.
   *
   * @throws FormatError `BAD_CHECKSUM`; what `use` throws.
   */
  *readEach(
    pointers: readonly Pointer[],
    use: (index: number, page: Uint8Array) => void,
  ): Op<void> {
    const { pageBytes } = this.layout
    const missing: number[] = []
    for (let i = 0; i < pointers.length; i++) {
      const kept = this.kept.get((pointers[i] as Pointer).id)
      if (kept === undefined) missing.push(i)
      else use(i, kept)
    }
    if (missing.length === 0) return
    const perPortion = Math.max(1, Math.floor(PORTION_BYTES / pageBytes))
    const buffer = this.takePortion(Math.min(missing.length, perPortion) * pageBytes)
    try {
      for (let from = 0; from < missing.length; from += perPortion) {
        const spans: Span[] = []
        for (let i = from; i < Math.min(from + perPortion, missing.length); i++) {
          const at = (i - from) * pageBytes
          const block = (pointers[missing[i] as number] as Pointer).id
          spans.push({ block, offset: 0, bytes: buffer.subarray(at, at + pageBytes) })
        }
        yield { kind: 'read', spans }
        for (let i = 0; i < spans.length; i++) {
          const index = missing[from + i] as number
          const { bytes } = spans[i] as Span
          this.check(pointers[index] as Pointer, bytes)
          use(index, bytes)
        }
      }
    } finally {
      if (buffer.length * 4 <= this.budgetBytes) this.portion = buffer
    }
  }

  private takePortion(size: number): Uint8Array {
    const { portion } = this
    if (portion === undefined || portion.length < size) return new Uint8Array(size)
    this.portion = undefined
    return portion
  }

  /** @throws FormatError `BAD_CHECKSUM`. */
  check({ id, checksum }: Pointer, page: Uint8Array): void {
    const found = this.layout.checksum(page)
    if (found === checksum) return
    throw new FormatError(
      'BAD_CHECKSUM',
      `Sector ${id} does not hold what its pointer says: checksum ${hex(found)} found, ${hex(checksum)} expected. It is damaged: caravan check tells what is lost, caravan repair goes back to a generation that is whole.`,
      { structure: 'page', block: id },
    )
  }
}

/** Bytes that say all of a rope's leaf: small files are kept without the zeros behind them. */
function usedBytes(page: Uint8Array, layout: Layout): number {
  if (ropeHeight(page) !== 0) return layout.pageBytes
  return Math.min(layout.pageBytes, 4 + ((page[2] as number) | ((page[3] as number) << 8)))
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
