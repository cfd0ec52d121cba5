/** The errors of the browser's private files as errors of a device. */

import { CaravanError, DeviceError, type DeviceErrorDetails } from '@caravan/core'

/** What a `DOMException` is named, and what that means here. */
export function opfsError(
  error: unknown,
  request: NonNullable<DeviceErrorDetails['request']>,
  path: string,
  at: DeviceErrorDetails = {},
): CaravanError {
  if (error instanceof CaravanError) return error
  const details = { request, path, ...at, cause: error }
  switch (nameOf(error)) {
    case 'NotFoundError':
      return new DeviceError(
        'NOT_FOUND',
        `There is no file ${path} among the private files. Check the path; to make it, open it with create and sizeBytes.`,
        details,
      )
    case 'TypeMismatchError':
      return new DeviceError(
        'IO',
        `${path} is a directory, or leads through a file. Give the path of a file.`,
        details,
      )
    case 'NoModificationAllowedError':
      return new DeviceError(
        'LOCKED',
        `${path} is open already, in this or another tab. Close it there first.`,
        details,
      )
    case 'QuotaExceededError':
      return new DeviceError(
        'NO_SPACE',
        `The ${request} of ${path} needs more space than the browser allows. Remove private files, or ask for more (navigator.storage.persist()).`,
        details,
      )
    case 'SecurityError':
      return new DeviceError(
        'UNSUPPORTED',
        `The browser allows this page no private files, so ${path} cannot be opened. Allow it to store data.`,
        details,
      )
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new DeviceError('IO', `The ${request} of ${path} failed: ${reason}.`, details)
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}
