/** What a manifest says about an image once it may be written to. */

import type { MountOptions } from '@caravan/littlefs'
import { mountVolume, type Volume } from '../../replay/adapter.js'
import { describe } from '../report.js'
import { treeDifference } from './compare.js'
import { imageDevice } from './devices.js'
import { errorDifference } from './errors.js'
import type { Exemption } from './exemptions.js'
import type { Manifest, ManifestEntry } from './manifest.js'
import * as drive from './mode.js'
import { type ObservedEntry, observeTree } from './observe.js'

/**
 * Makes a copy of the image consistent and compares what is there afterwards, sync and async; goes
 * on writing to a state after a power loss.
 *
 * @returns The first difference, or `undefined`.
 */
export async function writingDifference(
  manifest: Manifest,
  image: Uint8Array,
  exemption: Exemption | undefined,
  options: MountOptions,
  undamaged: readonly ManifestEntry[] | undefined,
): Promise<string | undefined> {
  if (manifest.afterConsistent == null || exemption?.mount) return undefined
  for (const mode of drive.MODES) {
    const difference =
      (await consistentDifference(mode, manifest, image.slice(), exemption, options, undamaged)) ??
      (manifest.group === 'powerloss'
        ? await writingOnDifference(mode, manifest, image.slice(), options)
        : undefined)
    if (difference !== undefined) return `${mode}: ${difference}`
  }
  return undefined
}

async function consistentDifference(
  mode: drive.Mode,
  manifest: Manifest,
  image: Uint8Array,
  exemption: Exemption | undefined,
  options: MountOptions,
  undamaged: readonly ManifestEntry[] | undefined,
): Promise<string | undefined> {
  const after = manifest.afterConsistent
  if (after == null) return undefined
  const device = imageDevice(manifest, image, false)
  const volume = await mountVolume(mode, device, options)
  const failure = await failureOf(volume.makeConsistent())
  await volume.unmount()
  const difference = exemption?.makeConsistent
    ? exemption.makeConsistent(failure)
    : resultDifference(after.mkconsistent, failure)
  if (difference !== undefined) return `make-consistent: ${difference}`
  if (after.entries === undefined) return undefined

  const again = await drive.mount(mode, imageDevice(manifest, image, true), options)
  const seen = await observeTree(mode, again)
  const info = again.info()
  await drive.unmount(mode, again)
  const tree = treeAfterDifference(manifest, exemption, seen, undamaged)
  if (tree !== undefined) return `after make-consistent: ${tree}`
  const pending = info.pendingMove !== undefined || info.hasOrphans
  return after.mkconsistent === 'ok' && pending
    ? 'after make-consistent: a move or orphans are still pending'
    : undefined
}

function treeAfterDifference(
  manifest: Manifest,
  exemption: Exemption | undefined,
  seen: readonly ObservedEntry[],
  undamaged: readonly ManifestEntry[] | undefined,
): string | undefined {
  if (exemption?.treeAfter) {
    const entries = exemption.treeAfter(manifest)
    if (entries !== null) return treeDifference(entries, seen)
  }
  const recorded = manifest.afterConsistent?.entries
  // The case's own rule also says what "same" is.
  if (recorded === 'same' && exemption?.tree) return exemption.tree(manifest, seen, undamaged)
  const entries = recorded === 'same' ? manifest.entries : recorded
  return treeDifference(entries ?? [], seen)
}

/** Uses the state as anyone would: writes, makes directories, removes; all else must stay. */
async function writingOnDifference(
  mode: drive.Mode,
  manifest: Manifest,
  image: Uint8Array,
  options: MountOptions,
): Promise<string | undefined> {
  const device = imageDevice(manifest, image, false)
  const volume = await mountVolume(mode, device, options)
  const before = await observeTree(mode, volume.fs)
  await writeOn(volume)
  await volume.unmount()

  const again = await mountVolume(mode, device, options)
  const seen = await observeTree(mode, again.fs)
  const kept = seen.filter(({ path }) => path !== '/' && !path.startsWith(NEW))
  const own = seen.filter(({ path }) => path.startsWith(NEW))
  const difference =
    treeDifference(before.filter(({ path }) => path !== '/').map(asRecorded), kept) ??
    ownDifference(own)
  if (difference !== undefined) return `after writing on: ${difference}`
  for (const path of [`${NEW}dir/inner`, `${NEW}dir`, `${NEW}file`]) await again.remove(path)
  await again.unmount()

  const last = await drive.mount(mode, imageDevice(manifest, image, true), options)
  const end = await observeTree(mode, last)
  await drive.unmount(mode, last)
  const after = treeDifference(before.map(asRecorded), end)
  return after && `after writing on and removing it again: ${after}`
}

/** Prefix of what is written; no recording uses it. */
const NEW = '/~new-'
const SIZES = [
  ['file', 3],
  ['dir/inner', 1500],
] as const

async function writeOn(volume: Volume): Promise<void> {
  await volume.mkdir(`${NEW}dir`)
  await volume.mkdir(`${NEW}gone`)
  for (const [name, size] of SIZES) {
    const handle = await volume.open(NEW + name, 'wct')
    await handle.write(new Uint8Array(size).fill(size))
    await handle.close()
  }
  await volume.remove(`${NEW}gone`)
}

function ownDifference(own: readonly ObservedEntry[]): string | undefined {
  const sizes = own.map(({ path, size }) => `${path} ${size}`).join(', ')
  const expected = `${NEW}dir 0, ${NEW}dir/inner 1500, ${NEW}file 3`
  return sizes === expected ? undefined : `expected ${expected}, got ${sizes}`
}

/** What was seen before, as what must be seen after. */
function asRecorded({ path, type, size, sha256, attrs }: ObservedEntry): ManifestEntry {
  return { path, type, size, sha256, attrs }
}

async function failureOf(promise: Promise<void>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error
  }
}

function resultDifference(expected: string, failure: unknown): string | undefined {
  if (expected === 'ok')
    return failure === undefined ? undefined : `expected ok, got ${describe(failure)}`
  if (failure === undefined) return `expected ${expected}, got ok`
  return errorDifference(expected.replace(/^error:/, ''), failure)
}
