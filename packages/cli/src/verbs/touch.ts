/** `caravan touch`: makes empty files, and gives those that are there a new time. */

import type { Command } from 'commander'
import { asCount } from '../arguments.js'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { enginePath, parsePath } from '../paths.js'
import { typeAt } from '../targets.js'
import {
  changingVerb,
  ESCAPED,
  failOn,
  lacks,
  PATH_HELP,
  withChangedImage,
  withHelp,
} from '../verb.js'

interface TouchOptions extends ImageOptions, ChangeOptions {
  readonly create: boolean
  /** Seconds since 1970. */
  readonly mtime?: number
  readonly escaped?: boolean
}

const TOUCH_HELP = `
Without --mtime the time is that of this computer, and is written where the image
holds times: littlefs itself has none, and an image whose files bear no time
attribute gets none.`

export function addTouch(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'touch', 'make empty files, set times')
    .description(
      'Makes files of an image that are not there, empty, and gives those that are a new modification time. The image is changed in place, under its lock.',
    )
    .argument('<image>', 'the image')
    .argument('<path...>', 'files or directories in it')
    .option('-c, --no-create', 'make none that is not there')
    .option('--mtime <seconds>', 'the time in seconds since 1970 (default: now)', asCount)
    .option(...ESCAPED)
    .action((name: string, paths: string[], options: TouchOptions) => {
      const bytes = paths.map((path) => parsePath(path, options))
      return withChangedImage(context, name, options, (image) =>
        touch(context, image, bytes, options),
      )
    })
  withHelp(
    command,
    ['caravan touch flash.img /ready', 'caravan touch --mtime 1700000000 flash.img /config.json'],
    `${TOUCH_HELP}\n${PATH_HELP}`,
  )
}

async function touch(
  context: Context,
  image: Image,
  paths: readonly Uint8Array[],
  { create, mtime }: TouchOptions,
): Promise<void> {
  const { fs, name, mounted } = image
  const setTime = mounted.setModified?.bind(mounted)
  if (mtime !== undefined && setTime === undefined) lacks(image, 'holds no times')
  for (const path of paths) {
    checkInterrupted(context.signal)
    try {
      if ((await typeAt(fs, path)) === undefined) {
        if (!create) continue
        await (await fs.promises.open(enginePath(path), 'a')).close()
      }
      const now = new Date()
      if (mtime !== undefined) await setTime?.(path, mtime)
      else await fs.promises.utimes(enginePath(path), now, now)
    } catch (error) {
      // The others may still be touched.
      await failOn(context, name, error, path)
    }
  }
}
