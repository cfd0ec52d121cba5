/** `caravan repair`: mends what `check` finds, as far as that can be. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import { type ChangeOptions, usePart } from '../open-image.js'
import { changingVerb, failOn, lacks, withHelp } from '../verb.js'

type RepairOptions = ImageOptions & ChangeOptions

const REPAIR_HELP = `
IMAGE is changed in place, under its lock. Every change is told, with what is lost by
it. Keep a copy of an image that you cannot make again.`

export function addRepair(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'repair', 'mend what check finds')
    .description('Mends an image, and says what that loses.')
    .argument('<image>', 'the image')
    .action((name: string, options: RepairOptions) => repair(context, name, options))
  withHelp(command, ['caravan repair disk.img'], REPAIR_HELP)
}

async function repair(context: Context, name: string, options: RepairOptions): Promise<void> {
  const { out, signal } = context
  try {
    await usePart(name, options, context, true, async (part, format) => {
      if (format.repair === undefined) return lacks({ name, format }, 'has no repair')
      const { changes } = await format.repair(part, options, signal)
      for (const change of changes) await out.line(change)
      if (changes.length === 0) await out.line('nothing to repair')
    })
    await out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}
