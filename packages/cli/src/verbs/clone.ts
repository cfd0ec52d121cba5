/** `caravan clone`: everything of an image in a new one of another geometry. */

import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { ImageFormat, ImageOptions } from '../formats/format.js'
import { addFormatOptions } from '../formats/options.js'
import type { PlannedClone } from '../formats/sizes-calls.js'
import { blocksInWords } from '../geometry.js'
import { checkFits, checkNewImage, reportProblems, writeNewImage } from '../new-image.js'
import { usePart } from '../open-image.js'
import { formatCount } from '../sizes.js'
import { failOnHost, formatOption, lacks, lockOption, withHelp } from '../verb.js'

interface CloneOptions extends Omit<ImageOptions, 'size' | 'blockSize' | 'blockCount'> {
  /** Bytes that the source has at its offset. */
  readonly fromSize?: number
  readonly compact?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly force?: boolean
  readonly lock: boolean
  readonly quiet?: boolean
}

const CLONE_HELP = `
IMAGE is only read. NEW has all of its files and directories, with their contents and all
attributes, times among them; its block size, size, limits and disk version are those of
IMAGE where nothing else is said. What NEW cannot hold is said before anything is written,
and nothing is then. What was made is read back and compared; NEW is there whole or not at
all, also after Ctrl-C; - is standard output.

--offset, --from-size and --partition say where in a dump IMAGE is; all other sizes are
those of NEW. Free blocks of NEW are as never written: what was removed from IMAGE is not
in it. A littlefs 1 becomes a littlefs 2 by \`caravan migrate\`; files go into an image of
another format by \`caravan cp -r --to\`.`

export function addClone(program: Command, context: Context): void {
  const command = program
    .command('clone')
    .summary('make another image of it, of any block size')
    .helpOption('-h, --help', 'print this help')
    .description('Makes a new image that holds everything of another, in blocks of any size.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('<new>', 'the file to write, or - for standard output')
    .addOption(formatOption(context.formats, 'format of the image (default: found)'))
  addFormatOptions(command, context.formats, ({ cloning }) => cloning?.options)
    .option('--compact', 'as few blocks as are needed, instead of a size')
    .option('--offset <bytes>', 'where in the image it begins (default: found)', asSize)
    .option('--from-size <bytes>', 'bytes that it has there (default: found, or all)', asSize)
    .option('--partition <name>', 'the ESP32 partition that it is in')
    .option('--partition-table <file>', 'the table, binary or CSV (default: in the dump)')
    .option('--table-offset <bytes>', 'where the table lies (default: 0x8000)', asSize)
    .option('--family <name>', 'whose blocks of a UF2 file (default: the only one)')
    .option('-n, --dry-run', 'say what it would take, and write nothing')
    .option('--json', 'print the plan of --dry-run as JSON')
    .option('-f, --force', 'replace a file that is already there')
    .option('-q, --quiet', 'no summary')
    .action((name: string, target: string, options: CloneOptions) =>
      cloneImage(context, name, target, options),
    )
  withHelp(
    lockOption(command),
    [
      'caravan clone flash.img larger.img --size 2M',
      'caravan clone flash.img other.img --block-size 64K --size 2M',
      'caravan clone --partition storage dump.bin storage.img --compact',
      'caravan clone --profile zephyr --size 1M flash.img zephyr.img',
    ],
    CLONE_HELP,
  )
}

async function cloneImage(
  context: Context,
  name: string,
  target: string,
  options: CloneOptions,
): Promise<void> {
  const { force = false, lock, dryRun = false } = options
  if (options.json === true && !dryRun) {
    throw new UsageError('--json prints the plan of --dry-run. Give both.')
  }
  try {
    if (!dryRun) await checkNewImage(target, { force, lock })
    const { offset, fromSize, partition, partitionTable, tableOffset, family, format } = options
    const place = { offset, size: fromSize, partition, partitionTable, tableOffset, family, format }
    const given = Object.entries(place).filter(([, value]) => value !== undefined)
    await usePart(name, Object.fromEntries(given), context, false, async (source, found) => {
      const { cloning } = found
      if (cloning === undefined) return lacks({ name, format: found }, otherWay(found))
      const plan = await cloning.plan(source, options)
      const problems = plan.problems.map(({ path, message }) => ({
        host: Buffer.from(`${name}: ${path}`),
        reason: message,
        kind: 'unreadable' as const,
      }))
      if (!(await reportProblems(context, found, problems, false))) return
      checkFits(plan, plan)
      await make(context, target, plan, options)
    })
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

/** What to do with an image of a format that has no clones. */
function otherWay({ name, unchanging }: ImageFormat): string {
  if (name === 'littlefs1') return 'becomes a littlefs 2 by `caravan migrate IMAGE NEW`'
  return unchanging === undefined
    ? 'is not cloned: make a new one with `caravan format`, and copy all of it with `caravan cp -r --to NEW IMAGE / /`'
    : 'is not cloned: it has no geometry to change, and a copy of the file is a clone'
}

async function make(
  context: Context,
  target: string,
  plan: PlannedClone,
  { force = false, lock, dryRun = false, json = false, quiet = false }: CloneOptions,
): Promise<void> {
  const { blockSize, blockCount, blocksNeeded, entryCount } = plan
  const entries = formatCount(entryCount, 'entry')
  const words = `${entries} in ${target}: ${blocksNeeded} of ${blocksInWords(blockCount, blockSize)}`
  if (dryRun) {
    const told = { blockSize, blockCount, blocksNeeded, entryCount, ...plan.json }
    return context.out.line(
      json ? JSON.stringify(told, undefined, 2) : `${words} would be used. Nothing was written`,
    )
  }
  await writeNewImage(context, target, [], plan, blockCount, { force, lock })
  if (!quiet && target !== '-') await context.out.line(`${words} used`)
}
