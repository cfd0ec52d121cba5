/**
 * The partition table of an ESP32: entries of 32 bytes, then the MD5 of these, then erased bytes.
 *
 *     0      2     3        4       8     12            28
 *     [aa 50 type  subtype  offset  size  name, 16      flags]       eb eb ff... (16), MD5 (16)
 *
 * Numbers are little-endian. Names end with a zero byte where they are shorter.
 *
 * Source: ESP-IDF, "Partition Tables" and gen_esp32part.py; esp_flash_partitions.h.
 */

import { FormatError, MisuseError } from '@caravan/core'
import { md5 } from '@noble/hashes/legacy.js'

/** Where it lies in flash unless the project says otherwise (CONFIG_PARTITION_TABLE_OFFSET). */
export const PARTITION_TABLE_OFFSET = 0x8000

/** The sector that it has for itself. */
export const PARTITION_TABLE_SIZE = 0x1000

/** Bytes of it that hold entries: the rest of the sector is for a signature. */
const ENTRIES_BYTES = 0xc00
const ENTRY_BYTES = 32
const NAME_AT = 12
const NAME_BYTES = 16
const FLAGS_AT = 28
const MD5_BYTES = 16
/** Without the entry of the MD5, and one that is erased and so ends the list. */
const ENTRY_COUNT_MAX = ENTRIES_BYTES / ENTRY_BYTES - 2

const FLAG_ENCRYPTED = 1
const FLAG_READ_ONLY = 2

export interface EspPartition {
  readonly name: string
  /** 0 app, 1 data, 2 bootloader, 3 partition table, others the project's own. */
  readonly type: number
  readonly subtype: number
  /** Bytes from the beginning of the flash. */
  readonly offset: number
  /** Bytes. */
  readonly size: number
  /** Its content is encrypted where the chip encrypts its flash. */
  readonly encrypted: boolean
  readonly readOnly: boolean
}

export const TYPE_NAMES: Readonly<Record<string, number>> = {
  app: 0,
  data: 1,
  bootloader: 2,
  partition_table: 3,
}

/** By type. */
export const SUBTYPE_NAMES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  0: {
    factory: 0x00,
    ...Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`ota_${i}`, 0x10 + i])),
    test: 0x20,
  },
  1: {
    ota: 0x00,
    phy: 0x01,
    nvs: 0x02,
    coredump: 0x03,
    nvs_keys: 0x04,
    efuse: 0x05,
    undefined: 0x06,
    esphttpd: 0x80,
    fat: 0x81,
    spiffs: 0x82,
    littlefs: 0x83,
  },
  2: { primary: 0x00, ota: 0x01, recovery: 0x02 },
  3: { primary: 0x00, ota: 0x01 },
}

/** Type and subtype as a table in CSV names them: `data`, `spiffs`; numbers where they have no name. */
export function partitionKind({ type, subtype }: Pick<EspPartition, 'type' | 'subtype'>): {
  readonly type: string
  readonly subtype: string
} {
  const nameOf = (names: Readonly<Record<string, number>>, value: number) =>
    Object.keys(names).find((name) => names[name] === value) ?? `0x${value.toString(16)}`
  return { type: nameOf(TYPE_NAMES, type), subtype: nameOf(SUBTYPE_NAMES[type] ?? {}, subtype) }
}

/**
 * The partitions of a table, as it lies in flash.
 *
 * @param bytes from its first entry on; what follows the table is not looked at.
 * @throws FormatError `NOT_A_PARTITION_TABLE` where none begins there; `BAD_PARTITION_TABLE` where its
 *   MD5 is wrong, an entry is none, or partitions overlap.
 */
export function decodePartitionTable(bytes: Uint8Array): EspPartition[] {
  if (bytes[0] !== 0xaa || bytes[1] !== 0x50) {
    throw new FormatError(
      'NOT_A_PARTITION_TABLE',
      'No ESP32 partition table begins there (AA 50). Check that this is a dump of the whole flash; where the table lies elsewhere, say so with --table-offset, or give it as a file with --partition-table.',
      { structure: 'partition table', offset: 0 },
    )
  }
  const partitions: EspPartition[] = []
  const size = Math.min(bytes.length, ENTRIES_BYTES)
  for (let at = 0; at + ENTRY_BYTES <= size; at += ENTRY_BYTES) {
    const entry = bytes.subarray(at, at + ENTRY_BYTES)
    if (entry[0] === 0xeb && entry[1] === 0xeb) {
      checkMd5(bytes.subarray(0, at), entry.subarray(ENTRY_BYTES - MD5_BYTES), at)
    } else if (entry[0] === 0xaa && entry[1] === 0x50) partitions.push(decodeEntry(entry))
    else if (entry.every((byte) => byte === 0xff)) return checkPartitions(partitions)
    else
      throw badTable(`the entry at byte ${at} is none: it begins with neither AA 50 nor EB EB`, at)
  }
  throw badTable('it has no end: it was cut short', size)
}

function decodeEntry(entry: Uint8Array): EspPartition {
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_BYTES)
  const name = entry.subarray(NAME_AT, NAME_AT + NAME_BYTES)
  const end = name.indexOf(0)
  const flags = view.getUint32(FLAGS_AT, true)
  return {
    name: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
    type: entry[2] as number,
    subtype: entry[3] as number,
    offset: view.getUint32(4, true),
    size: view.getUint32(8, true),
    encrypted: (flags & FLAG_ENCRYPTED) !== 0,
    readOnly: (flags & FLAG_READ_ONLY) !== 0,
  }
}

function checkMd5(entries: Uint8Array, stored: Uint8Array, at: number): void {
  const computed = md5(entries)
  if (computed.every((byte, i) => byte === stored[i])) return
  throw badTable(
    `its MD5 is ${hex(stored)}, and that of its entries ${hex(computed)}: a bit of it has changed`,
    at,
  )
}

const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** @throws FormatError `BAD_PARTITION_TABLE` where two would share bytes. */
export function checkPartitions(partitions: EspPartition[]): EspPartition[] {
  const ordered = [...partitions].sort((a, b) => a.offset - b.offset)
  for (let i = 1; i < ordered.length; i++) {
    const [before, one] = [ordered[i - 1] as EspPartition, ordered[i] as EspPartition]
    if (before.offset + before.size <= one.offset) continue
    throw badTable(
      `the partitions ${before.name} (${range(before)}) and ${one.name} (${range(one)}) overlap`,
      0,
    )
  }
  return partitions
}

function range({ offset, size }: EspPartition): string {
  return `0x${offset.toString(16)} to 0x${(offset + size).toString(16)}`
}

/**
 * A table as it lies in flash: the part of its sector that holds entries, 3072 bytes.
 *
 * @throws MisuseError `INVALID_ARGUMENT` for more partitions, or a longer name, than it can hold.
 */
export function encodePartitionTable(partitions: readonly EspPartition[]): Uint8Array {
  if (partitions.length > ENTRY_COUNT_MAX) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${partitions.length} partitions: a table holds ${ENTRY_COUNT_MAX}.`,
    )
  }
  const bytes = new Uint8Array(ENTRIES_BYTES).fill(0xff)
  let at = 0
  for (const partition of partitions) {
    encodeEntry(bytes.subarray(at, at + ENTRY_BYTES), partition)
    at += ENTRY_BYTES
  }
  bytes.fill(0xeb, at, at + 2)
  bytes.set(md5(bytes.subarray(0, at)), at + ENTRY_BYTES - MD5_BYTES)
  return bytes
}

function encodeEntry(entry: Uint8Array, partition: EspPartition): void {
  const { name, type, subtype, offset, size, encrypted, readOnly } = partition
  const nameBytes = new TextEncoder().encode(name)
  // ESP-IDF keeps the sixteenth byte for the zero at the end.
  if (nameBytes.length >= NAME_BYTES) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `A partition's name has at most ${NAME_BYTES - 1} bytes, and '${name}' has ${nameBytes.length}.`,
    )
  }
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_BYTES)
  entry.fill(0)
  entry.set([0xaa, 0x50, type, subtype])
  view.setUint32(4, offset, true)
  view.setUint32(8, size, true)
  entry.set(nameBytes, NAME_AT)
  view.setUint32(FLAGS_AT, (encrypted ? FLAG_ENCRYPTED : 0) | (readOnly ? FLAG_READ_ONLY : 0), true)
}

/**
 * The partition of that name.
 *
 * @throws FormatError `NO_SUCH_PARTITION` that names those that there are.
 */
export function partitionNamed(partitions: readonly EspPartition[], name: string): EspPartition {
  const named = partitions.find((each) => each.name === name)
  if (named !== undefined) return named
  const names = partitions.map((each) => each.name).join(', ')
  throw new FormatError(
    'NO_SUCH_PARTITION',
    `There is no partition '${name}'. The table has: ${names || 'none'}.`,
    { structure: 'partition table' },
  )
}

function badTable(what: string, offset: number): FormatError {
  return new FormatError(
    'BAD_PARTITION_TABLE',
    `This partition table is not to be trusted: ${what}. Read the flash again, or give the table as a file with --partition-table.`,
    { structure: 'partition table', offset },
  )
}
