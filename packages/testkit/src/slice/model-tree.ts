/** What a tree of files would be after an operation, and with which errors it may be refused. */

import { contentOf } from '../model/random.js'

/** Content by path; `undefined` for a directory. The root is not among it. */
export type Tree = Map<string, Uint8Array | undefined>

export type Change =
  | {
      readonly do: 'write' | 'append'
      readonly path: string
      readonly seed: number
      readonly size: number
    }
  | {
      readonly do: 'patch'
      readonly path: string
      readonly seed: number
      readonly size: number
      readonly position: number
    }
  | { readonly do: 'truncate'; readonly path: string; readonly size: number }
  | { readonly do: 'mkdir' | 'rm'; readonly path: string }
  | { readonly do: 'rename'; readonly path: string; readonly to: string }

interface Expected {
  /** One of them; none for success. */
  readonly codes: readonly string[]
  /** The tree afterwards. */
  readonly tree: Tree
}

export class ModelTree {
  tree: Tree = new Map()

  expect(change: Change): Expected {
    const codes = this.refusals(change)
    if (codes.length > 0) return { codes, tree: this.tree }
    const tree: Tree = new Map(this.tree)
    const { path } = change
    switch (change.do) {
      case 'write':
        tree.set(path, contentOf(change.seed, change.size))
        break
      case 'append': {
        const old = tree.get(path) ?? new Uint8Array(0)
        tree.set(path, patched(old, old.length, contentOf(change.seed, change.size)))
        break
      }
      case 'patch': {
        const old = tree.get(path) ?? new Uint8Array(0)
        tree.set(path, patched(old, change.position, contentOf(change.seed, change.size)))
        break
      }
      case 'truncate': {
        const sized = new Uint8Array(change.size)
        sized.set((tree.get(path) ?? new Uint8Array(0)).subarray(0, change.size))
        tree.set(path, sized)
        break
      }
      case 'mkdir':
        tree.set(path, undefined)
        break
      case 'rm':
        for (const below of this.within(path)) tree.delete(below)
        break
      case 'rename':
        if (path !== change.to) this.move(tree, path, change.to)
    }
    return { codes, tree }
  }

  private move(tree: Tree, from: string, to: string): void {
    const moved = this.within(from)
    for (const path of moved) tree.delete(path)
    for (const path of moved) tree.set(to + path.slice(from.length), this.tree.get(path))
  }

  /** A path and all below it. */
  private within(top: string): string[] {
    return [...this.tree.keys()].filter((path) => path === top || path.startsWith(`${top}/`))
  }

  private isDirectory(path: string): boolean {
    return path === '' || (this.tree.has(path) && this.tree.get(path) === undefined)
  }

  /** Why it cannot be; empty where it can. */
  private refusals(change: Change): string[] {
    const { path } = change
    const lost = this.lostOnTheWay(path)
    // Of two reasons, POSIX leaves open which is told.
    const other = change.do === 'rename' ? this.lostOnTheWay(change.to) : undefined
    const others = other === undefined ? [] : [other]
    if (lost !== undefined) return [lost, ...others]
    const isThere = this.tree.has(path)
    switch (change.do) {
      case 'write':
      case 'append':
        return this.isDirectory(path) ? ['EISDIR'] : []
      case 'patch':
      case 'truncate':
        if (!isThere) return ['ENOENT']
        return this.isDirectory(path) ? ['EISDIR'] : []
      case 'mkdir':
        return isThere ? ['EEXIST'] : []
      case 'rm':
        return isThere ? [] : ['ENOENT']
      case 'rename':
        return isThere ? this.renameRefusals(path, change.to) : ['ENOENT', ...others]
    }
  }

  private renameRefusals(path: string, to: string): string[] {
    if (to.startsWith(`${path}/`)) {
      // A file that is to go below itself is no directory; both are true of a directory.
      return this.isDirectory(path) ? ['EINVAL', 'ENOENT', 'ENOTDIR'] : ['ENOTDIR']
    }
    const lost = this.lostOnTheWay(to)
    if (lost !== undefined) return [lost]
    if (path === to || !this.tree.has(to)) return []
    if (!this.isDirectory(to)) return this.isDirectory(path) ? ['ENOTDIR'] : []
    if (!this.isDirectory(path)) return ['EISDIR', 'ENOTEMPTY', 'EEXIST']
    return this.within(to).length > 1 ? ['ENOTEMPTY', 'EEXIST'] : []
  }

  /** What stands between the root and a path's last name. */
  private lostOnTheWay(path: string): string | undefined {
    for (let at = path.indexOf('/', 1); at !== -1; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at)
      if (!this.tree.has(parent)) return 'ENOENT'
      if (!this.isDirectory(parent)) return 'ENOTDIR'
    }
    return undefined
  }
}

/** Bytes with others over them from `position` on, zeros in a gap between. */
function patched(old: Uint8Array, position: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return old
  const whole = new Uint8Array(Math.max(old.length, position + bytes.length))
  whole.set(old)
  whole.set(bytes, position)
  return whole
}
