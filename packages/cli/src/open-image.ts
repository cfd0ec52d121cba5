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

/** Where standard input is read from, and whether the user has asked to stop. */
export interface OpenEnvironment {
  readonly stdin: Readable
  readonly signal: AbortSignal
}

/**
 * Opens an image for reading. Nothing is written to it, and no lock is taken.
 *
 * @throws DeviceError where it cannot be read; FormatError where it holds no littlefs; MisuseError
 *   and UsageError for options that cannot be.
 */
export async function openImage(
  name: string,
  options: ImageOptions,
  environment: OpenEnvironment,
): Promise<Image> {
  const { blockSize, blockCount, offset = 0 } = options
  const device =
    name === '-'
      ? new MemoryDevice(await readAll(environment), { readOnly: true })
      : await FileDevice.open(name, { ...(await extentOf(name, options)), readOnly: true })
  try {
    const wholeSize = sizeOf(device)
    if (offset > wholeSize) {
      throw new UsageError(
        `--offset ${offset} lies beyond the end of ${name}, which has ${wholeSize} bytes.`,
      )
    }
    const part = offset === 0 ? device : new PartitionDevice(device, { offsetBytes: offset })
    const mountOptions: MountOptions = {
      readOnly: true,
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(blockCount === undefined ? {} : { blockCount }),
    }
    const fs = await LittleFS.mount(part, mountOptions)
    const sizeBytes = wholeSize - offset
    return { name, fs, sizeBytes, offsetBytes: offset, close: async () => device.close() }
  } catch (error) {
    await device.close()
    throw error
  }
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

function sizeOf(device: BlockDevice): number {
  const bytes = device.withBlockSize?.(1) ?? device
  return bytes.geometry.blockSize * bytes.geometry.blockCount
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
