/**
 * Finds the filesystem in an image of which nobody said where it begins: at its beginning, or
 * somewhere in it; and says what else is there where none is found.
 *
 * 1. Nothing is written to what was found by chance: of several places none is chosen, and for writing
 *    only one that a checksum speaks for.
 * 2. What is found in a dump has the size that a partition table or its own superblock gives it, so that
 *    nothing behind it is written.
 */

import {
  decodePartitionTable,
  type EspPartition,
  findForeign,
  foreignError,
  identify,
  PARTITION_TABLE_OFFSET,
  PARTITION_TABLE_SIZE,
} from '@caravan/container'
import { type BlockDevice, FormatError } from '@caravan/core'
import type { Context } from './context.js'
import { checkInterrupted } from './errors.js'
import type { ImageFormat, LocatedImage } from './formats/format.js'
import { readBytes, sizeOf } from './formats/read-bytes.js'
import { notRecognised } from './formats/table.js'
import type { Place } from './place.js'
import { formatSize } from './sizes.js'

/** Something in a dump. */
export interface Candidate {
  /** `undefined` for what the command does not open. */
  readonly format: ImageFormat | undefined
  /** `littlefs 2.1`, `a SPIFFS filesystem`. */
  readonly title: string
  readonly offsetBytes: number
  readonly sizeBytes: number | undefined
  /** The ESP32 partition that it begins. */
  readonly partition: EspPartition | undefined
  /** What speaks for it, and what against. */
  readonly evidence: readonly string[]
  /** A checksum speaks for it, and all of it is there. */
  readonly isCertain: boolean
}

/** Dumps of flash are smaller; a disk is not read through for a guess. */
const SEARCHED_MAX_BYTES = 256 * 1024 * 1024

/**
 * The format of an image and where in it the filesystem lies.
 *
 * @throws FormatError that says what was found instead, or that it was more than one; DeviceError.
 */
export async function findImage(
  context: Context,
  device: BlockDevice,
  name: string,
  writable: boolean,
): Promise<{ readonly format: ImageFormat; readonly place: Place }> {
  const { formats, report } = context
  const atStart = { offsetBytes: 0 }
  for (const format of formats)
    if (await format.recognise(device)) return { format, place: atStart }
  const isSearched = device.isRemote !== true && sizeOf(device) <= SEARCHED_MAX_BYTES
  const found = isSearched ? await findCandidates(context, device) : []
  const own = found.filter(isOpenable)
  const certain = own.filter(({ isCertain }) => isCertain)
  // At the beginning is where an image is looked for, damaged as it may be.
  const isAtStart = own.length === 1 && own[0]?.offsetBytes === 0
  const [one, ...more] = certain.length > 0 ? certain : writable && !isAtStart ? [] : own
  if (one !== undefined && more.length === 0) {
    const { format, offsetBytes, sizeBytes, partition } = one
    if (offsetBytes > 0) report.tellOnce(`${name}: ${inWords(one)}: opened.`)
    const room = partition?.size ?? (one.isCertain ? sizeBytes : undefined)
    const isFixed = offsetBytes > 0 && room !== undefined
    return { format, place: { offsetBytes, ...(isFixed ? { sizeBytes: room } : {}) } }
  }
  if (own.length > 0) throw severalFound(own)
  // Only now, since it may take reading a good part of the image.
  for (const format of formats) if (await format.search?.(device)) return { format, place: atStart }
  const foreign = await identify(device)
  if (foreign !== undefined && found.length === 0) throw foreignError(foreign)
  throw new FormatError('NOT_RECOGNISED', notRecognised(formats, found.map(inWords)))
}

function isOpenable(one: Candidate): one is Candidate & { format: ImageFormat } {
  return one.format !== undefined
}

function severalFound(found: readonly Candidate[]): FormatError {
  const words =
    found.length === 1 ? 'Nothing certain was found' : `${found.length} filesystems were found`
  const advice = found.some(({ partition }) => partition !== undefined)
    ? '--partition NAME or --offset'
    : '--offset, and --size where something follows it'
  return new FormatError(
    'SEVERAL_FOUND',
    `${words}: ${found.map(inWords).join('; ')}. Say which one is meant with ${advice}.`,
  )
}

/** `littlefs 2.1 at 0x290000 (partition 'storage', 1.4 MiB; both superblocks, CRC good)`. */
function inWords({ title, offsetBytes, sizeBytes, partition, evidence }: Candidate): string {
  const about = [
    ...(partition === undefined ? [] : [`partition '${partition.name}'`]),
    ...(sizeBytes === undefined ? [] : [formatSize(sizeBytes)]),
  ]
  const both = [about.join(', '), evidence.join(', ')].filter(Boolean).join('; ')
  return `${title} at 0x${offsetBytes.toString(16)} (${both})`
}

/**
 * Everything in a dump that is known, in order. Reads all of it.
 *
 * @throws DeviceError; Interrupted.
 */
export async function findCandidates(
  { formats, signal }: Context,
  device: BlockDevice,
): Promise<Candidate[]> {
  const partitions = await partitionsIn(device)
  const partitionAt = (offset: number) => partitions.find((each) => each.offset === offset)
  const candidates: Candidate[] = []
  for (const format of formats) {
    checkInterrupted(signal)
    for (const located of (await format.locate?.(device)) ?? []) {
      candidates.push(candidateOf(format, located, partitionAt(located.offset)))
    }
  }
  checkInterrupted(signal)
  for (const { title, offset, sizeBytes, evidence } of await findForeign(device)) {
    // An image that is a file of a filesystem is not one of the dump.
    if (candidates.some((each) => isWithin(offset, each))) continue
    const partition =
      partitionAt(offset) ?? partitions.find((each) => isWithin(offset, spanOf(each)))
    candidates.push({
      ...{ format: undefined, title, offsetBytes: offset, sizeBytes, partition, evidence },
      isCertain: false,
    })
  }
  return candidates.sort((a, b) => a.offsetBytes - b.offsetBytes)
}

function candidateOf(
  format: ImageFormat,
  { title, offset, sizeBytes, evidence, isCertain }: LocatedImage,
  partition: EspPartition | undefined,
): Candidate {
  return { format, title, offsetBytes: offset, sizeBytes, partition, evidence, isCertain }
}

function spanOf({ offset, size }: EspPartition): Pick<Candidate, 'offsetBytes' | 'sizeBytes'> {
  return { offsetBytes: offset, sizeBytes: size }
}

function isWithin(
  at: number,
  { offsetBytes, sizeBytes = 0 }: Pick<Candidate, 'offsetBytes' | 'sizeBytes'>,
): boolean {
  return at >= offsetBytes && at < offsetBytes + sizeBytes
}

/** Those of a table in the dump; none where there is no table, or it is not to be trusted. */
async function partitionsIn(device: BlockDevice): Promise<readonly EspPartition[]> {
  const bytes = await readBytes(device, PARTITION_TABLE_OFFSET, PARTITION_TABLE_SIZE)
  try {
    return decodePartitionTable(bytes)
  } catch (error) {
    // Only names of places hang on it here.
    if (error instanceof FormatError) return []
    throw error
  }
}

/** Codes that say that a filesystem is not where it was looked for. */
const ELSEWHERE = ['NOT_RECOGNISED', 'NOT_LITTLEFS', 'NOT_NOTAFS', 'NOT_DOCTEUR', 'CORRUPT_PAIR']

/**
 * The same error, or one that says what is there instead.
 *
 * @param part where the filesystem was looked for.
 */
export async function explained(error: unknown, part: BlockDevice): Promise<unknown> {
  if (!(error instanceof FormatError) || !ELSEWHERE.includes(error.code)) return error
  if (error.code === 'CORRUPT_PAIR' && (error.block ?? 0) > 1) return error
  const foreign = await identify(part)
  return foreign === undefined ? error : foreignError(foreign, error)
}
