/** `caravan sync`: makes what is in an image that what is in a directory, in place. */

import type { Command } from 'commander'
import { asTimeChoice, collect } from '../arguments.js'
import { type ComparedTree, comparedHostEntry, comparedImage, pathKey } from '../compared-tree.js'
import type { Context } from '../context.js'
import { differenceLine } from '../difference-lines.js'
import { showName } from '../entries.js'
import { HostError } from '../errors.js'
import type { ImageOptions, MountedImage } from '../formats/format.js'
import { scanDirectory, type TimeChoice } from '../host-tree.js'
import { harmlessName } from '../names.js'
import { reportProblems } from '../new-image.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { IGNORE_OPTIONS, type IgnoreOptions, ignoreRules, pathRules } from '../path-rules.js'
import { rehearse } from '../rehearsal.js'
import { formatCount } from '../sizes.js'
import { applySync, findOrder, planSync, type SyncPlan } from '../sync-plan.js'
import { compareTrees } from '../tree-comparison.js'
import {
  changingVerb,
  ESCAPED,
  failOnHost,
  lacks,
  withChangedImage,
  withHelp,
  withImage,
} from '../verb.js'
import { checkDirectory, timeOptions } from './create.js'

interface SyncOptions extends ImageOptions, ChangeOptions, IgnoreOptions {
  readonly delete?: boolean
  readonly keep?: readonly string[]
  readonly dryRun?: boolean
  readonly mtime?: TimeChoice
  readonly skipUnsupported?: boolean
  readonly quiet?: boolean
  readonly escaped?: boolean
}

const SYNC_HELP = `
Only what is not the same, byte by byte, is written to: + is put in, ~ replaced, -
removed (with --delete alone). Attributes of a file stay when its content is replaced.
--keep PATTERN is for what is the device's own: put in where it is missing, and from
then on neither replaced nor removed (=). What --ignore leaves out is neither put in
nor removed. Both patterns are those of .gitignore, and may be given several times.

All of it is rehearsed in memory first. Where there is room, everything is put in at
once and removals come last; where there is not, removals come first; where there still
is not, files follow one by one. Where even that does not fit, nothing is changed.
IMAGE is changed under its lock. Cut short, each file is the old one or the new one, and
running it again finishes; only a name that becomes a file instead of a directory, or the
other way, may be missing then.`

export function addSync(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'sync', 'make an image as a directory is')
    .usage('[options] <dir> <image>')
    .description('Changes in an image what is not as in a directory of this computer.')
    .argument('<dir>', 'the directory')
    .argument('<image>', 'the image')
    .option('--delete', 'remove what is only in the image')
    .option('--keep <pattern>', 'what stays as it is in the image', collect)
    .option('-n, --dry-run', 'say what would be done, and do nothing')
    .option('--mtime <time>', 'none, file, or seconds since 1970 (default: none)', asTimeChoice)
    .option('--skip-unsupported', 'leave out what the format cannot hold')
    .option('-q, --quiet', 'say nothing')
    .option(...ESCAPED)
    .action((dir: string, name: string, options: SyncOptions) => {
      const open = options.dryRun === true ? withImage : withChangedImage
      return open(context, name, options, (image) => sync(context, dir, image, options))
    })
  for (const option of IGNORE_OPTIONS) command.addOption(option)
  withHelp(
    command,
    [
      'caravan sync www flash.img',
      'caravan sync --delete --keep /config.json --keep "*.log" www flash.img',
      'caravan sync --dry-run --delete www flash.img',
      'caravan sync --offset 0x290000 --profile esp-idf www dump.bin',
    ],
    SYNC_HELP,
  )
}

async function sync(
  context: Context,
  dir: string,
  image: Image,
  options: SyncOptions,
): Promise<void> {
  const { dryRun = false, skipUnsupported = false } = options
  const { mounted, name, format } = image
  if (format.unchanging !== undefined || mounted.addTree === undefined) {
    return lacks(image, 'is not changed in place')
  }
  try {
    await checkDirectory(dir)
    const found = await planOf(context, dir, image, options)
    if (found === undefined) return
    const { plan, sameCount, problems } = found
    if (!(await reportProblems(context, format, problems, skipUnsupported))) return
    if (plan.blocked.length > 0) {
      for (const { path, reason } of plan.blocked) {
        context.report.fail([name, harmlessName(path)], new HostError('EISDIR', `${reason}.`))
      }
      return context.report.tell('nothing was changed.')
    }
    const order = await findOrder(plan, (use) => rehearse(context, name, options, use))
    if (order === undefined) throw await noSpace(mounted)
    if (!dryRun && plan.differences.length > 0) await applySync(mounted, plan, order)
    if (options.quiet !== true) await tell(context, plan, sameCount, options)
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

/** `undefined` where something in the image cannot be read, which was reported. */
async function planOf(context: Context, dir: string, image: Image, options: SyncOptions) {
  const { signal } = context
  const { mounted, name, format } = image
  const ignored = await ignoreRules(options)
  const { entries, problems } = await scanDirectory(Buffer.from(dir), ROOT, {
    ...timeOptions(context, options.mtime),
    format: { name: format.name, holds: mounted.holds },
    ignored,
    signal,
  })
  const wanted: ComparedTree = {
    name: dir,
    isHost: true,
    holds: mounted.holds,
    entries: new Map(entries.map((host) => [pathKey(host.path), comparedHostEntry(host)])),
    root: undefined,
    problems,
  }
  const present = await comparedImage(context, name, mounted)
  const compared = await compareTrees(present, wanted, { times: true, attributes: false, signal })
  if (compared.incomparable.length > 0) {
    for (const { tree, path, error } of compared.incomparable) {
      context.report.fail([tree.name, harmlessName(path)], error)
    }
    context.report.tell('nothing was changed.')
    return undefined
  }
  const kept = options.keep === undefined ? undefined : pathRules(options.keep)
  const rules = { removes: options.delete === true, kept, ignored }
  const plan = planSync(present, compared.differences, rules)
  const changedPaths = new Set(compared.differences.map(({ path }) => pathKey(path)))
  const sameCount = [...wanted.entries.keys()].filter((key) => !changedPaths.has(key)).length
  return { plan, sameCount, problems }
}

const ROOT = Uint8Array.of(0x2f)

async function noSpace(mounted: MountedImage): Promise<HostError> {
  const { blockSize, freeBlocks } = await mounted.space()
  const grow = mounted.grow === undefined ? '' : ', or use `caravan grow`'
  return new HostError(
    'ENOSPC',
    `no space left: the changes take more than the ${formatCount(freeBlocks, 'block')} of ${blockSize} bytes that are free, even one file at a time. Remove something${grow}. Nothing was changed.`,
  )
}

async function tell(
  { out, style }: Context,
  plan: SyncPlan,
  sameCount: number,
  { escaped = false, dryRun = false }: SyncOptions,
): Promise<void> {
  const { differences, kept } = plan
  for (const difference of differences)
    await out.line(differenceLine(difference, { out, style, escaped }))
  for (const path of kept) {
    await out.line(Buffer.concat([Buffer.from('= '), showName(path, out, escaped)]))
  }
  const added = differences.filter(({ a }) => a === undefined).length
  const removed = differences.filter(({ b }) => b === undefined).length
  const counts = [
    `${added} put in`,
    `${differences.length - added - removed} changed`,
    `${removed} removed`,
    ...(kept.length === 0 ? [] : [`${kept.length} kept`]),
    `${sameCount} the same`,
  ]
  await out.line(`${counts.join(', ')}${dryRun ? '. Nothing was written' : ''}`)
}
