/** What migration makes of a recorded littlefs 1, judged by `migrated.wanted`. */

import { FsError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import {
  LittleFS1,
  migrateInPlace,
  migrateInPlaceSync,
  migrateToImage,
  ReferenceFS,
} from '@caravan/littlefs'
import { checkLittlefs } from '@caravan/testkit'
import { treeDifference } from '../littlefs/compare.js'
import { AsynchronousDevice, imageDevice } from '../littlefs/devices.js'
import { isTypedError } from '../littlefs/errors.js'
import type { ManifestEntry } from '../littlefs/manifest.js'
import { MODES, type Mode } from '../littlefs/mode.js'
import { observeTree } from '../littlefs/observe.js'
import { describe } from '../report.js'
import type { Version1Manifest } from './manifest.js'

export async function migrationDifference(
  manifest: Version1Manifest,
  image: Uint8Array,
): Promise<string | undefined> {
  if (manifest.migrated?.wanted === undefined) return undefined
  const difference = await newImageDifference(manifest, image)
  if (difference !== undefined) return `migrated into a new image: ${difference}`
  for (const mode of MODES) {
    const inPlace = await inPlaceDifference(mode, manifest, image.slice())
    if (inPlace !== undefined) return `migrated in place, ${mode}: ${inPlace}`
  }
  return undefined
}

async function inPlaceDifference(
  mode: Mode,
  manifest: Version1Manifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const { blockSize, blockCount } = manifest
  const device = imageDevice(manifest, image, false)
  const options = { blockSize, blockCount }
  const made = await outcome(async () =>
    mode === 'sync'
      ? migrateInPlaceSync(device, options)
      : await migrateInPlace(new AsynchronousDevice(device), options),
  )
  if (made instanceof Error) return failureDifference(manifest, made)
  if (manifest.migrated?.wanted === 'error') return 'expected an error, and it was migrated'
  if (LittleFS1.recognisesSync(device)) return 'it is still recognised as littlefs 1'
  return migratedDifference(manifest, image, false)
}

async function newImageDifference(
  manifest: Version1Manifest,
  image: Uint8Array,
): Promise<string | undefined> {
  const device = imageDevice(manifest, image, true)
  const { blockSize, blockCount } = manifest
  const made = await outcome(() => migrateToImage(device, { blockSize, blockCount }))
  if (made instanceof Error) return failureDifference(manifest, made)
  if (manifest.migrated?.wanted === 'error') return 'expected an error, got an image'
  return migratedDifference(manifest, made.bytes, made.problems.length > 0)
}

async function outcome<T>(work: () => Promise<T>): Promise<T | Error> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

function failureDifference(
  { migrated, judge, cNotes }: Version1Manifest,
  error: Error,
): string | undefined {
  if (!isTypedError(error)) return `expected a typed error, got ${describe(error)}`
  if (judge !== undefined || cNotes !== undefined) return undefined
  switch (migrated?.wanted) {
    case 'same':
      return `expected the same tree, got ${describe(error)}`
    case 'same or LFS_ERR_NOSPC':
      return error instanceof FsError && error.code === 'ENOSPC'
        ? undefined
        : `expected the same tree or ENOSPC, got ${describe(error)}`
    default:
      return undefined
  }
}

/** The new littlefs 2 is sound, and holds the recorded tree where that is wanted. */
async function migratedDifference(
  manifest: Version1Manifest,
  bytes: Uint8Array,
  hasProblems: boolean,
): Promise<string | undefined> {
  const { blockSize } = manifest
  const blockCount = bytes.length / blockSize
  const [finding] = checkLittlefs(bytes, { blockSize, blockCount })
  if (finding !== undefined) return `it is not sound: ${finding.message}`
  const fs = ReferenceFS.mountSync(new MemoryDevice(bytes, { readOnly: true }), { blockSize })
  const entries = await observeTree('sync', fs)
  const failed = entries.find((entry) => entry.failed !== undefined)
  if (failed !== undefined) return `${failed.path}: ${describe(failed.failed?.error)}`
  if (manifest.migrated?.wanted === 'see what') return undefined
  if (hasProblems) return 'something of it is said to be lost'
  return treeDifference(wantedEntries(manifest), entries)
}

function wantedEntries({ isV2, v2, entries }: Version1Manifest): readonly ManifestEntry[] {
  return (isV2 ? v2?.entries : entries) ?? []
}
