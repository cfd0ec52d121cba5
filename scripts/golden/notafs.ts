/**
 * Judges folders of the shape of golden/notafs: disks that notafs wrote, each with the tree that was
 * put into it.
 *
 * Every disk is read twice, with the synchronous API and with promises on a device that never answers
 * at once; checked whole; and a copy of it is written to, after which the independent checker and a
 * second mount must find the same again.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { KeyValueReader } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { NotaFS } from '@caravan/notafs'
import { checkNotafs, LateDevice } from '@caravan/testkit'
import { listed } from './littlefs/manifest.js'
import { type CaseResult, describe, type GoldenCase, type GoldenShape } from './report.js'

interface ExpectedEntry {
  readonly path: string
  readonly kind: 'value' | 'dictionary'
  readonly size?: number
  readonly sha256?: string
  readonly mtime_days?: number
  /** Picoseconds of the day; as text, since no double holds them all. */
  readonly mtime_ps?: string
  /** RFC 3339, to the picosecond. */
  readonly last_modified_by_original?: string
  readonly get_by_original?: unknown
}

export interface NotafsManifest {
  readonly image: string
  readonly bytes: number
  readonly page_size: number
  readonly sha256_of_raw_image: string
  readonly expected: readonly ExpectedEntry[]
}

export const notafsShape: GoldenShape = {
  name: 'notafs',
  recognises: (dir) => manifestsOf(dir).length > 0,
  cases: (dir) => manifestsOf(dir).map((manifest) => caseOf(dir, manifest)),
}

/** Manifests of a notafs disk: they say the size of a page. */
function manifestsOf(dir: string): NotafsManifest[] {
  return listed(dir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const text = readFileSync(join(dir, name), 'utf8')
      const exact = text.replace(/"mtime_ps"\s*:\s*(\d+)/g, '"mtime_ps": "$1"')
      const manifest = JSON.parse(exact) as NotafsManifest
      const isOurs =
        Array.isArray(manifest.expected) &&
        typeof manifest.page_size === 'number' &&
        typeof manifest.sha256_of_raw_image === 'string'
      return isOurs ? [manifest] : []
    })
}

function caseOf(dir: string, manifest: NotafsManifest): GoldenCase {
  const name = manifest.image.replace(/\.img(\.gz)?$/, '')
  const judge = async (): Promise<CaseResult> => {
    const stored = readFileSync(join(dir, manifest.image))
    const image = new Uint8Array(manifest.image.endsWith('.gz') ? gunzipSync(stored) : stored)
    return { name, difference: await firstDifference(manifest, image) }
  }
  return { name, judge }
}

async function firstDifference(
  manifest: NotafsManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  if (image.length !== manifest.bytes || sha256(image) !== manifest.sha256_of_raw_image) {
    return `the image is not the recorded one: ${image.length} bytes, sha256 ${sha256(image)}`
  }
  const device = new MemoryDevice(image, { readOnly: true })
  const fs = NotaFS.mountSync(device)
  if (fs.info().pageSize !== manifest.page_size) return `pages of ${fs.info().pageSize} bytes found`
  const late = await NotaFS.mount(new LateDevice(device))
  const findings = await late.check()
  const damage = findings.find(({ code }) => code === 'DAMAGED' || code === 'MALFORMED')
  if (damage !== undefined) return `check finds: ${damage.message}`
  // Where the recorded program lost count of its sectors, nothing is to be built on them.
  const isSound = findings.every(({ code }) => ['DAMAGED_ROOT', 'INTERRUPTED'].includes(code))
  const difference =
    (await treeDifference(manifest, fs.keyValue())) ??
    (await treeDifference(manifest, late.keyValue())) ??
    (isSound ? await writtenDifference(manifest, image.slice()) : undefined)
  return difference ?? (sha256(image) === manifest.sha256_of_raw_image ? undefined : 'it changed')
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
  const { mtime_days: days, mtime_ps: ps, last_modified_by_original: text } = entry
  if (days !== undefined && (time?.days !== days || time.picoseconds !== BigInt(ps ?? 0))) {
    return `time expected ${days} d ${ps} ps, got ${time?.days} d ${time?.picoseconds} ps`
  }
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
