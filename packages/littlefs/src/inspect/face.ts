/** Looking into an image block by block and commit by commit: the faces. */

import { type BlockDevice, MisuseError, type Op, run, runSync } from '@caravan/core'
import { type Survey, surveyImage } from '../check/check.js'
import { type Crc32, crc32 as portableCrc32 } from '../format/crc32.js'
import { viewOf } from '../mounting.js'
import { findBlockSize } from '../probe.js'
import { type LoggedCommit, readCommits } from './commit-log.js'
import { type DumpedBlock, dumpBlock } from './dump.js'

export interface InspectOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Default: the superblock's. */
  readonly blockCount?: number
  /** A faster CRC-32 where the platform has one. Default: a portable one. */
  readonly crc32?: Crc32
}

export interface DumpOptions extends InspectOptions {
  /** Default: all that the image holds. */
  readonly blocks?: readonly number[]
}

/**
 * Blocks decoded as what they are. Works on what cannot be mounted: then nothing is known of which file
 * a block belongs to.
 *
 * @throws FormatError `NOT_LITTLEFS` where no block size is given or found; DeviceError; MisuseError
 *   `INVALID_ARGUMENT` for a block that the image does not have.
 */
export async function* dump(
  device: BlockDevice,
  options: DumpOptions = {},
): AsyncGenerator<DumpedBlock, void, void> {
  const view = viewOf(
    device,
    options.blockSize ?? (await run(findBlockSize(device.geometry), device)),
    options,
  )
  const survey = await run(surveyImage(view.geometry, options), view)
  for (const block of blocksOf(view, options)) yield run(dumpOf(view, survey, block, options), view)
}

/** @throws as {@link dump}; MisuseError where the device answers with promises. */
export function* dumpSync(
  device: BlockDevice,
  options: DumpOptions = {},
): Generator<DumpedBlock, void, void> {
  const view = viewOf(
    device,
    options.blockSize ?? runSync(findBlockSize(device.geometry), device),
    options,
  )
  const survey = runSync(surveyImage(view.geometry, options), view)
  for (const block of blocksOf(view, options)) {
    yield runSync(dumpOf(view, survey, block, options), view)
  }
}

/**
 * Every commit that the blocks of the image's pairs still hold: pair by pair, the oldest first. A number
 * shows the image as it was right after that commit: `LittleFS.mount(device, { at: number })`.
 *
 * @throws as {@link dump}.
 */
export async function commitLog(
  device: BlockDevice,
  options: InspectOptions = {},
): Promise<LoggedCommit[]> {
  const view = viewOf(
    device,
    options.blockSize ?? (await run(findBlockSize(device.geometry), device)),
    options,
  )
  return run(logOf(view, options), view)
}

/** @throws as {@link commitLog}; MisuseError where the device answers with promises. */
export function commitLogSync(device: BlockDevice, options: InspectOptions = {}): LoggedCommit[] {
  const view = viewOf(
    device,
    options.blockSize ?? runSync(findBlockSize(device.geometry), device),
    options,
  )
  return runSync(logOf(view, options), view)
}

function* logOf({ geometry }: BlockDevice, options: InspectOptions): Op<LoggedCommit[]> {
  const survey = yield* surveyImage(geometry, options)
  return yield* readCommits(survey, geometry, options.crc32 ?? portableCrc32)
}

function dumpOf(
  { geometry }: BlockDevice,
  survey: Survey,
  block: number,
  { crc32 = portableCrc32 }: DumpOptions,
): Op<DumpedBlock> {
  return dumpBlock(survey, geometry.blockSize, block, crc32)
}

function* blocksOf({ geometry }: BlockDevice, { blocks }: DumpOptions): Generator<number> {
  const { blockCount } = geometry
  for (const block of blocks ?? []) {
    if (Number.isInteger(block) && block >= 0 && block < blockCount) continue
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `There is no block ${block}: the image holds blocks 0 to ${blockCount - 1}.`,
    )
  }
  if (blocks !== undefined) yield* blocks
  else for (let block = 0; block < blockCount; block++) yield block
}
