/**
 * Tree objects: a directory of git's. Entries one after the other: the mode in octal digits, a
 * space, the name, a zero byte, the raw id.
 *
 * Source: git's Documentation/gitformat-*, "tree"; fsck.c for what git refuses.
 */

import { byteString, FormatError } from '@caravan/core'
import { type IdSize, idToHex } from './object-id.js'

/** What the mode of an entry says that it is. */
export type TreeEntryType = 'file' | 'directory' | 'symlink' | 'submodule' | 'unknown'

const TYPE_MASK = 0o170000

const TYPES: ReadonlyMap<number, TreeEntryType> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o160000, 'submodule'],
])

export class TreeEntry {
  readonly type: TreeEntryType

  /** @param ids where the raw id lies, from `idStart` on: it is no array of its own until it is asked for. */
  constructor(
    /** A byte string: git takes any bytes but `/` and zero. */
    readonly name: string,
    /** As it stands there: `0o100644`, `0o100755`, `0o120000`, `0o160000`, `0o40000`. */
    readonly mode: number,
    private readonly ids: Uint8Array,
    private readonly idStart: number,
    private readonly idSize: IdSize,
  ) {
    this.type = TYPES.get(mode & TYPE_MASK) ?? 'unknown'
  }

  get id(): Uint8Array {
    return this.ids.subarray(this.idStart, this.idStart + this.idSize)
  }

  get idHex(): string {
    return idToHex(this.ids, this.idStart, this.idSize)
  }
}

/** Modes that git writes, or once wrote. */
export const KNOWN_MODES: readonly number[] = [
  0o100644, 0o100755, 0o100664, 0o040000, 0o120000, 0o160000,
]

const SPACE = 0x20
const ZERO = 0x30
const MODE_DIGITS_MAX = 7

/**
 * @param id of the tree, in hexadecimal, for messages.
 * @param Kind what its entries are to be.
 * @throws FormatError `BAD_TREE`.
 */
export function decodeTree<E extends TreeEntry>(
  bytes: Uint8Array,
  idSize: IdSize,
  id: string,
  Kind: new (...parts: ConstructorParameters<typeof TreeEntry>) => E,
): E[] {
  const entries: E[] = []
  for (let at = 0; at < bytes.length; ) {
    let mode = 0
    const start = at
    for (let byte = bytes[at]; byte !== SPACE; byte = bytes[at]) {
      const digit = (byte ?? 0) - ZERO
      if (digit < 0 || digit > 7 || at - start >= MODE_DIGITS_MAX) {
        throw bad(id, at, 'an entry does not begin with a mode in octal digits')
      }
      mode = mode * 8 + digit
      at++
    }
    if (at === start) throw bad(id, at, 'an entry has no mode')
    const end = bytes.indexOf(0, at + 1)
    if (end === -1 || end + 1 + idSize > bytes.length) {
      throw bad(id, at, 'it ends within an entry')
    }
    entries.push(new Kind(byteString(bytes, at + 1, end), mode, bytes, end + 1, idSize))
    at = end + 1 + idSize
  }
  return entries
}

/** The order of git's: as if the name of a directory ended in a slash. */
export function compareTreeEntries(a: TreeEntry, b: TreeEntry): number {
  const [left, right] = [a, b].map(({ name, type }) => (type === 'directory' ? `${name}/` : name))
  return (left as string) < (right as string) ? -1 : left === right ? 0 : 1
}

function bad(id: string, offset: number, what: string): FormatError {
  return new FormatError('BAD_TREE', `The tree ${id} cannot be read: at byte ${offset} ${what}.`, {
    structure: 'tree',
    offset,
  })
}
