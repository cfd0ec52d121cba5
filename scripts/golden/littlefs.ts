/**
 * Judges folders of the shape of golden/littlefs, exactly as its README says.
 *
 * Every case is read twice, with the synchronous API and with promises on a device that never
 * answers at once: both must give the manifest's answer, and the same one to the letter.
 */

import { createHash } from 'node:crypto'
import type { MountOptions } from '@caravan/littlefs'
import { treeDifference } from './littlefs/compare.js'
import { imageDevice } from './littlefs/devices.js'
import { dumpDifference, errorDifference, isTypedError } from './littlefs/errors.js'
import { EXEMPTIONS, type Exemption } from './littlefs/exemptions.js'
import {
  listed,
  type Manifest,
  type ManifestEntry,
  type Recorded,
  readRecorded,
} from './littlefs/manifest.js'
import * as drive from './littlefs/mode.js'
import { comparable, type ObservedEntry, observeTree } from './littlefs/observe.js'
import { writingDifference } from './littlefs/writing.js'
import { type CaseResult, describe, type GoldenCase, type GoldenShape } from './report.js'

/** What damaged bytes may cost: README of the format, "within a second and 256 MiB". */
const DAMAGED_CPU_MS_MAX = 1000
const DAMAGED_MEMORY_MAX = 256 << 20

export const littlefsShape: GoldenShape = {
  name: 'littlefs',
  recognises: (dir) =>
    (listed(dir).some((name) => name.endsWith('.img.gz')) ||
      listed(`${dir}/powerloss`).length > 0) &&
    readRecorded(dir).some(({ manifest }) => /^2\./.test(manifest.driverDiskVersion ?? '')),
  cases: (dir) => littlefsCases(readRecorded(dir)),
}

function littlefsCases(recorded: readonly Recorded[]): GoldenCase[] {
  const manifests = recorded.map(({ manifest }) => manifest)
  return recorded.map((one) => ({
    name: one.manifest.name,
    judge: () => judge(one, undamagedTree(one.manifest, manifests)),
  }))
}

/** Images of a damaged set whose damage changes nothing of what is read. */
const HARMLESS = ['none', 'limits-zero', 'revision-wraparound', 'root-one-erased']

/** The tree of the image that `manifest`'s was made from, where the set shows it. */
function undamagedTree(
  manifest: Manifest,
  all: readonly Manifest[],
): readonly ManifestEntry[] | undefined {
  const prefix = manifest.name.split('-')[0]
  for (const name of HARMLESS) {
    const found = all.find((other) => other.name === `${prefix}-${name}`)
    if (found?.entries) return found.entries
  }
  return undefined
}

async function judge(
  { manifest, readImage }: Recorded,
  undamaged: readonly ManifestEntry[] | undefined,
): Promise<CaseResult> {
  const exemption = EXEMPTIONS.find(({ applies }) => applies(manifest))
  const difference = await firstDifference(manifest, readImage(), exemption, undamaged)
  return {
    name: manifest.name,
    difference,
    ...(exemption && { exemption: exemption.rule }),
  }
}

async function firstDifference(
  manifest: Manifest,
  image: Uint8Array,
  exemption: Exemption | undefined,
  undamaged: readonly ManifestEntry[] | undefined,
): Promise<string | undefined> {
  const digest = sha256(image)
  if (image.length !== (manifest.imageSize ?? image.length) || digest !== manifest.imageSha256) {
    return `the image is not the recorded one: ${image.length} bytes, sha256 ${digest}`
  }
  let answer: string | undefined
  for (const mode of drive.MODES) {
    const cost = costMeter()
    const read = await judgeReading(mode, manifest, image, exemption, undamaged)
    const { cpuMs, memory } = cost()
    if (read.difference !== undefined) return `${mode}: ${read.difference}`
    if (sha256(image) !== digest) return `${mode}: reading changed the image`
    if (manifest.group === 'corrupt') {
      if (cpuMs > DAMAGED_CPU_MS_MAX) return `${mode}: took ${Math.round(cpuMs)} ms`
      if (memory > DAMAGED_MEMORY_MAX) return `${mode}: took ${memory >> 20} MiB`
    }
    if (answer !== undefined && answer !== read.answer) {
      return `sync and async differ: ${answer} | ${read.answer}`
    }
    answer = read.answer
  }
  return writingDifference(manifest, image, exemption, mountOptions(manifest), undamaged)
}

interface Reading {
  readonly difference: string | undefined
  /** Everything that was seen, to be compared with the other mode's. */
  readonly answer: string
}

async function judgeReading(
  mode: drive.Mode,
  manifest: Manifest,
  image: Uint8Array,
  exemption: Exemption | undefined,
  undamaged: readonly ManifestEntry[] | undefined,
): Promise<Reading> {
  const device = imageDevice(manifest, image, true)
  let fs: Awaited<ReturnType<typeof drive.mount>>
  try {
    fs = await drive.mount(mode, device, mountOptions(manifest))
  } catch (error) {
    const difference = exemption?.mount ? exemption.mount(error) : mountDifference(manifest, error)
    return { difference, answer: describe(error) }
  }
  if (exemption?.mount) return { difference: exemption.mount(undefined), answer: 'mounted' }
  if (manifest.expect !== 'ok') {
    return { difference: `expected ${manifest.expect} on mount, but it mounts`, answer: 'mounted' }
  }
  const entries = await observeTree(mode, fs)
  const used = await countUsed(mode, manifest, fs)
  const info = fs.info()
  await drive.unmount(mode, fs)
  const difference =
    (exemption?.tree
      ? exemption.tree(manifest, entries, undamaged)
      : (treeDifference(manifest.entries ?? [], entries) ??
        dumpDifference(manifest.dumpExpect, failuresOf(entries)))) ??
    usedDifference(manifest, used) ??
    globalStateDifference(manifest, info)
  return {
    difference,
    answer: `${comparable(entries)} ${describeUse(used)} ${JSON.stringify(info)}`,
  }
}

/** How the reference was configured, in our words. */
function mountOptions(manifest: Manifest): MountOptions {
  const { mountBlockCount, driverDiskVersion, blockSize, cacheSize } = manifest
  const options = {
    blockSize,
    ...(mountBlockCount !== 0 && { blockCount: mountBlockCount }),
    diskVersion: driverDiskVersion,
    nameMax: 255,
    fileMax: 2147483647,
    attrMax: 1022,
    cacheSize,
    blockCycles: manifest.blockCycles,
    ...(manifest.metadataMax !== 0 && { metadataMax: manifest.metadataMax }),
    // The reference's -1, no inline files, is our 0; its 0 is the default of either.
    ...(manifest.inlineMax !== 0 && { inlineMax: Math.max(manifest.inlineMax, 0) }),
  }
  return options
}

function mountDifference({ expect }: Manifest, error: unknown): string | undefined {
  if (expect === 'ok') return `expected to mount, got ${describe(error)}`
  if (expect.startsWith('crash:')) {
    return isTypedError(error) ? undefined : `expected a typed error, got ${describe(error)}`
  }
  return errorDifference(expect.slice('error:'.length), error, 'mount')
}

function failuresOf(entries: readonly ObservedEntry[]): unknown[] {
  return entries.flatMap(({ failed }) => (failed === undefined ? [] : [failed.error]))
}

/** Blocks in use, or the error that counting them ended in. */
async function countUsed(
  mode: drive.Mode,
  manifest: Manifest,
  fs: Awaited<ReturnType<typeof drive.mount>>,
): Promise<number | Error> {
  try {
    return await drive.usedBlocks(mode, fs)
  } catch (error) {
    if (manifest.group !== 'corrupt' || !isTypedError(error)) throw error
    return error as Error
  }
}

function describeUse(used: number | Error): string {
  return used instanceof Error ? describe(used) : String(used)
}

function usedDifference(manifest: Manifest, used: number | Error): string | undefined {
  if (manifest.group === 'corrupt' || manifest.group === 'powerloss') return undefined
  if (used === manifest.usedBlocks) return undefined
  return `usedBlocks expected ${manifest.usedBlocks}, got ${describeUse(used)}`
}

function globalStateDifference(
  { gstate }: Manifest,
  info: { readonly pendingMove: unknown; readonly hasOrphans: boolean },
): string | undefined {
  if (gstate === undefined) return undefined
  const hasMove = info.pendingMove !== undefined
  if (hasMove !== gstate.hasmove) return `hasmove expected ${gstate.hasmove}, got ${hasMove}`
  if (gstate.needssuperblock !== true && info.hasOrphans !== gstate.hasorphans) {
    return `hasorphans expected ${gstate.hasorphans}, got ${info.hasOrphans}`
  }
  return undefined
}

/** Starts measuring; call what it returns for processor time and the growth of the peak memory. */
function costMeter(): () => { cpuMs: number; memory: number } {
  const cpu = process.cpuUsage()
  const peak = process.resourceUsage().maxRSS
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return {
      cpuMs: (user + system) / 1000,
      memory: (process.resourceUsage().maxRSS - peak) * 1024,
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
