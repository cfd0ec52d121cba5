/**
 * Judges folders of the shape of golden/chamelon: volumes that chamelon wrote, each with what was
 * set in it.
 *
 * Every volume is read twice, with the synchronous API and with promises on a device that never
 * answers at once; then converted, and the new image, judged by the independent checker, must hold
 * the same again.
 */

import type { KeyValueStore } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { buildImage, ChamelonVolume, chamelonEntries, LittleFS, planImage } from '@caravan/littlefs'
import { checkLittlefs, LateDevice } from '@caravan/testkit'
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
  /** The recorded program itself does not get it: recovered, or reported as lost. */
  readonly get_by_original?: unknown
}

export interface ChamelonManifest extends ImageManifest {
  readonly block_size: number
  readonly expected: readonly ExpectedEntry[]
  readonly digest_by_original?: unknown
}

/** Manifests of a chamelon volume tell what that program's own digests are. */
export const chamelonShape = imageShape<ChamelonManifest>(
  'chamelon',
  ({ expected, block_size, digest_by_original }) =>
    Array.isArray(expected) && typeof block_size === 'number' && digest_by_original !== undefined,
  firstDifference,
)

async function firstDifference(
  manifest: ChamelonManifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const device = new MemoryDevice(image, { readOnly: true })
  const volume = ChamelonVolume.mountSync(device)
  const late = await ChamelonVolume.mount(new LateDevice(device))
  if (volume.blockSize !== manifest.block_size) return `blocks of ${volume.blockSize} bytes found`
  const lost = new Set(volume.problems.filter(({ kind }) => kind === 'lost').map(({ key }) => key))
  return (
    (await treeDifference(manifest, volume, lost)) ??
    (await refusalDifference(volume)) ??
    (await sameDigest(volume, late)) ??
    (await littlefsDifference(device)) ??
    (await convertedDifference(manifest, volume, lost))
  )
}

async function treeDifference(
  { expected }: ChamelonManifest,
  store: KeyValueStore,
  lost: ReadonlySet<string>,
): Promise<string | undefined> {
  const found = new Map<string, string>()
  for await (const [key, kind] of store.entries()) found.set(key, kind)
  for (const entry of expected) {
    const kind = found.get(entry.path)
    found.delete(entry.path)
    const difference =
      kind === undefined
        ? 'is not there'
        : kind !== entry.kind
          ? `is a ${kind}`
          : await entryDifference(entry, store)
    const isReported = entry.get_by_original !== undefined && lost.has(entry.path)
    if (difference !== undefined && !isReported) return `'${entry.path}': ${difference}`
  }
  const [unexpected] = found.keys()
  return unexpected === undefined ? undefined : `'${unexpected}': is not expected`
}

async function entryDifference(
  entry: ExpectedEntry,
  store: KeyValueStore,
): Promise<string | undefined> {
  if (entry.kind === 'dictionary') return undefined
  const bytes = await store.get(entry.path)
  if (bytes.length !== entry.size) return `size expected ${entry.size}, got ${bytes.length}`
  if ((await store.size(entry.path)) !== entry.size) return 'size() says another'
  if (sha256(bytes) !== entry.sha256) return `sha256 expected ${entry.sha256}`
  const hash = Buffer.from(await store.digest(entry.path)).toString('hex')
  if (hash !== entry.sha256) return `digest() is ${hash}`
  return timeDifference(entry, await store.lastModified(entry.path))
}

/** Every way to write is refused, with the way out named. */
async function refusalDifference(volume: ChamelonVolume): Promise<string | undefined> {
  for (const change of [() => volume.set('/x'), () => volume.remove('/'), () => volume.batch()]) {
    try {
      await change()
      return 'a change was not refused'
    } catch (error) {
      if (!describe(error).includes('caravan convert')) return `refused with ${describe(error)}`
    }
  }
  return undefined
}

async function sameDigest(a: KeyValueStore, b: KeyValueStore): Promise<string | undefined> {
  const [first, second] = [await a.digest('/'), await b.digest('/')]
  return Buffer.compare(first, second) === 0 ? undefined : 'sync and async differ'
}

async function littlefsDifference(device: MemoryDevice): Promise<string | undefined> {
  try {
    await LittleFS.mount(device)
    return 'it mounts as a littlefs'
  } catch (error) {
    if (describe(error).includes('CHAMELON_VOLUME')) return undefined
    return `as a littlefs it is ${describe(error)}`
  }
}

async function convertedDifference(
  manifest: ChamelonManifest,
  volume: ChamelonVolume,
  lost: ReadonlySet<string>,
): Promise<string | undefined> {
  const { blockSize } = volume
  const plan = await planImage(chamelonEntries(volume), { blockSize })
  const blockCount = Math.max(plan.blocksNeeded, volume.blockCount)
  const image = await buildImage(chamelonEntries(volume), { blockSize, blockCount })
  const [finding] = checkLittlefs(image, { blockSize, blockCount })
  if (finding !== undefined) return `converted, it is not sound: ${finding.message}`
  const fs = LittleFS.mountSync(new MemoryDevice(image), { readOnly: true })
  const converted = fs.keyValue()
  const difference =
    (await treeDifference(manifest, converted, lost)) ?? (await sameDigest(volume, converted))
  return difference && `converted: ${difference}`
}
