/**
 * Looks at a mounted image as the reference's driver did: walks it, then asks for the attributes
 * and the content of each entry by its path.
 */

import { createHash } from 'node:crypto'
import type { ReferenceFS, WalkEntry } from '@caravan/littlefs'
import { describe } from '../report.js'
import type { ManifestEntry } from './manifest.js'
import * as drive from './mode.js'

/** Where an entry could not be read, in the words of the manifests. */
export type FailedOp = 'getattr' | 'dir_open' | 'open'

export interface ObservedEntry extends Omit<ManifestEntry, 'error'> {
  readonly pathBytes: Uint8Array
  readonly failed?: { readonly op: FailedOp; readonly error: unknown }
}

const TYPES = { file: 'reg', directory: 'dir', other: 'other' } as const

/** The largest file that is also read in one piece. */
const ONE_PIECE_MAX = 1 << 20

/** A walk that goes on longer than this has no end. */
const ENTRIES_MAX = 100_000

/** Every entry, sorted by the bytes of its path, the root first. */
export async function observeTree(mode: drive.Mode, fs: ReferenceFS): Promise<ObservedEntry[]> {
  const entries: ObservedEntry[] = []
  for await (const entry of drive.walk(mode, fs)) {
    if (entries.length === ENTRIES_MAX) throw new Error(`the walk passed ${ENTRIES_MAX} entries`)
    entries.push(await observeEntry(mode, fs, entry))
  }
  return entries.sort((a, b) => Buffer.compare(a.pathBytes, b.pathBytes))
}

async function observeEntry(
  mode: drive.Mode,
  fs: ReferenceFS,
  entry: WalkEntry,
): Promise<ObservedEntry> {
  const { path, pathBytes, size } = entry
  const type = TYPES[entry.type]
  const seen = { path, pathBytes, type, size, sha256: null, attrs: {} }
  let attrs: Record<string, string>
  try {
    attrs = attributesAsHex(await drive.getAttributes(mode, fs, pathBytes))
  } catch (error) {
    return { ...seen, failed: { op: 'getattr', error } }
  }
  if (type === 'dir') {
    if (entry.error === undefined) return { ...seen, attrs }
    return { ...seen, attrs, failed: { op: 'dir_open', error: entry.error } }
  }
  try {
    return { ...seen, attrs, sha256: await hashFile(mode, fs, pathBytes, size) }
  } catch (error) {
    return { ...seen, attrs, failed: { op: 'open', error } }
  }
}

function attributesAsHex(attributes: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  const hex: Record<string, string> = {}
  for (const [type, value] of attributes) {
    hex[`0x${type.toString(16).padStart(2, '0')}`] = Buffer.from(value).toString('hex')
  }
  return hex
}

/** Reads a file in pieces, and a smaller one also whole: both must give the same bytes. */
async function hashFile(
  mode: drive.Mode,
  fs: ReferenceFS,
  path: Uint8Array,
  size: number,
): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of drive.readFileInPieces(mode, fs, path)) {
    length += piece.length
    hash.update(piece)
  }
  const inPieces = hash.digest('hex')
  if (length !== size) throw new Error(`read ${length} bytes where the size is ${size}`)
  if (size <= ONE_PIECE_MAX) {
    const whole = createHash('sha256')
      .update(await drive.readFile(mode, fs, path))
      .digest('hex')
    if (whole !== inPieces) throw new Error('readFile() and readFileInPieces() differ')
  }
  return inPieces
}

/** An observation without identities, for comparing one with another. */
export function comparable(entries: readonly ObservedEntry[]): string {
  return JSON.stringify(
    entries.map(({ pathBytes, failed, ...entry }) => ({
      ...entry,
      pathHex: Buffer.from(pathBytes).toString('hex'),
      ...(failed && { failed: `${failed.op}: ${describe(failed.error)}` }),
    })),
  )
}
