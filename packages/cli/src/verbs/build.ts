/** `caravan build`: makes the images that a file of the project names, where something has changed. */

import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Command } from 'commander'
import { type ImageToBuild, readBuildConfig } from '../build-config.js'
import { pathKey } from '../compared-tree.js'
import type { Context } from '../context.js'
import { HostError, isErrno, UsageError } from '../errors.js'
import { blocksInWords } from '../geometry.js'
import {
  directoryEntry,
  fileEntry,
  type HostEntry,
  type HostTree,
  type HostTreeOptions,
  lookAtArgument,
  scanDirectory,
} from '../host-tree.js'
import { encodeUtf8, harmlessName } from '../names.js'
import {
  checkFits,
  checkNewImage,
  checkRawName,
  makingOf,
  planTree,
  reportProblems,
  writeNewImage,
} from '../new-image.js'
import { ignoreRules } from '../path-rules.js'
import { parentOf, parsePath } from '../paths.js'
import { describe } from '../report.js'
import { formatCount, formatSize } from '../sizes.js'
import { addMetadata } from '../tree-source.js'
import { failOnHost, lockOption, withHelp } from '../verb.js'
import { statIfThere, timeOptions } from './create.js'

interface BuildOptions {
  readonly config?: string
  readonly quiet?: boolean
  readonly lock: boolean
}

const BUILD_HELP = `
caravan.toml, or the field "caravan" of package.json, says what is made of what:

  [image]                      # several: [[image]]
  output = "build/www.img"
  source = "www"               # or sources = ["www", {from = "a.json", to = "/etc/a.json"}]
  size = "1M"                  # every option of "caravan create" under its long name
  ignore = ["*.map"]

Paths count from the directory of that file. The same sources give the same bytes, and
where those are already there nothing is written. What does not fit, or the format cannot
hold, is said, and that image stays as it was; the others are made.`

export function addBuild(program: Command, context: Context): void {
  const command = program
    .command('build')
    .summary('make the images of a project')
    .helpOption('-h, --help', 'print this help')
    .description('Makes the images that caravan.toml names, where something has changed.')
    .option('--config <file>', 'the file that names them (default: caravan.toml, package.json)')
    .option('-q, --quiet', 'say nothing')
    .action((options: BuildOptions) => build(context, options))
  withHelp(
    lockOption(command),
    ['caravan build', 'caravan build --config firmware/caravan.toml'],
    BUILD_HELP,
  )
}

async function build(context: Context, options: BuildOptions): Promise<void> {
  for (const image of await readBuildConfig(options.config, context.formats)) {
    try {
      await buildImage(context, image, options)
    } catch (error) {
      await failOnHost(context, image.name, error)
    }
  }
}

async function buildImage(
  context: Context,
  wanted: ImageToBuild,
  { quiet = false, lock }: BuildOptions,
): Promise<void> {
  const { name, output, compact, skipUnsupported, metadata, mtime } = wanted
  const { format, making, image } = makingOf(context, wanted.making)
  if (compact === (image.blockCount !== undefined)) {
    throw new UsageError(
      `${name}: how large is it to be? Give size (that of the partition), block-count, or compact = true.`,
    )
  }
  checkRawName(output)
  await checkNewImage(output, { force: true, lock })
  const options = {
    ...timeOptions(context, mtime),
    format: { name: format.name, holds: making.holds },
    ignored: await ignoreRules(wanted),
    except: await statIfThere(output),
    signal: context.signal,
  }
  const found = await readSources(wanted, options)
  const tree =
    metadata === undefined ? found : await addMetadata(context, name, found, metadata, options)
  const { plan, entries, problems } = await planTree(tree, image)
  if (!(await reportProblems(context, format, problems, skipUnsupported))) return
  checkFits(plan, image)
  const blockCount = image.blockCount ?? Math.max(2, plan.blocksNeeded)
  await mkdir(dirname(output), { recursive: true })
  const target = { force: true, lock, keepSame: true }
  const isWritten = await writeNewImage(context, output, entries, image, blockCount, target)
  if (quiet) return
  const files = entries.filter(({ type }) => type === 'file')
  const sizeBytes = files.reduce((sum, { size }) => sum + size, 0)
  const counts = `${formatCount(files.length, 'file')}, ${formatSize(sizeBytes)}`
  const used = `${plan.blocksNeeded} of ${blocksInWords(blockCount, image.blockSize)} used`
  await context.out.line(`${name}: ${isWritten ? `${counts}: ${used}` : 'nothing has changed'}`)
}

/** Later sources replace what earlier ones have under the same name. */
async function readSources({ sources }: ImageToBuild, options: HostTreeOptions): Promise<HostTree> {
  const entries = new Map<string, HostEntry>()
  const problems: HostTree['problems'] = []
  for (const { from, to } of sources) {
    const found = await readOne(from, to, options)
    problems.push(...found.problems)
    for (const entry of found.entries) {
      const before = entries.get(pathKey(entry.path))
      if (before !== undefined && before.type !== entry.type) throw twoTypes(before, entry)
      entries.set(pathKey(entry.path), entry)
    }
  }
  for (const entry of entries.values()) {
    const above = entries.get(pathKey(parentOf(entry.path)))
    if (above !== undefined && above.type !== 'directory') throw twoTypes(above, entry)
  }
  const sorted = [...entries].sort(([a], [b]) => (sortable(a) < sortable(b) ? -1 : 1))
  return { entries: sorted.map(([, entry]) => entry), problems }
}

function twoTypes(a: HostEntry, b: HostEntry): HostError {
  const [first, second] = [a, b].map(({ host }) => harmlessName(host))
  return new HostError(
    'EEXIST',
    `${first} and ${second} take the same name, one as a directory. Give one of them another "to".`,
  )
}

function sortable(key: string): string {
  return key.replaceAll('/', '\0')
}

async function readOne(
  from: string,
  to: string | undefined,
  options: HostTreeOptions,
): Promise<HostTree> {
  try {
    // Where a link leads: whoever named it meant what it points to.
    const host = await realpath(from, { encoding: 'buffer' })
    const stats = await lookAtArgument(host, options)
    const top = parsePath(to ?? '/')
    if (!stats.isDirectory()) {
      const isInto = to === undefined || to.endsWith('/')
      const name = Buffer.from(`/${basename(from)}`)
      const path = isInto ? Buffer.concat([withoutSlash(top), name]) : top
      return { entries: [fileEntry(host, path, stats, options)], problems: [] }
    }
    const path = top.length === 1 ? top : withoutSlash(top)
    const found = await scanDirectory(host, path, options)
    if (path.length === 1) return found
    return { ...found, entries: [directoryEntry(host, path, stats, options), ...found.entries] }
  } catch (error) {
    if (!isErrno(error)) throw error
    throw new HostError(error.code ?? 'EIO', `${from}: ${describe(error)}`)
  }
}

function withoutSlash(path: Uint8Array): Uint8Array {
  return encodeUtf8(Buffer.from(path).toString().replace(/\/+$/, ''))
}
