/**
 * Free-queue node: runs of free sectors, first in, first out.
 *
 *     0  height (1 byte)    1  count    3  height 0: {id, u32 length}...; above: pointers
 */

import { FormatError } from '@caravan/core'
import { type Layout, type Pointer, readU16, readU32, writeU16, writeU32 } from './layout.js'

/** The longest run: its length has 32 bits. */
export const RUN_SECTORS_MAX = 2 ** 32 - 1

export interface FreeRun {
  readonly start: number
  readonly length: number
}

type FreeQueueNode =
  | { readonly height: 0; readonly runs: readonly FreeRun[] }
  | { readonly height: number; readonly children: readonly Pointer[] }

const ENTRIES_AT = 3

/** @throws FormatError `BAD_FREE_QUEUE`. */
export function decodeFreeQueueNode(page: Uint8Array, layout: Layout, id: number): FreeQueueNode {
  const height = page[0] as number
  const count = readU16(page, 1)
  if (height === 0) {
    if (count > layout.queueLeafRuns) throw queueError(id, `a leaf of ${count} runs`)
    const runs = Array.from({ length: count }, (_, i) => {
      const at = ENTRIES_AT + i * (layout.idBytes + 4)
      return { start: layout.readId(page, at), length: readU32(page, at + layout.idBytes) }
    })
    for (const { start, length } of runs) {
      if (start >= 5 && length >= 1 && start + length <= layout.pageCount) continue
      throw queueError(id, `${length} sectors from ${start}, on a disk of ${layout.pageCount}`)
    }
    return { height, runs }
  }
  if (count < 1 || count > layout.queueBranchChildren) {
    throw queueError(id, `a branch of ${count} children`)
  }
  const children = Array.from({ length: count }, (_, i) =>
    layout.readPointer(page, ENTRIES_AT + i * layout.pointerBytes),
  )
  for (const child of children) {
    if (child.id >= 5 && child.id < layout.pageCount) continue
    throw queueError(id, `a child in sector ${child.id}, on a disk of ${layout.pageCount}`)
  }
  return { height, children }
}

export function encodeFreeQueueLeaf(
  page: Uint8Array,
  layout: Layout,
  runs: readonly FreeRun[],
): void {
  page[0] = 0
  writeU16(page, 1, runs.length)
  let at = ENTRIES_AT
  for (const { start, length } of runs) {
    layout.writeId(page, at, start)
    writeU32(page, at + layout.idBytes, length)
    at += layout.idBytes + 4
  }
  page.fill(0, at)
}

export function encodeFreeQueueBranch(
  page: Uint8Array,
  layout: Layout,
  height: number,
  children: readonly Pointer[],
): void {
  page[0] = height
  writeU16(page, 1, children.length)
  let at = ENTRIES_AT
  for (const { id, checksum } of children) {
    layout.writePointer(page, at, id, checksum)
    at += layout.pointerBytes
  }
  page.fill(0, at)
}

function queueError(id: number, found: string): FormatError {
  return new FormatError(
    'BAD_FREE_QUEUE',
    `The free-queue node in sector ${id} cannot be: ${found}.`,
    {
      structure: 'free queue',
      block: id,
    },
  )
}
