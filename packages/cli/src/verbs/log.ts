/** `caravan log`: the older states of an image that can still be read. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import { formatTime } from '../modification-time.js'
import { usePart } from '../open-image.js'
import { failOn, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface LogOptions extends ImageOptions {
  readonly json?: boolean
}

export function addLog(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'log', 'list the older states')
    .description('Lists the states of an image that can still be read, the newest first.')
    .argument('<image>', 'the image, or - for standard input')
    .option(...JSON_OPTION)
    .action((name: string, options: LogOptions) => log(context, name, options))
  withHelp(command, ['caravan log disk.img'])
}

async function log(context: Context, name: string, options: LogOptions): Promise<void> {
  const { out, style } = context
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.log === undefined) return lacks({ name, format }, 'keeps no older states')
      const states = await format.log(part, options)
      if (options.json === true) return out.line(JSON.stringify(states, undefined, 2))
      const width = Math.max(0, ...states.map(({ id }) => id.length))
      for (const { id, time, note } of states) {
        const when = time === undefined ? '' : `${formatTime(time)} UTC  `
        await out.line(`${style('yellow', id.padEnd(width))}  ${when}${note}`)
      }
    })
    await out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}
