/** `caravan check`: everything in an image is looked at. */

import type { Finding, Severity } from '@caravan/core'
import { type Command, Option } from 'commander'
import type { Context } from '../context.js'
import { Interrupted, OutputClosed, UsageError } from '../errors.js'
import { findingTable } from '../finding-table.js'
import type { CheckReport, ImageOptions } from '../formats/format.js'
import { addFormatOptions } from '../formats/options.js'
import { usePart } from '../open-image.js'
import { EXIT } from '../report.js'
import { formatCount } from '../sizes.js'
import { failOn, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface CheckOptions extends ImageOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly severity: Severity
}

/** From what must be mended to what is only a trace. */
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note']

const CHECK_HELP = `
IMAGE is only read, and need not mount. Each finding has a code; docs/findings.md says
what those of littlefs mean, how they come about, and what to do.

Severities: error (something is lost, or will be), warning (a state that a power cut left,
or what some devices refuse), note (a trace without consequence).

Exit codes: 0 nothing found, 1 findings, 2 wrong use, 3 IMAGE cannot be read.`

export function addCheck(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'check', 'look for damage')
    .description('Looks at everything in an image, and tells what is not as it should be.')
    .argument('<image>', 'the image, or - for standard input')
    .option('-q, --quiet', 'nothing but the exit code')
    .addOption(
      new Option('--severity <level>', 'leave out what is less')
        .choices(SEVERITIES)
        .default('note'),
    )
    .option(...JSON_OPTION)
    .action((name: string, options: CheckOptions) => check(context, name, options))
  const examples = [
    'caravan check flash.img',
    'caravan check --json flash.img',
    'caravan check --profile esp8266 flash.img   would that device mount it?',
    'caravan check --severity error flash.img && caravan extract flash.img out',
  ]
  addFormatOptions(command, context.formats, ({ judgingOptions }) => judgingOptions)
  withHelp(command, examples, CHECK_HELP)
}

async function check(context: Context, name: string, options: CheckOptions): Promise<void> {
  const { out, signal } = context
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.check === undefined) return lacks({ name, format }, 'has no check')
      const report = await format.check(part, options, signal)
      await tell(context, format.name, report, options)
    })
    await out.flush()
  } catch (error) {
    const isAnswer =
      error instanceof Interrupted || error instanceof OutputClosed || error instanceof UsageError
    if (!isAnswer) context.report.failureCode = EXIT.unreadable
    await failOn(context, name, error)
  }
}

async function tell(
  { out, report, style }: Context,
  format: string,
  { findings: all, summary }: CheckReport,
  { json = false, quiet = false, severity }: CheckOptions,
): Promise<void> {
  const told = SEVERITIES.slice(0, SEVERITIES.indexOf(severity) + 1)
  const findings = all.filter((finding) => told.includes(finding.severity))
  if (findings.length > 0) report.failed = true
  if (quiet) return
  const sound = !findings.some((finding) => finding.severity === 'error')
  if (json) {
    return out.line(JSON.stringify({ format, sound, findings, summary }, undefined, 2))
  }
  for (const line of findingTable(findings, style)) await out.line(line)
  await out.line(inSummary(findings, sound, summary))
}

/** `damaged: 1 error, 2 warnings in 12 files`; `sound: 12 files`. */
function inSummary(findings: readonly Finding[], sound: boolean, summary: string): string {
  const counts = SEVERITIES.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count === 0 ? [] : [formatCount(count, severity)]
  })
  const found = counts.length === 0 ? '' : `${counts.join(', ')} in `
  return `${inWord(findings, sound)}: ${found}${summary}`
}

function inWord(findings: readonly Finding[], sound: boolean): string {
  if (sound) return 'sound'
  const errors = findings.filter(({ severity }) => severity === 'error')
  const isRefused = errors.every(({ code }) => code.startsWith('DEVICE_'))
  return isRefused ? 'sound, but not for that device' : 'damaged'
}
