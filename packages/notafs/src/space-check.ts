/** Used and free sectors held against each other, run by run: a disk may have 2^40 of them. */

import type { FreeRun } from './format/free-queue-node.js'

export interface SpaceProblem {
  readonly code: 'FREE_TWICE' | 'FREE_AND_USED' | 'LOST'
  readonly run: FreeRun
}

/** @param used ascending. */
export function compareSpace(
  pageCount: number,
  used: readonly number[],
  free: readonly FreeRun[],
): SpaceProblem[] {
  const problems: SpaceProblem[] = []
  const merged: { start: number; end: number }[] = []
  for (const { start, length } of [...free].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    const end = start + length
    if (last === undefined || start > last.end) {
      merged.push({ start, end })
      continue
    }
    const twice = Math.min(last.end, end) - start
    if (twice > 0) problems.push({ code: 'FREE_TWICE', run: { start, length: twice } })
    last.end = Math.max(last.end, end)
  }
  let at = 0
  for (const page of used) {
    while (at < merged.length && (merged[at] as { end: number }).end <= page) at++
    const run = merged[at]
    if (run !== undefined && run.start <= page) {
      problems.push({ code: 'FREE_AND_USED', run: { start: page, length: 1 } })
    }
  }
  const known = [
    ...merged.map(({ start, end }) => ({ start, length: end - start })),
    ...used.map((start) => ({ start, length: 1 })),
  ]
  for (const run of gapsBetween(pageCount, known)) problems.push({ code: 'LOST', run })
  return problems
}

/** What lies in none of these runs. */
export function gapsBetween(pageCount: number, runs: readonly FreeRun[]): FreeRun[] {
  const gaps: FreeRun[] = []
  let end = 0
  for (const { start, length } of [...runs].sort((a, b) => a.start - b.start)) {
    if (start > end) gaps.push({ start: end, length: start - end })
    end = Math.max(end, start + length)
  }
  if (end < pageCount) gaps.push({ start: end, length: pageCount - end })
  return gaps
}
