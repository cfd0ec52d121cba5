/** Migration: a littlefs 2 of a littlefs 1, as a new image or where it is. */

import {
  type BlockDevice,
  FormatError,
  type Geometry,
  isErrno,
  type Op,
  run,
  runSync,
} from '@caravan/core'
import type { Attribute } from '../format/metadata-log.js'
import { NAME_MAX_DEFAULT } from '../format/superblock.js'
import { encodeTimes, type TimeDialect, timeAttributeType } from '../format/time-attribute.js'
import { buildImage, extractEntries, ImageBytes, planImage } from '../image.js'
import type { ImageEntry } from '../image-entry.js'
import type { ImagePlan } from '../image-plan.js'
import { viewOf } from '../mounting.js'
import { findBlockSize as findVersion2BlockSize, readBytes } from '../probe.js'
import type { SalvageProblem } from '../repair/salvage.js'
import type { DiskVersion } from '../volume.js'
import { readFileAt } from './file.js'
import { finishMigration, migrateVolume } from './in-place.js'
import { findBlockSize, isVersion2, recognise } from './probe.js'
import { type ReadableEntry, readTree } from './salvage.js'
import { mountVolume, type Volume } from './volume.js'

/** The time that files get, since a littlefs 1 holds none. */
export interface MigrationTime {
  /** Which attribute it stands in: docs/fs.md. */
  readonly dialect: TimeDialect
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint
}

export interface MigrationOptions {
  /** Of the littlefs 1, in bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Of the littlefs 1. Default: what its superblock says. */
  readonly blockCount?: number
  /** Default: files get no times. */
  readonly time?: MigrationTime
}

export interface NewImageOptions extends MigrationOptions {
  /** The version on disk of the new image. Default 2.1. */
  readonly diskVersion?: DiskVersion
  /** What the device that will use it programs at least, in bytes. Default: as the device given. */
  readonly progSize?: number
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number
}

export interface MigratedImage {
  readonly bytes: Uint8Array
  readonly blockSize: number
  /** More than the littlefs 1 has where that is not enough. */
  readonly blockCount: number
  /** Files and directories. */
  readonly entryCount: number
  /** What could not be read, or has another name. */
  readonly problems: readonly SalvageProblem[]
}

/**
 * A new image with everything that can be read of a littlefs 1, in blocks of the same size. Of one
 * whose migration in place was cut short after its last step, with what the littlefs 2 holds.
 *
 * @throws FormatError `NOT_LITTLEFS`, `UNSUPPORTED_VERSION`, `ALREADY_MIGRATED`; FsError `ENOSPC` for names that
 *   blocks of this size cannot hold in a littlefs 2; DeviceError.
 */
export async function migrateToImage(
  device: BlockDevice,
  options: NewImageOptions = {},
): Promise<MigratedImage> {
  const blockSize = options.blockSize ?? (await run(findBlockSizeOfAny(device.geometry), device))
  const view = viewOf(device, blockSize, options)
  const volume = await run(mountToMigrate(view.geometry, options), view)
  const { layout } = volume
  const isDone = await run(isVersion2(view.geometry, layout.blockSize), view)
  const { entries, problems } = isDone
    ? { entries: await migratedEntries(view), problems: [] }
    : await run(readTree(volume), view)
  const images = () =>
    entries.map((entry) => ('node' in entry ? imageEntry(entry, volume, view, options) : entry))
  const { diskVersion, eraseValue, progSize = view.geometry.progSize } = options
  const imageOptions = {
    blockSize: layout.blockSize,
    progSize,
    nameMax: NAME_MAX_DEFAULT,
    ...(diskVersion === undefined ? {} : { diskVersion }),
    ...(eraseValue === undefined ? {} : { eraseValue }),
  }
  const plan = await planImage(images(), imageOptions)
  const entryCount = entries.length
  const sizes = { blockSize: layout.blockSize, entryCount }
  if (plan.problems.length > 0) {
    // Names may be longer than a littlefs 2 should be given, and still fit.
    const bytes = await migrateCopy(view, volume, options, plan)
    return { ...sizes, bytes, blockCount: bytes.length / layout.blockSize, problems: [] }
  }
  const blockCount = Math.max(plan.blocksNeeded, believableCount(volume))
  const bytes = await buildImage(images(), { ...imageOptions, blockCount })
  return { ...sizes, bytes, blockCount, problems }
}

/** A copy that is migrated where it is, in a larger image where it does not fit. */
async function migrateCopy(
  view: BlockDevice,
  volume: Volume,
  options: NewImageOptions,
  { metadataBlocks }: ImagePlan,
): Promise<Uint8Array> {
  const { blockSize, heldBlockCount } = volume.layout
  const blockCount = Math.min(believableCount(volume), heldBlockCount)
  const whole = await run(readBytes(view.geometry, 0, blockSize * blockCount), view)
  const attempt = (count: number) => {
    const { progSize = view.geometry.progSize, eraseValue = 0xff } = options
    const copy = new ImageBytes(
      { blockSize, blockCount: count, readSize: progSize, progSize },
      eraseValue,
    )
    copy.bytes.set(whole)
    migrateInPlaceSync(copy, { ...options, blockSize, blockCount: count })
    return copy.bytes
  }
  try {
    return attempt(blockCount)
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error
    return attempt(blockCount + metadataBlocks)
  }
}

function* findBlockSizeOfAny(geometry: Geometry): Op<number | undefined> {
  if (yield* recognise(geometry, true)) return yield* findBlockSize(geometry)
  return yield* findVersion2BlockSize(geometry)
}

/** @throws FormatError `ALREADY_MIGRATED` for what is a littlefs 2 and nothing else. */
function* mountToMigrate(geometry: Geometry, options: MigrationOptions): Op<Volume> {
  try {
    return yield* mountVolume(geometry, options)
  } catch (error) {
    if (!(error instanceof FormatError) || error.code !== 'NOT_LITTLEFS') throw error
    if (!(yield* isVersion2(geometry, geometry.blockSize))) throw error
    throw new FormatError(
      'ALREADY_MIGRATED',
      'This is a littlefs 2, of which nothing is to be migrated: use it as it is.',
      { structure: 'superblock', block: 0 },
    )
  }
}

/** A superblock that lies about it does not make the image huge. */
function believableCount({ blockCount, layout }: Volume): number {
  const { heldBlockCount } = layout
  return blockCount >= 2 && blockCount <= heldBlockCount ? blockCount : heldBlockCount
}

/** What {@link migrateInPlace} has done. */
export interface InPlaceReport {
  /** Files and directories; 0 where only the end of an earlier migration was left to do. */
  readonly entryCount: number
  /** True where an earlier migration was cut short behind the step that made it a littlefs 2. */
  readonly wasMigrated: boolean
}

export interface InPlaceOptions extends MigrationOptions {
  /** The version on disk that it gets. Default 2.1. */
  readonly diskVersion?: DiskVersion
}

/**
 * Makes a littlefs 2 of a littlefs 1 where it is. Cut short at any request it is the littlefs 1 or the
 * littlefs 2, whole, and a second run finishes it.
 *
 * @throws FormatError `NOT_LITTLEFS`, `UNSUPPORTED_VERSION`, `ALREADY_MIGRATED`; `NOT_SOUND` where it is
 *   damaged; FsError `ENOSPC`; DeviceError. Nothing is lost then: until the last step the littlefs 1 is there.
 */
export async function migrateInPlace(
  device: BlockDevice,
  options: InPlaceOptions = {},
): Promise<InPlaceReport> {
  const blockSize = options.blockSize ?? (await run(findBlockSizeOfAny(device.geometry), device))
  const view = viewOf(device, blockSize, options)
  return run(inPlace(view.geometry, options), view)
}

/** @throws as {@link migrateInPlace}; MisuseError where the device answers with promises. */
export function migrateInPlaceSync(
  device: BlockDevice,
  options: InPlaceOptions = {},
): InPlaceReport {
  const blockSize = options.blockSize ?? runSync(findBlockSizeOfAny(device.geometry), device)
  const view = viewOf(device, blockSize, options)
  return runSync(inPlace(view.geometry, options), view)
}

function* inPlace(geometry: Geometry, options: InPlaceOptions): Op<InPlaceReport> {
  // Harmless, and so the one that is refused where a synchronous call meets a late device.
  yield { kind: 'sync' }
  const volume = yield* mountToMigrate(geometry, options)
  const { time, diskVersion = '2.1' } = options
  const attributes = time === undefined ? [] : [timeAttribute(time)]
  const settings = { diskVersion, attributes }
  if (yield* isVersion2(geometry, geometry.blockSize)) {
    yield* finishMigration(volume, settings)
    return { entryCount: 0, wasMigrated: true }
  }
  return { entryCount: yield* migrateVolume(volume, settings), wasMigrated: false }
}

async function migratedEntries(view: BlockDevice): Promise<ImageEntry[]> {
  const entries: ImageEntry[] = []
  for await (const entry of extractEntries(view, { blockSize: view.geometry.blockSize })) {
    const { pathBytes, type, size, attributes, stream } = entry
    if (pathBytes.length === 1 || type === 'other') continue
    const path = pathBytes
    if (type === 'directory') entries.push({ path, type, attributes })
    else
      entries.push({
        path,
        type,
        size,
        attributes,
        stream: { [Symbol.asyncIterator]: () => stream()[Symbol.asyncIterator]() },
      })
  }
  return entries
}

const PIECE_SIZE_BYTES = 64 * 1024

function imageEntry(
  { path, node }: ReadableEntry,
  volume: Volume,
  view: BlockDevice,
  { time }: NewImageOptions,
): ImageEntry {
  const { type, size } = node
  if (type === 'directory') return { path, type }
  async function* content() {
    for (let at = 0; at < size; ) {
      const piece = new Uint8Array(Math.min(PIECE_SIZE_BYTES, size - at))
      at += await run(readFileAt(volume, node, at, piece), view)
      yield piece
    }
  }
  const stream = { [Symbol.asyncIterator]: content }
  if (time === undefined) return { path, type, size, stream }
  const { type: attribute, bytes } = timeAttribute(time)
  return { path, type, size, stream, attributes: new Map([[attribute, bytes]]) }
}

function timeAttribute({ dialect, mtimeNs }: MigrationTime): Attribute {
  return { type: timeAttributeType(dialect), bytes: encodeTimes(dialect, { mtimeNs }) }
}
