/** What an image is made of, as a program gives it and gets it back. */

import { MisuseError } from '@caravan/core'
import type { Attribute } from './format/metadata-log.js'
import {
  CREATION_ATTRIBUTE,
  decodeTimeAttribute,
  encodeCreation,
  encodeTimes,
  newOwner,
  type TimeDialect,
  timeAttributeType,
} from './format/time-attribute.js'
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
  /**
   * When it was changed: seconds since 1970, or as a bigint nanoseconds. Written in the dialect of the
   * image, where it has one, else as attribute `t` (0x74) of 8 bytes.
   */
  readonly mtime?: number | bigint
}

/** In which attributes the times of entries are written. */
export interface EntryTimes {
  /** The dialect of a platform (docs/fs.md); `'none'`: not at all. Default `'t8'`. */
  readonly times?: TimeDialect | 'none'
  /** Bytes of attribute `c`, when a file was made: 0 for none. Default 0. */
  readonly creationBytes?: 0 | 4 | 8
}

const NO_PIECES: readonly Uint8Array[] = []

const NS_PER_SECOND = 1_000_000_000

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
export function prepareEntry(
  given: ImageEntry,
  attrMax: number,
  times?: EntryTimes,
): PreparedEntry {
  const entry = timedEntry(given, times)
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
    pieces: entry.stream ?? (data === undefined ? NO_PIECES : [data]),
    size: entry.stream === undefined ? (data?.length ?? 0) : entry.size,
  }
}

/** An entry with its time among its attributes. */
export function timedEntry(
  entry: ImageEntry,
  { times = 't8', creationBytes = 0 }: EntryTimes = {},
): ImageEntry {
  if (entry.mtime === undefined) return entry
  const { mtime, ...timed } = entry
  if (times === 'none') return timed
  const mtimeNs = nanoseconds(mtime)
  const type = timeAttributeType(times)
  const attributes = new Map(entry.attributes)
  const before = attributes.get(type)
  const isFile = entry.type === 'file' || entry.data !== undefined || entry.stream !== undefined
  const owner = (before && decodeTimeAttribute(type, before)?.owner) ?? newOwner(isFile)
  attributes.set(type, encodeTimes(times, { mtimeNs, owner }))
  if (creationBytes !== 0 && !attributes.has(CREATION_ATTRIBUTE)) {
    attributes.set(CREATION_ATTRIBUTE, encodeCreation(mtimeNs, creationBytes))
  }
  return { ...timed, attributes }
}

function nanoseconds(mtime: number | bigint): bigint {
  if (typeof mtime === 'bigint') return mtime
  const seconds = Math.floor(mtime)
  return (
    BigInt(seconds) * BigInt(NS_PER_SECOND) + BigInt(Math.round((mtime - seconds) * NS_PER_SECOND))
  )
}

function attributesOf(
  { attributes }: ImageEntry,
  path: Path,
  attrMax: number,
): readonly Attribute[] | undefined {
  if (attributes === undefined) return undefined
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
