/** `caravan partitions`: the partition table of an ESP32. */

import {
  type EspPartition,
  encodePartitionCsv,
  encodePartitionTable,
  PARTITION_TABLE_OFFSET,
  PARTITION_TABLE_SIZE,
  partitionKind,
} from '@caravan/container'
import type { BlockDevice } from '@caravan/core'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import { aligned } from '../columns.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { readBytes, sizeOf } from '../formats/read-bytes.js'
import { harmlessText } from '../names.js'
import { openPlace } from '../open-image.js'
import { parseTable, tableFor } from '../place.js'
import { formatSize } from '../sizes.js'
import { failOnHost, JSON_OPTION, withHelp } from '../verb.js'

interface PartitionsOptions {
  readonly tableOffset?: number
  readonly partitionTable?: string
  readonly json?: boolean
  readonly csv?: boolean
  readonly binary?: boolean
}

const PARTITIONS_HELP = `
IMAGE is a dump of a whole flash, whose table stands at 0x8000 or at --table-offset; or a
table alone, binary or CSV. Its MD5 is checked. --csv and --binary print it as a project
and as the flash has it, so that either can be made of the other.`

export function addPartitions(program: Command, context: Context): void {
  const command = program
    .command('partitions')
    .summary('show the partition table of an ESP32')
    .helpOption('-h, --help', 'print this help')
    .description('Lists the partitions of an ESP32: of a dump, or of a table in a file.')
    .argument('<image>', 'a dump or a table, or - for standard input')
    .option('--table-offset <bytes>', 'where in a dump it lies (default: 0x8000)', asSize)
    .option('--csv', 'print the table as CSV')
    .option('--binary', 'print it as it lies in flash')
    .option(...JSON_OPTION)
    .action((name: string, options: PartitionsOptions) => show(context, name, options))
  withHelp(
    command,
    [
      'caravan partitions dump.bin',
      'caravan partitions --binary partitions.csv > partitions.bin',
      'caravan ls --partition storage dump.bin',
    ],
    PARTITIONS_HELP,
  )
}

async function show(context: Context, name: string, options: PartitionsOptions): Promise<void> {
  const { out } = context
  const { csv = false, binary = false, json = false } = options
  if ([csv, binary, json].filter(Boolean).length > 1) {
    throw new UsageError('--csv, --binary and --json exclude each other. Give one of them.')
  }
  if (binary && out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: --binary IMAGE > table.bin')
  }
  try {
    const partitions = await partitionsOf(context, name, options)
    if (csv) await out.put(Buffer.from(encodePartitionCsv(partitions)))
    else if (binary) await out.put(encodePartitionTable(partitions))
    else if (json) await out.line(JSON.stringify(partitions.map(jsonOf), undefined, 2))
    else {
      const rows = partitions.map((partition) => {
        const { type, subtype } = partitionKind(partition)
        const { offset, size, encrypted, readOnly } = partition
        const flags = [...(encrypted ? ['encrypted'] : []), ...(readOnly ? ['read-only'] : [])]
        const name = harmlessText(partition.name)
        return [`0x${offset.toString(16)}`, formatSize(size), name, type, subtype, ...flags]
      })
      for (const line of aligned(rows)) await out.line(line)
    }
    await out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

function jsonOf(partition: EspPartition): object {
  const { name, offset, size, encrypted, readOnly } = partition
  return { name, ...partitionKind(partition), offset, size, encrypted, readOnly }
}

async function partitionsOf(
  context: Context,
  name: string,
  options: PartitionsOptions,
): Promise<EspPartition[]> {
  const { device } = await openPlace(name, {}, context)
  try {
    if (!(await isTableAlone(device, options))) return await tableFor(device, options)
    return parseTable(await readBytes(device, 0, sizeOf(device)), options.tableOffset)
  } finally {
    await device.close()
  }
}

/** A dump is larger than what is before its table; a table begins with an entry, or is text. */
async function isTableAlone(
  device: BlockDevice,
  { tableOffset = PARTITION_TABLE_OFFSET }: PartitionsOptions,
): Promise<boolean> {
  const head = await readBytes(device, 0, 4)
  if (head[0] === 0xaa && head[1] === 0x50) return true
  const isText = head.every(
    (byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127),
  )
  return isText && sizeOf(device) < Math.max(tableOffset, PARTITION_TABLE_SIZE)
}
