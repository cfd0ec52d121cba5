/**
 * Recover: what a mount does not show of an image: removed files, earlier versions, and what lies under
 * directories to which no path leads any more; each with where it was found, and how much of it is left.
 */

import { type BlockDevice, type Geometry, type Op, run } from '@caravan/core'
import { type Survey, surveyImage } from '../check/check.js'
import { type Crc32, crc32 as portableCrc32 } from '../format/crc32.js'
import { blockIndexAt, dataOffset } from '../format/ctz-list.js'
import { byteStringToBytes, byteStringToText } from '../format/name.js'
import { viewOf } from '../mounting.js'
import { findBlockSize } from '../probe.js'
import { type ContentPlace, findContent, type RecoveredRange } from './content.js'
import { type FileVersion, findVersions } from './versions.js'

export interface RecoverOptions {
  /** Bytes. Default: found from the image. Needed where no superblock is left. */
  readonly blockSize?: number
  /** A faster CRC-32 where the platform has one. Default: a portable one. */
  readonly crc32?: Crc32
}

export interface RecoveredFile {
  /** Where it was, from the root; `/lost+found/block-N/...` where that is not known. */
  readonly path: string
  readonly pathBytes: Uint8Array
  /**
   * - `removed`: its directory is there, and it is not;
   * - `earlier`: a newer version of it is there;
   * - `lost directory`: no path leads to its directory;
   * - `damaged`: it is there, and cannot be read whole.
   */
  readonly why: 'removed' | 'earlier' | 'lost directory' | 'damaged'
  /** `whole`: no trace of anything missing; file data has no checksum that would prove it. */
  readonly left: 'whole' | 'partial' | 'nothing'
  /** Bytes that it had, and bytes that are left. */
  readonly size: number
  readonly sizeLeft: number
  /** The log that names it: block, revision count, and where its commit ends there. */
  readonly block: number
  readonly revision: number
  readonly offset: number
  /** Blocks of data that are left of it, with their place in the file. */
  readonly ranges: readonly RecoveredRange[]
  readonly attributes: ReadonlyMap<number, Uint8Array>
  /** What is left, in a file of the size that it had; zeros stand for what is lost. */
  content(): Promise<Uint8Array>
}

/**
 * Everything that can be found, by path, the newest of each path first. Only reads, and works on what
 * cannot be mounted.
 *
 * @throws FormatError `NOT_LITTLEFS` where no block size is given or found; DeviceError.
 */
export async function recover(
  device: BlockDevice,
  options: RecoverOptions = {},
): Promise<RecoveredFile[]> {
  const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
  const view = viewOf(device, blockSize, options)
  const found = await run(findAll(view.geometry, options), view)
  return found.map(({ version, ...each }) => recoveredFile(version, each, view))
}

interface Found {
  readonly version: FileVersion
  readonly size: number
  readonly ranges: readonly RecoveredRange[]
  readonly inline?: Uint8Array
}

function* findAll(geometry: Geometry, options: RecoverOptions): Op<Found[]> {
  const { blockSize, blockCount } = geometry
  const survey: Survey = yield* surveyImage(geometry, options)
  const crc32 = options.crc32 ?? portableCrc32
  const { versions, logBlocks } = yield* findVersions(survey, blockSize, blockCount, crc32)
  const place: ContentPlace = { survey, blockSize, heldBlockCount: blockCount, logBlocks }
  const damaged = new Set(
    survey.report.findings.flatMap(({ severity, path }) =>
      severity === 'error' && path !== undefined ? [path] : [],
    ),
  )
  const found: Found[] = []
  for (const version of versions) {
    // What is shown is of use here only where it cannot be read.
    if (version.state === 'shown' && !damaged.has(byteStringToText(version.path))) continue
    found.push({ version, ...(yield* findContent(place, version)) })
  }
  return found
}

function recoveredFile(
  { path, state, block, revision, end, attributes }: FileVersion,
  { size, ranges, inline }: Omit<Found, 'version'>,
  view: BlockDevice,
): RecoveredFile {
  const sizeLeft =
    inline?.length ?? ranges.reduce((sum, { start, end: until }) => sum + until - start, 0)
  return {
    path: byteStringToText(path),
    pathBytes: byteStringToBytes(path),
    why: state === 'shown' ? 'damaged' : state,
    left: sizeLeft === size ? 'whole' : sizeLeft === 0 ? 'nothing' : 'partial',
    size,
    sizeLeft,
    ...{ block, revision, offset: end, ranges },
    attributes: new Map(attributes.map(({ type, bytes }) => [type, bytes.slice()])),
    content: async () => inline?.slice() ?? (await run(readRanges(ranges, size, view), view)),
  }
}

function* readRanges(
  ranges: readonly RecoveredRange[],
  size: number,
  { geometry }: BlockDevice,
): Op<Uint8Array> {
  const content = new Uint8Array(ranges.length === 0 ? 0 : size)
  for (const { start, end, block } of ranges) {
    const bytes = new Uint8Array(geometry.blockSize)
    yield { kind: 'read', spans: [{ block, offset: 0, bytes }] }
    const offset = dataOffset(blockIndexAt(start, geometry.blockSize))
    content.set(bytes.subarray(offset, offset + end - start), start)
  }
  return content
}
