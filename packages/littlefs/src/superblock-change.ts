/** What a superblock says, changed: in the one that is in force, and in the copies before it. */

import type { Op } from '@caravan/core'
import type { Struct } from './format/metadata-log.js'
import { encodeSuperblock, type Superblock } from './format/superblock.js'
import { TagType } from './format/tag.js'
import type { Entry } from './metadata-pair.js'
import { setContent } from './tree-change.js'
import type { Volume } from './volume.js'

/**
 * Commits values to the superblocks, and goes by them from then on. Where the superblock was expanded
 * its copies say the same. They go first; but never does one give fewer blocks than the one in force:
 * the pairs behind a copy must lie within what it says.
 */
export function* commitSuperblocks(volume: Volume, values: Partial<Superblock>): Op<void> {
  const superblock = { ...volume.superblock, ...values }
  const bytes = encodeSuperblock(superblock)
  const isSmaller = superblock.blockCount < volume.layout.blockCount
  if (!isSmaller) yield* commitToCopies(volume, bytes)
  yield* commitTo(volume, yield* volume.readRoot(), bytes)
  volume.setSuperblock(superblock)
  if (isSmaller) yield* commitToCopies(volume, bytes)
}

/** Commits to the superblocks before the one in force. */
function* commitToCopies(volume: Volume, bytes: Uint8Array): Op<void> {
  let pair = yield* volume.readPair([0, 1])
  while (!volume.isRoot(pair.blocks) && pair.summary.tail !== undefined) {
    const entry = pair.entries[0]
    // On a damaged image another pair may stand before the one in force.
    if (entry?.content.nameType === TagType.SUPERBLOCK) yield* commitTo(volume, entry, bytes)
    pair = yield* volume.readPair(pair.summary.tail)
  }
}

function* commitTo(volume: Volume, entry: Entry, bytes: Uint8Array): Op<void> {
  if (isSame(entry.content.struct, bytes)) return
  yield* setContent(volume, entry, { ...entry.content, struct: { kind: 'inline', bytes } })
}

function isSame(struct: Struct | undefined, bytes: Uint8Array): boolean {
  if (struct?.kind !== 'inline' || struct.bytes.length !== bytes.length) return false
  return struct.bytes.every((byte, i) => byte === bytes[i])
}
