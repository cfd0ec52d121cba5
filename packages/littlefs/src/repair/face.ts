/** Repairing: what is to be done, done, and a new image of what can be read. */

import { assert, type BlockDevice, FormatError, FsError, type Op, run } from '@caravan/core'
import { type CheckOptions, type CheckReport, checkImage } from '../check/check.js'
import type { LittlefsFinding } from '../check/findings.js'
import {
  ATTR_MAX_DEFAULT,
  FILE_MAX_DEFAULT,
  NAME_MAX_DEFAULT,
  NAME_MAX_LIMIT,
  type Superblock,
} from '../format/superblock.js'
import { buildImage, planImage } from '../image.js'
import type { ImageEntry } from '../image-entry.js'
import { type MountOptions, mountForSalvage, mountVolume } from '../mount.js'
import { viewOf } from '../mounting.js'
import { findBlockSize } from '../probe.js'
import { readWhole } from '../read.js'
import type { Volume } from '../volume.js'
import { blockersOf, type DanglingChoice, doSteps, planSteps, type RepairStep } from './repair.js'
import { type Salvage, type SalvagedEntry, type SalvageProblem, salvageTree } from './salvage.js'

export interface RepairOptions
  extends CheckOptions,
    Pick<MountOptions, 'cacheSize' | 'inlineMax' | 'metadataMax'> {
  /**
   * Entries whose directory or blocks cannot be found: `keep` them, `remove` them, or `empty` the files
   * and remove the directories. Default `keep`.
   */
  readonly dangling?: DanglingChoice
}

export interface RepairReport {
  /** What is to be done, or was. */
  readonly steps: readonly RepairStep[]
  /** What stays as it is: for a new image, or for nothing. */
  readonly left: readonly LittlefsFinding[]
  /** Those of `left` for which nothing in place is touched. */
  readonly blockers: readonly LittlefsFinding[]
}

export interface SalvagedImage {
  readonly bytes: Uint8Array
  /** Files and directories in it, the root not counted. */
  readonly entryCount: number
  readonly problems: readonly SalvageProblem[]
}

/** Up to this size an image is made as large as its superblock says, though fewer blocks are there. */
const BELIEVED_SIZE_BYTES = 256 * 1024 * 1024

/** A log that is torn is written into one block, then the other. */
const ROUNDS_MAX = 3

/**
 * What {@link repair} would do. Nothing is written.
 *
 * @throws DeviceError; FormatError `NOT_LITTLEFS` where no block size is given or found.
 */
export async function planRepair(
  device: BlockDevice,
  options: RepairOptions = {},
): Promise<RepairReport> {
  const view = await viewFor(device, options)
  return run(plan(view, options), view)
}

/**
 * Mends an image in place, as far as that is provably right. Cut short, each pair is as it was or
 * mended. What a mount showed before, it shows after, but for entries whose removal is asked for.
 *
 * @throws as {@link planRepair}; FsError `ENOSPC`.
 */
export async function repair(
  device: BlockDevice,
  options: RepairOptions = {},
): Promise<RepairReport> {
  const view = await viewFor(device, options)
  return run(repairOn(view, options), view)
}

/** {@link repair} on a device in blocks of the filesystem's size. */
export function* repairOn(view: BlockDevice, options: RepairOptions): Op<RepairReport> {
  const { dangling = 'keep' } = options
  const done: RepairStep[] = []
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const report = yield* checkImage(view.geometry, options)
    const volume = yield* mountToRepair(view, report, options, false)
    if (volume === undefined) break
    const steps = yield* planSteps(volume, report, dangling)
    if (steps.length === 0) break
    try {
      yield* doSteps(volume, steps, dangling, (step) => done.push(step))
    } catch (error) {
      // What is damaged beside it kept a step from being done: it is told with what is left.
      if (!(error instanceof FormatError)) throw error
      break
    }
  }
  // What the last round found may be mended by now, and what was done has its own traces.
  const after = yield* checkImage(view.geometry, options)
  return { steps: done, left: after.findings, blockers: blockersOf(after) }
}

function* plan(view: BlockDevice, options: RepairOptions): Op<RepairReport> {
  const report = yield* checkImage(view.geometry, options)
  const volume = yield* mountToRepair(view, report, options, true)
  const blockers = blockersOf(report)
  if (volume === undefined) return { steps: [], left: report.findings, blockers }
  const steps = yield* planSteps(volume, report, options.dangling ?? 'keep')
  const paths = new Set(steps.map(({ path }) => path))
  const isMended = ({ path, severity }: LittlefsFinding) => severity !== 'error' || paths.has(path)
  return { steps, left: report.findings.filter((each) => !isMended(each)), blockers }
}

/** `undefined` where nothing is to be written. */
function* mountToRepair(
  view: BlockDevice,
  report: CheckReport,
  options: RepairOptions,
  readOnly: boolean,
): Op<Volume | undefined> {
  if (blockersOf(report).length > 0) return undefined
  const { blockCount, cacheSize, inlineMax, metadataMax } = options
  const given = Object.fromEntries(
    Object.entries({ blockCount, cacheSize, inlineMax, metadataMax }).filter(
      ([, value]) => value !== undefined,
    ),
  )
  try {
    // No pair moves: what was broken is to be whole where it is.
    const mountOptions = { ...given, nameMax: NAME_MAX_LIMIT, blockCycles: -1, readOnly }
    return yield* mountVolume(view.geometry, mountOptions)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return undefined
  }
}

/**
 * A new image, of the same version, with everything that can be read of one; of the size that the
 * superblock says, or of `blockCount` blocks.
 *
 * @throws FormatError `NOT_LITTLEFS` where no superblock is left; FsError `ENOSPC` where files that
 *   share blocks do not fit beside each other; DeviceError.
 */
export async function salvage(
  device: BlockDevice,
  options: CheckOptions = {},
): Promise<SalvagedImage> {
  const view = await viewFor(device, options)
  const volume = await run(mountForSalvage(view.geometry, options), view)
  const wanted = wantedBlockCount(volume, options)
  const most = options.blockCount ?? Math.max(wanted, volume.layout.heldBlockCount)
  // A directory takes two blocks: with more of them nothing fits.
  const all = await run(salvageTree(volume, Math.floor(most / 2)), view)
  const allPlan = await planNew(volume, view, all, options)
  const isTooMuch = allPlan.blocksNeeded > most
  const { entries, problems } = isTooMuch ? await run(salvageTree(volume, 0), view) : all
  const plan = isTooMuch ? await planNew(volume, view, { entries, problems }, options) : allPlan
  const { images, layout, blocksNeeded } = plan
  if (blocksNeeded > most) {
    const hint = `what can be read takes ${blocksNeeded} blocks of ${layout.blockSize} bytes, and the new image has ${most}: give it a larger block count`
    throw new FsError('ENOSPC', { syscall: 'salvage', hint })
  }
  const blockCount = Math.max(wanted, blocksNeeded)
  const bytes = await buildImage(images(), { ...layout, blockCount })
  return { bytes, entryCount: entries.length - 1, problems }
}

/**
 * A dump that ended early becomes an image for the whole device again; a count that damage made is not to
 * take all memory.
 */
function wantedBlockCount({ superblock, layout }: Volume, { blockCount }: CheckOptions): number {
  if (blockCount !== undefined) return blockCount
  const { blockSize, heldBlockCount } = layout
  const { blockCount: told } = superblock
  const believed = Math.max(heldBlockCount, Math.floor(BELIEVED_SIZE_BYTES / blockSize))
  return told >= 2 && told <= believed ? told : heldBlockCount
}

/** The new image that is to be, and how many blocks it needs. */
async function planNew(
  volume: Volume,
  view: BlockDevice,
  { entries }: Salvage,
  { crc32 }: CheckOptions,
) {
  const layout = {
    ...limitsFor(volume.superblock, entries),
    blockSize: volume.layout.blockSize,
    diskVersion: volume.diskVersion,
    progSize: view.geometry.progSize,
    ...(crc32 === undefined ? {} : { crc32 }),
  }
  const images = () => entries.map((entry) => imageEntry(entry, volume, view))
  const { blocksNeeded } = await planImage(images(), layout)
  return { layout, images, blocksNeeded }
}

/** Those of the image, where they hold what is in it and usual drivers take them. */
function limitsFor(superblock: Superblock, entries: readonly SalvagedEntry[]) {
  const longest = entries.reduce(
    (most, { path }) => Math.max(most, path.length - 1 - path.lastIndexOf(SLASH)),
    0,
  )
  const largest = entries.reduce((most, { size }) => Math.max(most, size), 0)
  const sound = (limit: number, usual: number) => (limit >= 1 && limit <= usual ? limit : usual)
  return {
    nameMax: Math.max(sound(superblock.nameMax, NAME_MAX_DEFAULT), longest),
    fileMax: Math.max(sound(superblock.fileMax, FILE_MAX_DEFAULT), largest),
    attrMax: ATTR_MAX_DEFAULT,
  }
}

const SLASH = 0x2f

function imageEntry(
  { path, type, size, attributes, entry }: SalvagedEntry,
  volume: Volume,
  view: BlockDevice,
): ImageEntry {
  if (type === 'directory') return { path, type, attributes }
  async function* content() {
    const bytes = await run(readWhole(volume, entry), view)
    assert(bytes.length === size, 'a file that was read keeps its size')
    yield bytes
  }
  return { path, type, size, attributes, stream: { [Symbol.asyncIterator]: content } }
}

async function viewFor(device: BlockDevice, options: CheckOptions): Promise<BlockDevice> {
  const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
  return viewOf(device, blockSize, options)
}
