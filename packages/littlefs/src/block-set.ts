/** A set of block numbers: a bitmap in pages, so that a vast and mostly empty device costs little. */
export class BlockSet {
  private static readonly PAGE_BITS = 15
  private readonly pages = new Map<number, Uint32Array>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** All of them, in no order. */
  values(): number[] {
    const blocks: number[] = []
    for (const [key, page] of this.pages) {
      for (let i = 0; i < page.length; i++) {
        for (let word = page[i] as number; word !== 0; word &= word - 1) {
          const bit = 31 - Math.clz32(word & -word)
          blocks.push(key * (1 << BlockSet.PAGE_BITS) + 32 * i + bit)
        }
      }
    }
    return blocks
  }

  has(block: number): boolean {
    const page = this.pages.get(Math.floor(block / (1 << BlockSet.PAGE_BITS)))
    if (page === undefined) return false
    const bit = block & ((1 << BlockSet.PAGE_BITS) - 1)
    return (((page[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1
  }

  /** True where it was not in the set before. */
  add(block: number): boolean {
    const key = Math.floor(block / (1 << BlockSet.PAGE_BITS))
    let page = this.pages.get(key)
    if (page === undefined) {
      page = new Uint32Array((1 << BlockSet.PAGE_BITS) / 32)
      this.pages.set(key, page)
    }
    const bit = block & ((1 << BlockSet.PAGE_BITS) - 1)
    const word = page[bit >>> 5] as number
    const mask = 1 << (bit & 31)
    if ((word & mask) !== 0) return false
    page[bit >>> 5] = word | mask
    this.count++
    return true
  }

  /** True where it was in the set before. */
  delete(block: number): boolean {
    const page = this.pages.get(Math.floor(block / (1 << BlockSet.PAGE_BITS)))
    if (page === undefined) return false
    const bit = block & ((1 << BlockSet.PAGE_BITS) - 1)
    const word = page[bit >>> 5] as number
    const mask = 1 << (bit & 31)
    if ((word & mask) === 0) return false
    page[bit >>> 5] = word & ~mask
    this.count--
    return true
  }
}
