/** What a superblock says, changed: in every copy of it. */

import type { Op } from '@caravan/core'
import type { Struct } from './format/metadata-log.js'
import { encodeSuperblock, type Superblock } from './format/superblock.js'
import { TagType } from './format/tag.js'
import { setContent } from './tree-change.js'
import type { Volume } from './volume.js'

/** Commits values to the superblocks. @returns what they say then. */
export function* commitSuperblocks(volume: Volume, values: Partial<Superblock>): Op<Superblock> {
  const superblock = { ...volume.superblock, ...values }
  const bytes = encodeSuperblock(superblock)
  const struct: Struct = { kind: 'inline', bytes }
  // Where the superblock was expanded every copy says the same; the one in force goes last.
  let pair = yield* volume.readPair([0, 1])
  for (;;) {
    const entry = pair.entries[0]
    // On a damaged image another pair may stand before the one in force.
    if (entry?.content.nameType === TagType.SUPERBLOCK && !isSame(entry.content.struct, bytes)) {
      yield* setContent(volume, entry, { ...entry.content, struct })
    }
    if (volume.isRoot(pair.blocks) || pair.summary.tail === undefined) return superblock
    pair = yield* volume.readPair(pair.summary.tail)
  }
}

function isSame(struct: Struct | undefined, bytes: Uint8Array): boolean {
  if (struct?.kind !== 'inline' || struct.bytes.length !== bytes.length) return false
  return struct.bytes.every((byte, i) => byte === bytes[i])
}
