/**
 * Root: one of sectors 1 to 4: where the leaves of eight generations are, in turn.
 *
 *     0  first generation, 0 where unused    8  how many slots, 0 or 8    10  their sectors    [filler]  own checksum
 */

import { type Layout, readU16, readU64, SLOTS_PER_ROOT, writeU16, writeU64 } from './layout.js'

export interface Root {
  readonly firstGeneration: number
  /** Sector of the leaf of generation `firstGeneration + i`. */
  readonly slots: readonly number[]
}

const SLOTS_AT = 10

/** `undefined` where it is damaged; one without slots where it is unused. */
export function decodeRoot(page: Uint8Array, layout: Layout): Root | undefined {
  if (!layout.hasOwnChecksum(page)) return undefined
  const firstGeneration = readU64(page, 0)
  const count = readU16(page, 8)
  if (firstGeneration === 0 && count === 0) return { firstGeneration, slots: [] }
  if (count !== SLOTS_PER_ROOT || firstGeneration === 0) return undefined
  if (firstGeneration > Number.MAX_SAFE_INTEGER - 2 * SLOTS_PER_ROOT) return undefined
  const slots = Array.from({ length: count }, (_, i) =>
    layout.readId(page, SLOTS_AT + i * layout.idBytes),
  )
  const isSound = slots.every((id) => id >= 5 && id < layout.pageCount)
  return isSound && new Set(slots).size === count ? { firstGeneration, slots } : undefined
}

/** @param isFresh for a disk that is being formatted: with zeros for a filler, as the original's is. */
export function encodeRoot(page: Uint8Array, layout: Layout, root: Root, isFresh = false): void {
  page.fill(0)
  writeU64(page, 0, root.firstGeneration)
  writeU16(page, 8, root.slots.length)
  root.slots.forEach((id, i) => {
    layout.writeId(page, SLOTS_AT + i * layout.idBytes, id)
  })
  if (!isFresh) layout.fillUnused(page, SLOTS_AT + root.slots.length * layout.idBytes)
  layout.sealOwnChecksum(page)
}
