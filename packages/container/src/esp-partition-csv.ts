/**
 * The partition table of an ESP32 as a project writes it: CSV, a partition a line.
 *
 *     # Name, Type, SubType, Offset, Size, Flags
 *     nvs,    data, nvs,     0x9000, 24K,
 *
 * An empty offset follows the partition before, aligned to 64 KiB for apps and to 4 KiB for data; a
 * negative size ends the partition at that place.
 *
 * Source: ESP-IDF, "Partition Tables", "Creating Custom Tables"; gen_esp32part.py.
 */

import { FormatError } from '@caravan/core'
import {
  checkPartitions,
  type EspPartition,
  PARTITION_TABLE_OFFSET,
  PARTITION_TABLE_SIZE,
  partitionKind,
  SUBTYPE_NAMES,
  TYPE_NAMES,
} from './esp-partition-table.js'

const TYPE_APP = 0
const TYPE_DATA = 1
const TYPE_BOOTLOADER = 2
const APP_ALIGNMENT = 0x10000
const DATA_ALIGNMENT = 0x1000

/**
 * The partitions that a CSV file describes.
 *
 * @param tableOffset where the table itself lies: the first partition follows it. Default 0x8000.
 * @throws FormatError `BAD_PARTITION_TABLE` that names the line.
 */
export function decodePartitionCsv(
  text: string,
  tableOffset: number = PARTITION_TABLE_OFFSET,
): EspPartition[] {
  const partitions: EspPartition[] = []
  let end = tableOffset + PARTITION_TABLE_SIZE
  text.split(/\r?\n/).forEach((content, index) => {
    const row = content.trim()
    if (row === '' || row.startsWith('#')) return
    const partition = decodeRow(row, index + 1, end)
    const isBelow = partition.type >= TYPE_BOOTLOADER && partition.type in SUBTYPE_NAMES
    if (!isBelow && partition.offset < end) {
      throw badRow(
        index + 1,
        `it begins at ${hex(partition.offset)}, and what is before it ends at ${hex(end)}`,
      )
    }
    if (!isBelow) end = partition.offset + partition.size
    partitions.push(partition)
  })
  if (partitions.length === 0) throw badRow(1, 'there is no partition in the file')
  return checkPartitions(partitions)
}

function decodeRow(row: string, line: number, end: number): EspPartition {
  const fields = row.split(',').map((field) => field.trim())
  const [name = '', typeText = '', subtypeText = '', offsetText = '', sizeText = ''] = fields
  if (fields.length < 5 || name === '') {
    throw badRow(line, 'a partition is: name, type, subtype, offset, size, flags')
  }
  const type = numberOf(typeText, TYPE_NAMES, line, 'type')
  const subtype =
    subtypeText === '' && type === TYPE_DATA
      ? numberOf('undefined', SUBTYPE_NAMES[TYPE_DATA] ?? {}, line, 'subtype')
      : numberOf(subtypeText, SUBTYPE_NAMES[type] ?? {}, line, 'subtype')
  const alignment = type === TYPE_APP ? APP_ALIGNMENT : DATA_ALIGNMENT
  const offset =
    offsetText === '' ? Math.ceil(end / alignment) * alignment : addressOf(offsetText, line)
  const stated = addressOf(sizeText, line)
  const size = stated < 0 ? -stated - offset : stated
  if (offset < 0 || size <= 0) throw badRow(line, 'offset and size come to nothing')
  const flags = (fields[5] ?? '').split(':').filter((flag) => flag !== '')
  const unknown = flags.find((flag) => flag !== 'encrypted' && flag !== 'readonly')
  if (unknown !== undefined) throw badRow(line, `there is no flag '${unknown}'`)
  const encrypted = flags.includes('encrypted')
  return { name, type, subtype, offset, size, encrypted, readOnly: flags.includes('readonly') }
}

function numberOf(
  text: string,
  names: Readonly<Record<string, number>>,
  line: number,
  what: string,
): number {
  const named = Object.hasOwn(names, text.toLowerCase()) ? names[text.toLowerCase()] : undefined
  const value = named ?? (/^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN)
  if (value >= 0 && value <= 255) return value
  throw badRow(line, `'${text}' is no ${what}`)
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 * 1024 }

/** `0x9000`, `24K`, `1M`, `-4M`. */
function addressOf(text: string, line: number): number {
  const match = /^(-?)(0x[0-9a-f]+|\d+)([km]?)$/i.exec(text)
  if (match === null) throw badRow(line, `'${text}' is no address and no size`)
  const [, sign, digits, unit = ''] = match
  const value = Number(digits) * (UNITS[unit.toUpperCase()] ?? 1)
  return sign === '-' ? -value : value
}

/** Partitions as a project's CSV file. */
export function encodePartitionCsv(partitions: readonly EspPartition[]): string {
  const rows = partitions.map((partition) => {
    const { name, offset, size, encrypted, readOnly } = partition
    const { type, subtype } = partitionKind(partition)
    const flags = [encrypted ? 'encrypted' : '', readOnly ? 'readonly' : '']
    return [name, type, subtype, hex(offset), hex(size), flags.filter(Boolean).join(':')].join(',')
  })
  return ['# Name, Type, SubType, Offset, Size, Flags', ...rows, ''].join('\n')
}

const hex = (value: number) => `0x${value.toString(16)}`

function badRow(line: number, what: string): FormatError {
  return new FormatError(
    'BAD_PARTITION_TABLE',
    `The partition table, line ${line}: ${what}. Write it as ESP-IDF has it: nvs, data, nvs, 0x9000, 24K,`,
    { structure: 'partition table' },
  )
}
