/**
 * Judges folders of the shape of golden/littlefs1, as its README says: images of littlefs 1, states
 * after a power loss, and what migration to littlefs 2 must give.
 *
 * Every case is read twice, with the synchronous API and with promises on a device that never answers
 * at once: both must give the manifest's answer, and the same one to the letter.
 */

import { createHash } from 'node:crypto'
import { LittleFS1, ReferenceFS } from '@caravan/littlefs'
import { treeDifference } from './littlefs/compare.js'
import { AsynchronousDevice, imageDevice } from './littlefs/devices.js'
import { dumpDifference, errorDifference, isTypedError } from './littlefs/errors.js'
import { listed, type Recorded, readRecorded } from './littlefs/manifest.js'
import { MODES, type Mode } from './littlefs/mode.js'
import { comparable, type ObservedEntry, observeTree } from './littlefs/observe.js'
import type { Version1Manifest } from './littlefs1/manifest.js'
import { migrationDifference } from './littlefs1/migration.js'
import { observeVersion1 } from './littlefs1/observe.js'
import { type CaseResult, describe, type GoldenCase, type GoldenShape } from './report.js'

/** What damaged bytes may cost: README of the format, "within a second and 256 MiB". */
const DAMAGED_CPU_MS_MAX = 1000

export const littlefs1Shape: GoldenShape = {
  name: 'littlefs1',
  recognises: (dir) =>
    (listed(dir).some((name) => name.endsWith('.img.gz')) ||
      listed(`${dir}/powerloss`).length > 0) &&
    readRecorded<Version1Manifest>(dir).some(({ manifest }) => manifest.lookahead !== undefined),
  cases: (dir) =>
    readRecorded<Version1Manifest>(dir).map(
      (recorded): GoldenCase => ({
        name: recorded.manifest.name,
        judge: () => judge(recorded),
      }),
    ),
}

async function judge({ manifest, readImage }: Recorded<Version1Manifest>): Promise<CaseResult> {
  const { name } = manifest
  const image = readImage()
  const digest = sha256(image)
  if (image.length !== (manifest.imageSize ?? image.length) || digest !== manifest.imageSha256) {
    const found = `${image.length} bytes, sha256 ${digest}`
    return { name, difference: `the image is not the recorded one: ${found}` }
  }
  const exemption = exemptionOf(manifest)
  let answer: string | undefined
  for (const mode of MODES) {
    const cpu = process.cpuUsage()
    const read = await judgeReading(mode, manifest, image)
    const { user, system } = process.cpuUsage(cpu)
    const difference =
      read.difference ??
      (sha256(image) === digest ? undefined : 'reading changed the image') ??
      (manifest.group === 'corrupt' && (user + system) / 1000 > DAMAGED_CPU_MS_MAX
        ? `took ${Math.round((user + system) / 1000)} ms`
        : undefined) ??
      (answer === undefined || answer === read.answer
        ? undefined
        : `sync and async differ: ${answer} | ${read.answer}`)
    if (difference !== undefined)
      return { name, difference: `${mode}: ${difference}`, ...exemption }
    answer = read.answer
  }
  return { name, difference: await migrationDifference(manifest, image), ...exemption }
}

/** True where the recorded answer is an accident of the library's, and any typed error is as good. */
function isAccidental({ judge: rule, cNotes }: Version1Manifest): boolean {
  return rule !== undefined || cNotes !== undefined
}

function exemptionOf(manifest: Version1Manifest): { exemption?: string } {
  if (!isAccidental(manifest)) return {}
  return { exemption: 'judge or cNotes: the recorded answer or any typed error' }
}

interface Reading {
  readonly difference: string | undefined
  /** Everything that was seen, to be compared with the other mode's. */
  readonly answer: string
}

async function judgeReading(
  mode: Mode,
  manifest: Version1Manifest,
  image: Uint8Array,
): Promise<Reading> {
  const device = imageDevice(manifest, image, true)
  const asked = mode === 'sync' ? device : new AsynchronousDevice(device)
  const isFound =
    mode === 'sync' ? LittleFS1.recognisesSync(device) : await LittleFS1.recognises(asked)
  if (manifest.isV2) return judgeVersion2(mode, manifest, asked, isFound)
  const { blockSize, blockCount } = manifest
  let fs: LittleFS1
  try {
    fs =
      mode === 'sync'
        ? LittleFS1.mountSync(device, { blockSize, blockCount })
        : await LittleFS1.mount(asked, { blockSize, blockCount })
  } catch (error) {
    const difference =
      manifest.expect === 'ok'
        ? `expected to mount, got ${describe(error)}`
        : errorDifference(manifest.expect.slice('error:'.length), error, 'mount')
    return { difference, answer: `${isFound} ${describe(error)}` }
  }
  if (manifest.expect !== 'ok') {
    return { difference: `expected ${manifest.expect} on mount, but it mounts`, answer: 'mounted' }
  }
  const entries = await observeVersion1(mode, fs)
  const used = await answerOf(async () => (mode === 'sync' ? fs.dfSync() : await fs.df()))
  const state = await answerOf(async () => (mode === 'sync' ? fs.stateSync() : await fs.state()))
  const info = fs.info()
  if (mode === 'sync') fs.unmountSync()
  else await fs.unmount()
  const difference =
    (isFound ? undefined : 'it is not recognised') ??
    entriesDifference(manifest, entries) ??
    traverseDifference(manifest, used) ??
    stateDifference(manifest, info, state)
  const answers = [used, state].map((each) => (each instanceof Error ? describe(each) : each))
  return { difference, answer: `${comparable(entries)} ${JSON.stringify([info, ...answers])}` }
}

/** What migration has just made of it is littlefs 2, whatever is left of littlefs 1. */
async function judgeVersion2(
  mode: Mode,
  { v2, blockSize, blockCount }: Version1Manifest,
  device: AsynchronousDevice | ReturnType<typeof imageDevice>,
  isFound: boolean,
): Promise<Reading> {
  if (isFound) return { difference: 'it is recognised as littlefs 1', answer: 'version 1' }
  const fs =
    mode === 'sync'
      ? ReferenceFS.mountSync(device, { blockSize, blockCount })
      : await ReferenceFS.mount(device, { blockSize, blockCount })
  const entries = await observeTree(mode, fs)
  return { difference: treeDifference(v2?.entries ?? [], entries), answer: comparable(entries) }
}

async function answerOf<T>(ask: () => Promise<T>): Promise<T | Error> {
  try {
    return await ask()
  } catch (error) {
    if (!isTypedError(error)) throw error
    return error as Error
  }
}

function entriesDifference(
  manifest: Version1Manifest,
  seen: readonly ObservedEntry[],
): string | undefined {
  const { entries, dumpExpect } = manifest
  const failures = seen.flatMap(({ failed }) => (failed === undefined ? [] : [failed.error]))
  const untyped = failures.find((error) => !isTypedError(error))
  if (untyped !== undefined) return `expected a typed error, got ${describe(untyped)}`
  const difference =
    entries === null
      ? failures.length > 0
        ? undefined
        : 'expected an error, for the tree has no end'
      : (treeDifference(entries, seen) ?? dumpDifference(dumpExpect, failures))
  if (difference === undefined || !isAccidental(manifest)) return difference
  return accidentDifference(manifest, seen, difference)
}

/**
 * Of an answer that is an accident of the library's: entries with errors may stand for any others, a
 * directory that cannot be listed for all that is in it, a file's bytes for other bytes.
 */
function accidentDifference(
  { entries, judge: rule }: Version1Manifest,
  seen: readonly ObservedEntry[],
  difference: string,
): string | undefined {
  const isRootLost = seen.some(({ path, failed }) => path === '/' && failed !== undefined)
  if (isRootLost) return undefined
  const mayDiffer = rule !== undefined && /other bytes/.test(rule)
  for (const entry of entries ?? []) {
    const same = seen.find(({ path }) => path === entry.path)
    if (same === undefined) return difference
    const isSame = same.type === entry.type && same.size === entry.size
    if (same.failed !== undefined || entry.error !== undefined) continue
    if (!isSame || (same.sha256 !== entry.sha256 && !mayDiffer)) return difference
  }
  return undefined
}

function traverseDifference(
  manifest: Version1Manifest,
  used: { readonly usedBlocks: number } | Error,
): string | undefined {
  const { traverse } = manifest
  if (used instanceof Error) {
    if (isAccidental(manifest)) return undefined
    const code = (traverse?.expect ?? 'ok').replace(/^error:/, '')
    return code === 'ok'
      ? `the blocks in use expected to be counted, got ${describe(used)}`
      : errorDifference(code, used)
  }
  if (traverse?.expect === 'ok' && used.usedBlocks === traverse.usedBlocks) return undefined
  if (traverse?.expect !== 'ok' && isAccidental(manifest)) return undefined
  return `usedBlocks expected ${traverse?.usedBlocks ?? traverse?.expect}, got ${used.usedBlocks}`
}

function stateDifference(
  manifest: Version1Manifest,
  info: ReturnType<LittleFS1['info']>,
  seen: ReturnType<LittleFS1['stateSync']> | Error,
): string | undefined {
  const { state } = manifest
  if (state === null || (seen instanceof Error && isAccidental(manifest))) return undefined
  const of = seen instanceof Error ? undefined : seen
  for (const [what, expected, got] of [
    ['root', state.root.join(), info.rootPair.join()],
    ['superblock', state.superblock, info.superblock],
    ['superblockRev', state.superblockRev, info.revision],
    ['pairs', state.pairs, of?.pairCount],
    ['moved', state.moved, of?.movedCount],
    ['movedElsewhere', state.movedElsewhere, of?.movedElsewhereCount],
    ['orphans', state.orphans, of?.orphanCount],
    ['desyncs', state.desyncs, of?.desyncCount],
  ] as const) {
    // Not counted where the library could not follow the list, or a file's blocks.
    if (expected !== null && expected !== got) {
      const why = seen instanceof Error ? `: ${describe(seen)}` : ''
      return `state.${what} expected ${expected}, got ${got}${why}`
    }
  }
  return undefined
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
