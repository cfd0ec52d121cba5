/**
 * The entries of an image, as the verbs show them: with name and path as bytes, and what is known of
 * each in the shape that `--json` prints.
 */

import { type CaravanError, FormatError } from '@caravan/core'
import type { EntryType, ImageTree, TreeEntry } from './formats/format.js'
import {
  compareBytes,
  decodeLenient,
  decodeUtf8,
  escapeName,
  harmlessName,
  toHex,
} from './names.js'
import type { Output } from './output.js'
import { baseName, joinPath } from './paths.js'

export interface Entry extends TreeEntry {
  /** Within its directory; empty for the root. */
  readonly name: Uint8Array
  /** Directories between it and where the walk began, which has 0. */
  readonly depth: number
  /** Why a directory could not be listed, or attributes not be read; or that no path leads to it. */
  readonly error: CaravanError | undefined
}

/** One that a walk met. */
export interface WalkedEntry extends Entry {
  /** To read its content by, also where no path leads to it. */
  readonly walked: TreeEntry
}

/**
 * The entry at a path and all below it, a directory before what is in it, sorted by name.
 *
 * @throws FsError where nothing is at the path. What fails further below is the entry's `error`.
 */
export async function* walkEntries(
  tree: Pick<ImageTree, 'walk'>,
  path: Uint8Array,
): AsyncGenerator<WalkedEntry> {
  /** The directories that the walk is in. A damaged image may have a name with a slash in it. */
  const above: { readonly path: Uint8Array; readonly unreachable: FormatError | undefined }[] = []
  for await (const entry of tree.walk(path)) {
    const { path: pathBytes, type } = entry
    let parent = above[above.length - 1]
    // What a walk met first holds all the rest, also a thing without a name, whose path is its own.
    while (parent !== undefined && above.length > 1 && !isBelow(pathBytes, parent.path)) {
      above.pop()
      parent = above[above.length - 1]
    }
    const name =
      parent === undefined
        ? baseName(pathBytes)
        : pathBytes.subarray(parent.path.length + (parent.path.length === 1 ? 0 : 1))
    const unreachable =
      parent === undefined ? undefined : (parent.unreachable ?? checkReachable(name))
    const error = entry.error ?? unreachable
    const depth = above.length
    yield { ...entry, name, depth, error, walked: entry }
    if (type === 'directory') above.push({ path: pathBytes, unreachable })
  }
}

function isBelow(path: Uint8Array, directory: Uint8Array): boolean {
  if (path.length <= directory.length) return false
  for (let i = 0; i < directory.length; i++) if (path[i] !== directory[i]) return false
  return directory.length === 1 || path[directory.length] === SLASH
}

const SLASH = 0x2f

/**
 * What a directory holds, sorted by name; for anything else, the entry itself.
 *
 * @throws FsError, FormatError where the path or the directory cannot be read.
 */
export async function listEntries(tree: ImageTree, path: Uint8Array): Promise<Entry[]> {
  const first = await lookUp(tree, path)
  if (first.type !== 'directory') return [first]
  const entries: Entry[] = []
  for (const { name, type, size } of await tree.list(path)) {
    const below = joinPath(path, name)
    const error = checkReachable(name)
    entries.push(
      error === undefined
        ? { ...(await lookUp(tree, below)), depth: 1 }
        : { path: below, name, depth: 1, type, size, attributes: first.attributes && NONE, error },
    )
  }
  return entries.sort((a, b) => compareBytes(a.name, b.name))
}

const NONE: ReadonlyMap<number, Uint8Array> = new Map()

/** @throws FsError where nothing is there; attributes that cannot be read are the entry's `error`. */
export async function lookUp(tree: ImageTree, path: Uint8Array): Promise<Entry> {
  const entry = await tree.lookUp(path)
  return { ...entry, path, name: baseName(path), depth: 0, error: entry.error }
}

/** The code of the error of an entry that no path leads to, for its name or one above it. */
export const UNREACHABLE_NAME = 'UNREACHABLE_NAME'

/** A damaged image may hold a name that no path can hold, or that means another place in one. */
function checkReachable(name: Uint8Array): FormatError | undefined {
  const text = decodeUtf8(name)
  if (text !== '' && text !== '.' && text !== '..' && !name.includes(SLASH)) return undefined
  return new FormatError(
    UNREACHABLE_NAME,
    `The name '${decodeLenient(name)}' cannot stand in a path, so nothing leads to this entry.`,
    { structure: 'name' },
  )
}

/** The shape in which `--json` prints an entry. */
export interface EntryJson {
  path: string
  /** The path's bytes, where they are not UTF-8. */
  pathHex?: string
  type: EntryType
  size: number
  /** Permission bits in octal, where the format holds them. */
  mode?: string
  /** Where a symbolic link leads, and that in bytes, where they are not UTF-8. */
  target?: string
  targetHex?: string
  /** The object that it is, where the format names its objects: of a submodule the commit. */
  id?: string
  /** ISO 8601, where it is known. */
  modified?: string
  /** Value in hexadecimal by type: `{"0x74": "00f15365"}`; where the format holds attributes. */
  attributes?: Record<string, string>
  /** `CODE: what is wrong`. */
  error?: string
}

export function entryJson(entry: Entry): EntryJson {
  const { path, type, size, modified, attributes, error } = entry
  return {
    ...pathJson(path),
    type,
    size,
    ...kindJson(entry),
    ...(modified === undefined ? {} : { modified: modified.toISOString() }),
    ...(attributes === undefined ? {} : { attributes: attributesJson(attributes) }),
    ...(error === undefined ? {} : { error: `${error.code}: ${error.message}` }),
  }
}

/** What only some formats hold. */
export function kindJson({
  mode,
  target,
  id,
}: TreeEntry): Pick<EntryJson, 'mode' | 'target' | 'targetHex' | 'id'> {
  const text = target && decodeUtf8(target)
  return {
    ...(mode === undefined ? {} : { mode: formatMode(mode) }),
    ...(target === undefined ? {} : { target: text ?? decodeLenient(target) }),
    ...(target === undefined || text !== undefined ? {} : { targetHex: toHex(target) }),
    ...(id === undefined ? {} : { id }),
  }
}

/** `0755`. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

export function pathJson(path: Uint8Array): { path: string; pathHex?: string } {
  const text = decodeUtf8(path)
  return text === undefined ? { path: decodeLenient(path), pathHex: toHex(path) } : { path: text }
}

export function attributesJson(
  attributes: ReadonlyMap<number, Uint8Array>,
): Record<string, string> {
  const json: Record<string, string> = {}
  for (const [type, value] of attributes) json[attributeName(type)] = toHex(value)
  return json
}

/** `0x74`. */
export function attributeName(type: number): string {
  return `0x${type.toString(16).padStart(2, '0')}`
}

/** What stands behind the name of a link or a submodule: where it leads; else nothing. */
export function leadsTo(
  { type, target, id }: TreeEntry,
  out: Output,
  escaped: boolean,
): Uint8Array {
  if (target !== undefined) {
    return Buffer.concat([Buffer.from(' -> '), showName(target, out, escaped)])
  }
  return Buffer.from(type === 'submodule' && id !== undefined ? ` @ ${id}` : '')
}

/** A name or path as this output takes it. */
export function showName(bytes: Uint8Array, out: Output, escaped = false): Uint8Array {
  if (escaped) return Buffer.from(escapeName(bytes))
  return out.isTerminal ? Buffer.from(harmlessName(bytes)) : bytes
}
