/** `caravan cat`: the content of files, to standard output. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { ESCAPED, failOn, imageVerb, PATH_HELP, withHelp, withImage } from '../verb.js'

interface CatOptions extends ImageOptions {
  readonly escaped?: boolean
}

export function addCat(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'cat', 'print files')
    .description('Prints the content of files, one after the other, byte for byte.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('<path...>', 'files in it')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: CatOptions) => {
      const bytes = paths.map((path) => parsePath(path, options))
      return withImage(context, name, options, (image) => cat(context, image, bytes))
    })
  withHelp(
    command,
    ['caravan cat flash.img /config.json', 'caravan cat flash.img /log.1 /log.0 | less'],
    PATH_HELP,
  )
}

async function cat(
  context: Context,
  { tree, name }: Image,
  paths: readonly Uint8Array[],
): Promise<void> {
  for (const path of paths) {
    try {
      for await (const piece of tree.readPath(path)) {
        checkInterrupted(context.signal)
        await context.out.put(piece)
      }
    } catch (error) {
      // The others may still be read.
      await failOn(context, name, error, path)
    }
  }
}
