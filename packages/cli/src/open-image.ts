/**
 * Opens the image that a command line names: a file, a device of this computer, or standard input;
 * the whole of it, or a part that begins at an offset.
 */

import { readFile, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { BlockDevice } from '@caravan/core'
import { MemoryDevice, PartitionDevice } from '@caravan/device'
import { FileDevice, type FileDeviceOptions } from '@caravan/device/node'
import { LittleFS, type MountOptions } from '@caravan/littlefs'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import type { WriterOptions } from './geometry.js'

/** The options of all verbs on images, as they come from the command line. */
export interface ImageOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Default: the superblock's. */
  readonly blockCount?: number
  /** Where in the image the filesystem begins, in bytes. Default 0. */
  readonly offset?: number
}

export interface Image {
  /** As it was given. */
  readonly name: string
  readonly fs: LittleFS
  /** Bytes from where the filesystem begins to the end of the image. */
  readonly sizeBytes: number
  /** Where in the image the filesystem begins, in bytes. */
  readonly offsetBytes: number
  close(): Promise<void>
}

/** How an image is changed in place. */
export interface ChangeOptions extends WriterOptions {
  /** Hold `IMAGE.lock` meanwhile, so that no two programs write. Default true. */
  readonly lock?: boolean
}

/** Where standard input is read from, and whether the user has asked to stop. */
interface OpenEnvironment {
  readonly stdin: Readable
  readonly signal: AbortSignal
}

/** Longest name that littlefs can write down; an image may allow less. */
const NAME_MAX = 1022

/**
 * Opens an image: for reading, where nothing is written and no lock is taken; with `change` for
 * writing.
 *
 * @throws DeviceError where it cannot be read or written, `LOCKED` where another program writes;
 *   FormatError where it holds no littlefs; MisuseError and UsageError for options that cannot be.
 */
export async function openImage(
  name: string,
  options: ImageOptions,
  environment: OpenEnvironment,
  change?: ChangeOptions,
): Promise<Image> {
  const { blockSize, blockCount, offset = 0 } = options
  const device = await openDevice(name, options, environment, change)
  try {
    const part = partOf(device, name, offset)
    const mountOptions: MountOptions = {
      readOnly: change === undefined,
      nameMax: NAME_MAX,
      ...change,
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(blockCount === undefined ? {} : { blockCount }),
    }
    const fs = await LittleFS.mount(part, mountOptions)
    const sizeBytes = sizeOf(device) - offset
    return { name, fs, sizeBytes, offsetBytes: offset, close: async () => device.close() }
  } catch (error) {
    await device.close()
    throw error
  }
}

/** The device that an image is: in memory for standard input, else the file. */
export async function openDevice(
  name: string,
  options: ImageOptions,
  environment: OpenEnvironment,
  change: ChangeOptions | undefined,
): Promise<BlockDevice> {
  if (name !== '-') return openFile(name, options, change)
  if (change !== undefined) {
    throw new UsageError('Standard input cannot be changed in place. Give the image as a file.')
  }
  return new MemoryDevice(await readAll(environment), { readOnly: true })
}

/** A file or device of this computer, whole; `change` opens it for writing. */
export async function openFile(
  name: string,
  options: ImageOptions,
  change?: ChangeOptions,
): Promise<FileDevice> {
  const { lock, progSize, eraseValue } = change ?? {}
  return FileDevice.open(name, {
    ...inUnitsOf(progSize, await extentOf(name, options)),
    readOnly: change === undefined,
    ...(lock === undefined ? {} : { lock }),
    ...(eraseValue === undefined ? {} : { eraseValue }),
  })
}

/** The filesystem finds its own block size; until then any will do that the device can have. */
function inUnitsOf(progSize: number | undefined, extent: FileDeviceOptions): FileDeviceOptions {
  if (progSize === undefined) return extent
  const { blockSize = 1, blockCount } = extent
  if (blockCount === undefined) return { blockSize: progSize, progSize }
  return {
    blockSize: progSize,
    progSize,
    blockCount: Math.floor((blockSize * blockCount) / progSize),
  }
}

/**
 * The part of a device where a filesystem lies.
 *
 * @throws UsageError where it would begin behind the end.
 */
export function partOf(device: BlockDevice, name: string, offset: number): BlockDevice {
  const wholeSize = sizeOf(device)
  if (offset > wholeSize) {
    throw new UsageError(
      `--offset ${offset} lies beyond the end of ${name}, which has ${wholeSize} bytes.`,
    )
  }
  return offset === 0 ? device : new PartitionDevice(device, { offsetBytes: offset })
}

/** What a device of this computer holds does not show in its file: the system is asked. */
async function extentOf(name: string, options: ImageOptions): Promise<FileDeviceOptions> {
  const stats = await stat(name).catch(() => undefined)
  // A path that is not there is refused, with its reason, where it is opened.
  if (stats === undefined || stats.isFile() || stats.isDirectory()) return {}
  const { blockSize = 512, blockCount, offset = 0 } = options
  if (stats.isBlockDevice() && process.platform === 'linux') {
    const major = (stats.rdev >> 8) & 0xfff
    const minor = (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)
    const sectors = Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8'))
    return { blockSize: 512, blockCount: sectors }
  }
  if (blockCount === undefined) {
    throw new UsageError(
      `${name} is a device whose size does not show. Give --block-size and --block-count, or pass it through standard input: caravan ... - < ${name}`,
    )
  }
  return { blockSize: 512, blockCount: Math.ceil((offset + blockSize * blockCount) / 512) }
}

/** Bytes. */
export function sizeOf(device: BlockDevice): number {
  const units = device.withBlockSize?.(device.geometry.progSize) ?? device
  return units.geometry.blockSize * units.geometry.blockCount
}

async function readAll({ stdin, signal }: OpenEnvironment): Promise<Uint8Array> {
  if ('isTTY' in stdin && stdin.isTTY === true) {
    throw new UsageError(
      'Standard input is a terminal. Pass an image: gunzip -c flash.img.gz | caravan ls -',
    )
  }
  const pieces: Uint8Array[] = []
  for await (const piece of stdin) {
    checkInterrupted(signal)
    pieces.push(typeof piece === 'string' ? Buffer.from(piece) : (piece as Uint8Array))
  }
  if (pieces.length === 0) {
    throw new HostError(
      'ENODATA',
      'standard input is empty. Pass an image: caravan ls - < flash.img',
    )
  }
  return Buffer.concat(pieces)
}
