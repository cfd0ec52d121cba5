/** Tree: a directory of the image, decoded, with its entries by name. */

import type { IdSize } from './format/object-id.js'
import { decodeTree, type TreeEntry } from './format/tree-object.js'

/** An entry, and what was learned of its object since. */
export interface Entry extends TreeEntry {
  /** Where its object begins in the PACK; -1 while nobody has asked. */
  offset: number
  /** Bytes of its content; -1 while nobody has asked. */
  size: number
}

export interface Tree {
  /** In git's order. */
  readonly entries: readonly Entry[]
  /** Of two entries with one name the first. */
  readonly byName: ReadonlyMap<string, Entry>
  /** What it takes in memory, about. */
  readonly costBytes: number
}

const ENTRY_COST_BYTES = 220

export function treeOf(bytes: Uint8Array, idSize: IdSize, id: string): Tree {
  const entries = decodeTree(bytes, idSize, id).map(
    ({ name, mode, type, id }): Entry => ({ name, mode, type, id, offset: -1, size: -1 }),
  )
  const byName = new Map<string, Entry>()
  for (const entry of entries) if (!byName.has(entry.name)) byName.set(entry.name, entry)
  return { entries, byName, costBytes: bytes.length + entries.length * ENTRY_COST_BYTES + 200 }
}
