/**
 * Where in an image a filesystem lies, as the command line says it: an offset and a size, or a
 * partition of an ESP32's table, which stands in the dump itself or in a file beside it.
 */

import { readFile } from 'node:fs/promises'
import {
  decodePartitionCsv,
  decodePartitionTable,
  type EspPartition,
  PARTITION_TABLE_OFFSET,
  PARTITION_TABLE_SIZE,
  partitionNamed,
} from '@caravan/container'
import type { BlockDevice } from '@caravan/core'
import { FormatError } from '@caravan/core'
import { PartitionDevice } from '@caravan/device'
import { UsageError } from './errors.js'
import { readBytes, sizeOf } from './formats/read-bytes.js'

export interface PlaceOptions {
  /** Where in the image the filesystem begins, in bytes. Default 0, or where one is found. */
  readonly offset?: number
  /** Bytes that it has there. Default: all that follows, or what a table or superblock says. */
  readonly size?: number
  /** The name of the ESP32 partition that it is in. */
  readonly partition?: string
  /** A file that holds the table, binary or CSV. Default: it stands in the dump. */
  readonly partitionTable?: string
  /** Where in the flash the table stands. Default 0x8000. */
  readonly tableOffset?: number
}

export interface Place {
  /** Bytes from the beginning of the image. */
  readonly offsetBytes: number
  /** `undefined`: all that follows. */
  readonly sizeBytes?: number
}

/**
 * The place that the options name; `undefined` where they name none.
 *
 * @throws UsageError for two places, and for one that is not there; FormatError for a table that is
 *   none, and a partition that it has not; DeviceError.
 */
export async function statedPlace(
  device: BlockDevice,
  name: string,
  options: PlaceOptions,
): Promise<Place | undefined> {
  const { offset, size, partition, partitionTable, tableOffset } = options
  if (partition === undefined) {
    if (partitionTable !== undefined || tableOffset !== undefined) {
      throw new UsageError(
        '--partition-table and --table-offset go with --partition NAME. `caravan partitions IMAGE` lists the names.',
      )
    }
    if (offset === undefined && size === undefined) return undefined
    return { offsetBytes: offset ?? 0, ...(size === undefined ? {} : { sizeBytes: size }) }
  }
  if (offset !== undefined || size !== undefined) {
    throw new UsageError('--partition says where and how large. Leave out --offset and --size.')
  }
  const found = partitionNamed(await tableFor(device, options), partition)
  const end = found.offset + found.size
  const sizeBytes = sizeOf(device)
  if (end > sizeBytes) {
    throw new FormatError(
      'CUT_SHORT',
      `the partition ${partition} ends at byte ${end}, and ${name} has ${sizeBytes}: it was cut short, or is another dump. Read the whole flash.`,
      { structure: 'partition table' },
    )
  }
  return { offsetBytes: found.offset, sizeBytes: found.size }
}

/**
 * The partitions of a dump: those of the table that is named, else of the one in it.
 *
 * @throws as {@link statedPlace}.
 */
export async function tableFor(
  device: BlockDevice,
  { partitionTable, tableOffset = PARTITION_TABLE_OFFSET }: PlaceOptions,
): Promise<EspPartition[]> {
  if (partitionTable !== undefined) return parseTable(await readFile(partitionTable), tableOffset)
  return decodePartitionTable(await readBytes(device, tableOffset, PARTITION_TABLE_SIZE))
}

/** A table on its own, binary or CSV. @throws FormatError. */
export function parseTable(bytes: Uint8Array, tableOffset?: number): EspPartition[] {
  if (bytes[0] === 0xaa && bytes[1] === 0x50) return decodePartitionTable(bytes)
  return decodePartitionCsv(new TextDecoder().decode(bytes), tableOffset)
}

/**
 * The part of a device where a filesystem lies.
 *
 * @throws UsageError where it would begin or end behind the end.
 */
export function partAt(device: BlockDevice, name: string, place: Place): BlockDevice {
  const { offsetBytes, sizeBytes } = place
  const wholeSize = sizeOf(device)
  if (offsetBytes > wholeSize) {
    throw new UsageError(
      `--offset ${offsetBytes} lies beyond the end of ${name}, which has ${wholeSize} bytes.`,
    )
  }
  if (sizeBytes !== undefined && offsetBytes + sizeBytes > wholeSize) {
    throw new UsageError(
      `--size ${sizeBytes} from byte ${offsetBytes} on ends beyond ${name}, which has ${wholeSize} bytes.`,
    )
  }
  if (offsetBytes === 0 && sizeBytes === undefined) return device
  return new PartitionDevice(device, {
    offsetBytes,
    ...(sizeBytes === undefined ? {} : { lengthBytes: sizeBytes }),
  })
}
