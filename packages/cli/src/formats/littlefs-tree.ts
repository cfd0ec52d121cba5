/** The tree of a littlefs, with what its attributes say. */

import { CaravanError } from '@caravan/core'
import type { LittleFS, WalkEntry } from '@caravan/littlefs'
import { modificationTime } from '../modification-time.js'
import { enginePath } from '../paths.js'
import type { ImageTree, ListedEntry, TreeEntry } from './format.js'

export class LittlefsTree implements ImageTree {
  /** What each entry of a walk was made of. */
  private readonly walked = new WeakMap<TreeEntry, WalkEntry>()

  constructor(private readonly fs: LittleFS) {}

  async *walk(path: Uint8Array): AsyncGenerator<TreeEntry, void, void> {
    for await (const walked of this.fs.walk(enginePath(path))) {
      const { pathBytes, type, size, attributes, error } = walked
      const modified = modificationTime(attributes)
      const entry: TreeEntry = { path: pathBytes, type, size, modified, attributes, error }
      this.walked.set(entry, walked)
      yield entry
    }
  }

  async list(path: Uint8Array): Promise<readonly ListedEntry[]> {
    const options = { encoding: 'buffer', withFileTypes: true } as const
    return this.fs.reference.readdir(enginePath(path), options)
  }

  async lookUp(path: Uint8Array): Promise<TreeEntry> {
    const { type, size } = await this.fs.stat(enginePath(path))
    try {
      const attributes = await this.fs.getAttributes(enginePath(path))
      return { path, type, size, modified: modificationTime(attributes), attributes }
    } catch (error) {
      // What it is can still be shown.
      if (!(error instanceof CaravanError)) throw error
      return { path, type, size, attributes: new Map(), error }
    }
  }

  read(entry: TreeEntry): AsyncIterable<Uint8Array> {
    const walked = this.walked.get(entry)
    return walked === undefined ? this.readPath(entry.path) : this.fs.readEntryInPieces(walked)
  }

  readPath(path: Uint8Array): AsyncIterable<Uint8Array> {
    return this.fs.readFileInPieces(enginePath(path))
  }
}
