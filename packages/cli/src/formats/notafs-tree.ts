/** The tree of a notafs. */

import { CaravanError, FsError } from '@caravan/core'
import type { NotaFS } from '@caravan/notafs'
import { enginePath } from '../paths.js'
import type { EntryType, ImageTree, ListedEntry, TreeEntry } from './format.js'

const SLASH = 0x2f
const PIECE_BYTES = 262_144

export class NotafsTree implements ImageTree {
  constructor(private readonly fs: NotaFS) {}

  async *walk(path: Uint8Array): AsyncGenerator<TreeEntry, void, void> {
    const pending = [await this.lookUp(path)]
    for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
      yield entry
      if (entry.type !== 'directory') continue
      const inside: TreeEntry[] = []
      for (const { name, type } of await this.names(entry.path)) {
        inside.push(await this.described(joined(entry.path, name), type))
      }
      pending.push(...inside.reverse())
    }
  }

  async list(path: Uint8Array): Promise<readonly ListedEntry[]> {
    const listed: ListedEntry[] = []
    for (const { name, type } of await this.names(path)) {
      const { size } = await this.described(joined(path, name), type)
      listed.push({ name, type, size })
    }
    return listed
  }

  /** In byte order. */
  private async names(path: Uint8Array): Promise<{ name: Uint8Array; type: EntryType }[]> {
    const options = { encoding: 'buffer', withFileTypes: true } as const
    const entries = await this.fs.readdir(enginePath(path), options)
    return entries.map((entry) => ({
      name: entry.name,
      type: entry.isDirectory() ? 'directory' : 'file',
    }))
  }

  async lookUp(path: Uint8Array): Promise<TreeEntry> {
    const stats = await this.fs.stat(enginePath(path))
    const isDirectory = stats.isDirectory()
    // The top has no time.
    const isTop = path.every((byte) => byte === SLASH)
    return {
      path,
      type: isDirectory ? 'directory' : 'file',
      size: stats.size,
      ...(isTop ? {} : { modified: stats.mtime }),
    }
  }

  /** A file whose first page is damaged is told with what is wrong with it. */
  private async described(path: Uint8Array, type: EntryType): Promise<TreeEntry> {
    try {
      return await this.lookUp(path)
    } catch (error) {
      if (!(error instanceof CaravanError)) throw error
      return { path, type, size: 0, error }
    }
  }

  read(entry: TreeEntry): AsyncIterable<Uint8Array> {
    return this.readPath(entry.path)
  }

  async *readPath(path: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
    const handle = await this.fs.promises.open(enginePath(path))
    try {
      const stats = await handle.stat()
      if (stats.isDirectory()) throw new FsError('EISDIR', { syscall: 'read' })
      for (let at = 0; at < stats.size; at += PIECE_BYTES) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, stats.size - at))
        const { bytesRead } = await handle.read(piece, 0, piece.length, at)
        yield piece.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }
}

function joined(path: Uint8Array, name: Uint8Array): Uint8Array {
  const isTop = path.every((byte) => byte === SLASH)
  return isTop ? Uint8Array.of(SLASH, ...name) : Uint8Array.of(...path, SLASH, ...name)
}
