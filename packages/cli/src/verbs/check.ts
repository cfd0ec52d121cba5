/** `caravan check`: everything in an image is looked at. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { Finding, ImageOptions } from '../formats/format.js'
import { usePart } from '../open-image.js'
import { formatCount } from '../sizes.js'
import { failOn, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface CheckOptions extends ImageOptions {
  readonly json?: boolean
  readonly quiet?: boolean
}

const CHECK_HELP = `
IMAGE is only read. Exit codes: 0 sound (warnings may be told), 1 damaged, 2 wrong use.`

export function addCheck(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'check', 'look for damage')
    .description('Looks at everything in an image, and tells what is not as it should be.')
    .argument('<image>', 'the image, or - for standard input')
    .option('-q, --quiet', 'nothing but the exit code')
    .option(...JSON_OPTION)
    .action((name: string, options: CheckOptions) => check(context, name, options))
  withHelp(command, ['caravan check disk.img', 'caravan check --json disk.img'], CHECK_HELP)
}

async function check(context: Context, name: string, options: CheckOptions): Promise<void> {
  const { out, report, signal } = context
  const { json = false, quiet = false } = options
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.check === undefined) return lacks({ name, format }, 'has no check')
      const { findings, summary } = await format.check(part, options, signal)
      const damage = findings.filter(({ severity }) => severity === 'error')
      if (damage.length > 0) report.failed = true
      if (quiet) return
      if (json) {
        const sound = damage.length === 0
        return out.line(
          JSON.stringify({ format: format.name, sound, findings, summary }, undefined, 2),
        )
      }
      for (const finding of findings) await out.line(inWords(finding))
      await out.line(damage.length === 0 ? `sound: ${summary}` : damageInWords(damage, summary))
    })
    await out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}

/** `warning: block 12: /a/b: what is wrong`. */
function inWords({ severity, block, path, message }: Finding): string {
  return [
    severity,
    ...(block === undefined ? [] : [`block ${block}`]),
    ...(path === undefined ? [] : [path]),
    message,
  ].join(': ')
}

function damageInWords(damage: readonly Finding[], summary: string): string {
  return `damaged: ${formatCount(damage.length, 'error')} in ${summary}`
}
