/** `caravan find`: what lies where in a dump of a flash. */

import type { Command } from 'commander'
import { aligned } from '../columns.js'
import type { Context } from '../context.js'
import { type Candidate, findCandidates } from '../find-image.js'
import type { ImageOptions } from '../formats/format.js'
import { harmlessText } from '../names.js'
import { openPlace } from '../open-image.js'
import { formatSize } from '../sizes.js'
import { failOnHost, JSON_OPTION, placeOptions, withHelp } from '../verb.js'

interface FindOptions extends ImageOptions {
  readonly json?: boolean
}

const FIND_HELP = `
Looks for superblocks of littlefs (the magic, both copies, a good CRC, a size that fits),
for SPIFFS, FAT and littlefs 1, in all of IMAGE. What is found is opened by every verb
with --offset, or with --partition where the dump has an ESP32 partition table.

Exit codes: 0 something found, 1 nothing, 2 wrong use.`

export function addFind(program: Command, context: Context): void {
  const command = placeOptions(
    program
      .command('find')
      .summary('show which filesystems are in a dump')
      .helpOption('-h, --help', 'print this help')
      .description('Lists the filesystems in a dump of a flash, and what speaks for each.')
      .argument('<image>', 'a dump, or - for standard input')
      .option(...JSON_OPTION),
  ).action((name: string, options: FindOptions) => find(context, name, options))
  withHelp(
    command,
    ['caravan find dump.bin', 'caravan find --json dump.bin    for a program'],
    FIND_HELP,
  )
}

async function find(context: Context, name: string, options: FindOptions): Promise<void> {
  const { out, report } = context
  try {
    const { device, part, place } = await openPlace(name, options, context)
    try {
      const found = (await findCandidates(context, part)).map((one) => ({
        ...one,
        offsetBytes: place.offsetBytes + one.offsetBytes,
      }))
      if (found.length === 0) report.failed = true
      if (options.json === true) {
        await out.line(JSON.stringify(found.map(jsonOf), undefined, 2))
      } else if (found.length === 0) report.tell(`${name}: no filesystem was found in it.`)
      else await tell(context, found)
    } finally {
      await device.close()
    }
    await out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

function jsonOf(one: Candidate): object {
  const { format, title, offsetBytes, sizeBytes, partition, evidence, isCertain } = one
  return {
    format: format?.name ?? null,
    title,
    offsetBytes,
    sizeBytes: sizeBytes ?? null,
    partition: partition?.name ?? null,
    isCertain,
    evidence,
  }
}

async function tell({ out }: Context, found: readonly Candidate[]): Promise<void> {
  const rows = found.map(({ offsetBytes, sizeBytes, title, partition, evidence }) => [
    `0x${offsetBytes.toString(16)}`,
    sizeBytes === undefined ? '?' : formatSize(sizeBytes),
    title.replace(/^an? /, ''),
    partition === undefined ? '' : harmlessText(partition.name),
    evidence.join(', '),
  ])
  for (const line of aligned(rows)) await out.line(line)
}
