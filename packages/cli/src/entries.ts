/**
 * The entries of an image, as the verbs show them: with name and path as bytes, and what is known of
 * each in the shape that `--json` prints.
 */

import { CaravanError, FormatError } from '@caravan/core'
import type { LittleFS, WalkEntry } from '@caravan/littlefs'
import { modificationTime } from './modification-time.js'
import {
  compareBytes,
  decodeLenient,
  decodeUtf8,
  escapeName,
  harmlessName,
  toHex,
} from './names.js'
import type { Output } from './output.js'
import { baseName, enginePath, joinPath } from './paths.js'

export type EntryType = WalkEntry['type']

export interface Entry {
  /** From the root. */
  readonly path: Uint8Array
  /** Within its directory; empty for the root. */
  readonly name: Uint8Array
  /** Directories between it and where the walk began, which has 0. */
  readonly depth: number
  readonly type: EntryType
  /** In bytes; 0 for directories. */
  readonly size: number
  readonly attributes: ReadonlyMap<number, Uint8Array>
  /** Why a directory could not be listed, or attributes not be read; or that no path leads to it. */
  readonly error: CaravanError | undefined
}

/** One that a walk met. */
export interface WalkedEntry extends Entry {
  /** To read its content by, also where no path leads to it. */
  readonly walked: WalkEntry
}

/**
 * The entry at a path and all below it, a directory before what is in it, sorted by name.
 *
 * @throws FsError where nothing is at the path. What fails further below is the entry's `error`.
 */
export async function* walkEntries(fs: LittleFS, path: Uint8Array): AsyncGenerator<WalkedEntry> {
  /** The directories that the walk is in. A damaged image may have a name with a slash in it. */
  const above: { readonly path: Uint8Array; readonly unreachable: FormatError | undefined }[] = []
  for await (const entry of fs.walk(enginePath(path))) {
    const { pathBytes, type, size, attributes } = entry
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
    yield { path: pathBytes, name, depth, type, size, attributes, error, walked: entry }
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
export async function listEntries(fs: LittleFS, path: Uint8Array): Promise<Entry[]> {
  const first = await lookUp(fs, path)
  if (first.type !== 'directory') return [first]
  const entries: Entry[] = []
  const found = await fs.reference.readdir(enginePath(path), {
    encoding: 'buffer',
    withFileTypes: true,
  })
  for (const { name, type, size } of found) {
    const entry = { path: joinPath(path, name), name, depth: 1, type, size }
    const error = checkReachable(name)
    entries.push(
      error === undefined
        ? await withAttributes(fs, entry)
        : { ...entry, attributes: new Map(), error },
    )
  }
  return entries.sort((a, b) => compareBytes(a.name, b.name))
}

/** @throws FsError where nothing is there; attributes that cannot be read are the entry's `error`. */
export async function lookUp(fs: LittleFS, path: Uint8Array): Promise<Entry> {
  const { type, size } = await fs.stat(enginePath(path))
  return withAttributes(fs, { path, name: baseName(path), depth: 0, type, size })
}

async function withAttributes(
  fs: LittleFS,
  entry: Omit<Entry, 'attributes' | 'error'>,
): Promise<Entry> {
  try {
    return {
      ...entry,
      attributes: await fs.getAttributes(enginePath(entry.path)),
      error: undefined,
    }
  } catch (error) {
    if (!(error instanceof CaravanError)) throw error
    return { ...entry, attributes: new Map(), error }
  }
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
  /** ISO 8601, where an attribute says it. */
  modified?: string
  /** Value in hexadecimal by type: `{"0x74": "00f15365"}`. */
  attributes: Record<string, string>
  /** `CODE: what is wrong`. */
  error?: string
}

export function entryJson({ path, type, size, attributes, error }: Entry): EntryJson {
  const modified = modificationTime(attributes)
  return {
    ...pathJson(path),
    type,
    size,
    ...(modified === undefined ? {} : { modified: modified.toISOString() }),
    attributes: attributesJson(attributes),
    ...(error === undefined ? {} : { error: `${error.code}: ${error.message}` }),
  }
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

/** A name or path as this output takes it. */
export function showName(bytes: Uint8Array, out: Output, escaped = false): Uint8Array {
  if (escaped) return Buffer.from(escapeName(bytes))
  return out.isTerminal ? Buffer.from(harmlessName(bytes)) : bytes
}
