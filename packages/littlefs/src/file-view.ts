/** The part of a file that a handle sees. */

import type { FileBlocks } from './file-blocks.js'
import { fileBlocksOf } from './file-read.js'
import type { Struct } from './format/metadata-log.js'
import type { Entry } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** What a handle may do. */
export interface OpenFlags {
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
}

export type View =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'ctz'; readonly blocks: FileBlocks; readonly size: number }

/** What a handle sees that is opened now. */
export function viewOf(volume: Volume, entry: Entry): View {
  const { struct } = entry.content
  if (struct?.kind === 'inline') return { kind: 'inline', bytes: struct.bytes }
  if (struct?.kind === 'ctz' && struct.size === 0)
    return { kind: 'inline', bytes: new Uint8Array(0) }
  const blocks = fileBlocksOf(volume.layout, entry)
  return { kind: 'ctz', blocks, size: (struct as { size: number }).size }
}

/** What is committed of a view. */
export function structOf(view: View): Struct {
  if (view.kind === 'inline') return view
  const { blocks, size } = view
  return { kind: 'ctz', head: blocks.get(blocks.lastIndex) as number, size }
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** A view of so many bytes: those that were there, and over them others from a position on. */
export function inlineView(length: number, before = NO_BYTES, data = NO_BYTES, position = 0): View {
  const bytes = new Uint8Array(length)
  bytes.set(before)
  bytes.set(data, position)
  return { kind: 'inline', bytes }
}
