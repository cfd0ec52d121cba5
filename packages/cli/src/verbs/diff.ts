/** `caravan diff`: what two images or directories have different. */

import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import { type ComparedTree, comparedDirectory, comparedImage } from '../compared-tree.js'
import type { Context } from '../context.js'
import { differenceJson, differenceLine } from '../difference-lines.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { given } from '../geometry.js'
import { harmlessName } from '../names.js'
import { IGNORE_OPTIONS, type IgnoreOptions, ignoreRules, type PathRules } from '../path-rules.js'
import { EXIT } from '../report.js'
import { type Comparison, compareTrees } from '../tree-comparison.js'
import {
  ESCAPED,
  failOnHost,
  formatOption,
  imageVerb,
  JSON_OPTION,
  withHelp,
  withImage,
} from '../verb.js'

interface DiffOptions extends ImageOptions, IgnoreOptions {
  readonly toFormat?: string
  readonly toOffset?: number
  readonly toBlockSize?: number
  readonly times: boolean
  readonly attributes: boolean
  readonly quiet?: boolean
  readonly json?: boolean
  readonly escaped?: boolean
}

const DIFF_HELP = `
A line a difference: - is only in A, + only in B, ~ in both and not the same, with what
is not. Contents are compared byte by byte. Attributes are compared where both sides
hold them, times where both sides say one: those of a directory of this computer in
whole seconds, and there not those of directories, which change with what is in them.

Exit codes, as diff has them: 0 the same, 1 different, 2 trouble.`

export function addDiff(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'diff', 'show what two images have different')
    .usage('[options] <A> <B>')
    .description('Shows what is different in two images, or an image and a directory.')
    .argument('<a>', 'an image, a directory of this computer, or - for an image on standard input')
    .argument('<b>', 'another one')
    .addOption(formatOption(context.formats, 'format of B (default: found)', '--to-format <name>'))
    .option('--to-offset <bytes>', 'where in B the filesystem begins', asSize)
    .option('--to-block-size <size>', 'block size of B (default: found)', asSize)
    .option('--no-times', 'leave out modification times')
    .option('--no-attributes', 'leave out attributes')
    .option('-q, --quiet', 'say it by the exit code alone')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((a: string, b: string, options: DiffOptions) => diff(context, a, b, options))
  for (const option of IGNORE_OPTIONS) command.addOption(option)
  withHelp(
    command,
    [
      'caravan diff old.img new.img',
      'caravan diff flash.img www                 what "caravan create www" would change',
      'caravan diff --no-times --ignore "*.map" flash.img www',
      'caravan diff --at 3 flash.img flash.img    what has changed since a state of "caravan log"',
      'caravan diff --offset 2M dump.bin new.img  a partition of a dump, and an image',
    ],
    DIFF_HELP,
  )
}

async function diff(context: Context, a: string, b: string, options: DiffOptions): Promise<void> {
  if (a === '-' && b === '-') throw new UsageError('Only one side can be standard input.')
  context.report.failureCode = EXIT.trouble
  const { format, offset, blockSize, toFormat, toOffset, toBlockSize, ...rest } = options
  const sides = [
    { name: a, options: { ...rest, ...given({ format, offset, blockSize }) } },
    {
      name: b,
      options: given({ format: toFormat, offset: toOffset, blockSize: toBlockSize }),
    },
  ] as const
  try {
    const ignored = await ignoreRules(options)
    await withTree(context, sides[0].name, sides[0].options, ignored, (first) =>
      withTree(context, sides[1].name, sides[1].options, ignored, async (second) => {
        const { signal } = context
        const comparison = await compareTrees(first, second, { ...options, signal })
        await tell(context, first, second, comparison, options)
      }),
    )
  } catch (error) {
    await failOnHost(context, a, error)
  }
}

async function withTree(
  context: Context,
  name: string,
  options: ImageOptions,
  ignored: PathRules | undefined,
  use: (tree: ComparedTree) => Promise<void>,
): Promise<void> {
  if (name !== '-' && (await stat(name).catch(() => undefined))?.isDirectory() === true) {
    return use(await comparedDirectory(context, name, { ignored }))
  }
  await withImage(context, name, options, async ({ mounted }) =>
    use(await comparedImage(context, name, mounted, ignored)),
  )
}

async function tell(
  context: Context,
  a: ComparedTree,
  b: ComparedTree,
  comparison: Comparison,
  { quiet = false, json = false, escaped = false }: DiffOptions,
): Promise<void> {
  const { out, style, report } = context
  const { differences } = comparison
  if (json && !quiet) {
    const found = { a: a.name, b: b.name, differences: differences.map(differenceJson) }
    await out.line(JSON.stringify(found, undefined, 2))
  } else if (!quiet) {
    for (const difference of differences) {
      await out.line(differenceLine(difference, { out, style, escaped }))
    }
  }
  await tellIncomparable(context, [a, b], comparison)
  if (report.failed || differences.length === 0) return
  report.failed = true
  report.failureCode = EXIT.failed
}

/** What could not be compared is trouble, whatever else is different. */
export async function tellIncomparable(
  context: Context,
  trees: readonly ComparedTree[],
  { incomparable }: Comparison,
): Promise<void> {
  await context.out.flush()
  for (const { tree, path, error } of incomparable) {
    context.report.fail([tree.name, harmlessName(path)], error)
  }
  for (const { host, reason } of trees.flatMap(({ problems }) => problems)) {
    context.report.tell(`${harmlessName(host)}: not compared: ${reason}`)
    context.report.failed = true
  }
}
