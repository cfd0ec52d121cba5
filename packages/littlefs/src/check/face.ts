/** Checking a device: the two faces of {@link checkImage}. */

import { type BlockDevice, FormatError, run, runSync } from '@caravan/core'
import { viewOf } from '../mounting.js'
import { findBlockSize } from '../probe.js'
import { type CheckOptions, type CheckReport, checkImage, withoutSuperblock } from './check.js'

/**
 * Everything that is wrong with an image; nothing where it is as a device leaves it. Only reads, and
 * works on what cannot be mounted.
 *
 * @throws DeviceError where the device fails, but for single bad blocks; MisuseError
 *   `INVALID_ARGUMENT`.
 */
export async function check(device: BlockDevice, options: CheckOptions = {}): Promise<CheckReport> {
  const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
  const view = viewFor(device, blockSize, options)
  if (!('geometry' in view)) return view
  return run(checkImage(view.geometry, options), view)
}

/** @throws as {@link check}; MisuseError where the device answers with promises. */
export function checkSync(device: BlockDevice, options: CheckOptions = {}): CheckReport {
  const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
  const view = viewFor(device, blockSize, options)
  if (!('geometry' in view)) return view
  return runSync(checkImage(view.geometry, options), view)
}

function viewFor(
  device: BlockDevice,
  blockSize: number | undefined,
  options: CheckOptions,
): BlockDevice | CheckReport {
  try {
    return viewOf(device, blockSize, options)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return withoutSuperblock(error.message)
  }
}
