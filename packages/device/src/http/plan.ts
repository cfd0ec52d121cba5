/** Which pages of a resource a read needs, and in which requests the missing ones are fetched. */

import type { Span } from '@caravan/core'

/** Pages from `first` on, fetched in one request. */
export interface PageRun {
  readonly first: number
  readonly count: number
}

interface RunLimits {
  /** Pages that are fetched although nobody asked for them, where two runs lie so near. */
  readonly gapMax: number
  /** Pages in one request. */
  readonly countMax: number
}

/** The pages that hold the spans, ascending, each once. */
export function pagesOf(spans: readonly Span[], blockSize: number, pageSize: number): number[] {
  const pages = new Set<number>()
  for (const { block, offset, bytes } of spans) {
    if (bytes.length === 0) continue
    const start = block * blockSize + offset
    const last = Math.floor((start + bytes.length - 1) / pageSize)
    for (let page = Math.floor(start / pageSize); page <= last; page++) pages.add(page)
  }
  return [...pages].sort((a, b) => a - b)
}

/** Joins pages, ascending, to runs. */
export function joinPages(pages: readonly number[], { gapMax, countMax }: RunLimits): PageRun[] {
  const runs: PageRun[] = []
  for (const page of pages) {
    const last = runs[runs.length - 1]
    const count = last === undefined ? 0 : page + 1 - last.first
    const gap = last === undefined ? 0 : page - (last.first + last.count)
    if (last === undefined || gap > gapMax || count > countMax) runs.push({ first: page, count: 1 })
    else runs[runs.length - 1] = { first: last.first, count }
  }
  return runs
}

/**
 * Read-ahead: a reader that goes on where it stopped gets twice as many pages ahead each time, one
 * that jumps gets none.
 */
export class ReadAhead {
  /** Where a reader that goes on would go on. */
  private next = -1
  private count = 0

  constructor(private readonly countMax: number) {}

  /** Pages to fetch behind `last`, for a read of pages that were missing from `first` on. */
  after(first: number, last: number): number {
    const goesOn = first === this.next
    this.count = goesOn ? Math.min(this.countMax, Math.max(1, this.count * 2)) : 0
    this.next = last + 1 + this.count
    return this.count
  }
}
