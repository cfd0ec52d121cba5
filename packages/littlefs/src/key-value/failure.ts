/** The engine's errors in the words of the contract. */

import { FsError, type Key, KeyValueError, type KeyValueErrorCode, keyText } from '@caravan/core'

const CODES: Readonly<Record<string, KeyValueErrorCode>> = {
  ENOSPC: 'NoSpace',
  EROFS: 'ReadOnly',
  EFBIG: 'ValueTooLarge',
  ENAMETOOLONG: 'BadKey',
}

/** Errors of the bytes and of the device stay what they are. */
export function asKeyValueError(error: unknown, key: Key): unknown {
  if (!(error instanceof FsError)) return error
  const code = CODES[error.code]
  if (code === undefined) return error
  return new KeyValueError(code, keyText(key), { hint: error.message, cause: error })
}
