/** What a superblock says, changed: in the one that is in force, and in the copies before it. */

import type { Op } from '@caravan/core'
import type { Struct } from './format/metadata-log.js'
import { encodeSuperblock, type Superblock } from './format/superblock.js'
import { TagType } from './format/tag.js'
import type { Entry } from './metadata-pair.js'
import { setContent } from './tree-change.js'
import type { Volume } from './volume.js'

export function* commitToSuperblockInForce(volume: Volume, superblock: Superblock): Op<void> {
  yield* commitTo(volume, yield* volume.readRoot(), superblock)
}

/** Commits to the superblocks before the one in force: there are such where it was expanded. */
export function* commitToCopies(volume: Volume, superblock: Superblock): Op<void> {
  let pair = yield* volume.readPair([0, 1])
  while (!volume.isRoot(pair.blocks) && pair.summary.tail !== undefined) {
    const entry = pair.entries[0]
    // On a damaged image another pair may stand before the one in force.
    if (entry?.content.nameType === TagType.SUPERBLOCK) yield* commitTo(volume, entry, superblock)
    pair = yield* volume.readPair(pair.summary.tail)
  }
}

function* commitTo(volume: Volume, entry: Entry, superblock: Superblock): Op<void> {
  const bytes = encodeSuperblock(superblock)
  if (isSame(entry.content.struct, bytes)) return
  yield* setContent(volume, entry, { ...entry.content, struct: { kind: 'inline', bytes } })
}

function isSame(struct: Struct | undefined, bytes: Uint8Array): boolean {
  if (struct?.kind !== 'inline' || struct.bytes.length !== bytes.length) return false
  return struct.bytes.every((byte, i) => byte === bytes[i])
}
