/**
 * Generation leaf: the one page under which all of a generation hangs. Writing it is the commit.
 *
 *     format id (8)  generation (8)  free start (id)  free queue (pointer)  free sectors (8)
 *     payload rope (pointer)  [mark (8)]  [filler]  own checksum
 *
 * The mark is caravan's, in bytes that the format leaves unused and the original neither reads nor
 * copies: it says that no entry of the directory payload crosses from one leaf of the rope to the
 * next, so that a leaf can be read by itself. So is the filler (filler.ts).
 */

import { isUnused } from './filler.js'
import type { FormatId } from './header.js'
import { type Layout, type Pointer, readU32, readU64, writeU64 } from './layout.js'

export interface GenerationLeaf {
  readonly generation: number
  /** All sectors from this one on are free. */
  readonly freeStart: number
  readonly freeQueue: Pointer
  /** For people: how many sectors are free. */
  readonly freeSectors: number
  readonly payload: Pointer
  /** True where entries of the payload do not cross leaves. */
  readonly isAligned: boolean
}

const FREE_START_AT = 16
/** Behind all fields and the mark, whatever the size of an id. */
const FIELDS_END_MAX = 64
/** "caravan1" */
const MARK = Uint8Array.of(0x63, 0x61, 0x72, 0x61, 0x76, 0x61, 0x6e, 0x31)

function offsets({ idBytes, pointerBytes }: Layout) {
  const freeQueue = FREE_START_AT + idBytes
  const freeSectors = freeQueue + pointerBytes
  const payload = freeSectors + 8
  return { freeQueue, freeSectors, payload, mark: payload + pointerBytes }
}

/** `undefined` for what is no leaf of that generation and formatting. */
export function decodeGenerationLeaf(
  page: Uint8Array,
  layout: Layout,
  formatId: FormatId,
  generation: number,
): GenerationLeaf | undefined {
  if (readU64(page, 8) !== generation) return undefined
  if (!formatId.every((byte, i) => page[i] === byte)) return undefined
  if (!layout.hasOwnChecksum(page)) return undefined
  const at = offsets(layout)
  return {
    generation,
    freeStart: layout.readId(page, FREE_START_AT),
    freeQueue: layout.readPointer(page, at.freeQueue),
    freeSectors: readI64(page, at.freeSectors),
    payload: layout.readPointer(page, at.payload),
    isAligned: MARK.every((byte, i) => page[at.mark + i] === byte),
  }
}

/** @param isFresh for a disk that is being formatted: with zeros for a filler, as the original's is. */
export function encodeGenerationLeaf(
  page: Uint8Array,
  layout: Layout,
  formatId: FormatId,
  leaf: GenerationLeaf,
  isFresh = false,
): void {
  const at = offsets(layout)
  page.fill(0)
  page.set(formatId)
  writeU64(page, 8, leaf.generation)
  layout.writeId(page, FREE_START_AT, leaf.freeStart)
  layout.writePointer(page, at.freeQueue, leaf.freeQueue.id, leaf.freeQueue.checksum)
  writeU64(page, at.freeSectors, leaf.freeSectors)
  layout.writePointer(page, at.payload, leaf.payload.id, leaf.payload.checksum)
  if (leaf.isAligned) page.set(MARK, at.mark)
  if (!isFresh) layout.fillUnused(page, at.mark + (leaf.isAligned ? MARK.length : 0))
  layout.sealOwnChecksum(page)
}

/** The original lets the count of free sectors go below zero. */
function readI64(page: Uint8Array, at: number): number {
  return readU32(page, at) + (readU32(page, at + 4) | 0) * 2 ** 32
}

/**
 * True of a leaf of that generation, and of a page that looks like a leaf torn in a unit of its fields:
 * a part of what is written over it could make it whole.
 */
export function couldBecomeLeaf(
  page: Uint8Array,
  layout: Layout,
  formatId: FormatId,
  generation: number,
): boolean {
  if (layout.hasOwnChecksum(page)) {
    return decodeGenerationLeaf(page, layout, formatId, generation) !== undefined
  }
  const sealAt = layout.pageBytes - 4
  // Pages of nothing but zeros, and trees' pages with zeros behind their content, have none.
  if (readU32(page, sealAt) === 0) return false
  return isUnused(page.subarray(FIELDS_END_MAX, sealAt))
}
