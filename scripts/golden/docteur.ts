/**
 * Judges folders of the shape of golden/docteur: images that docteur wrote, each with what git and
 * docteur itself see in it.
 *
 * Every image is read by its IDX and by an analysis of the PACK, with the synchronous API, and with
 * promises on a device that never answers at once; and verified by the command.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { main } from '@caravan/cli'
import { MemoryDevice } from '@caravan/device'
import { Docteur, type DocteurKeyValue, type GitEntry } from '@caravan/docteur'
import { LateDevice } from '@caravan/testkit'
import { type ImageManifest, imageShape, sha256 } from './images.js'

interface SeenEntry {
  readonly path: string
  readonly kind: 'value' | 'dictionary'
  readonly size?: number
  readonly sha256?: string
  readonly git_blob?: string
  readonly git_tree?: string
}

export interface DocteurManifest extends ImageManifest {
  readonly commit: string
  readonly idx_offset: number
  readonly pack_bytes?: number
  readonly objects: number
  readonly tree_in_git_mode_type_id_path: readonly string[] | null
  readonly seen_by_original: readonly SeenEntry[]
  readonly verify_output: string
  readonly verify_rc: number
}

export const docteurShape = imageShape<DocteurManifest>(
  'docteur',
  ({ seen_by_original, idx_offset }) => Array.isArray(seen_by_original) && idx_offset !== undefined,
  firstDifference,
)

async function firstDifference(
  manifest: DocteurManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const device = new MemoryDevice(image, { readOnly: true, blockSize: 1 })
  for (const analyze of [false, true]) {
    const options = { analyze, checkContent: true }
    const difference =
      (await mountDifference(manifest, Docteur.mountSync(device, options), 'sync')) ??
      (await mountDifference(
        manifest,
        await Docteur.mount(new LateDevice(device), options),
        'promises',
      ))
    if (difference !== undefined) return analyze ? `analysed: ${difference}` : difference
  }
  return verifyDifference(manifest, image)
}

async function mountDifference(
  manifest: DocteurManifest,
  fs: Docteur,
  mode: 'sync' | 'promises',
): Promise<string | undefined> {
  const { commitId, indexOffset, objectCount } = fs.info()
  for (const [what, expected, got] of [
    ['commit', manifest.commit, commitId],
    ['idx_offset', manifest.idx_offset, indexOffset],
    ['objects', manifest.objects, objectCount],
  ]) {
    if (expected !== got) return `${what} expected ${expected}, got ${got}`
  }
  const entries = mode === 'sync' ? [...fs.walkSync()] : await all(fs.walk())
  return gitTreeDifference(manifest, entries) ?? (await seenDifference(manifest, fs, mode))
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const TYPES: Record<string, string> = { directory: 'tree', submodule: 'commit' }

/** As `git ls-tree -r -t` lists it. */
function gitTreeDifference(
  { tree_in_git_mode_type_id_path: expected }: DocteurManifest,
  entries: readonly GitEntry[],
): string | undefined {
  if (expected === null) return undefined
  const found = entries
    .filter(({ path }) => path !== '/')
    .map(({ mode, type, id, pathBytes }) => {
      const path = quoted(Buffer.from(pathBytes.subarray(1)))
      return `${mode.toString(8).padStart(6, '0')} ${TYPES[type] ?? 'blob'} ${id}\t${path}`
    })
  const missing = expected.find((line) => !found.includes(line))
  if (missing !== undefined) return `not there: ${missing}`
  const unexpected = found.find((line) => !expected.includes(line))
  if (unexpected !== undefined) return `not expected: ${unexpected}`
  return found.length === expected.length ? undefined : 'an entry stands twice'
}

const ESCAPES: Record<number, string> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}

/** A path as git quotes it: in quotes, with octal escapes, where a byte calls for it. */
function quoted(path: Buffer): string {
  let text = ''
  let isQuoted = false
  for (const byte of path) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 34 && byte !== 92
    text += isPlain
      ? String.fromCharCode(byte)
      : (ESCAPES[byte] ?? `\\${byte.toString(8).padStart(3, '0')}`)
    isQuoted ||= !isPlain
  }
  return isQuoted ? `"${text}"` : text
}

async function seenDifference(
  manifest: DocteurManifest,
  fs: Docteur,
  mode: 'sync' | 'promises',
): Promise<string | undefined> {
  const store = fs.keyValue()
  const keys = new Set(
    (mode === 'sync' ? [...store.entriesSync()] : await all(store.entries())).map(([key]) => key),
  )
  for (const entry of manifest.seen_by_original) {
    const difference = await entryDifference(entry, store, fs, mode)
    if (difference !== undefined) return `'${entry.path}': ${difference}`
    keys.delete(entry.path)
  }
  // Where git says nothing, the original sees all that there is.
  const [more] = manifest.tree_in_git_mode_type_id_path === null ? keys : []
  return more === undefined ? undefined : `'${more}': is not expected`
}

async function entryDifference(
  entry: SeenEntry,
  store: DocteurKeyValue,
  fs: Docteur,
  mode: 'sync' | 'promises',
): Promise<string | undefined> {
  const { path } = entry
  const isSync = mode === 'sync'
  const kind = isSync ? store.existsSync(path) : await store.exists(path)
  if (kind !== entry.kind) return `expected a ${entry.kind}, got ${kind}`
  const digest = Buffer.from(isSync ? store.digestSync(path) : await store.digest(path)).toString(
    'hex',
  )
  const id = entry.git_blob ?? entry.git_tree
  if (digest !== id) return `id expected ${id}, got ${digest}`
  if (kind === 'dictionary') return undefined
  const size = isSync ? store.sizeSync(path) : await store.size(path)
  const bytes = isSync ? store.getSync(path) : await store.get(path)
  if (size !== entry.size || bytes.length !== size) {
    return `size expected ${entry.size}, got ${size} and ${bytes.length} bytes`
  }
  const file = isSync ? fs.readFileSync(path) : await fs.readFile(path)
  if (sha256(bytes) === entry.sha256 && Buffer.compare(bytes, file) === 0) return undefined
  return `sha256 expected ${entry.sha256}, got ${sha256(bytes)}`
}

async function verifyDifference(
  { verify_output, verify_rc }: DocteurManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'caravan-golden-'))
  try {
    const file = join(folder, 'image')
    writeFileSync(file, image)
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    const code = await main(['git', 'verify', file], { stdin: Readable.from([]), stdout, stderr })
    const [output, errors] = [stdout, stderr].map((stream) => String(stream.read() ?? ''))
    if (code !== verify_rc) return `git verify exits with ${code}, expected ${verify_rc}: ${errors}`
    if (output === verify_output) return undefined
    return `git verify prints ${JSON.stringify(output)}, expected ${JSON.stringify(verify_output)}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}
