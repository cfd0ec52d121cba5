/** `caravan upgrade`: another disk version for the filesystem in an image, up or back. */

import { type Command, Option } from 'commander'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { type ChangeOptions, isAddress, refuseAddress } from '../open-image.js'
import { type ProfileOptions, profileOf } from '../profiles.js'
import { changingVerb, lacks, withChangedImage, withHelp } from '../verb.js'

interface UpgradeOptions extends ImageOptions, ChangeOptions, ProfileOptions {
  readonly diskVersion?: '2.0' | '2.1'
  readonly quiet?: boolean
}

const UPGRADE_HELP = `
No other verb changes the version of an image. 2.1 has forward CRCs, by which a driver
tells whether a commit was cut; drivers before littlefs 2.6 mount 2.0 alone. The way back
to 2.0 writes every directory anew that has forward CRCs.

Safe against power cuts: the tree stands, under the old version or the new one, and a
second run finishes. A driver of 2.1 may raise the version of an image that it writes to.`

export function addUpgrade(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'upgrade', 'change the disk version')
    .description(
      'Gives the littlefs in an image another disk version, in place and under its lock.',
    )
    .argument('<image>', 'the image')
    .addOption(
      new Option(
        '--disk-version <version>',
        'the new version (default: the newest that --profile mounts)',
      ).choices(['2.0', '2.1']),
    )
    .option('-q, --quiet', 'no summary')
    .action((name: string, options: UpgradeOptions) => upgrade(context, name, options))
  withHelp(
    command,
    [
      'caravan upgrade --disk-version 2.1 flash.img',
      'caravan upgrade --disk-version 2.0 flash.img   for a device that refuses 2.1',
      'caravan upgrade --profile esp8266 flash.img    what that device has',
    ],
    UPGRADE_HELP,
  )
}

/** @throws UsageError. */
function versionOf({ diskVersion, ...options }: UpgradeOptions): '2.0' | '2.1' {
  const profile = profileOf(options)
  if (profile === undefined) {
    if (diskVersion !== undefined) return diskVersion
    throw new UsageError('Which version? Give --disk-version 2.0 or 2.1, or --profile.')
  }
  const { title, diskVersion: newest } = profile
  if (newest !== '1' && (diskVersion === undefined || diskVersion <= newest)) {
    return diskVersion ?? newest
  }
  const mounted = newest === '1' ? 'littlefs 1' : `at most ${newest}`
  throw new UsageError(
    `${title} mounts ${mounted}, and would refuse the image. Leave out --profile, or name the device that the image is for.`,
  )
}

async function upgrade(context: Context, name: string, options: UpgradeOptions): Promise<void> {
  const { quiet = false } = options
  if (isAddress(name)) refuseAddress(name)
  const diskVersion = versionOf(options)
  // Until it has the new version the device may well refuse it.
  const { profile: _, config: __, ...others } = options
  await withChangedImage(context, name, others, async (image) => {
    const { diskVersionCalls: calls } = image.mounted
    if (calls === undefined) return lacks(image, 'has one version alone')
    const before = calls.version()
    await calls.change(diskVersion)
    if (quiet) return
    const words = before === diskVersion ? 'already' : `now, and had ${before} before`
    await context.out.line(`${name} has disk version ${diskVersion} ${words}`)
  })
}
