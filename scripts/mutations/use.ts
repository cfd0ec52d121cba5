/**
 * Writes to a damaged image: what is whole must stay whole. Each change is done, or ends with a typed
 * error; files that were not touched, and whose blocks nothing else claims, read afterwards as before.
 */

import type { Geometry } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type MountOptions, ReferenceFS } from '@caravan/littlefs'
import { checkLittlefs, type FindingCode } from '@caravan/testkit'
import { faultOf } from './fault.js'
import type { Random } from './random.js'

/**
 * What may be found in an image whose files are healthy all the same: an older state of a log in
 * force, a torn commit, orphans that are announced, values beyond what a writer should make. With
 * anything else, names, ids, pointers, tree or list contradict each other (or the superblock, so that
 * the checker cannot say), and what stands where is a matter of whom one asks.
 */
const HARMLESS: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'revision-equal',
  'newer-half-invalid',
  'torn-commit',
  'commit-unaligned',
  'commit-overfull',
  'fcrc-missing',
  'fcrc-mismatch',
  'fcrc-malformed',
  'fcrc-in-2.0',
  'name-length',
  'name-characters',
  'inline-size',
  'attribute-size',
  'file-size',
  'orphan',
  'gstate-orphans',
])

const content = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31) >> 2)

/** @returns what must not be, or undefined. */
export function useImage(
  image: Uint8Array,
  geometry: Pick<Geometry, 'blockSize' | 'readSize' | 'progSize'>,
  options: MountOptions,
  random: Random,
): string | undefined {
  const { blockSize } = geometry
  const device = new MemoryDevice(image.slice(), geometry)
  let fault: string | undefined
  const attempt = (what: string, use: () => unknown) => {
    try {
      use()
    } catch (error) {
      fault ??= faultOf(what, error)
    }
  }
  const before = filesOf(device, options)
  if (before === undefined) return undefined
  // One pair may be met as two directories, each half of it in its own order: no such file is judged.
  const keys = [...before].map(([path, bytes]) => keyOf(path, bytes))
  const twice = new Set(keys.filter((key, i) => keys.indexOf(key) !== i))
  for (const [path, bytes] of before) if (twice.has(keyOf(path, bytes))) before.delete(path)
  const isHealthy = () => {
    return checkLittlefs(device.bytes, { blockSize }).every(({ code }) => HARMLESS.has(code))
  }
  let judged = isHealthy()
  const touched = new Set<string>()
  attempt('writing', () => {
    const fs = ReferenceFS.mountSync(device, { ...options, blockCycles: random.pick([1, 2, -1]) })
    const paths = [...before.keys()]
    const some = () => random.pick(paths) ?? '/none'
    const [renamed, replaced, removed, marked] = [some(), some(), some(), some()]
    for (const path of [renamed, replaced, removed]) touched.add(path)
    const changes: readonly (readonly [string, () => unknown])[] = [
      ['repairing', () => fs.makeConsistentSync()],
      [
        'checking',
        () => {
          judged &&= isHealthy()
        },
      ],
      ['a new file', () => fs.writeFileSync('/wild-new', content(20))],
      ['a large file', () => fs.writeFileSync('/wild-large', content(3 * blockSize))],
      ['a directory', () => fs.mkdirSync('/wild-dir')],
      ['a file in it', () => fs.writeFileSync('/wild-dir/file', content(blockSize))],
      ['a rename', () => fs.renameSync(bytesOf(renamed), '/wild-dir/renamed')],
      ['an append', () => fs.appendFileSync(bytesOf(replaced), content(90))],
      ['a removal', () => fs.removeSync(bytesOf(removed))],
      ['an attribute', () => fs.setAttributeSync(bytesOf(marked), 7, content(8))],
      [
        'many files',
        () => {
          for (let i = 0; i < 8; i++) fs.writeFileSync(`/wild-dir/${i}`, content(20 * i))
        },
      ],
      ['a tree removed', () => fs.rmSync('/wild-dir', { recursive: true })],
      ['gc', () => fs.gcSync()],
    ]
    for (const [what, change] of changes) attempt(what, change)
  })
  if (fault !== undefined) return fault
  attempt('reading again', () => {
    const fs = ReferenceFS.mountSync(device, { ...options, readOnly: true })
    for (const { error } of fs.walkSync()) {
      if (error !== undefined) fault ??= faultOf('walking again', error)
    }
    fs.dfSync()
  })
  if (fault !== undefined || !judged) return fault
  const after = filesOf(device, options)
  const touchedKeys = new Set([...touched].map((path) => keyOf(path, before.get(path))))
  for (const [path, bytes] of before) {
    // Two directories may share the pair in which it stands: then it was touched by its other path.
    if (touched.has(path) || touchedKeys.has(keyOf(path, bytes))) continue
    const found = after?.get(path)
    if (found === undefined) return `writing elsewhere made ${JSON.stringify(path)} go away`
    if (Buffer.compare(bytes, found) !== 0)
      return `writing elsewhere changed ${JSON.stringify(path)}`
  }
  return undefined
}

/** The same for one file that is met by two paths. */
const keyOf = (path: string, bytes: Uint8Array = new Uint8Array(0)) =>
  `${path.slice(path.lastIndexOf('/') + 1)} ${Buffer.from(bytes).toString('latin1')}`

const bytesOf = (path: string) => Buffer.from(path, 'latin1')

/** What reads whole, by paths that lead to one thing only (as latin1); undefined without a mount. */
function filesOf(device: MemoryDevice, options: MountOptions): Map<string, Uint8Array> | undefined {
  const files = new Map<string, Uint8Array>()
  const seen = new Set<string>()
  try {
    const fs = ReferenceFS.mountSync(device, { ...options, readOnly: true })
    for (const entry of fs.walkSync()) {
      const path = Buffer.from(entry.pathBytes).toString('latin1')
      if (seen.has(path)) files.delete(path)
      if (entry.type !== 'file' || seen.has(path)) continue
      seen.add(path)
      try {
        files.set(path, fs.readFileSync(entry.pathBytes))
      } catch {
        // It is not whole, and so it is none of those to be kept.
      }
    }
  } catch {
    return files.size === 0 ? undefined : files
  }
  return files
}
