/** MountedCommit: the commit that an image is mounted at, with the root of its tree. */

import type { BlockDevice, Op } from '@caravan/core'
import { offsetOf } from './content.js'
import type { Commit } from './format/commit.js'
import { hexToId, idToHex } from './format/object-id.js'
import { type Image, type ImageOptions, openImage } from './image.js'
import { type Entry, entryFor } from './tree.js'

export interface MountedCommit {
  readonly image: Image
  /** In hexadecimal. */
  readonly id: string
  readonly commit: Commit
  /** A directory without a name. */
  readonly root: Entry
}

/** @throws FormatError for what is no image, or damaged where its commit is; `NO_REVISION`. */
export function* mountCommit(device: BlockDevice, options: ImageOptions): Op<MountedCommit> {
  const image = yield* openImage(device, options)
  const id = yield* image.resolveRevision(options.at ?? 'HEAD')
  const commit = yield* image.readCommit(id)
  const tree = hexToId(commit.tree, image.header.idSize)
  if (tree === undefined) throw image.wrongKind(id, 'commit', 'commit')
  const root = entryFor('', 0o040000, tree)
  yield* offsetOf(image, root)
  return { image, id: idToHex(id), commit, root }
}
