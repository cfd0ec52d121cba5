/** `caravan rm`: removes files and directories of an image. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted, HostError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { enginePath, parsePath } from '../paths.js'
import { changingVerb, ESCAPED, failOn, PATH_HELP, withChangedImage, withHelp } from '../verb.js'

interface RmOptions extends ImageOptions, ChangeOptions {
  readonly recursive?: boolean
  readonly force?: boolean
  readonly escaped?: boolean
}

const RM_HELP = `
IMAGE is changed in place, under its lock. Cut short, each entry is there or gone;
a directory goes after all that was in it.`

export function addRm(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'rm', 'remove files')
    .description('Removes files of an image, with -r directories and all that is in them.')
    .argument('<image>', 'the image')
    .argument('<path...>', 'files or directories in it')
    .option('-r, --recursive', 'remove directories with all that is in them')
    .option('-f, --force', 'what is not there is fine')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: RmOptions) => {
      const bytes = paths.map((path) => parsePath(path, options))
      return withChangedImage(context, name, options, (image) => rm(context, image, bytes, options))
    })
  withHelp(
    command,
    [
      'caravan rm flash.img /log.0 /log.1',
      'caravan rm -r flash.img /www   a directory',
      'caravan rm -f flash.img /tmp   also where it is not there',
    ],
    `${RM_HELP}\n${PATH_HELP}`,
  )
}

async function rm(
  context: Context,
  { fs, name }: Image,
  paths: readonly Uint8Array[],
  { recursive = false, force = false }: RmOptions,
): Promise<void> {
  for (const path of paths) {
    checkInterrupted(context.signal)
    if (isRoot(path)) {
      const reason = 'the root directory stays. For an empty image: caravan format --force IMAGE'
      context.report.fail([name, '/'], new HostError('EINVAL', reason))
      continue
    }
    try {
      await fs.rm(enginePath(path), { recursive, force })
    } catch (error) {
      // The others may still be removed.
      await failOn(context, name, error, path)
    }
  }
}

/** A slip of the keyboard must not empty an image. */
function isRoot(path: Uint8Array): boolean {
  return path.every((byte) => byte === 0x2f)
}
