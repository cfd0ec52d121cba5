/**
 * The errors of the system as errors of a device: which file, what was asked, what to do.
 */

import { DeviceError, type DeviceErrorDetails } from '@caravan/core'

/** Opening a directory for reading works, reading it does not. */
export function directoryError(path: string, cause?: unknown): DeviceError {
  return new DeviceError(
    'IO',
    `${path} is a directory, not the file of an image. Give the path of a file.`,
    { request: 'open', path, cause },
  )
}

export function openError(error: unknown, path: string, readOnly: boolean): DeviceError {
  const code = (error as NodeJS.ErrnoException).code
  const details = { request: 'open', path, cause: error } as const
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new DeviceError(
        'NOT_FOUND',
        `There is no file ${path}, or no directory to hold it. Check the path; to make the file, open it with create and sizeBytes.`,
        details,
      )
    case 'EISDIR':
      return directoryError(path, error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      if (readOnly) break
      return new DeviceError(
        'READ_ONLY',
        `${path} may not be written (${code}). Open it read-only, or make it writable for this user.`,
        details,
      )
  }
  return fileError(error, 'open', path)
}

export function fileError(
  error: unknown,
  request: NonNullable<DeviceErrorDetails['request']>,
  path: string,
  at: DeviceErrorDetails = {},
): DeviceError {
  const reason = error instanceof Error ? error.message : String(error)
  const code = (error as NodeJS.ErrnoException).code
  const advice =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'Free some space on the disk that holds it.'
      : code === 'EACCES' || code === 'EPERM'
        ? 'Give this user the right to it.'
        : 'Check the disk that holds it.'
  return new DeviceError('IO', `The ${request} of ${path} failed: ${reason}. ${advice}`, {
    request,
    path,
    ...at,
    cause: error,
  })
}
