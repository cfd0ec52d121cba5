/** Pages of a resource, the least recently used leaving first. */

export class PageCache {
  /** In the order of their last use: a Map keeps that of insertion. */
  private readonly pages = new Map<number, Uint8Array>()
  private sizeBytes = 0

  constructor(private readonly budgetBytes: number) {}

  get(page: number): Uint8Array | undefined {
    const bytes = this.pages.get(page)
    if (bytes === undefined) return undefined
    this.pages.delete(page)
    this.pages.set(page, bytes)
    return bytes
  }

  has(page: number): boolean {
    return this.pages.has(page)
  }

  /** Keeps a page, unless it alone is more than the budget. */
  put(page: number, bytes: Uint8Array): void {
    this.sizeBytes += bytes.length - (this.pages.get(page)?.length ?? 0)
    this.pages.delete(page)
    this.pages.set(page, bytes)
    for (const [oldest, { length }] of this.pages) {
      if (this.sizeBytes <= this.budgetBytes) break
      this.pages.delete(oldest)
      this.sizeBytes -= length
    }
  }

  clear(): void {
    this.pages.clear()
    this.sizeBytes = 0
  }
}
