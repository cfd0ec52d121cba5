/** `caravan recover`: what a mount does not show, as files of this computer. */

import { type BlockDevice, FormatError } from '@caravan/core'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { extractEntries } from '../extract.js'
import type { ImageFormat, ImageOptions, RecoveredFile } from '../formats/format.js'
import { checkOptions } from '../formats/options.js'
import { formatNamed } from '../formats/table.js'
import { decodeLenient, encodeUtf8, harmlessName } from '../names.js'
import { openPlace } from '../open-image.js'
import { partAt } from '../place.js'
import { type PlacedFile, RecoveredTree } from '../recovered-tree.js'
import { formatCount } from '../sizes.js'
import { failOnHost, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface RecoverOptions extends ImageOptions {
  readonly json?: boolean
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly escapeNames?: boolean
}

const RECOVER_HELP = `
Looks into the logs of all directories, and into all blocks that nothing uses, for removed
files, earlier versions, and files of directories to which no path leads any more, and writes
into DIR what is left of them. The newest version of a file has its own name, older ones have
~2, ~3...; what is left in part has .partial, with zeros for what is lost. "whole" means that
no trace of a loss was found: data has no checksum.

IMAGE may be a dump of a whole flash: where no image begins at its beginning (or --offset), it
is searched for. Where no superblock is left, give --block-size, --offset and --format.`

export function addRecover(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'recover', 'bring back what is not shown')
    .description('Brings back removed files, earlier versions and lost directories.')
    .argument('<image>', 'the image, or a dump with one in it, or - for standard input')
    .argument('<dir>', 'where to write; made where it is missing')
    .option('-n, --dry-run', 'list what can be brought back, and write nothing')
    .option('-f, --force', 'replace files that are already there')
    .option('--escape-names', 'keep names that this computer cannot hold, in percent notation')
    .option(...JSON_OPTION)
    .action((name: string, dir: string, options: RecoverOptions) =>
      recover(context, name, dir, options),
    )
  const examples = [
    'caravan recover flash.img found',
    'caravan recover --dry-run --json dump.bin found',
  ]
  withHelp(command, examples, RECOVER_HELP)
}

async function recover(
  context: Context,
  name: string,
  dir: string,
  options: RecoverOptions,
): Promise<void> {
  const { out } = context
  try {
    const { device, part, place } = await openPlace(name, options, context)
    try {
      const files: RecoveredFile[] = []
      const places = await placesOf(context, part, name, place.offsetBytes, options)
      for (const { format, offset } of places) {
        const image = partAt(part, name, { offsetBytes: offset })
        const found = (await format.recover?.(image, options)) ?? []
        // Of several images in one dump each has a directory of its own.
        const under = places.length === 1 ? '' : `/at-${place.offsetBytes + offset}`
        files.push(...found.map((file) => ({ ...file, path: below(under, file.path) })))
      }
      const tree = new RecoveredTree(files)
      await tell(context, tree.placed, options)
      if (options.dryRun !== true) await write(context, name, dir, tree, options)
    } finally {
      await device.close()
    }
    await out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

interface ImagePlace {
  readonly format: ImageFormat
  /** Bytes from the beginning of the part that was searched. */
  readonly offset: number
}

/** Where images are: where it was said, at the beginning, or wherever one is found. */
async function placesOf(
  context: Context,
  part: BlockDevice,
  name: string,
  /** Where the part begins. */
  startBytes: number,
  options: RecoverOptions,
): Promise<ImagePlace[]> {
  const { formats } = context
  if (options.format !== undefined) {
    const format = able(formats, formatNamed(formats, options.format), name, options)
    return [{ format, offset: 0 }]
  }
  const places: ImagePlace[] = []
  for (const format of formats) {
    if (!(await format.recognise(part))) continue
    places.push({ format: able(formats, format, name, options), offset: 0 })
    break
  }
  for (const format of formats) {
    for (const { offset } of (await format.locate?.(part)) ?? []) {
      if (places.some((place) => place.offset === offset)) continue
      places.push({ format: able(formats, format, name, options), offset })
    }
  }
  if (places.length === 1 && places[0]?.offset === 0) return places
  for (const { format, offset } of places) {
    context.report.tell(`${name}: a ${format.name} begins at ${startBytes + offset}.`)
  }
  if (places.length > 0) return places
  throw new FormatError(
    'NOT_RECOGNISED',
    'no image was found in it. Where its superblocks are lost, give --format, --block-size and --offset.',
  )
}

function able(
  formats: readonly ImageFormat[],
  format: ImageFormat,
  name: string,
  options: RecoverOptions,
): ImageFormat {
  if (format.recover === undefined) return lacks({ name, format }, 'has no recovery')
  checkOptions(formats, format, options, false)
  return format
}

function below(directory: string, path: Uint8Array): Uint8Array {
  return directory === '' ? path : Uint8Array.of(...encodeUtf8(directory), ...path)
}

async function tell(
  { out }: Context,
  placed: readonly PlacedFile[],
  { json = false }: RecoverOptions,
): Promise<void> {
  if (json) {
    const rows = placed.map(({ file, target }) => {
      const { path, why, left, size, sizeLeft, place, details } = file
      const file_ = target === undefined ? null : decodeLenient(target.subarray(1))
      return {
        path: decodeLenient(path),
        why,
        left,
        size,
        sizeLeft,
        file: file_,
        place,
        ...details,
      }
    })
    return out.line(JSON.stringify(rows, undefined, 2))
  }
  const rows = placed.map(({ file, target }) => [
    file.left,
    file.why,
    file.left === 'partial' ? `${file.sizeLeft} of ${file.size}` : `${file.size}`,
    file.place,
    harmlessName(target ?? file.path),
  ])
  const widths = [0, 1, 2, 3].map((i) =>
    Math.max(0, ...rows.map((row) => (row[i] as string).length)),
  )
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    )
    await out.line(cells.join('  ').trimEnd())
  }
  const counts = (['whole', 'partial', 'nothing'] as const).map(
    (left) => `${rows.filter((row) => row[0] === left).length} ${left}`,
  )
  await out.line(`${formatCount(rows.length, 'version')} not shown: ${counts.join(', ')}`)
}

async function write(
  context: Context,
  name: string,
  dir: string,
  tree: RecoveredTree,
  { force = false, escapeNames = false, json = false }: RecoverOptions,
): Promise<void> {
  const options = { force, escapeNames, showProgress: false }
  const root = encodeUtf8('/')
  const { files, leftOut } = await extractEntries(context, { name, tree }, dir, root, options)
  if (leftOut > 0) context.report.tell(`${formatCount(leftOut, 'entry')} left out.`)
  if (!json) await context.out.line(`${formatCount(files, 'file')} in ${dir}`)
}
