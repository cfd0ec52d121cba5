/**
 * The options that say how a littlefs lies on its medium and how it is written, as they come from
 * the command line.
 *
 * Some stand in the image (block size and count, disk version, limits), the others are those of the
 * device that will use it (read, program and cache size, cycles). The values themselves are judged by
 * the filesystem.
 */

import { MisuseError } from '@caravan/core'
import {
  type BuildOptions,
  type DeviceProfile,
  driverNameMaxOf,
  optionsOfProfile,
} from '@caravan/littlefs'
import { Option } from 'commander'
import { asCount, asCycles, asSize } from '../arguments.js'
import { UsageError } from '../errors.js'
import { BLOCK_COUNT_OPTION, blockCountOf, given, SIZE_OPTION } from '../geometry.js'
import { CONFIG_OPTION, PROFILE_OPTION, type ProfileOptions, profileOf } from '../profiles.js'

/** What a writer may be told when it changes an image that is there already. */
export interface WriterOptions extends ProfileOptions {
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
  /** As few blocks as can be. */
  readonly compact?: boolean
  readonly diskVersion?: '2.0' | '2.1'
  readonly nameMax?: number
  readonly fileMax?: number
  readonly attrMax?: number
}

/** Longest name that littlefs can write down; an image may allow less. */
export const NAME_MAX = 1022

/** Bytes in a block where nothing is said: the erase size of nearly every flash chip. */
const BLOCK_SIZE_DEFAULT = 4096

const DEVICE_OPTIONS: readonly Option[] = [
  sizeOption('--prog-size <bytes>', 'program size of the device (default: 1)'),
  sizeOption('--cache-size <bytes>', 'cache size of the device (default: 64)'),
  sizeOption('--inline-max <bytes>', 'largest file kept in the metadata'),
  sizeOption('--metadata-max <bytes>', 'bytes of a block that metadata may take'),
  new Option('--erase-value <byte>', 'what erased bytes read as (default: 0xff)').argParser(
    asCount,
  ),
]

export const LITTLEFS_WRITER_OPTIONS: readonly Option[] = [
  PROFILE_OPTION,
  CONFIG_OPTION,
  ...DEVICE_OPTIONS,
  new Option(
    '--block-cycles <count>',
    'rewrites until metadata moves; -1: never (default: 500)',
  ).argParser(asCycles),
]

export const LITTLEFS_LAYOUT_OPTIONS: readonly Option[] = [
  PROFILE_OPTION,
  CONFIG_OPTION,
  SIZE_OPTION,
  BLOCK_COUNT_OPTION,
  sizeOption('--block-size <size>', `block size (default: ${BLOCK_SIZE_DEFAULT})`),
  new Option('--disk-version <version>', 'version on disk (default: 2.1)').choices(['2.0', '2.1']),
  sizeOption('--name-max <bytes>', 'longest name (default: 255)'),
  sizeOption('--file-max <bytes>', 'largest file (default: 2147483647)'),
  sizeOption('--attr-max <bytes>', 'largest attribute (default: 1022)'),
  sizeOption('--read-size <bytes>', 'read size of the device, to check the others by'),
  ...DEVICE_OPTIONS,
]

function sizeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(asSize)
}

/** A new image, but for how many blocks it has, which may be found out later. */
export type Layout = Omit<BuildOptions, 'blockSize'> &
  WriterOptions & {
    blockSize: number
    /** Of the device that it is for. */
    deviceTitle?: string
  }

/**
 * The layout that the options ask for.
 *
 * @throws UsageError for a size that is no whole number of blocks, for two sizes, and for what the
 *   device of a profile would refuse.
 */
export function layoutOf(options: LayoutOptions): Layout {
  const profile = profileOf(options)
  const device = profile === undefined ? {} : deviceOf(profile, options)
  const { blockSize = device.blockSize ?? BLOCK_SIZE_DEFAULT } = options
  const { diskVersion, nameMax, fileMax, attrMax } = options
  const blockCount = blockCountOf(options, blockSize)
  const { readSize = profile?.readSize, progSize = device.progSize } = options
  const { cacheSize = device.cacheSize } = options
  checkMultiples({ ...options, ...given({ readSize, progSize, cacheSize }) }, blockSize)
  return {
    ...device,
    blockSize,
    ...given({ blockCount, diskVersion, nameMax, fileMax, attrMax }),
    ...writerOf(options),
    ...given({ deviceTitle: profile?.title }),
    ...(options.compact === true ? { packing: 'dense' } : {}),
  }
}

/** What a profile says of a new image. @throws UsageError where the options say what it refuses. */
function deviceOf(profile: DeviceProfile, options: LayoutOptions): BuildOptions {
  const { title } = profile
  const refuse = (option: string, value: string | number, most: string | number): void => {
    throw new UsageError(
      `${option} ${value}: ${title} mounts at most ${most}, and would refuse the image. Leave it out, or choose another --profile.`,
    )
  }
  const limits = [
    ['--name-max', options.nameMax, driverNameMaxOf(profile)],
    ['--file-max', options.fileMax, profile.fileMax],
    ['--attr-max', options.attrMax, profile.attrMax],
  ] as const
  for (const [option, value, most] of limits) {
    if (value !== undefined && value > most) refuse(option, value, most)
  }
  const { diskVersion, blockSize, size: sizeBytes } = options
  if (
    diskVersion !== undefined &&
    diskVersion > profile.diskVersion &&
    profile.diskVersion !== '1'
  ) {
    refuse('--disk-version', diskVersion, profile.diskVersion)
  }
  try {
    const { blockCount: _, ...built } = optionsOfProfile(profile, given({ blockSize, sizeBytes }))
    return built
  } catch (error) {
    if (!(error instanceof MisuseError)) throw error
    throw new UsageError(error.message)
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

/** How the device of a profile writes, where one is named. @throws UsageError. */
export function deviceWriter(options: ProfileOptions): WriterOptions {
  const profile = profileOf(options)
  if (profile === undefined) return {}
  const { progSize, eraseValue, cacheSize, blockCycles } = profile
  return { progSize, eraseValue, cacheSize, blockCycles }
}

/** The writer's part of the options, as the library takes it. */
export function writerOf(options: WriterOptions): WriterOptions {
  const { progSize, eraseValue, cacheSize, blockCycles, inlineMax, metadataMax } = options
  return given({ progSize, eraseValue, cacheSize, blockCycles, inlineMax, metadataMax })
}
