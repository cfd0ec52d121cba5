/** Who uses each block: numbers of owners by block, in pages, since a device may be vast and empty. */

const PAGE_BITS = 12

export class BlockOwners {
  private readonly pages = new Map<number, Uint32Array>()
  private readonly names: string[] = []

  /** @returns the number that an owner goes by. */
  owner(name: string): number {
    return this.names.push(name)
  }

  nameOf(owner: number): string {
    return this.names[owner - 1] as string
  }

  /** @returns the one that has the block already. */
  take(block: number, owner: number): number | undefined {
    const key = Math.floor(block / 2 ** PAGE_BITS)
    let page = this.pages.get(key)
    if (page === undefined) {
      page = new Uint32Array(1 << PAGE_BITS)
      this.pages.set(key, page)
    }
    const place = block & ((1 << PAGE_BITS) - 1)
    const before = page[place] as number
    if (before !== 0) return before
    page[place] = owner
    return undefined
  }

  has(block: number): boolean {
    const page = this.pages.get(Math.floor(block / 2 ** PAGE_BITS))
    return page !== undefined && page[block & ((1 << PAGE_BITS) - 1)] !== 0
  }
}
