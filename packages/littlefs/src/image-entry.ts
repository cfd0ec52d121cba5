/** What an image is made of, as a program gives it and gets it back. */

import { MisuseError } from '@caravan/core'
import type { Attribute } from './format/metadata-log.js'
import { type Path, type PathLike, parsePath } from './path.js'

/** A file or directory to be put into a filesystem. */
export interface ImageEntry {
  /** With or without a slash at its beginning. Directories on the way are made as needed. */
  readonly path: PathLike
  /** A file's content; text is written as UTF-8. */
  readonly data?: Uint8Array | string
  /** A file's content, piece by piece. */
  readonly stream?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Bytes of `stream`: only planning needs it. */
  readonly size?: number
  /** Default: a file where `data` or `stream` is given, else a directory. */
  readonly type?: 'file' | 'directory'
  /** User attributes by type, 0 to 255. */
  readonly attributes?: ReadonlyMap<number, Uint8Array>
  /** Seconds since 1970, written as attribute `t` (0x74): 8 bytes, little-endian. */
  readonly mtime?: number
}

const TIME_ATTRIBUTE = 0x74

const encoder = new TextEncoder()

/** An entry with everything about it but its data decided. */
export interface PreparedEntry {
  readonly path: Path
  readonly isFile: boolean
  readonly attributes: readonly Attribute[] | undefined
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Bytes, where known. */
  readonly size: number | undefined
}

/** @throws MisuseError `INVALID_ARGUMENT` for an entry that contradicts itself. */
export function prepareEntry(entry: ImageEntry, attrMax: number): PreparedEntry {
  const path = parsePath(entry.path, 'open')
  const hasContent = entry.data !== undefined || entry.stream !== undefined
  const type = entry.type ?? (hasContent ? 'file' : 'directory')
  if (type === 'directory' && hasContent) throw contradiction(path, 'a directory has no content')
  if (entry.data !== undefined && entry.stream !== undefined) {
    throw contradiction(path, 'give data or a stream, not both')
  }
  const data = typeof entry.data === 'string' ? encoder.encode(entry.data) : entry.data
  return {
    path,
    isFile: type === 'file',
    attributes: attributesOf(entry, path, attrMax),
    pieces: entry.stream ?? (data === undefined ? [] : [data]),
    size: entry.stream === undefined ? (data?.length ?? 0) : entry.size,
  }
}

function attributesOf(
  entry: ImageEntry,
  path: Path,
  attrMax: number,
): readonly Attribute[] | undefined {
  if (entry.attributes === undefined && entry.mtime === undefined) return undefined
  const attributes = new Map(entry.attributes)
  if (entry.mtime !== undefined) attributes.set(TIME_ATTRIBUTE, encodeTime(entry.mtime))
  for (const [type, bytes] of attributes) {
    if (!Number.isInteger(type) || type < 0 || type > 0xff || bytes.length > attrMax) {
      throw contradiction(
        path,
        `attribute ${type} of ${bytes.length} bytes: types are 0 to 255, and an attribute may have ${attrMax} bytes`,
      )
    }
  }
  return [...attributes]
    .sort(([a], [b]) => a - b)
    .map(([type, bytes]) => ({ type, bytes: bytes.slice() }))
}

function encodeTime(seconds: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(Math.floor(seconds)), true)
  return bytes
}

function contradiction(path: Path, reason: string): MisuseError {
  return new MisuseError('INVALID_ARGUMENT', `The entry '${path.text}' cannot be made: ${reason}.`)
}

/** A file or directory found in an image. */
export interface ExtractedEntry {
  readonly path: string
  /** Exact, also where the names are not UTF-8. */
  readonly pathBytes: Uint8Array
  readonly type: 'file' | 'directory' | 'other'
  /** Bytes; 0 for directories. */
  readonly size: number
  readonly attributes: ReadonlyMap<number, Uint8Array>
  /** A file's content, piece by piece. */
  stream(): AsyncIterable<Uint8Array>
}
