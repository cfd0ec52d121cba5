/** Entries of one image, as another one gets them. */

import type { CaravanError } from '@caravan/core'
import { type WalkedEntry, walkEntries } from './entries.js'
import { checkInterrupted, HostError } from './errors.js'
import type { NewEntry, TreeEntry } from './formats/format.js'
import type { HostProblem, TimeChoice } from './host-tree.js'
import { harmlessName } from './names.js'
import type { Image } from './open-image.js'
import { enginePath } from './paths.js'

interface CopyOptions {
  readonly recursive: boolean
  readonly time: TimeChoice
  readonly signal: AbortSignal
  /** Told of every piece of a file read. */
  readonly onPiece: (sizeBytes: number, path: Uint8Array) => void
}

export class CopiedEntries {
  entries: NewEntry[] = []
  /** What the other format cannot hold. */
  readonly problems: HostProblem[] = []
  /** What cannot be read. */
  readonly damaged: { readonly entry: Uint8Array; readonly error: CaravanError }[] = []

  constructor(
    private readonly from: Image,
    private readonly to: Image,
    private readonly options: CopyOptions,
  ) {}

  /**
   * Adds a source to what is to be copied, as `dest`.
   *
   * @throws FsError where it is not there; HostError for a directory without `recursive`, and for
   *   one that would go into itself.
   */
  async add(source: Uint8Array, dest: Uint8Array): Promise<void> {
    const { recursive, signal } = this.options
    const first = await this.from.tree.lookUp(source)
    if (first.type === 'symlink' && !recursive) return this.addLinked(source, dest)
    if (first.type === 'directory' && !recursive) {
      throw new HostError('EISDIR', 'a directory. Copy it with -r.')
    }
    if (this.from === this.to && isWithin(dest, source)) {
      throw new HostError('EINVAL', `it cannot be copied into itself (${harmlessName(dest)}).`)
    }
    for await (const entry of walkEntries(this.from.tree, source)) {
      checkInterrupted(signal)
      const below = entry.path.subarray(source.length === 1 ? 1 : withoutSlash(source).length)
      this.addEntry(entry, place(dest, below))
    }
  }

  /** Reads everything, for an image that is about to be changed. */
  async load(): Promise<void> {
    const loaded: NewEntry[] = []
    for (const entry of this.entries) {
      if (entry.content === undefined) loaded.push(entry)
      else {
        const pieces: Uint8Array[] = []
        for await (const piece of entry.content) pieces.push(piece)
        loaded.push({ ...entry, content: pieces })
      }
    }
    this.entries = loaded
  }

  /** The file that a link leads to, in its place. */
  private async addLinked(source: Uint8Array, dest: Uint8Array): Promise<void> {
    const { type, size } = await this.from.fs.stat(enginePath(source))
    if (type !== 'file') throw new HostError('EISDIR', 'a link to a directory. Copy it with -r.')
    const content = this.contentOf(source, () => this.from.tree.readPath(source))
    this.entries.push({ path: dest, type, size, content })
  }

  private addEntry(entry: WalkedEntry, path: Uint8Array): void {
    if (entry.error !== undefined) {
      this.damaged.push({ entry: entry.path, error: entry.error })
      return
    }
    const { holds } = this.to.mounted
    const { type, target } = entry
    if (type === 'submodule' || type === 'other' || (type === 'symlink' && !holds.symlinks)) {
      this.refuse(entry, IN_WORDS[type])
      return
    }
    if (path.every((byte) => byte === SLASH)) return
    const { mode, attributes } = entry
    const content = this.contentOf(entry.path, () => this.from.tree.read(entry.walked))
    this.entries.push({
      path,
      type,
      size: entry.size,
      ...(type === 'file' ? { content } : {}),
      ...(target === undefined ? {} : { target }),
      ...(mode === undefined || !holds.modes ? {} : { mode }),
      ...(attributes === undefined || !holds.attributes ? {} : { attributes }),
      ...this.timeOf(entry),
    })
  }

  private refuse({ path }: TreeEntry, what: string): void {
    const host = Buffer.from(`${this.from.name}: ${harmlessName(path)}`)
    const reason = `it is ${what}, which ${this.to.format.name} cannot hold`
    this.problems.push({ host, reason, kind: 'unsupported' })
  }

  private timeOf({ modified }: TreeEntry): { mtime?: number } {
    const { time } = this.options
    if (time === 'none') return {}
    if (time !== 'file') return { mtime: time.seconds }
    return modified === undefined ? {} : { mtime: Math.max(0, modified.getTime() / 1000) }
  }

  private contentOf(path: Uint8Array, read: () => AsyncIterable<Uint8Array>) {
    const { signal, onPiece } = this.options
    return {
      async *[Symbol.asyncIterator]() {
        for await (const piece of read()) {
          checkInterrupted(signal)
          onPiece(piece.length, path)
          yield piece
        }
      },
    }
  }
}

const IN_WORDS = {
  submodule: 'a submodule',
  other: 'neither file nor directory',
  symlink: 'a symbolic link',
} as const

const SLASH = 0x2f

function withoutSlash(path: Uint8Array): Uint8Array {
  let end = path.length
  while (end > 1 && path[end - 1] === SLASH) end--
  return path.subarray(0, end)
}

/** The path `below` a directory, itself where that is empty. */
function place(dest: Uint8Array, below: Uint8Array): Uint8Array {
  if (below.length === 0) return dest
  const base = dest.length === 1 ? new Uint8Array(0) : withoutSlash(dest)
  const slash = below[0] === SLASH ? [] : [SLASH]
  return Uint8Array.of(...base, ...slash, ...below)
}

function isWithin(path: Uint8Array, directory: Uint8Array): boolean {
  const top = withoutSlash(directory)
  if (top.length === 1) return true
  const isPrefix = top.every((byte, i) => path[i] === byte)
  return isPrefix && (path.length === top.length || path[top.length] === SLASH)
}
