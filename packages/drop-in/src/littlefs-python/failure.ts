/** What went wrong, in a sentence, where the original ends with a traceback. */

import { isErrno } from '@caravan/cli/host'
import { AssertionError, CaravanError, DeviceError, FormatError, FsError } from '@caravan/core'

/** A call that cannot be done. The message says what to do. */
export class Failure extends CaravanError {
  override readonly name = 'Failure'

  /** @param code `USAGE`, or as {@link lfsError} names it. */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** For what was foreseen; `undefined` for a fault of the program itself. */
export function sentenceOf(error: unknown): string | undefined {
  if (isErrno(error)) return error.message
  if (!(error instanceof CaravanError) || error instanceof AssertionError) return undefined
  const code = lfsError(error)
  return code === undefined ? error.message : `${error.message} (${code})`
}

/** What the C library refuses to mount, as opposed to what it finds damaged. */
const REFUSED = ['UNSUPPORTED_LIMIT', 'UNSUPPORTED_VERSION', 'WRONG_GEOMETRY']

/** The name that the original's exceptions give an error of the filesystem, to be searched for. */
export function lfsError(error: unknown): string | undefined {
  if (error instanceof Failure) return error.code.startsWith('LFS_') ? error.code : undefined
  if (error instanceof FormatError) {
    return REFUSED.includes(error.code) ? 'LFS_ERR_INVAL' : 'LFS_ERR_CORRUPT'
  }
  if (error instanceof DeviceError) return 'LFS_ERR_IO'
  if (!(error instanceof FsError)) return undefined
  return error.code === 'ENODATA' ? 'LFS_ERR_NOATTR' : `LFS_ERR_${error.code.slice(1)}`
}
