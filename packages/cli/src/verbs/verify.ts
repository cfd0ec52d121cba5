/** `caravan verify`: whether an image is sound and holds what a directory holds. */

import type { Finding } from '@caravan/core'
import type { Command } from 'commander'
import { comparedDirectory, comparedImage } from '../compared-tree.js'
import type { Context } from '../context.js'
import { differenceJson, differenceLine } from '../difference-lines.js'
import { Interrupted, OutputClosed, UsageError } from '../errors.js'
import { findingTable } from '../finding-table.js'
import type { ImageOptions } from '../formats/format.js'
import { usePart } from '../open-image.js'
import { IGNORE_OPTIONS, type IgnoreOptions, ignoreRules } from '../path-rules.js'
import { EXIT } from '../report.js'
import { formatCount, formatSize } from '../sizes.js'
import { type Comparison, compareTrees } from '../tree-comparison.js'
import { ESCAPED, failOnHost, imageVerb, JSON_OPTION, withHelp } from '../verb.js'
import { checkDirectory } from './create.js'
import { tellIncomparable } from './diff.js'

interface VerifyOptions extends ImageOptions, IgnoreOptions {
  readonly times?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
  readonly escaped?: boolean
}

const VERIFY_HELP = `
First all of IMAGE is checked, as by "caravan check"; then every file is read and
compared with that of DIR. What is missing stands after -, what is there besides after
+, what is not the same after ~. Warnings and notes of the check are not shown.

Exit codes, as diff has them: 0 sound and the same, 1 damaged or different, 2 trouble.`

export function addVerify(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'verify', 'compare an image with a directory')
    .description('Checks that an image is sound and holds exactly what a directory holds.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('<dir>', 'the directory of this computer')
    .option('--times', 'compare modification times too')
    .option('-q, --quiet', 'say it by the exit code alone')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, dir: string, options: VerifyOptions) =>
      verify(context, name, dir, options),
    )
  for (const option of IGNORE_OPTIONS) command.addOption(option)
  withHelp(
    command,
    [
      'caravan verify flash.img www',
      'caravan verify --times flash.img www',
      'caravan verify --ignore "*.map" flash.img www',
    ],
    VERIFY_HELP,
  )
}

async function verify(
  context: Context,
  name: string,
  dir: string,
  options: VerifyOptions,
): Promise<void> {
  const { report, out, signal } = context
  const { times = false } = options
  report.failureCode = EXIT.trouble
  try {
    const ignored = await ignoreRules(options)
    await checkDirectory(dir)
    const expected = await comparedDirectory(context, dir, { ignored })
    await usePart(name, options, context, false, async (part, format) => {
      const checked = await format.check?.(part, options, signal)
      const errors = (checked?.findings ?? []).filter(({ severity }) => severity === 'error')
      const mounted = await format.open(part, options, false)
      const tree = await comparedImage(context, name, mounted, ignored)
      const comparison = await compareTrees(expected, tree, { times, attributes: false, signal })
      await mounted.unmount()
      const files = [...expected.entries.values()].filter(({ type }) => type === 'file')
      const sizeBytes = files.reduce((sum, { size }) => sum + size, 0)
      const counts = `${formatCount(files.length, 'file')}, ${formatSize(sizeBytes)}`
      await tell(context, errors, comparison, counts, options)
      await tellIncomparable(context, [expected, tree], comparison)
    })
    await out.flush()
  } catch (error) {
    const isAnswer =
      error instanceof Interrupted || error instanceof OutputClosed || error instanceof UsageError
    if (!isAnswer) report.failureCode = EXIT.trouble
    await failOnHost(context, name, error)
  }
}

async function tell(
  { out, style, report }: Context,
  errors: readonly Finding[],
  { differences, incomparable }: Comparison,
  counts: string,
  { quiet = false, json = false, escaped = false }: VerifyOptions,
): Promise<void> {
  const isSame = differences.length === 0 && incomparable.length === 0
  if (errors.length > 0 || differences.length > 0) {
    report.failed = true
    if (incomparable.length === 0) report.failureCode = EXIT.failed
  }
  if (quiet) return
  if (json) {
    const found = {
      sound: errors.length === 0,
      same: isSame,
      findings: errors,
      differences: differences.map(differenceJson),
    }
    return out.line(JSON.stringify(found, undefined, 2))
  }
  for (const line of findingTable(errors, style)) await out.line(line)
  for (const difference of differences) {
    await out.line(differenceLine(difference, { out, style, escaped }))
  }
  const words = [
    ...(errors.length === 0 ? [] : [`damaged: ${formatCount(errors.length, 'error')}`]),
    ...(differences.length === 0 ? [] : [formatCount(differences.length, 'difference')]),
    ...(isSame && errors.length === 0 ? ['sound, and the same'] : []),
  ]
  if (words.length > 0) await out.line(`${words.join(', ')}: ${counts}`)
}
