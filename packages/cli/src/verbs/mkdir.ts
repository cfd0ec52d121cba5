/** `caravan mkdir`: makes directories in an image. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { enginePath, parsePath } from '../paths.js'
import { changingVerb, ESCAPED, failOn, PATH_HELP, withChangedImage, withHelp } from '../verb.js'

interface MkdirOptions extends ImageOptions, ChangeOptions {
  readonly parents?: boolean
  readonly escaped?: boolean
}

export function addMkdir(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'mkdir', 'make directories')
    .description('Makes directories in an image, which is changed in place, under its lock.')
    .argument('<image>', 'the image')
    .argument('<path...>', 'directories to make')
    .option('-p, --parents', 'those on the way too; what is there is fine')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: MkdirOptions) => {
      const bytes = paths.map((path) => parsePath(path, options))
      return withChangedImage(context, name, options, (image) =>
        mkdir(context, image, bytes, options.parents === true),
      )
    })
  withHelp(
    command,
    ['caravan mkdir flash.img /www', 'caravan mkdir -p flash.img /www/img/icons'],
    PATH_HELP,
  )
}

async function mkdir(
  context: Context,
  { fs, name }: Image,
  paths: readonly Uint8Array[],
  recursive: boolean,
): Promise<void> {
  for (const path of paths) {
    checkInterrupted(context.signal)
    try {
      await fs.mkdir(enginePath(path), { recursive })
    } catch (error) {
      // The others may still be made.
      await failOn(context, name, error, path)
    }
  }
}
