/**
 * Images in wrappers: gzip, UF2, Intel HEX. They are unpacked into memory and read there; never
 * changed in place, since every change would be a new file.
 */

import { familyName, familyNamed, type Unwrapped, unwrap, wrapperOf } from '@caravan/container'
import type { BlockDevice } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import type { ImageFormat } from './formats/format.js'
import { readBytes, sizeOf } from './formats/read-bytes.js'
import { formatSize } from './sizes.js'

/** Bytes that a wrapper is known by: the longest record of an Intel HEX file. */
const HEAD_BYTES = 1024

/** A wrapped file larger than this is unpacked by its own program. */
const WRAPPED_MAX_BYTES = 512 * 1024 * 1024

/**
 * What is wrapped in a device's bytes; `undefined` where they are an image as they are.
 *
 * @throws FormatError for a file that is damaged; UsageError; DeviceError.
 */
export async function unwrapDevice(
  formats: readonly ImageFormat[],
  device: BlockDevice,
  name: string,
  family: string | undefined,
): Promise<Unwrapped | undefined> {
  const id = family === undefined ? undefined : familyOf(family)
  const wrapper = wrapperOf(await readBytes(device, 0, HEAD_BYTES))
  if (wrapper === undefined) {
    if (family === undefined) return undefined
    throw new UsageError(`--family is for UF2 files, and ${name} is none. Leave it out.`)
  }
  // The bytes of a filesystem may begin as a wrapper does, by accident.
  for (const format of formats) if (await format.recognise(device)) return undefined
  const sizeBytes = sizeOf(device)
  if (sizeBytes > WRAPPED_MAX_BYTES) {
    throw new UsageError(
      `${name} is a ${wrapper} file of ${formatSize(sizeBytes)}: too large to be unpacked in memory. Unpack it, and give the image.`,
    )
  }
  const bytes = await readBytes(device, 0, sizeBytes)
  return unwrap(bytes, id === undefined ? {} : { family: id })
}

/**
 * A device over the image that another one wraps, which is closed then; the device itself where it
 * wraps none.
 *
 * @throws as {@link unwrapDevice}; UsageError for a wrapped image that is to be changed.
 */
export async function withoutWrapper(
  { formats, report }: Context,
  device: BlockDevice,
  name: string,
  family: string | undefined,
  writable: boolean,
): Promise<BlockDevice> {
  const unwrapped = await unwrapDevice(formats, device, name, family)
  if (unwrapped === undefined) return device
  const { wrappers, bytes } = unwrapped
  if (writable) {
    throw new UsageError(
      `${name} is a ${wrappers.join(' of ')} file, and is not changed in place. Unpack it, change the image, and pack it again: caravan unpack ${name} flash.img`,
    )
  }
  for (const line of leftOut(unwrapped)) report.tellOnce(`${name}: ${line}`)
  await device.close()
  return new MemoryDevice(bytes, { readOnly: true })
}

/** What of the file is not a part of its image. */
export function leftOut({ others }: Unwrapped): string[] {
  return others.map(
    ({ address, bytes }) =>
      `${formatSize(bytes.length)} at address 0x${address.toString(16)} are far from the rest, and left out.`,
  )
}

/** @throws UsageError for a name that is none. */
export function familyOf(name: string): number {
  const id = familyNamed(name)
  if (id !== undefined) return id
  throw new UsageError(
    `There is no family '${name}'. Write its name (${familyName(0xe48bff56)}, ${familyName(0xada52840)}...) or its id: 0xe48bff56.`,
  )
}

/** What a file of that name is taken for. */
export function wrapperInName(name: string): 'uf2' | 'hex' | 'gzip' | undefined {
  if (/\.uf2$/i.test(name)) return 'uf2'
  if (/\.i?hex$/i.test(name)) return 'hex'
  return /\.gz$/i.test(name) ? 'gzip' : undefined
}
