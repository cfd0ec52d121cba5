/**
 * The disk version of a filesystem, raised and taken back while it is mounted.
 *
 * 1. While any superblock says 2.1, any log may have forward CRCs or none: a driver of 2.1 reads both.
 * 2. No superblock is taken down to 2.0 before the last forward CRC is gone: a driver of 2.0 takes one for
 *    the end of the log, and would not see what stands behind it.
 *
 * Source: littlefs SPEC.md, "0x5ff LFS_TYPE_FCRC", "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { MisuseError, type Op } from '@caravan/core'
import { walkLog } from './format/log-walk.js'
import { TagType, tagType } from './format/tag.js'
import { type MetadataPair, readWhatCan } from './metadata-pair.js'
import { commitSuperblocks } from './superblock-change.js'
import { commit } from './thread.js'
import type { DiskVersion, Volume } from './volume.js'

/**
 * Gives the filesystem another version. After a power cut its tree stands, under the version that it had
 * or the new one; once more does what is left.
 *
 * @throws MisuseError `INVALID_ARGUMENT`; FsError `ENOSPC`.
 */
export function changeDiskVersion(volume: Volume, version: DiskVersion): Op<void> {
  if (version !== '2.0' && version !== '2.1') {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `The disk version is '${version}': give '2.0' or '2.1'.`,
    )
  }
  return volume.change('upgrade', () => changeAlone(volume, version))
}

function* changeAlone(volume: Volume, version: DiskVersion): Op<void> {
  // From here on no commit brings a forward CRC: going up, not before all superblocks say so.
  volume.setForwardCrcs(false)
  try {
    if (version === '2.0') yield* dropForwardCrcs(volume)
    const minorVersion = version === '2.0' ? 0 : 1
    yield* commitSuperblocks(volume, { minorVersion })
  } finally {
    volume.setForwardCrcs(volume.superblock.minorVersion >= 1)
  }
}

/** Writes every pair anew that has one in either half, in the order of the list. */
function* dropForwardCrcs(volume: Volume): Op<void> {
  let pair = yield* volume.readPair([0, 1])
  // A list that runs in circles is refused at mount: this bound is for damage since.
  for (let steps = 0; steps < volume.layout.blockCount; steps++) {
    // The half that is not in force too: a driver takes it where the other is damaged later.
    for (let halves = 0; halves < 2 && (yield* hasForwardCrcs(volume, pair)); halves++) {
      pair.nextIsErased = false
      yield* commit(volume, pair, [])
    }
    const { tail } = pair.summary
    if (tail === undefined) return
    pair = yield* volume.readPair(tail)
  }
}

function* hasForwardCrcs(volume: Volume, { blocks }: MetadataPair): Op<boolean> {
  const { blockSize } = volume.layout
  const halves = blocks.map((block) => ({ block, offset: 0, bytes: new Uint8Array(blockSize) }))
  const readable = yield* readWhatCan(halves)
  return halves.some(({ bytes }, i) => readable[i] === true && holdsForwardCrc(volume, bytes))
}

function holdsForwardCrc({ rules }: Volume, block: Uint8Array): boolean {
  return walkLog(block, rules.crc32).commits.some(({ tags }) =>
    tags.some(({ tag }) => tagType(tag) === TagType.FORWARD_CRC),
  )
}
