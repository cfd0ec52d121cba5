/** littlefs 1 at random: migrations in place cut at every request, and images that are damaged. */

import { createHash } from 'node:crypto'
import { CaravanError, FormatError, FsError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import {
  checkLittleFS1Sync,
  checkSync,
  LittleFS,
  LittleFS1,
  migrateInPlaceSync,
  migrateToImage,
} from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  cutsInOrder,
  cutsOutOfOrder,
  type Random,
} from '@caravan/testkit'
import { CRC_INITIAL, crc32 } from '../src/format/crc32.js'
import { version1Cases, version1Image } from './version1-images.js'
import { drawVersion1, type MadeVersion1 } from './version1-made.js'

/** `/path type digest`, sorted. */
export function linesOf(fs: LittleFS | LittleFS1): string[] {
  const lines: string[] = []
  for (const { path, type } of fs.walkSync('/')) {
    const content =
      type === 'file' ? createHash('sha256').update(fs.readFileSync(path)).digest('hex') : ''
    lines.push(`${path} ${type} ${content}`)
  }
  return lines.sort()
}

export function version1Tree(image: Uint8Array, blockSize: number): string[] {
  const fs = LittleFS1.mountSync(new MemoryDevice(image.slice(), { readOnly: true }), { blockSize })
  return linesOf(fs)
}

/** What a device is now. */
interface Now {
  readonly version: 1 | 2
  readonly tree: readonly string[]
  /** Of a littlefs 2: what `check` calls an error. */
  readonly errors: readonly string[]
}

export function now(image: Uint8Array, blockSize: number): Now {
  const device = new MemoryDevice(image.slice(), { readOnly: true })
  if (LittleFS1.recognisesSync(device)) {
    return { version: 1, tree: version1Tree(image, blockSize), errors: [] }
  }
  const { findings } = checkSync(device, { blockSize })
  return {
    version: 2,
    tree: linesOf(LittleFS.mountSync(device, { blockSize })),
    errors: findings.filter(({ severity }) => severity === 'error').map(({ what }) => what),
  }
}

export interface CutCounts {
  /** States in which a cut has left the device: a littlefs 1 then, or a littlefs 2. */
  version1: number
  version2: number
  /** Migrations that there was no room for. */
  refused: number
}

/**
 * Migrates in place, cut at every request, in order and out of order: what is there then is the one or
 * the other, whole, and a second run finishes.
 *
 * @returns the first thing that is wrong.
 */
export function cutMigration(
  { bytes: image, geometry, tree: before }: MadeVersion1,
  random: Random,
  counts: CutCounts,
): string | undefined {
  const { blockSize, blockCount, progSize } = geometry
  const state = {
    bytes: image.slice(),
    erased: new Uint8Array(Math.ceil((blockSize * blockCount) / progSize)),
  }
  const device = new CrashDevice({ ...geometry, strict: false, state })
  const first = differs('what is read before', version1Tree(image, blockSize), before)
  if (first !== undefined) return first
  device.startRecording()
  let isRefused = false
  try {
    migrateInPlaceSync(device)
  } catch (error) {
    if (!(error instanceof FsError && error.code === 'ENOSPC')) throw error
    isRefused = true
    counts.refused++
  }
  const recording = device.stopRecording()
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    for (const cut of cuts(recording, { geometry, eraseValue: 0xff, random })) {
      const { version, tree, errors } = now(cut.state.bytes, blockSize)
      counts[version === 1 ? 'version1' : 'version2']++
      if (errors.length > 0) return `${cut.label}: ${errors[0]}`
      const wrong = differs(cut.label, tree, before)
      if (wrong !== undefined) return wrong
      if (isRefused) {
        if (version === 2) return `${cut.label}: it was refused, and is a littlefs 2`
        continue
      }
      if (cut.answered === recording.requests.length) continue
      const again = finish(cut.state, cut.label, geometry, before)
      if (again !== undefined) return again
    }
  }
  return undefined
}

/** A second run, also where there is only the second superblock left to write. */
function finish(
  state: { readonly bytes: Uint8Array; readonly erased: Uint8Array },
  label: string,
  geometry: MadeVersion1['geometry'],
  before: readonly string[],
): string | undefined {
  const { blockSize, blockCount } = geometry
  const reborn = new CrashDevice({ ...geometry, strict: false, state })
  try {
    migrateInPlaceSync(reborn)
    const found = checkLittlefs(reborn.state.bytes, { blockSize, blockCount })
    if (found.length > 0) return `${label}, second run: ${found[0]?.code}`
  } catch (error) {
    // The second superblock was begun: then it is a littlefs 2 and nothing else.
    if (!(error instanceof FormatError && error.code === 'ALREADY_MIGRATED')) throw error
  }
  const { version, tree } = now(reborn.state.bytes, blockSize)
  if (version !== 2) return `${label}: the second run has not finished`
  return differs(`${label}, second run`, tree, before)
}

function differs(
  label: string,
  tree: readonly string[],
  before: readonly string[],
): string | undefined {
  const index = [...tree, ''].findIndex((line, i) => line !== (before[i] ?? ''))
  if (index === -1 && tree.length === before.length) return undefined
  return `${label}: there is '${tree[index] ?? 'nothing'}', and there was '${before[index] ?? 'nothing'}'`
}

/** The golden images that are small enough to be damaged often. */
export function smallVersion1(folder?: URL): Version1Image[] {
  return version1Cases(folder)
    .filter(({ expect: found, blockSize, blockCount }) => {
      return found === 'ok' && blockSize * blockCount <= 65_536
    })
    .map(({ name, blockSize }) => ({ name, blockSize, image: version1Image(name, folder) }))
}

interface Version1Image {
  readonly name: string
  readonly blockSize: number
  readonly image: Uint8Array
}

export interface DamageCounts {
  images: number
  /** That were sound all the same, migrated in place, and compared. */
  migrated: number
}

/**
 * A golden image or a made one, damaged at random, half of them with good checksums again: everything
 * that reads gives an answer or a typed error and writes nothing; a migration in place writes only where
 * all is kept.
 *
 * @returns what is wrong.
 */
export async function damageVersion1(
  recorded: readonly Version1Image[],
  random: Random,
  counts: DamageCounts,
): Promise<string | undefined> {
  const { name, bytes, blockSize } = drawImage(recorded, random)
  const inPairs = Math.min(bytes.length, 12 * blockSize)
  for (let i = 1 + random.int(12); i > 0; i--) {
    // Of a golden image mostly where metadata stands.
    bytes[random.int(random.oneIn(3) || name === 'made' ? bytes.length : inPairs)] = random.int(256)
  }
  if (random.oneIn(2)) repairChecksums(bytes, blockSize)
  const { wrong, isMigrated } = await exercise(bytes, blockSize)
  counts.images++
  if (isMigrated) counts.migrated++
  return wrong && `${name}: ${wrong}`
}

function drawImage(recorded: readonly Version1Image[], random: Random) {
  if (random.oneIn(3)) {
    const { bytes, geometry } = drawVersion1(random)
    return { name: 'made', bytes, blockSize: geometry.blockSize }
  }
  const { name, image, blockSize } = random.pick(recorded)
  return { name, bytes: new Uint8Array(image), blockSize }
}

/** Gives every block that looks like a directory's a good checksum, so that what it says is believed. */
function repairChecksums(bytes: Uint8Array, blockSize: number): void {
  for (let at = 0; at + blockSize <= bytes.length; at += blockSize) {
    const block = bytes.subarray(at, at + blockSize)
    const view = new DataView(block.buffer, block.byteOffset)
    const size = view.getUint32(4, true) & 0x7fffffff
    if (size < 20 || size > blockSize) continue
    view.setUint32(size - 4, crc32(CRC_INITIAL, block, 0, size - 4) >>> 0, true)
  }
}

/** Everything that reads, and both migrations. */
export async function exercise(
  bytes: Uint8Array<ArrayBuffer>,
  blockSize: number,
): Promise<{ entryCount: number; wrong: string | undefined; isMigrated: boolean }> {
  const before = bytes.slice()
  const device = new MemoryDevice(bytes, { readOnly: true, blockSize })
  let entryCount = 0
  let tree: string[] | undefined
  codeOf(() => {
    const fs = LittleFS1.mountSync(device, { blockSize })
    codeOf(() => fs.dfSync())
    codeOf(() => fs.stateSync())
    codeOf(() => fs.readdirSync('/', { recursive: true }))
    codeOf(() => fs.keyValue().digestSync('/'))
    for (const { pathBytes, type } of fs.walkSync('/')) {
      entryCount++
      if (type === 'file') codeOf(() => fs.readFileSync(pathBytes))
    }
    tree = linesOf(fs)
  })
  LittleFS1.recognisesSync(device)
  checkLittleFS1Sync(device, { blockSize })
  await migrateToImage(device, { blockSize }).catch((error: unknown) => {
    if (!(error instanceof CaravanError)) throw error
  })
  if (Buffer.compare(bytes, before) !== 0) {
    return { entryCount, wrong: 'it was written to', isMigrated: false }
  }
  return { entryCount, ...migrated(before, blockSize, tree) }
}

/** A migration in place of an image that may be damaged, and what is wrong with it. */
function migrated(
  image: Uint8Array<ArrayBuffer>,
  blockSize: number,
  tree: readonly string[] | undefined,
): { wrong: string | undefined; isMigrated: boolean } {
  const before = image.slice()
  let isMigrated = false
  const code = codeOf(() => {
    migrateInPlaceSync(new MemoryDevice(image, { blockSize }), { blockSize })
    isMigrated = true
  })
  const isUntouched = Buffer.compare(image, before) === 0
  if (code === 'NOT_SOUND' && !isUntouched) {
    return { wrong: 'it was refused as damaged, and written to', isMigrated: false }
  }
  // The same name twice has no one answer.
  const paths = new Set(tree?.map((line) => line.split(' ')[0]))
  if (!isMigrated || tree === undefined || paths.size !== tree.length) {
    return { wrong: undefined, isMigrated: false }
  }
  const after = now(image, blockSize)
  return { wrong: differs('after a migration in place', after.tree, tree), isMigrated }
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof CaravanError) return error.code
    throw error
  }
}
