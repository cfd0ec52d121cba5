/**
 * Opens the image that a command line names: a file, a device of this computer, an address on the
 * web, or standard input;
 * the whole of it, or a part that begins at an offset; in the format that it has.
 */

import { readFile, stat } from 'node:fs/promises'
import type { BlockDevice } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { HttpDevice } from '@caravan/device/http'
import { FileDevice, type FileDeviceOptions } from '@caravan/device/node'
import type { Context } from './context.js'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import { explained, findImage } from './find-image.js'
import type { ImageFormat, ImageOptions, ImageTree, MountedImage } from './formats/format.js'
import { checkOptions } from './formats/options.js'
import { sizeOf } from './formats/read-bytes.js'
import { findFormat } from './formats/table.js'
import { type Place, partAt, statedPlace } from './place.js'
import { formatSize } from './sizes.js'
import { withoutWrapper } from './wrapped.js'

export interface Image {
  /** As it was given. */
  readonly name: string
  readonly format: ImageFormat
  readonly mounted: MountedImage
  /** Of the mount. */
  readonly fs: MountedImage['fs']
  readonly tree: ImageTree
  /** Bytes from where the filesystem begins to the end of its place: of the image, or a partition. */
  readonly sizeBytes: number
  /** Something else follows that place, which is never written. */
  readonly isBounded: boolean
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
  const { device, part, format, place } = await openPart(name, options, context, writable)
  try {
    const mounted = await format.open(part, options, writable)
    return {
      name,
      format,
      mounted,
      fs: mounted.fs,
      tree: mounted.tree,
      sizeBytes: sizeOf(part),
      isBounded: place.sizeBytes !== undefined,
      offsetBytes: place.offsetBytes,
      close: async () => device.close(),
    }
  } catch (error) {
    const told = await explained(error, part)
    await device.close()
    throw told
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

/** A device, and the part of it where something lies. */
interface OpenPlace {
  readonly device: BlockDevice
  readonly part: BlockDevice
  readonly place: Place
}

/** The same where a filesystem lies, and what that is. */
interface OpenPart extends OpenPlace {
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
  let part = device
  try {
    const stated = await statedPlace(device, name, options)
    if (stated !== undefined) part = partAt(device, name, stated)
    const isStated = stated !== undefined || options.format !== undefined
    const { format, place } = isStated
      ? { format: await findFormat(context.formats, part, options.format), place: stated }
      : await findImage(context, device, name, writable)
    checkOptions(context.formats, format, options, writable)
    if (writable && format.unchanging !== undefined) {
      throw new UsageError(`${name} is not changed in place. ${format.unchanging}`)
    }
    const own = place ?? { offsetBytes: 0 }
    return { device, part: partAt(device, name, own), format, place: own }
  } catch (error) {
    const told = await explained(error, part)
    await device.close()
    throw told
  }
}

/**
 * The part of an image that the options name, the whole where they name none, without a look at what it
 * is.
 *
 * @throws DeviceError, FormatError and UsageError, as {@link openImage}.
 */
export async function openPlace(
  name: string,
  options: ImageOptions,
  context: Context,
  change?: ChangeOptions,
): Promise<OpenPlace> {
  const device = await openDevice(name, options, context, change)
  try {
    const place = (await statedPlace(device, name, options)) ?? { offsetBytes: 0 }
    return { device, part: partAt(device, name, place), place }
  } catch (error) {
    await device.close()
    throw error
  }
}

/**
 * The device that an image is: in memory for standard input and for what is wrapped (gzip, UF2, Intel
 * HEX), else the file.
 */
async function openDevice(
  name: string,
  options: ImageOptions,
  context: Context,
  change: ChangeOptions | undefined,
): Promise<BlockDevice> {
  const device = await openBytes(name, options, context, change)
  try {
    return await withoutWrapper(context, device, name, options.family, change !== undefined)
  } catch (error) {
    await device.close()
    throw error
  }
}

/** The device that holds the bytes of an image, as they are. */
export async function openBytes(
  name: string,
  options: ImageOptions,
  context: Context,
  change?: ChangeOptions,
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
