/** What the reference's error codes mean in ours: golden/littlefs/README.md, "How to judge". */

import { DeviceError, FormatError, FsError } from '@caravan/core'
import { describe } from '../report.js'

/** Errors of the reference that are requests gone wrong, in Node's spelling. */
const ERRNO: Readonly<Record<string, string>> = {
  LFS_ERR_NOENT: 'ENOENT',
  LFS_ERR_EXIST: 'EEXIST',
  LFS_ERR_NOTDIR: 'ENOTDIR',
  LFS_ERR_ISDIR: 'EISDIR',
  LFS_ERR_NOTEMPTY: 'ENOTEMPTY',
  LFS_ERR_BADF: 'EBADF',
  LFS_ERR_FBIG: 'EFBIG',
  LFS_ERR_INVAL: 'EINVAL',
  LFS_ERR_NOSPC: 'ENOSPC',
  LFS_ERR_NOATTR: 'ENODATA',
  LFS_ERR_NAMETOOLONG: 'ENAMETOOLONG',
}

/** Codes of the `FormatError`s with which mounting refuses what it understands but cannot serve. */
const REFUSALS: ReadonlySet<string> = new Set([
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_LIMIT',
  'WRONG_GEOMETRY',
])

/**
 * Compares an error of ours with one of the reference.
 *
 * @returns What differs, or `undefined`.
 */
export function errorDifference(
  expected: string,
  error: unknown,
  during: 'mount' | 'use' = 'use',
): string | undefined {
  const fits = () => {
    if (expected === 'LFS_ERR_CORRUPT') return error instanceof FormatError
    if (expected === 'LFS_ERR_IO') return error instanceof DeviceError
    if (expected === 'LFS_ERR_INVAL' && during === 'mount') {
      return error instanceof FormatError && REFUSALS.has(error.code)
    }
    const code = ERRNO[expected]
    return code !== undefined && error instanceof FsError && error.code === code
  }
  return fits() ? undefined : `expected ${meaning(expected, during)}, got ${describe(error)}`
}

/** True for an error that says whose fault it is and blames neither caravan nor its caller. */
export function isTypedError(error: unknown): boolean {
  return error instanceof FormatError || error instanceof FsError || error instanceof DeviceError
}

/** The error that stands for one of the reference's, in words. */
function meaning(expected: string, during: 'mount' | 'use'): string {
  if (expected === 'LFS_ERR_CORRUPT') return 'a FormatError (LFS_ERR_CORRUPT)'
  if (expected === 'LFS_ERR_IO') return 'a DeviceError (LFS_ERR_IO)'
  if (expected === 'LFS_ERR_INVAL' && during === 'mount') {
    return `a FormatError of code ${[...REFUSALS].join(', ')} (LFS_ERR_INVAL)`
  }
  const code = ERRNO[expected]
  return code === undefined ? expected : `an FsError ${code} (${expected})`
}

/** Whether anything could not be read, as the reference's full dump of the image says. */
export function dumpDifference(
  dumpExpect: string | null | undefined,
  failures: readonly unknown[],
): string | undefined {
  if (dumpExpect === 'ok') {
    return failures.length === 0
      ? undefined
      : `a full read expected ok, got ${describe(failures[0])}`
  }
  const code = (dumpExpect ?? '').replace(/^error:/, '')
  return failures.some((error) => errorDifference(code, error) === undefined)
    ? undefined
    : `a full read expected ${dumpExpect}, got ${failures.map(describe).join(', ') || 'ok'}`
}
