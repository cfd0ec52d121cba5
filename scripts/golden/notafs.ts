/**
 * Judges folders of the shape of golden/notafs: disks that notafs wrote, each with the tree that was
 * put into it.
 *
 * Every disk is read twice, with the synchronous API and with promises on a device that never answers
 * at once; checked whole; and a copy of it is written to, after which the independent checker and a
 * second mount must find the same again.
 */

import type { KeyValueReader } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import { checkNotafs, LateDevice } from '@caravan/testkit'
import {
  type ImageManifest,
  imageShape,
  type RecordedTime,
  sha256,
  timeDifference,
} from './images.js'
import { describe } from './report.js'

interface ExpectedEntry extends RecordedTime {
  readonly path: string
  readonly kind: 'value' | 'dictionary'
  readonly size?: number
  readonly sha256?: string
  /** RFC 3339, to the picosecond. */
  readonly last_modified_by_original?: string
  readonly get_by_original?: unknown
}

export interface NotafsManifest extends ImageManifest {
  readonly page_size: number
  readonly expected: readonly ExpectedEntry[]
}

/** Manifests of a notafs disk say the size of a page. */
export const notafsShape = imageShape<NotafsManifest>(
  'notafs',
  ({ expected, page_size }) => Array.isArray(expected) && typeof page_size === 'number',
  firstDifference,
)

async function firstDifference(
  manifest: NotafsManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const device = new MemoryDevice(image, { readOnly: true })
  const fs = NotaFS.mountSync(device)
  if (fs.info().pageSize !== manifest.page_size) return `pages of ${fs.info().pageSize} bytes found`
  const late = await NotaFS.mount(new LateDevice(device))
  const findings = await late.check()
  const damage = findings.find(({ code }) => ['DAMAGED', 'MALFORMED', 'WRONG_KEY'].includes(code))
  if (damage !== undefined) return `check finds: ${damage.message}`
  // Where the recorded program lost count of its sectors, nothing is to be built on them.
  const isSound = findings.every(({ code }) => ['DAMAGED_ROOT', 'INTERRUPTED'].includes(code))
  return (
    (await treeDifference(manifest, fs.keyValue())) ??
    (await treeDifference(manifest, late.keyValue())) ??
    (isSound ? await writtenDifference(manifest, image.slice()) : undefined)
  )
}

async function treeDifference(
  { expected }: NotafsManifest,
  store: KeyValueReader,
): Promise<string | undefined> {
  const found = new Map<string, string>()
  for await (const [key, kind] of store.entries()) found.set(key, kind)
  const isListed = new Set(expected.map((entry) => entry.path))
  for (const entry of expected) {
    const kind = found.get(entry.path)
    found.delete(entry.path)
    const difference =
      kind === undefined
        ? 'is not there'
        : kind !== entry.kind
          ? `is a ${kind}`
          : await entryDifference(entry, store)
    if (difference !== undefined) return `'${entry.path}': ${difference}`
  }
  // A manifest may tell values alone: the dictionaries above them are understood.
  for (const [key, kind] of found) {
    const isAbove =
      kind === 'dictionary' && [...isListed].some((path) => path.startsWith(`${key}/`))
    if (!isAbove) return `'${key}': is not expected`
  }
  return undefined
}

async function entryDifference(
  entry: ExpectedEntry,
  store: KeyValueReader,
): Promise<string | undefined> {
  const time = await store.lastModified(entry.path)
  const { last_modified_by_original: text } = entry
  const difference = timeDifference(entry, time)
  if (difference !== undefined) return difference
  if (entry.kind === 'dictionary') {
    if (typeof text !== 'string') return undefined
    const told =
      time && `${time.toDate().toISOString().slice(0, 19)}.${picoseconds(time.picoseconds)}`
    return text.startsWith(told ?? '-') ? undefined : `time expected ${text}, got ${told}`
  }
  const bytes = await store.get(entry.path)
  // What the recorded program itself gets is as good as what was put in.
  if (JSON.stringify(entry.get_by_original ?? '').includes(sha256(bytes))) return undefined
  if (bytes.length !== entry.size) return `size expected ${entry.size}, got ${bytes.length}`
  if ((await store.size(entry.path)) !== entry.size) return 'size() says another'
  if (sha256(bytes) !== entry.sha256) return `sha256 expected ${entry.sha256}`
  const middle = bytes.length >> 1
  const part = await store.getPartial(entry.path, { offset: middle, length: 700 })
  return Buffer.compare(part, bytes.subarray(middle, middle + 700)) === 0
    ? undefined
    : 'a part of it differs'
}

function picoseconds(ofDay: bigint): string {
  return (ofDay % 1_000_000_000_000n).toString().padStart(12, '0')
}

/** What was there stays when something is put beside it and removed again. */
async function writtenDifference(
  manifest: NotafsManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const added = '/added by the judge'
  for (const change of ['set', 'remove'] as const) {
    const fs = await NotaFS.mount(new MemoryDevice(image))
    try {
      if (change === 'set') await fs.keyValue().set(added, 'x')
      else await fs.keyValue().remove(added)
    } catch (error) {
      if (/NoSpace/.test(describe(error))) return undefined
      throw error
    }
    await fs.unmount()
    const [finding] = checkNotafs(image).findings
    if (finding !== undefined) return `after a ${change} the disk is not sound: ${finding.message}`
  }
  const again = await NotaFS.mount(new MemoryDevice(image))
  const difference = await treeDifference(manifest, again.keyValue())
  return difference && `after a set and a remove: ${difference}`
}
