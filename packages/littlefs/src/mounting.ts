/** What both faces do to mount a device. */

import { type BlockDevice, FormatError, MisuseError, type Op, withBlockSize } from '@caravan/core'
import { type MountOptions, mountVolume, type TimeOptions } from './mount.js'
import { findBlockSize } from './probe.js'
import { noSuperblock, type Volume } from './volume.js'

/** The device in blocks of the filesystem's size. @throws FormatError where it cannot be. */
export function viewOf(
  device: BlockDevice,
  blockSize: number | undefined,
  options: MountOptions,
): BlockDevice {
  if (blockSize === undefined) throw noSuperblock(0)
  if (options.blockSize !== undefined) return withBlockSize(device, blockSize)
  try {
    return withBlockSize(device, blockSize)
  } catch (error) {
    // The size came from the image: it is the image that is wrong.
    if (!(error instanceof MisuseError)) throw error
    throw new FormatError(
      'WRONG_GEOMETRY',
      `The superblock says blocks of ${blockSize} bytes, which this device cannot have. ${error.message}`,
      { structure: 'superblock', block: 0, cause: error },
    )
  }
}

/** Mounts what a view shows; read-only where the device is. */
export function* mountOn(
  view: BlockDevice,
  options: MountOptions,
  times?: TimeOptions,
): Op<Volume> {
  const readOnly = options.readOnly ?? view.readOnly
  try {
    const volume = yield* mountVolume(view.geometry, { ...options, readOnly }, times)
    volume.verifiedProg.readsBack = view.isFaithful !== true
    return volume
  } catch (error) {
    if (options.blockSize === undefined || !isUnreadable(error)) throw error
    // Blocks of another size are cut in other places, so that no commit in them is whole.
    const blockSize = yield* findBlockSize(view.geometry)
    if (blockSize === undefined || blockSize === options.blockSize) throw error
    throw new FormatError(
      'WRONG_GEOMETRY',
      `The superblock says blocks of ${blockSize} bytes, and the block size given is ${options.blockSize}. Give ${blockSize}, or none to have it found.`,
      { structure: 'superblock', block: 0, cause: error },
    )
  }
}

/** Nothing of a superblock could be read. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof FormatError)) return false
  return error.code === 'NOT_LITTLEFS' || (error.code === 'CORRUPT_PAIR' && (error.block ?? 0) < 2)
}
