/** The generations that a disk still tells of: what its roots lead to. */

import type { Op, Span } from '@caravan/core'
import { decodeGenerationLeaf, type GenerationLeaf } from './format/generation-leaf.js'
import type { Header } from './format/header.js'
import { ROOT_COUNT, readU64 } from './format/layout.js'
import { decodeRoot, type Root } from './format/root.js'

/** A generation whose leaf is whole; what hangs under it may not be. */
export interface Generation {
  /** Sector of the root that leads to it, the first of two. */
  readonly rootSector: number
  readonly root: Root
  /** Which of the root's slots. */
  readonly slot: number
  readonly leaf: GenerationLeaf
}

export interface Generations {
  /** By sector less 1; `undefined` for one that is damaged. */
  readonly roots: readonly (Root | undefined)[]
  /** The newest first. */
  readonly all: readonly Generation[]
  /** Slots that hold nothing: no commit has been there, or what it left was overwritten. */
  readonly blankSlots: ReadonlySet<number>
}

/**
 * The two root sectors that hold the same, so that one may rot: 1 and 2, or 3 and 4. The original
 * writes one, and reads any.
 */
export function twinsOf(rootSector: number): readonly [number, number] {
  return rootSector <= 2 ? [1, 2] : [3, 4]
}

export function sectorOf({ root, slot }: Pick<Generation, 'root' | 'slot'>): number {
  return root.slots[slot] as number
}

/** True where the next generation begins another root. */
export function needsRoot({ root, slot }: Pick<Generation, 'root' | 'slot'>): boolean {
  return slot === root.slots.length - 1
}

export function* readGenerations({ layout, formatId }: Header): Op<Generations> {
  const pages = pagesOf(
    layout.pageBytes,
    [...Array(ROOT_COUNT).keys()].map((i) => 1 + i),
  )
  yield { kind: 'read', spans: pages }
  const roots = pages.map(({ bytes }) => decodeRoot(bytes, layout))
  const isCopy = (root: Root, i: number) =>
    roots.slice(0, i).some((other) => other !== undefined && isSameRoot(root, other))
  const places = roots.flatMap((root, i) =>
    root === undefined || isCopy(root, i)
      ? []
      : root.slots.map((sector, slot) => ({ root, rootSector: 1 + i, slot, sector })),
  )
  const leaves = pagesOf(
    layout.pageBytes,
    places.map(({ sector }) => sector),
  )
  yield { kind: 'read', spans: leaves }
  const all: Generation[] = []
  const blankSlots = new Set<number>()
  places.forEach(({ root, rootSector, slot, sector }, i) => {
    const { bytes } = leaves[i] as Span
    const generation = root.firstGeneration + slot
    const leaf = decodeGenerationLeaf(bytes, layout, formatId, generation)
    if (leaf !== undefined) all.push({ rootSector, root, slot, leaf })
    else if (isBlank(bytes)) blankSlots.add(sector)
  })
  all.sort((a, b) => b.leaf.generation - a.leaf.generation)
  return { roots, all, blankSlots }
}

/** As erased flash, or an empty file. */
function isBlank(page: Uint8Array): boolean {
  const [first] = page
  return (first === 0 || first === 0xff) && page.every((byte) => byte === first)
}

function isSameRoot(a: Root, b: Root): boolean {
  return a.firstGeneration === b.firstGeneration && a.slots.every((slot, i) => slot === b.slots[i])
}

/** Pages read in one request of a search. */
const SEARCHED_AT_ONCE = 256

/**
 * Generations whose leaf is there, though no root leads to it any more: every page of the disk is
 * read. Each is the only slot of a root of its own, so that the next one needs a new root.
 *
 * @returns the newest first.
 */
export function* searchGenerations(
  { layout, formatId }: Header,
  rootSector: number,
): Op<Generation[]> {
  const found: Generation[] = []
  const buffer = new Uint8Array(SEARCHED_AT_ONCE * layout.pageBytes)
  for (let from = 1 + ROOT_COUNT; from < layout.pageCount; from += SEARCHED_AT_ONCE) {
    const count = Math.min(SEARCHED_AT_ONCE, layout.pageCount - from)
    const spans = Array.from({ length: count }, (_, i) => ({
      block: from + i,
      offset: 0,
      bytes: buffer.subarray(i * layout.pageBytes, (i + 1) * layout.pageBytes),
    }))
    yield { kind: 'read', spans }
    for (const { block, bytes } of spans) {
      const generation = readU64(bytes, 8)
      if (!Number.isSafeInteger(generation) || generation === 0) continue
      const leaf = decodeGenerationLeaf(bytes, layout, formatId, generation)
      if (leaf === undefined) continue
      found.push({
        rootSector,
        root: { firstGeneration: generation, slots: [block] },
        slot: 0,
        leaf,
      })
    }
  }
  return found.sort((a, b) => b.leaf.generation - a.leaf.generation)
}

function pagesOf(pageBytes: number, sectors: readonly number[]): Span[] {
  return sectors.map((block) => ({ block, offset: 0, bytes: new Uint8Array(pageBytes) }))
}
