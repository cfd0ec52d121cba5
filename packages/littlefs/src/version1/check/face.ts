/** Checking a device that may hold a littlefs 1. */

import { type BlockDevice, FormatError, run, runSync } from '@caravan/core'
import { viewOf } from '../../mounting.js'
import { findBlockSize } from '../probe.js'
import {
  checkVersion1,
  type Version1CheckOptions,
  type Version1CheckReport,
  withoutSuperblock,
} from './check.js'

/**
 * Everything that is wrong with a littlefs 1. Only reads, and works on what cannot be mounted.
 *
 * @throws DeviceError where the device fails, but for single bad blocks; MisuseError
 *   `INVALID_ARGUMENT`.
 */
export async function checkLittleFS1(
  device: BlockDevice,
  options: Version1CheckOptions = {},
): Promise<Version1CheckReport> {
  const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
  const view = viewFor(device, blockSize, options)
  return 'geometry' in view ? run(checkVersion1(view.geometry, options), view) : view
}

/** @throws as {@link checkLittleFS1}; MisuseError where the device answers with promises. */
export function checkLittleFS1Sync(
  device: BlockDevice,
  options: Version1CheckOptions = {},
): Version1CheckReport {
  const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
  const view = viewFor(device, blockSize, options)
  return 'geometry' in view ? runSync(checkVersion1(view.geometry, options), view) : view
}

function viewFor(
  device: BlockDevice,
  blockSize: number | undefined,
  options: Version1CheckOptions,
): BlockDevice | Version1CheckReport {
  try {
    return viewOf(device, blockSize, options)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return withoutSuperblock(error.message)
  }
}
