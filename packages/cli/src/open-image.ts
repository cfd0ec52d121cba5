/**
 * Opens the image that a command line names: a file, a device of this computer, an address on the
 * web, or standard input;
 * the whole of it, or a part that begins at an offset; in the format that it has.
 */

import { readFile, stat } from 'node:fs/promises'
import type { BlockDevice } from '@caravan/core'
import { MemoryDevice, PartitionDevice } from '@caravan/device'
import { HttpDevice } from '@caravan/device/http'
import { FileDevice, type FileDeviceOptions } from '@caravan/device/node'
import type { Context } from './context.js'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import type { ImageFormat, ImageOptions, ImageTree, MountedImage } from './formats/format.js'
import { checkOptions } from './formats/options.js'
import { sizeOf } from './formats/read-bytes.js'
import { findFormat } from './formats/table.js'
import { formatSize } from './sizes.js'

export interface Image {
  /** As it was given. */
  readonly name: string
  readonly format: ImageFormat
  readonly mounted: MountedImage
  /** Of the mount. */
  readonly fs: MountedImage['fs']
  readonly tree: ImageTree
  /** Bytes from where the filesystem begins to the end of the image. */
  readonly sizeBytes: number
  /** Where in the image the filesystem begins, in bytes. */
  readonly offsetBytes: number
  close(): Promise<void>
}

/** How an image is changed in place. */
export interface ChangeOptions {
  /** Hold `IMAGE.lock` meanwhile, so that no two programs write. Default true. */
  readonly lock?: boolean
  /** Of the device that will use it, in bytes. Default 1. */
  readonly progSize?: number
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number
}

/**
 * Opens an image: for reading, where nothing is written and no lock is taken; or for writing.
 *
 * @throws DeviceError where it cannot be read or written, `LOCKED` where another program writes;
 *   FormatError where it is of no format that is known, or damaged; MisuseError and UsageError for
 *   options that cannot be.
 */
export async function openImage(
  name: string,
  options: ImageOptions & ChangeOptions,
  context: Context,
  writable = false,
): Promise<Image> {
  const { device, part, format } = await openPart(name, options, context, writable)
  try {
    const mounted = await format.open(part, options, writable)
    const offsetBytes = options.offset ?? 0
    return {
      name,
      format,
      mounted,
      fs: mounted.fs,
      tree: mounted.tree,
      sizeBytes: sizeOf(device) - offsetBytes,
      offsetBytes,
      close: async () => device.close(),
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

/**
 * Hands over the part of a device where a filesystem begins, without mounting it: for verbs that
 * also work on what cannot be mounted.
 *
 * @throws as {@link openImage}, but for what mounting throws; what `use` throws.
 */
export async function usePart(
  name: string,
  options: ImageOptions & ChangeOptions,
  context: Context,
  writable: boolean,
  use: (part: BlockDevice, format: ImageFormat) => Promise<void>,
): Promise<void> {
  const { device, part, format } = await openPart(name, options, context, writable)
  try {
    await use(part, format)
  } finally {
    await device.close()
  }
}

/** A device, the part of it where a filesystem begins, and what that is. */
interface OpenPart {
  readonly device: BlockDevice
  readonly part: BlockDevice
  readonly format: ImageFormat
}

/** @throws as {@link openImage}. */
export async function openPart(
  name: string,
  options: ImageOptions & ChangeOptions,
  context: Context,
  writable: boolean,
): Promise<OpenPart> {
  const device = await openDevice(name, options, context, writable ? options : undefined)
  try {
    const part = partOf(device, name, options.offset ?? 0)
    const format = await findFormat(context.formats, part, options.format)
    checkOptions(context.formats, format, options, writable)
    if (writable && format.unchanging !== undefined) {
      throw new UsageError(`${name} is not changed in place. ${format.unchanging}`)
    }
    return { device, part, format }
  } catch (error) {
    await device.close()
    throw error
  }
}

/** The device that an image is: in memory for standard input, else the file. */
export async function openDevice(
  name: string,
  options: ImageOptions,
  context: Context,
  change: ChangeOptions | undefined,
): Promise<BlockDevice> {
  if (isAddress(name)) return openAddress(name, context, change !== undefined)
  if (name !== '-') return openFile(name, options, change)
  if (change !== undefined) {
    throw new UsageError('Standard input cannot be changed in place. Give the image as a file.')
  }
  return new MemoryDevice(await readAll(context), { readOnly: true })
}

/** Servers that know no ranges are common, and images small. */
const WHOLE_MAX = 64 * 1024 * 1024

async function openAddress(
  name: string,
  { signal, report }: Context,
  writable: boolean,
): Promise<BlockDevice> {
  if (writable) refuseAddress(name)
  const device = await HttpDevice.open(name, { signal, wholeMaxBytes: WHOLE_MAX })
  if (device.isWhole && device.requestCount === 1 && device.sizeBytes > WHOLE_TOLD) {
    const size = formatSize(device.sizeBytes)
    report.tell(`${name}: the server knows no ranges: all of it was loaded (${size}).`)
  }
  return device
}

/** What comes whole with the first answer of any server is not worth a word. */
const WHOLE_TOLD = 64 * 1024

export function isAddress(name: string): boolean {
  return /^https?:\/\//i.test(name)
}

/** @throws UsageError: nothing is written to the web. */
export function refuseAddress(name: string): never {
  throw new UsageError(`${name} is on a web server, and is only read. Download it to change it.`)
}

/** A file or device of this computer, whole; `change` opens it for writing. */
export async function openFile(
  name: string,
  options: ImageOptions,
  change?: ChangeOptions,
): Promise<FileDevice> {
  if (isAddress(name)) refuseAddress(name)
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

/** All of standard input: an image, or an archive. */
export async function readAll({ stdin, signal }: Context): Promise<Uint8Array> {
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
