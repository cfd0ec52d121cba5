/**
 * What was recovered, as a tree to extract: each file under its own path, and where there are several
 * versions of one, or a directory of the same name, under a name with a number; what is left in part
 * is marked in its name.
 */

import type { ImageTree, RecoveredFile, TreeEntry } from './formats/format.js'
import { modificationTime } from './modification-time.js'
import { compareBytes, encodeUtf8 } from './names.js'
import { parentOf } from './paths.js'

export interface PlacedFile {
  readonly file: RecoveredFile
  /** In the tree; `undefined` where nothing is left of it. */
  readonly target: Uint8Array | undefined
}

export class RecoveredTree implements Pick<ImageTree, 'walk' | 'read'> {
  readonly placed: readonly PlacedFile[]
  private readonly files = new WeakMap<TreeEntry, RecoveredFile>()
  /** By path in latin1, byte for byte. */
  private readonly directories = new Map<string, Uint8Array>()

  /** @param files the newest of each path first. */
  constructor(files: readonly RecoveredFile[]) {
    const kept = files.filter(({ left }) => left !== 'nothing')
    for (const { path } of kept) this.addDirectories(path)
    const taken = new Set(this.directories.keys())
    this.placed = files.map((file) => {
      if (file.left === 'nothing') return { file, target: undefined }
      const mark = file.left === 'partial' ? '.partial' : ''
      let target = withEnd(file.path, mark)
      for (let n = 2; taken.has(latin1(target)); n++) target = withEnd(file.path, `~${n}${mark}`)
      taken.add(latin1(target))
      return { file, target }
    })
  }

  async *walk(): AsyncGenerator<TreeEntry, void, void> {
    const entries: TreeEntry[] = []
    for (const path of this.directories.values()) entries.push({ path, type: 'directory', size: 0 })
    for (const { file, target } of this.placed) {
      if (target === undefined) continue
      const { size, attributes } = file
      const modified = modificationTime(attributes)
      const entry: TreeEntry = { path: target, type: 'file', size, modified, attributes }
      this.files.set(entry, file)
      entries.push(entry)
    }
    // A slash is less than all that stands in names, so that a directory is followed by what is in it.
    entries.sort((a, b) => compareBytes(slashesFirst(a.path), slashesFirst(b.path)))
    yield { path: ROOT, type: 'directory', size: 0 }
    yield* entries
  }

  async *read(entry: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
    const file = this.files.get(entry)
    if (file !== undefined) yield await file.content()
  }

  private addDirectories(path: Uint8Array): void {
    for (let at = parentOf(path); at.length > 1; at = parentOf(at)) {
      this.directories.set(latin1(at), at)
    }
  }
}

const SLASH = 0x2f
const ROOT = Uint8Array.of(SLASH)

function slashesFirst(path: Uint8Array): Uint8Array {
  return path.map((byte) => (byte === SLASH ? 0 : byte))
}

function withEnd(path: Uint8Array, end: string): Uint8Array {
  return end === '' ? path : Uint8Array.of(...path, ...encodeUtf8(end))
}

function latin1(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1')
}
