/**
 * FilesInPackOrder: the files below a path with their content, as they lie in the PACK.
 *
 * 1. A PACK has what a delta stands on before it, mostly at once before it. So each entry is inflated
 *    once, and the image is read from one end to the other.
 * 2. {@link FILES_AT_ONCE} files at most are known at a time, whatever the tree holds.
 */

import type { Op } from '@caravan/core'
import type { Path } from '@caravan/fs'
import { copyBlob, offsetOf } from './content.js'
import type { MountedCommit } from './mounted-commit.js'
import type { Entry } from './tree.js'
import { type GitEntry, gitEntry, Walk } from './walk.js'

/** A file of the tree and its content. */
export interface GitFile extends GitEntry {
  readonly bytes: Uint8Array
}

const FILES_AT_ONCE = 1024

interface Found {
  /** From the root, a byte string. */
  readonly path: string
  readonly entry: Entry
}

export class FilesInPackOrder {
  private readonly walk: Walk
  private files: Found[] = []
  private at = 0

  constructor(
    private readonly mounted: MountedCommit,
    top: Path,
  ) {
    this.walk = new Walk(mounted, top)
  }

  *next(): Op<GitFile | undefined> {
    if (this.at === this.files.length) yield* this.findMore()
    const found = this.files[this.at++]
    if (found === undefined) return undefined
    const { path, entry } = found
    const bytes = yield* copyBlob(this.mounted.image, entry, this.isBaseOfNext(entry.offset))
    return Object.assign(gitEntry(path, entry), { bytes })
  }

  private *findMore(): Op<void> {
    const { image } = this.mounted
    this.files = []
    this.at = 0
    while (this.files.length < FILES_AT_ONCE) {
      const walked = yield* this.walk.next()
      if (walked === undefined) break
      if (walked.error !== undefined) throw walked.error
      if (walked.entry.type !== 'file') continue
      if (walked.entry.offset === -1) yield* offsetOf(image, walked.entry)
      this.files.push(walked)
    }
    this.files.sort((a, b) => a.entry.offset - b.entry.offset)
  }

  /** True where the next file is known to be a delta against what lies at that offset. */
  private isBaseOfNext(offset: number): boolean {
    const next = this.files[this.at]?.entry.offset
    if (next === undefined) return false
    return this.mounted.image.pack.peekEntry(next)?.baseDistance === next - offset
  }
}
