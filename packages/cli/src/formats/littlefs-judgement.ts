/** What the device of a profile would make of a littlefs. */

import { type BlockDevice, CaravanError, type Finding } from '@caravan/core'
import { type DeviceProfile, type JudgedFacts, judgeForProfile, LittleFS } from '@caravan/littlefs'
import { UsageError } from '../errors.js'
import { given } from '../geometry.js'
import { type ProfileOptions, profileOf } from '../profiles.js'
import type { ImageOptions } from './format.js'
import { NAME_MAX } from './littlefs-options.js'

/** What a device says to an image. */
export interface Judgement {
  readonly profile: DeviceProfile
  readonly mounts: boolean
  readonly findings: readonly Finding[]
}

/** `undefined` where no device is named. @throws UsageError. */
export function judgementOf(facts: JudgedFacts, options: ProfileOptions): Judgement | undefined {
  const profile = profileOf(options)
  if (profile === undefined) return undefined
  const findings = judgeForProfile(profile, facts)
  return { profile, mounts: !findings.some(({ severity }) => severity === 'error'), findings }
}

/** The same for an image that is not mounted; where it cannot be, a check says why. @throws UsageError. */
export async function judgeImage(
  device: BlockDevice,
  options: ImageOptions & ProfileOptions,
): Promise<readonly Finding[]> {
  if (profileOf(options) === undefined) return []
  const { blockSize } = options
  try {
    const mountOptions = { readOnly: true, nameMax: NAME_MAX, ...given({ blockSize }) }
    const fs = await LittleFS.mount(device, mountOptions)
    const judgement = judgementOf(fs.info(), options)
    await fs.unmount()
    return judgement?.findings ?? []
  } catch (error) {
    if (error instanceof CaravanError) return []
    throw error
  }
}

/** @throws UsageError for an image that the device would refuse: changed for it, it is of no use to it. */
export function refuseUnmountable(facts: JudgedFacts, options: ProfileOptions): void {
  const judgement = judgementOf(facts, options)
  if (judgement === undefined || judgement.mounts) return
  const { profile, findings } = judgement
  const reasons = findings.filter(({ severity }) => severity === 'error').map(({ what }) => what)
  throw new UsageError(
    `${profile.title} does not mount this image. ${reasons.join(' ')} Nothing was changed. Leave out --profile, or name the device that the image is for.`,
  )
}

/** `ESP-IDF with esp_littlefs mounts it`; `Arduino ESP8266 does not mount it: the disk version...`. */
export function judgementInWords({ profile, mounts, findings }: Judgement): string {
  const reasons = findings.map(({ what, consequence }) =>
    mounts ? `${what} ${consequence}` : what,
  )
  const verdict = mounts ? 'mounts it' : 'does not mount it'
  return `${profile.title} ${verdict}${reasons.length === 0 ? '' : `. ${reasons.join(' ')}`}`
}
