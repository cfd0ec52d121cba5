/** Who uses each block: numbers of owners by block, in pages, since a device may be vast and empty. */

const PAGE_BITS = 12

/** That a block which is to be taken has an owner. */
interface Sharing {
  /** The name of the one that has it. */
  readonly first: string
  /** True where the two were found to share another one: they are told once. */
  readonly isKnown: boolean
  /** False where the blocks that it leads to need not be looked at. */
  readonly isFollowed: boolean
}

export class BlockOwners {
  private readonly pages = new Map<number, Uint32Array>()
  private readonly names: string[] = []
  private readonly sharers = new Set<string>()

  /** @param sharedLeft shared blocks that are followed: thousands of files may claim the same thousands. */
  constructor(private sharedLeft: number) {}

  /** @returns the number that an owner goes by. */
  owner(name: string): number {
    return this.names.push(name)
  }

  take(block: number, owner: number): Sharing | undefined {
    const key = Math.floor(block / 2 ** PAGE_BITS)
    let page = this.pages.get(key)
    if (page === undefined) {
      page = new Uint32Array(1 << PAGE_BITS)
      this.pages.set(key, page)
    }
    const place = block & ((1 << PAGE_BITS) - 1)
    const before = page[place] as number
    if (before !== 0) return this.share(before, owner)
    page[place] = owner
    return undefined
  }

  private share(first: number, owner: number): Sharing {
    const sharers = `${first},${owner}`
    const isKnown = this.sharers.has(sharers)
    this.sharers.add(sharers)
    this.sharedLeft--
    return { first: this.names[first - 1] as string, isKnown, isFollowed: this.sharedLeft >= 0 }
  }

  has(block: number): boolean {
    const page = this.pages.get(Math.floor(block / 2 ** PAGE_BITS))
    return page !== undefined && page[block & ((1 << PAGE_BITS) - 1)] !== 0
  }
}
