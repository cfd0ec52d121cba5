/**
 * The tree of names in memory: directories, what is in them, and views of it.
 *
 * 1. The base is the state last committed. Its slots know where in the payload they are written.
 * 2. A value is replaced, never changed, but for what is known of the same content: its size, and
 *    the page where it was written.
 * 3. A view is the base seen through overlays: the changes of a transaction, or what a snapshot had
 *    before the changes that were made since.
 */

import type { Pointer } from './format/layout.js'
import type { Chunk } from './payload.js'
import { isUnstored, type RopeNode } from './rope.js'

/** Where a rope begins: on a page, or in memory and not yet written. */
export type Ref = Pointer | RopeNode

export class FileValue {
  readonly kind = 'file'

  constructor(
    /** Seconds since 1970. */
    readonly mtime: number,
    public rope: Ref,
    /** Bytes; -1 where nobody has looked. */
    public size: number,
    /** Known to be a single page: that of a small file. */
    public isLeaf: boolean,
  ) {}

  withTime(mtime: number): FileValue {
    return new FileValue(mtime, this.rope, this.size, this.isLeaf)
  }

  get isDirty(): boolean {
    return isUnstored(this.rope)
  }
}

export class DirectoryValue {
  readonly kind = 'directory'

  constructor(
    /** Seconds since 1970; the top has none. */
    readonly mtime: number,
    readonly directory: Directory,
  ) {}

  withTime(mtime: number): DirectoryValue {
    return new DirectoryValue(mtime, this.directory)
  }
}

export type Value = FileValue | DirectoryValue

/** A name in a directory of the base. */
export class Slot {
  /** The part of the payload that its token is in; `undefined` while it is in no tree. */
  chunk: Chunk | undefined
  /** The directory that it is in. */
  parent: Directory | undefined

  constructor(
    /** A byte string; empty for the top. */
    readonly name: string,
    public value: Value,
    readonly isTop = false,
  ) {}
}

export class Directory {
  readonly slots = new Map<string, Slot>()
  /** The slot that it is in. */
  header: Slot | undefined
  /** Names in byte order, where they were asked for and are still these. */
  sorted: readonly string[] | undefined

  get isInTree(): boolean {
    return this.header?.chunk !== undefined
  }
}

/** The names that lead to a slot. */
export function namesOf(slot: Slot): string[] {
  const names: string[] = []
  let each: Slot | undefined = slot
  while (each !== undefined && !each.isTop) {
    names.unshift(each.name)
    each = each.parent?.header
  }
  return names
}

/** Changes of names: `undefined` for one that is gone. */
export class Overlay {
  readonly changes = new Map<Directory, Map<string, Value | undefined>>()

  put(directory: Directory, name: string, value: Value | undefined): void {
    let names = this.changes.get(directory)
    if (names === undefined) {
      names = new Map()
      this.changes.set(directory, names)
    }
    names.set(name, value)
  }

  has(directory: Directory, name: string): boolean {
    return this.changes.get(directory)?.has(name) === true
  }
}

/** A state of the tree. */
export class View {
  constructor(
    readonly top: DirectoryValue,
    /** The first that knows a name tells what it is. */
    private readonly overlays: () => readonly Overlay[],
  ) {}

  child(directory: Directory, name: string): Value | undefined {
    const overlays = this.overlays()
    for (let i = 0; i < overlays.length; i++) {
      const names = (overlays[i] as Overlay).changes.get(directory)
      if (names?.has(name)) return names.get(name)
    }
    return directory.slots.get(name)?.value
  }

  /** @returns `undefined` where it is missing, also below a file. */
  find(names: readonly string[]): Value | undefined {
    let value: Value = this.top
    for (let i = 0; i < names.length; i++) {
      if (value.kind === 'file') return undefined
      const next = this.child(value.directory, names[i] as string)
      if (next === undefined) return undefined
      value = next
    }
    return value
  }

  /** What is in a directory, in byte order of the names. */
  list(directory: Directory): [name: string, value: Value][] {
    const names = this.names(directory)
    return names.map((name) => [name, this.child(directory, name) as Value])
  }

  isEmpty(directory: Directory): boolean {
    return this.names(directory).length === 0
  }

  private names(directory: Directory): readonly string[] {
    directory.sorted ??= [...directory.slots.keys()].sort(compareNames)
    const seen = this.overlays().filter((overlay) => overlay.changes.has(directory))
    if (seen.length === 0) return directory.sorted
    const names = new Set(directory.sorted)
    for (const overlay of seen) {
      for (const name of (overlay.changes.get(directory) as Map<string, unknown>).keys()) {
        names.add(name)
      }
    }
    return [...names].filter((name) => this.child(directory, name) !== undefined).sort(compareNames)
  }
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** All files of a value, its own if it is one. */
export function* filesUnder(view: View, value: Value): Generator<FileValue, void, void> {
  const pending: Value[] = [value]
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (each.kind === 'file') yield each
    else for (const [, child] of view.list(each.directory)) pending.push(child)
  }
}
