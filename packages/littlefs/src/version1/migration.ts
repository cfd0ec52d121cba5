/** Migration into a new image: a littlefs 2 with all that a littlefs 1 holds. */

import { type BlockDevice, FsError, run } from '@caravan/core'
import { NAME_MAX_DEFAULT } from '../format/superblock.js'
import { encodeTimes, type TimeDialect, timeAttributeType } from '../format/time-attribute.js'
import { buildImage, extractEntries, planImage } from '../image.js'
import type { ImageEntry } from '../image-entry.js'
import { viewOf } from '../mounting.js'
import type { SalvageProblem } from '../repair/salvage.js'
import type { DiskVersion } from '../volume.js'
import { readFileAt } from './file.js'
import { findBlockSize, isVersion2 } from './probe.js'
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
 * @throws FormatError `NOT_LITTLEFS`, `UNSUPPORTED_VERSION`; FsError for names that blocks of this size
 *   cannot hold in a littlefs 2; DeviceError.
 */
export async function migrateToImage(
  device: BlockDevice,
  options: NewImageOptions = {},
): Promise<MigratedImage> {
  const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
  const view = viewOf(device, blockSize, options)
  const volume = await run(mountVolume(view.geometry, options), view)
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
  const [problem] = plan.problems
  if (problem !== undefined) {
    const hint = `${problem.message}: make it with larger blocks, of what caravan extract takes out`
    throw new FsError('ENOSPC', { syscall: 'open', path: problem.path, hint })
  }
  const blockCount = Math.max(plan.blocksNeeded, believableCount(volume))
  const bytes = await buildImage(images(), { ...imageOptions, blockCount })
  const entryCount = entries.length
  return { bytes, blockSize: layout.blockSize, blockCount, entryCount, problems }
}

/** A superblock that lies about it does not make the image huge. */
function believableCount({ blockCount, layout }: Volume): number {
  const { heldBlockCount } = layout
  return blockCount >= 2 && blockCount <= heldBlockCount ? blockCount : heldBlockCount
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
  const attributes = time === undefined ? undefined : timeAttribute(time)
  const stream = { [Symbol.asyncIterator]: content }
  return { path, type, size, stream, ...(attributes === undefined ? {} : { attributes }) }
}

function timeAttribute({ dialect, mtimeNs }: MigrationTime): Map<number, Uint8Array> {
  return new Map([[timeAttributeType(dialect), encodeTimes(dialect, { mtimeNs })]])
}
