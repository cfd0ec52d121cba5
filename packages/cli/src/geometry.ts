/**
 * The options that say how an image lies on its medium and how it is written, as they come from the
 * command line.
 *
 * Some stand in the image (block size and count, disk version, limits), the others are those of the
 * device that will use it (read, program and cache size, cycles). The values themselves are judged by
 * the filesystem.
 */

import type { FormatOptions } from '@caravan/littlefs'
import { type Command, Option } from 'commander'
import { asCount, asCycles, asSize } from './arguments.js'
import { UsageError } from './errors.js'
import { formatSize } from './sizes.js'

/** What a writer may be told when it changes an image that is there already. */
export interface WriterOptions {
  readonly progSize?: number
  readonly eraseValue?: number
  readonly cacheSize?: number
  readonly blockCycles?: number
  readonly inlineMax?: number
  readonly metadataMax?: number
}

/** What a new image may be told besides. */
export interface LayoutOptions extends WriterOptions {
  /** Looked at alone: a device would refuse sizes that do not go together. */
  readonly readSize?: number
  readonly blockSize?: number
  readonly blockCount?: number
  /** Bytes; instead of `blockCount`. */
  readonly size?: number
  readonly diskVersion?: '2.0' | '2.1'
  readonly nameMax?: number
  readonly fileMax?: number
  readonly attrMax?: number
}

/** Bytes in a block where nothing is said: the erase size of nearly every flash chip. */
const BLOCK_SIZE_DEFAULT = 4096

export function writerOptions(command: Command): Command {
  return commonOptions(command).option(
    '--block-cycles <count>',
    'rewrites until metadata moves; -1: never (default: 500)',
    asCycles,
  )
}

function commonOptions(command: Command): Command {
  return command
    .option('--prog-size <bytes>', 'program size of the device (default: 1)', asSize)
    .option('--cache-size <bytes>', 'cache size of the device (default: 64)', asSize)
    .option('--inline-max <bytes>', 'largest file kept in the metadata', asSize)
    .option('--metadata-max <bytes>', 'bytes of a block that metadata may take', asSize)
    .option('--erase-value <byte>', 'what erased bytes read as (default: 0xff)', asCount)
}

export function layoutOptions(command: Command): Command {
  command
    .option('--size <size>', 'size of the filesystem: 320K, 1M', asSize)
    .option('--block-count <count>', 'the same in blocks', asCount)
    .option('--block-size <size>', `block size (default: ${BLOCK_SIZE_DEFAULT})`, asSize)
    .addOption(
      new Option('--disk-version <version>', 'version on disk (default: 2.1)').choices([
        '2.0',
        '2.1',
      ]),
    )
    .option('--name-max <bytes>', 'longest name (default: 255)', asSize)
    .option('--file-max <bytes>', 'largest file (default: 2147483647)', asSize)
    .option('--attr-max <bytes>', 'largest attribute (default: 1022)', asSize)
    .option('--read-size <bytes>', 'read size of the device, to check the others by', asSize)
  return commonOptions(command)
}

/** A new image, but for how many blocks it has, which may be found out later. */
export type Layout = Omit<FormatOptions, 'blockSize'> & WriterOptions & { blockSize: number }

/**
 * The layout that the options ask for.
 *
 * @throws UsageError for a size that is no whole number of blocks, and for two sizes.
 */
export function layoutOf(options: LayoutOptions): Layout {
  const { size, blockCount, blockSize = BLOCK_SIZE_DEFAULT } = options
  if (size !== undefined && blockCount !== undefined) {
    throw new UsageError('--size and --block-count say the same. Give one of them.')
  }
  checkMultiples(options, blockSize)
  const count = size === undefined ? blockCount : blocksIn(size, blockSize, '--size')
  const { diskVersion, nameMax, fileMax, attrMax } = options
  return {
    blockSize,
    ...given({ blockCount: count, diskVersion, nameMax, fileMax, attrMax }),
    ...writerOf(options),
  }
}

/** What the C library asserts of its configuration, as far as it is given here. */
function checkMultiples(options: LayoutOptions, blockSize: number): void {
  const { readSize, progSize, cacheSize } = options
  const pairs = [
    ['--cache-size', cacheSize, '--read-size', readSize],
    ['--cache-size', cacheSize, '--prog-size', progSize],
    ['--block-size', blockSize, '--cache-size', cacheSize],
    ['--block-size', blockSize, '--read-size', readSize],
    ['--block-size', blockSize, '--prog-size', progSize],
  ] as const
  for (const [largerName, larger, smallerName, smaller] of pairs) {
    if (larger === undefined || smaller === undefined || larger % smaller === 0) continue
    throw new UsageError(
      `${largerName} ${larger} is no multiple of ${smallerName} ${smaller}: a device with these sizes would refuse the image. Give the device's own.`,
    )
  }
}

/** The writer's part of the options, as the library takes it. */
export function writerOf(options: WriterOptions): WriterOptions {
  const { progSize, eraseValue, cacheSize, blockCycles, inlineMax, metadataMax } = options
  return given({ progSize, eraseValue, cacheSize, blockCycles, inlineMax, metadataMax })
}

/** @throws UsageError for a size that is no whole number of blocks. */
export function blocksIn(sizeBytes: number, blockSize: number, what: string): number {
  if (blockSize > 0 && sizeBytes % blockSize === 0) return sizeBytes / blockSize
  const below = Math.floor(sizeBytes / blockSize)
  throw new UsageError(
    `${what} is ${sizeBytes} bytes, which is no whole number of blocks of ${blockSize} bytes. Give ${below * blockSize} or ${(below + 1) * blockSize}, or another --block-size.`,
  )
}

/** `80 blocks of 4096 bytes (320 KiB)`. */
export function blocksInWords(blockCount: number, blockSize: number): string {
  return `${blockCount} blocks of ${blockSize} bytes (${formatSize(blockCount * blockSize)})`
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what is not given: `undefined` is no value that the library takes. */
function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<T>
}
