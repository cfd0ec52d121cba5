/** `caravan mv`: renames and moves within an image. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted, HostError, UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { harmlessName } from '../names.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { baseName, enginePath, joinPath, parsePath } from '../paths.js'
import { typeAt } from '../targets.js'
import { changingVerb, ESCAPED, failOn, PATH_HELP, withChangedImage, withHelp } from '../verb.js'

interface MvOptions extends ImageOptions, ChangeOptions {
  readonly escaped?: boolean
}

const MV_HELP = `
DEST is a directory, or the new name of a single SOURCE. A file replaces a file of
that name, in one step. IMAGE is changed in place, under its lock; cut short, each
SOURCE has its old name or the new one.`

export function addMv(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'mv', 'rename or move')
    .usage('[options] <image> <source...> <dest>')
    .description('Renames a file or directory of an image, or moves several into a directory.')
    .argument('<image>', 'the image')
    .argument('<paths...>', 'files or directories in it, DEST last')
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: MvOptions) => {
      const bytes = paths.map((path) => parsePath(path, options))
      const dest = bytes.pop() as Uint8Array
      if (bytes.length === 0) {
        throw new UsageError('Move what, and where to? caravan mv IMAGE SOURCE... DEST')
      }
      return withChangedImage(context, name, options, (image) => mv(context, image, bytes, dest))
    })
  withHelp(
    command,
    [
      'caravan mv flash.img /config.new /config.json   in place of what was there',
      'caravan mv flash.img /a.html /b.html /www       into a directory',
    ],
    `${MV_HELP}\n${PATH_HELP}`,
  )
}

async function mv(
  context: Context,
  { fs, name }: Image,
  sources: readonly Uint8Array[],
  dest: Uint8Array,
): Promise<void> {
  const isInto = (await typeAt(fs, dest)) === 'directory'
  if (!isInto && sources.length > 1) {
    const reason = 'no such directory. Make it first: caravan mkdir -p IMAGE PATH'
    context.report.fail([name, harmlessName(dest)], new HostError('ENOTDIR', reason))
    return
  }
  for (const source of sources) {
    checkInterrupted(context.signal)
    try {
      const target = isInto ? joinPath(dest, baseName(source)) : dest
      await fs.rename(enginePath(source), enginePath(target))
    } catch (error) {
      // The others may still be moved.
      await failOn(context, name, error, source)
    }
  }
}
