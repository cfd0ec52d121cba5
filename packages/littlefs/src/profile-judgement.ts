/** Whether a device would mount an image, judged by its superblock: as findings, none where it would. */

import { finding, type LittlefsFinding } from './check/findings.js'
import {
  blockSizesInWords,
  type DeviceProfile,
  driverNameMaxOf,
  takesBlockSize,
} from './profiles.js'
import type { FilesystemInfo } from './read-face.js'

/** What of an image is judged. */
export type JudgedFacts = Pick<
  FilesystemInfo,
  'diskVersion' | 'blockSize' | 'nameMax' | 'fileMax' | 'attrMax'
>

/**
 * What the driver of a device has against an image: with an error among the findings it does not mount
 * it. That it is as large as the device's partition is for who knows that.
 */
export function judgeForProfile(profile: DeviceProfile, facts: JudgedFacts): LittlefsFinding[] {
  const { title } = profile
  const found: LittlefsFinding[] = []
  const { diskVersion, blockSize } = facts
  if (profile.diskVersion < diskVersion) {
    const newest = profile.diskVersion === '1' ? 'littlefs 1' : `up to ${profile.diskVersion}`
    found.push(
      finding(
        'DEVICE_REFUSES_VERSION',
        `The disk version is ${diskVersion}, and ${title} mounts ${newest}.`,
      ),
    )
  }
  if (!takesBlockSize(profile, blockSize)) {
    found.push(
      finding(
        'DEVICE_REFUSES_BLOCK_SIZE',
        `The blocks have ${blockSize} bytes, and ${title} mounts blocks of ${blockSizesInWords(profile)}.`,
      ),
    )
  }
  const limits = [
    ['names', facts.nameMax, driverNameMaxOf(profile)],
    ['files', facts.fileMax, profile.fileMax],
    ['attributes', facts.attrMax, profile.attrMax],
  ] as const
  for (const [what, allowed, most] of limits) {
    if (allowed <= most) continue
    found.push(
      finding(
        'DEVICE_REFUSES_LIMIT',
        `The superblock allows ${what} of ${allowed} bytes, and ${title} mounts at most ${most}.`,
      ),
    )
  }
  if (profile.diskVersion !== '1' && profile.diskVersion > diskVersion) {
    found.push(
      finding(
        'DEVICE_RAISES_VERSION',
        `The disk version is ${diskVersion}, and ${title} writes ${profile.diskVersion}.`,
      ),
    )
  }
  return found
}
