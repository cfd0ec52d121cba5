/**
 * Profiles: what the devices in the field do with a littlefs, as data. What an image for one must be
 * like, what its driver refuses, and in which attribute it keeps times.
 *
 * The figures are those that each platform's own sources set, in November 2026. Where a board may set
 * its own, they are what nearly all boards have.
 */

import { MisuseError } from '@caravan/core'
import {
  ATTR_MAX_DEFAULT,
  BLOCK_SIZE_MIN_BYTES,
  FILE_MAX_DEFAULT,
  NAME_MAX_DEFAULT,
  NAME_MAX_LIMIT,
} from './format/superblock.js'
import type { TimeDialect } from './format/time-attribute.js'
import type { BuildOptions } from './image.js'
import type { DiskVersion } from './volume.js'

/** Sizes in bytes. */
export interface DeviceProfile {
  /** As `--profile` takes it. */
  readonly name: string
  readonly title: string
  /** That of new images. */
  readonly blockSize: number
  /** All that its driver mounts; `'any'` where the board's flash decides. */
  readonly blockSizes: readonly number[] | 'any'
  /** Where small filesystems have other blocks. */
  readonly small?: { readonly belowBytes: number; readonly blockSize: number }
  readonly readSize: number
  readonly progSize: number
  /** It bounds the files that are kept in metadata. Never more than a block. */
  readonly cacheSize: number
  /** Compactions after which a metadata pair moves. */
  readonly blockCycles: number
  /** What new images allow. */
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
  /** The longest name that its driver lets a superblock allow. Default: `nameMax`. */
  readonly driverNameMax?: number
  /** That of new images, and the newest that its driver mounts. `'1'`: littlefs 1, another format. */
  readonly diskVersion: DiskVersion | '1'
  /** The attribute in which it keeps when a file was changed. */
  readonly times: TimeDialect | 'none'
  /** Bytes of attribute `c`, when a file was made; 0 where it keeps none. */
  readonly creationBytes: 0 | 4 | 8
  /** What an erased byte of its flash reads as. */
  readonly eraseValue: number
}

const LIMITS = { nameMax: NAME_MAX_DEFAULT, fileMax: FILE_MAX_DEFAULT, attrMax: ATTR_MAX_DEFAULT }

/** Serial flash, as nearly every board has it: sectors of 4096 bytes, erased to ones. */
const FLASH = { ...LIMITS, blockSize: 4096, eraseValue: 0xff, creationBytes: 0 } as const

const ESP32 = {
  ...FLASH,
  blockSizes: [4096],
  ...{ readSize: 128, progSize: 128, cacheSize: 512, blockCycles: 512 },
} as const

const MICROPYTHON = {
  ...FLASH,
  blockSizes: 'any',
  ...{ readSize: 32, progSize: 32, cacheSize: 128, blockCycles: 100 },
  times: 'ns',
} as const

export const DEVICE_PROFILES: readonly DeviceProfile[] = [
  {
    ...ESP32,
    name: 'esp-idf',
    title: 'ESP-IDF with esp_littlefs',
    // Its build makes images with 64; what the device formats itself has 255.
    nameMax: 64,
    driverNameMax: 255,
    diskVersion: '2.1',
    times: 't8',
  },
  {
    ...ESP32,
    name: 'esp-idf-2.0',
    title: 'ESP-IDF with esp_littlefs, disk version 2.0',
    nameMax: 64,
    driverNameMax: 255,
    diskVersion: '2.0',
    times: 't4',
  },
  {
    ...ESP32,
    name: 'arduino-esp32',
    title: 'Arduino ESP32, core 3',
    diskVersion: '2.1',
    times: 't8',
  },
  {
    ...ESP32,
    name: 'arduino-esp32-2',
    title: 'Arduino ESP32, core 2',
    diskVersion: '2.0',
    times: 't4',
  },
  {
    ...FLASH,
    name: 'esp8266',
    title: 'Arduino ESP8266',
    blockSize: 8192,
    blockSizes: [8192, 4096],
    small: { belowBytes: 512 * 1024, blockSize: 4096 },
    ...{ readSize: 64, progSize: 64, cacheSize: 64, blockCycles: 16 },
    nameMax: 32,
    diskVersion: '2.0',
    times: 't8',
    creationBytes: 8,
  },
  {
    ...FLASH,
    name: 'arduino-pico',
    title: 'Arduino-Pico (RP2040, RP2350)',
    blockSizes: [4096],
    ...{ readSize: 256, progSize: 256, cacheSize: 256, blockCycles: 16 },
    diskVersion: '2.1',
    times: 't8',
    creationBytes: 8,
  },
  { ...MICROPYTHON, name: 'micropython', title: 'MicroPython 1.22 and later', diskVersion: '2.1' },
  {
    ...MICROPYTHON,
    name: 'micropython-1.21',
    title: 'MicroPython up to 1.21',
    diskVersion: '2.0',
  },
  {
    ...MICROPYTHON,
    name: 'micropython-256',
    title: 'MicroPython 1.22 and later on rp2, mimxrt, samd and alif',
    progSize: 256,
    cacheSize: 1024,
    diskVersion: '2.1',
  },
  {
    ...FLASH,
    name: 'zephyr',
    title: 'Zephyr 3.6 and later',
    blockSizes: 'any',
    ...{ readSize: 16, progSize: 16, cacheSize: 64, blockCycles: 512 },
    diskVersion: '2.1',
    times: 'none',
  },
  {
    ...FLASH,
    name: 'zephyr-2.0',
    title: 'Zephyr up to 3.5',
    blockSizes: 'any',
    ...{ readSize: 16, progSize: 16, cacheSize: 64, blockCycles: 512 },
    diskVersion: '2.0',
    times: 'none',
  },
  {
    ...FLASH,
    name: 'mbed',
    title: 'Mbed OS, LittleFileSystem2',
    blockSizes: 'any',
    // Those of the block device: one that writes single bytes, as most do.
    ...{ readSize: 1, progSize: 1, cacheSize: 64, blockCycles: 1024 },
    diskVersion: '2.0',
    times: 'none',
  },
  {
    ...FLASH,
    name: 'mbed-1',
    title: 'Mbed OS, LittleFileSystem',
    blockSizes: 'any',
    ...{ readSize: 64, progSize: 64, cacheSize: 64, blockCycles: -1 },
    diskVersion: '1',
    times: 'none',
  },
  {
    ...FLASH,
    name: 'adafruit-nrf52',
    title: 'Adafruit nRF52 (Meshtastic too)',
    blockSize: 128,
    blockSizes: [128],
    ...{ readSize: 128, progSize: 128, cacheSize: 128, blockCycles: -1 },
    diskVersion: '1',
    times: 'none',
  },
  {
    ...FLASH,
    name: 'nuttx',
    title: 'NuttX 10.4 and later',
    blockSizes: 'any',
    // Four pages of 256 bytes each.
    ...{ readSize: 1024, progSize: 1024, cacheSize: 1024, blockCycles: 200 },
    nameMax: 32,
    diskVersion: '2.0',
    times: 'nuttx',
  },
]

/** What a program asks for beside a profile: the size in blocks, or in bytes. */
export interface ProfileSize {
  readonly blockSize?: number
  readonly blockCount?: number
  readonly sizeBytes?: number
}

/**
 * How an image for a device is built, formatted and mounted.
 *
 * @throws MisuseError `INVALID_ARGUMENT` where the device takes no littlefs 2, or no blocks of that
 *   size; for a size that is no whole number of blocks.
 */
export function optionsOfProfile(profile: DeviceProfile, size: ProfileSize = {}): BuildOptions {
  const { diskVersion } = profile
  if (diskVersion === '1') {
    throw refusal(`${profile.title} takes littlefs 1, which is made on the device alone`)
  }
  const blockSize = size.blockSize ?? blockSizeOfProfile(profile, size.sizeBytes)
  if (!takesBlockSize(profile, blockSize)) {
    throw refusal(
      `${profile.title} mounts blocks of ${blockSizesInWords(profile)}, not ${blockSize}`,
    )
  }
  const { blockCount = size.sizeBytes === undefined ? undefined : size.sizeBytes / blockSize } =
    size
  if (blockCount !== undefined && !Number.isInteger(blockCount)) {
    throw refusal(`${size.sizeBytes} bytes are no whole number of blocks of ${blockSize}`)
  }
  const { progSize, blockCycles, nameMax, fileMax, attrMax, eraseValue, times, creationBytes } =
    profile
  return {
    ...{ blockSize, progSize, blockCycles, nameMax, fileMax, attrMax, eraseValue, diskVersion },
    ...{ times, creationBytes },
    cacheSize: Math.min(profile.cacheSize, blockSize),
    ...(blockCount === undefined ? {} : { blockCount }),
  }
}

/** Blocks of new images of that many bytes. */
function blockSizeOfProfile({ blockSize, small }: DeviceProfile, sizeBytes?: number): number {
  if (small === undefined || sizeBytes === undefined) return blockSize
  return sizeBytes < small.belowBytes ? small.blockSize : blockSize
}

/** True where its driver, set up as the profile says, can have blocks of that size. */
export function takesBlockSize(profile: DeviceProfile, blockSize: number): boolean {
  const { blockSizes, readSize, progSize } = profile
  if (blockSizes !== 'any') return blockSizes.includes(blockSize)
  if (blockSize < BLOCK_SIZE_MIN_BYTES) return false
  const cacheSize = Math.min(profile.cacheSize, blockSize)
  return [readSize, progSize, cacheSize].every((unit) => blockSize % unit === 0)
}

export function blockSizesInWords({ blockSizes, ...sizes }: DeviceProfile): string {
  if (blockSizes !== 'any') return `${blockSizes.join(' or ')} bytes`
  return `a multiple of ${Math.max(sizes.readSize, sizes.progSize, sizes.cacheSize)} bytes`
}

/** The longest name that its driver lets a superblock allow, in bytes. */
export function driverNameMaxOf({ nameMax, driverNameMax = nameMax }: DeviceProfile): number {
  return Math.min(driverNameMax, NAME_MAX_LIMIT)
}

function refusal(reason: string): MisuseError {
  return new MisuseError('INVALID_ARGUMENT', `${reason}. Choose another profile or size.`)
}
