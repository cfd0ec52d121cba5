/** `caravan log`: the older states of an image that can still be read. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import { formatTime } from '../modification-time.js'
import { harmlessText } from '../names.js'
import { usePart } from '../open-image.js'
import { parsePath } from '../paths.js'
import { ESCAPED, failOn, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface LogOptions extends ImageOptions {
  readonly json?: boolean
  readonly escaped?: boolean
}

const LOG_HELP = `
Each state has an id: --at ID of the verbs that read shows the image as it was.

A littlefs keeps a log in each directory. What it still holds is listed directory by
directory, the newest first; the order between directories is not on disk. --at shows that
directory as it was right after the commit, and everything else as it is. A file of that
time reads right as long as nothing else was written over its blocks.`

export function addLog(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'log', 'list the older states')
    .description('Lists the states of an image that can still be read, the newest first.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('[path]', 'of this file or directory alone (littlefs)')
    .option(...ESCAPED)
    .option(...JSON_OPTION)
    .action((name: string, path: string | undefined, options: LogOptions) =>
      log(context, name, path === undefined ? undefined : parsePath(path, options), options),
    )
  const examples = [
    'caravan log flash.img',
    'caravan log flash.img /config.json',
    'caravan cat --at 12 flash.img /config.json',
  ]
  withHelp(command, examples, LOG_HELP)
}

async function log(
  context: Context,
  name: string,
  path: Uint8Array | undefined,
  options: LogOptions,
): Promise<void> {
  const { out, style } = context
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.log === undefined) return lacks({ name, format }, 'keeps no older states')
      if (path !== undefined && format.logsPaths !== true) {
        return lacks({ name, format }, 'has no log of single files')
      }
      const states = await format.log(part, options, path)
      if (options.json === true) {
        const flat = states.map(({ details = {}, ...state }) => ({ ...state, ...details }))
        return out.line(JSON.stringify(flat, undefined, 2))
      }
      const width = Math.max(0, ...states.map(({ id }) => id.length))
      for (const { id, time, note } of states) {
        const when = time === undefined ? '' : `${formatTime(time)} UTC  `
        const line = `${when}${note}`
        await out.line(`${style('yellow', id.padEnd(width))}  ${harmlessText(line)}`)
      }
    })
    await out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}
