/** The generations that a disk still tells of: what its roots lead to. */

import type { Op, Span } from '@caravan/core'
import { decodeGenerationLeaf, type GenerationLeaf } from './format/generation-leaf.js'
import type { Header } from './format/header.js'
import { ROOT_COUNT } from './format/layout.js'
import { decodeRoot, type Root } from './format/root.js'

/** A generation whose leaf is whole; what hangs under it may not be. */
export interface Generation {
  /** Sector of the root that leads to it. */
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
  /** Slots that hold nothing but zeros: no commit has been there. */
  readonly blankSlots: ReadonlySet<number>
}

export function sectorOf({ root, slot }: Pick<Generation, 'root' | 'slot'>): number {
  return root.slots[slot] as number
}

export function* readGenerations({ layout, formatId }: Header): Op<Generations> {
  const pages = pagesOf(
    layout.pageBytes,
    [...Array(ROOT_COUNT).keys()].map((i) => 1 + i),
  )
  yield { kind: 'read', spans: pages }
  const roots = pages.map(({ bytes }) => decodeRoot(bytes, layout))
  const places = roots.flatMap((root, i) =>
    root === undefined
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
    else if (bytes.every((byte) => byte === 0)) blankSlots.add(sector)
  })
  all.sort((a, b) => b.leaf.generation - a.leaf.generation)
  return { roots, all, blankSlots }
}

function pagesOf(pageBytes: number, sectors: readonly number[]): Span[] {
  return sectors.map((block) => ({ block, offset: 0, bytes: new Uint8Array(pageBytes) }))
}
