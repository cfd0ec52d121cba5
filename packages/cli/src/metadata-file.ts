/**
 * What files of this computer cannot hold of an image: attributes, and times, in a file beside them.
 *
 *     {"format": "caravan metadata 1", "entries": [
 *       {"path": "/config.json", "modified": "2024-05-01T12:00:00.000Z", "attributes": {"0x74": "00f1…"}}
 *     ]}
 *
 * An entry has `attributes` where the image's format holds them, exact and in hexadecimal; the time that
 * they say stands beside them for formats that hold none. `pathHex` has a path's bytes where they are no
 * UTF-8.
 */

import { readFile } from 'node:fs/promises'
import { pathKey } from './compared-tree.js'
import { attributesJson, pathJson, type WalkedEntry } from './entries.js'
import { HostError, isErrno } from './errors.js'
import type { Holdings } from './formats/format.js'
import type { HostEntry } from './host-tree.js'
import { decodeTime } from './modification-time.js'
import { encodeUtf8 } from './names.js'
import { describe } from './report.js'

const FORMAT = 'caravan metadata 1'

/** What is known of an entry besides its name and content. */
interface Metadata {
  readonly modified?: Date | undefined
  readonly attributes?: ReadonlyMap<number, Uint8Array> | undefined
}

/** By `pathKey`. */
type MetadataByPath = ReadonlyMap<string, Metadata>

/** @param top the directory that was extracted, which is the root of the paths in the file. */
export function encodeMetadata(entries: readonly WalkedEntry[], top: Uint8Array): string {
  const rows: string[] = []
  for (const { path, name, depth, modified, attributes, error } of entries) {
    if (error !== undefined || (modified === undefined && (attributes?.size ?? 0) === 0)) continue
    const row = {
      ...pathJson(belowTop(path, top, depth === 0 && entries.length === 1 ? name : undefined)),
      ...(modified === undefined ? {} : { modified: modified.toISOString() }),
      ...(attributes === undefined ? {} : { attributes: attributesJson(attributes) }),
    }
    rows.push(`  ${JSON.stringify(row)}`)
  }
  return `{"format": "${FORMAT}", "entries": [\n${rows.join(',\n')}\n]}\n`
}

function belowTop(path: Uint8Array, top: Uint8Array, fileName: Uint8Array | undefined): Uint8Array {
  if (fileName !== undefined && fileName.length > 0) return Uint8Array.of(SLASH, ...fileName)
  let end = top.length
  while (end > 0 && top[end - 1] === SLASH) end--
  const below = path.subarray(end)
  return below.length === 0 ? Uint8Array.of(SLASH) : below
}

const SLASH = 0x2f

/** @throws HostError where the file cannot be read, or is no such file. */
export async function readMetadata(file: string): Promise<MetadataByPath> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (!isErrno(error)) throw error
    throw new HostError(error.code ?? 'EIO', `${file}: ${describe(error)}`)
  }
  try {
    return decodeMetadata(JSON.parse(text))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new HostError(
      'EINVAL',
      `${file}: no file that "caravan extract --metadata" writes: ${error.message}. Give another one.`,
    )
  }
}

/** @throws SyntaxError that says what is not as it should be. */
function decodeMetadata(json: unknown): MetadataByPath {
  if (!isRecord(json) || json.format !== FORMAT || !Array.isArray(json.entries)) {
    throw new SyntaxError(`it does not begin with "format": "${FORMAT}"`)
  }
  const byPath = new Map<string, Metadata>()
  for (const [index, row] of json.entries.entries()) {
    if (!isRecord(row) || typeof row.path !== 'string') {
      throw new SyntaxError(`entry ${index} has no path`)
    }
    const { path, pathHex, modified, attributes } = row
    const bytes = pathHex === undefined ? encodeUtf8(path) : fromHex(pathHex, `pathHex of ${path}`)
    byPath.set(pathKey(bytes), {
      ...(modified === undefined ? {} : { modified: asTime(modified, path) }),
      ...(attributes === undefined ? {} : { attributes: asAttributes(attributes, path) }),
    })
  }
  return byPath
}

function asTime(value: unknown, path: string): Date {
  const time = new Date(typeof value === 'string' ? value : Number.NaN)
  if (Number.isNaN(time.getTime())) {
    throw new SyntaxError(`modified of ${path} is no time as 2024-05-01T12:00:00Z`)
  }
  return time
}

function asAttributes(value: unknown, path: string): Map<number, Uint8Array> {
  if (!isRecord(value)) throw new SyntaxError(`attributes of ${path} are no object`)
  return new Map(
    Object.entries(value).map(([type, hex]) => {
      if (!/^0x[0-9a-f]{2}$/i.test(type)) {
        throw new SyntaxError(`attribute ${type} of ${path} is no type from 0x00 to 0xff`)
      }
      return [Number(type), fromHex(hex, `attribute ${type} of ${path}`)]
    }),
  )
}

function fromHex(value: unknown, what: string): Uint8Array {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/i.test(value)) {
    throw new SyntaxError(`${what} is not in hexadecimal`)
  }
  return new Uint8Array(Buffer.from(value, 'hex'))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/**
 * Gives entries what is known of them: their attributes where the format holds these, else their time. An
 * entry whose attributes say a time gets no other one.
 *
 * @param top gets what is known of the root.
 * @returns the entries, and what of the metadata belongs to none of them.
 */
export function withMetadata(
  entries: readonly HostEntry[],
  byPath: MetadataByPath,
  holds: Holdings,
  top: HostEntry,
): { readonly entries: HostEntry[]; readonly unknown: readonly string[] } {
  const left = new Set(byPath.keys())
  const given = [top, ...entries].map((entry) => {
    const key = pathKey(entry.path)
    left.delete(key)
    const metadata = byPath.get(key)
    return metadata === undefined ? entry : applyMetadata(entry, metadata, holds)
  })
  const [first, ...rest] = given as [HostEntry, ...HostEntry[]]
  const isNeeded = (first.attributes?.size ?? 0) > 0
  return {
    entries: isNeeded ? [first, ...rest] : rest,
    unknown: [...left].filter((key) => key !== '/'),
  }
}

export function applyMetadata(
  entry: HostEntry,
  { modified, attributes }: Metadata,
  holds: Holdings,
): HostEntry {
  if (!holds.attributes || attributes === undefined) {
    return modified === undefined
      ? entry
      : { ...entry, mtime: Math.max(0, Math.floor(modified.getTime() / 1000)) }
  }
  const saysTime = [...attributes].some(([type, value]) => decodeTime(type, value) !== undefined)
  const { mtime, ...rest } = entry
  return saysTime || mtime === undefined ? { ...rest, attributes } : { ...rest, attributes, mtime }
}
