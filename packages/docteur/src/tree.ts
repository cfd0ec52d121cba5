/** Tree: a directory of the image, decoded, with its entries by name. */

import type { IdSize } from './format/object-id.js'
import { decodeTree, TreeEntry } from './format/tree-object.js'

/** An entry, and what was learned of its object since. */
export class Entry extends TreeEntry {
  /** Where its object begins in the PACK; -1 while nobody has asked. */
  offset = -1
  /** Bytes of its content; -1 while nobody has asked. */
  size = -1
}

/** An entry that stands in no tree. */
export function entryFor(name: string, mode: number, id: Uint8Array): Entry {
  return new Entry(name, mode, id, 0, id.length as IdSize)
}

const ENTRY_COST_BYTES = 220

export class Tree {
  /** In git's order. */
  readonly entries: readonly Entry[]
  /** What it takes in memory, about. */
  readonly costBytes: number
  private names: ReadonlyMap<string, Entry> | undefined

  /** @param id in hexadecimal, for messages. @throws FormatError `BAD_TREE`. */
  constructor(bytes: Uint8Array, idSize: IdSize, id: string) {
    this.entries = decodeTree(bytes, idSize, id, Entry)
    this.costBytes = bytes.length + this.entries.length * ENTRY_COST_BYTES + 200
  }

  /** Of two entries with one name the first. */
  find(name: string): Entry | undefined {
    this.names ??= byName(this.entries)
    return this.names.get(name)
  }
}

function byName(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  const names = new Map<string, Entry>()
  for (const entry of entries) if (!names.has(entry.name)) names.set(entry.name, entry)
  return names
}
