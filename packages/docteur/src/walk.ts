/** Walk: all that lies below a path of the tree, entry after entry. */

import { byteStringToBytes, byteStringToText, FormatError, type Op } from '@caravan/core'
import type { EntryType, Path } from '@caravan/fs'
import { ENTRY_TYPES } from './engine.js'
import type { MountedCommit } from './mounted-commit.js'
import { resolvePath, treeOfEntry } from './resolve.js'
import type { Entry } from './tree.js'

/** An entry as it stands in its tree. */
export interface GitEntry {
  /** From the root: `/docs/a.txt`. Bytes that are not UTF-8 are U+FFFD. */
  readonly path: string
  readonly pathBytes: Uint8Array
  readonly type: EntryType
  /** As git has it: `0o100644`, `0o100755`, `0o120000`, `0o40000`, `0o160000`. */
  readonly mode: number
  /** In hexadecimal; of a submodule its commit. */
  readonly id: string
  /** Of a directory met by a walk: why what is in it cannot be listed. */
  readonly error?: FormatError
}

/** @param path from the root, a byte string. */
export function gitEntry(path: string, { type, mode, idHex }: Entry): GitEntry {
  return {
    path: byteStringToText(path),
    pathBytes: byteStringToBytes(path),
    type: ENTRY_TYPES[type],
    mode,
    id: idHex,
  }
}

interface Walked {
  /** From the root, a byte string: of the root itself a slash. */
  readonly path: string
  readonly entry: Entry
  /** Of a directory: why what is in it cannot be listed. */
  readonly error?: FormatError
}

export function walkedEntry({ path, entry, error }: Walked): GitEntry {
  const described = gitEntry(path, entry)
  return error === undefined ? described : { ...described, error }
}

export class Walk {
  /** What is to come, the next one last. */
  private readonly pending: Walked[] = []
  private isStarted = false

  constructor(
    private readonly mounted: MountedCommit,
    private readonly top: Path,
  ) {}

  /** The path itself first, a directory before what is in it, in byte order of the names. */
  *next(): Op<Walked | undefined> {
    if (!this.isStarted) yield* this.start()
    const next = this.pending.pop()
    if (next?.entry.type !== 'directory') return next
    const { path, entry } = next
    const above = path === '/' ? '' : path
    try {
      const { entries } = yield* treeOfEntry(this.mounted.image, entry)
      const sorted = [...entries].sort((a, b) => (a.name < b.name ? 1 : -1))
      for (const below of sorted)
        this.pending.push({ path: `${above}/${below.name}`, entry: below })
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      return { ...next, error }
    }
    return next
  }

  private *start(): Op<void> {
    this.isStarted = true
    const { image, root } = this.mounted
    const { names, mustBeDirectory } = this.top
    const { entry, names: real } = yield* resolvePath(image, root, names, mustBeDirectory)
    this.pending.push({ path: `/${(names.includes('..') ? real : names).join('/')}`, entry })
  }
}
