/** Looks at a mounted littlefs 1 as its library did: walks it, then reads each file by its path. */

import { createHash } from 'node:crypto'
import type { LittleFS1, WalkEntry } from '@caravan/littlefs'
import type { Mode } from '../littlefs/mode.js'
import type { ObservedEntry } from '../littlefs/observe.js'

const TYPES = { file: 'reg', directory: 'dir', other: 'other' } as const

/** A walk that goes on longer than this has no end. */
const ENTRIES_MAX = 100_000

const PIECE_SIZE = 1000

/** Every entry, sorted by the bytes of its path, the root first. */
export async function observeVersion1(mode: Mode, fs: LittleFS1): Promise<ObservedEntry[]> {
  const entries: ObservedEntry[] = []
  for await (const entry of mode === 'sync' ? fs.walkSync() : fs.walk()) {
    if (entries.length === ENTRIES_MAX) throw new Error(`the walk passed ${ENTRIES_MAX} entries`)
    entries.push(await observeEntry(mode, fs, entry))
  }
  return entries.sort((a, b) => Buffer.compare(a.pathBytes, b.pathBytes))
}

async function observeEntry(mode: Mode, fs: LittleFS1, entry: WalkEntry): Promise<ObservedEntry> {
  const { path, pathBytes, size, error } = entry
  const seen = { path, pathBytes, type: TYPES[entry.type], size, sha256: null, attrs: {} }
  if (entry.type === 'directory') {
    return error === undefined ? seen : { ...seen, failed: { op: 'dir_open', error } }
  }
  try {
    return { ...seen, sha256: await hashFile(mode, fs, entry) }
  } catch (failure) {
    return { ...seen, failed: { op: 'open', error: failure } }
  }
}

/** Reads a file in pieces, and whole: both must give the same bytes. */
async function hashFile(
  mode: Mode,
  fs: LittleFS1,
  { pathBytes, size }: WalkEntry,
): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of mode === 'sync'
    ? piecesSync(fs, pathBytes)
    : fs.readFileInPieces(pathBytes)) {
    length += piece.length
    hash.update(piece)
  }
  const inPieces = hash.digest('hex')
  if (length !== size) throw new Error(`read ${length} bytes where the size is ${size}`)
  const bytes = mode === 'sync' ? fs.readFileSync(pathBytes) : await fs.readFile(pathBytes)
  const whole = createHash('sha256').update(bytes).digest('hex')
  if (whole !== inPieces) throw new Error('readFile() and reading in pieces differ')
  return inPieces
}

function* piecesSync(fs: LittleFS1, path: Uint8Array): Generator<Uint8Array, void, void> {
  const file = fs.openSync(path)
  try {
    const piece = new Uint8Array(PIECE_SIZE)
    for (let length = fs.readSync(file, piece); length > 0; length = fs.readSync(file, piece)) {
      yield piece.slice(0, length)
    }
  } finally {
    fs.closeSync(file)
  }
}
