/**
 * A set of block numbers: a bitmap in pages, so that a vast and mostly empty device costs little.
 *
 * One with a bound on its pages knows a window of blocks, `from` up to `limit`: where it would take
 * more pages it gives up the blocks at its end, and says nothing of them from then on.
 */

/** Blocks of a page where nothing asks for small ones: 4 KiB of memory. */
const PAGE_BITS = 15

/** Blocks of a page at least: 16 bytes of memory. */
const PAGE_BITS_MIN = 7

/** Pages that a bounded set has room for, where it may be: with few, a window is soon used up. */
const PAGES_WANTED = 16

interface Bounds {
  /** The window's first block. Default 0. */
  readonly from?: number
  /** What the pages may take, in bytes; one page at least. Default: no bound. */
  readonly maxBytes?: number
}

export class BlockSet {
  private readonly pages = new Map<number, Uint32Array>()
  private readonly pageBits: number
  private readonly pageBytes: number
  private readonly maxPages: number
  private count = 0
  readonly from: number
  private end = Number.POSITIVE_INFINITY

  constructor({ from = 0, maxBytes = Number.POSITIVE_INFINITY }: Bounds = {}) {
    let bits = PAGE_BITS
    while (bits > PAGE_BITS_MIN && (PAGES_WANTED * 2 ** bits) / 8 > maxBytes) bits--
    this.pageBits = bits
    this.pageBytes = 2 ** bits / 8
    this.maxPages = Math.max(1, Math.floor(maxBytes / this.pageBytes))
    this.from = from
  }

  /** Where the window ends; infinite while it has not given up any block. */
  get limit(): number {
    return this.end
  }

  /** True where the set knows all blocks there are. */
  get isWhole(): boolean {
    return this.from === 0 && this.end === Number.POSITIVE_INFINITY
  }

  /** True for a block within the window. */
  covers(block: number): boolean {
    return block >= this.from && block < this.end
  }

  get size(): number {
    return this.count
  }

  /** What it takes in memory, in bytes. */
  get memoryBytes(): number {
    return this.pages.size * (this.pageBytes + 100)
  }

  has(block: number): boolean {
    const page = this.pages.get(Math.floor(block / 2 ** this.pageBits))
    if (page === undefined) return false
    const bit = block & (2 ** this.pageBits - 1)
    return (((page[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1
  }

  /** True where it was not in the set before. What lies outside the window is not taken. */
  add(block: number): boolean {
    if (!this.covers(block)) return false
    const key = Math.floor(block / 2 ** this.pageBits)
    const page = this.pages.get(key) ?? this.newPage(key)
    if (page === undefined) return false
    const bit = block & (2 ** this.pageBits - 1)
    const word = page[bit >>> 5] as number
    const mask = 1 << (bit & 31)
    if ((word & mask) !== 0) return false
    page[bit >>> 5] = word | mask
    this.count++
    return true
  }

  /** `undefined` where there is no room for it: then the window ends before it. */
  private newPage(key: number): Uint32Array | undefined {
    if (this.pages.size >= this.maxPages) {
      let last = key
      for (const other of this.pages.keys()) if (other > last) last = other
      this.end = last * 2 ** this.pageBits
      if (last === key) return undefined
      for (const word of this.pages.get(last) as Uint32Array) this.count -= bitCount(word)
      this.pages.delete(last)
    }
    const page = new Uint32Array(2 ** this.pageBits / 32)
    this.pages.set(key, page)
    return page
  }

  /** The first in the set from a number on. */
  firstFrom(block: number): number | undefined {
    const keys = [...this.pages.keys()].sort((a, b) => a - b)
    for (const key of keys) {
      const begin = key * 2 ** this.pageBits
      for (let at = Math.max(begin, block); at < begin + 2 ** this.pageBits; at++) {
        if (this.has(at)) return at
      }
    }
    return undefined
  }

  /** True where it was in the set before. */
  delete(block: number): boolean {
    const page = this.pages.get(Math.floor(block / 2 ** this.pageBits))
    if (page === undefined) return false
    const bit = block & (2 ** this.pageBits - 1)
    const word = page[bit >>> 5] as number
    const mask = 1 << (bit & 31)
    if ((word & mask) === 0) return false
    page[bit >>> 5] = word & ~mask
    this.count--
    return true
  }
}

function bitCount(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
