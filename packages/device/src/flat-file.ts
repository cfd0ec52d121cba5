/** What devices over a file of bytes have in common, on a disk or in a browser. */

import { DeviceError, type DeviceErrorDetails, MisuseError } from '@caravan/core'
import { checkEraseValue, type FlatOptions, layOut } from './flat.js'

interface FlatFileOptions extends FlatOptions {
  readonly readOnly?: boolean
  readonly create?: boolean
  readonly sizeBytes?: number
  readonly eraseValue?: number
}

/**
 * Checks options before a file is made, so that a mistake shows before.
 *
 * @returns the size of a file that is made, 0 for none.
 * @throws MisuseError `INVALID_ARGUMENT`.
 */
export function sizeOfNewFile(options: FlatFileOptions): number {
  const { create = false, readOnly = false, blockSize = 512, blockCount, sizeBytes } = options
  // For its checks alone.
  layOut(options, 0)
  checkEraseValue(options.eraseValue ?? 0xff)
  if (!create && sizeBytes === undefined) return 0
  const misuse = (problem: string) => new MisuseError('INVALID_ARGUMENT', problem)
  if (!create) throw misuse('sizeBytes is the size of a file to make: give it with create.')
  if (readOnly) throw misuse('A file is not made read-only: leave out create or readOnly.')
  const size = sizeBytes ?? (blockCount === undefined ? undefined : blockCount * blockSize)
  if (size === undefined) throw misuse('With create, give sizeBytes or blockCount for the size.')
  if (!Number.isSafeInteger(size) || size < 0) {
    throw misuse(`sizeBytes is ${size}: give a whole number of bytes.`)
  }
  return size
}

type RequestKind = NonNullable<DeviceErrorDetails['request']>

interface OpenFlatFile {
  readonly path: string
  readonly readOnly: boolean
  readonly closed: boolean
}

/** @throws DeviceError `CLOSED`. */
export function checkOpen({ path, closed }: OpenFlatFile, request: RequestKind): void {
  if (!closed) return
  throw new DeviceError(
    'CLOSED',
    `A ${request} on ${path}, whose device was closed. Open it again.`,
    { request, path },
  )
}

/** @throws DeviceError `CLOSED`, `READ_ONLY`. */
export function checkWritable(file: OpenFlatFile, request: RequestKind): void {
  checkOpen(file, request)
  if (!file.readOnly) return
  const { path } = file
  throw new DeviceError(
    'READ_ONLY',
    `${path} is open read-only and takes no ${request}. Open it without readOnly to write.`,
    { request, path },
  )
}

/**
 * Fewer bytes than asked for were moved, and no more will be.
 *
 * @param asked what was asked for, and where in the file it begins.
 */
export function shortTransfer(
  request: RequestKind,
  path: string,
  asked: {
    readonly block: number
    readonly offset: number
    readonly length: number
    readonly position: number
  },
  moved: number,
): DeviceError {
  const { block, offset, length, position } = asked
  const end = moved > 0 ? `ends at byte ${position + moved}` : 'is shorter'
  const why =
    request === 'read'
      ? `, for ${path} ${end}: it was cut short, or blockCount says more than it holds. Get the whole image.`
      : `: ${path} takes no more.`
  return new DeviceError(
    'SHORT_TRANSFER',
    `A ${request} of ${length} bytes at block ${block}, offset ${offset} ended after ${moved}${why}`,
    { request, block, offset, length, path },
  )
}
