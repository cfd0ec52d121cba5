/** What a key-value store answers where it cannot do what it was asked for. */

import { CaravanError } from '../errors.js'

/** By the names of mirage-kv, then ours. */
const SENTENCES = {
  NotFound: 'there is no such key',
  DictionaryExpected: 'there is a value where a dictionary is needed',
  ValueExpected: 'there is a dictionary where a value is needed',
  NoSpace: 'no space is left in the store',
  AlreadyPresent: 'there is already something under this key',
  RenameSourcePrefix: 'a key cannot be renamed to one below itself',
  BadKey: 'this can be no key here',
  ValueTooLarge: 'the value is larger than this store takes',
  ReadOnly: 'this store cannot be changed',
  NotAtomic: 'these changes cannot be made in one step',
} as const

/**
 * - `NotFound`, `DictionaryExpected`, `ValueExpected`, `NoSpace`, `AlreadyPresent`,
 *   `RenameSourcePrefix`: as in mirage-kv;
 * - `BadKey`: `.`, `..`, half a surrogate pair, or a segment that the store has no room for;
 * - `ValueTooLarge`: larger than the format can hold at all;
 * - `ReadOnly`: the store, or its device, is mounted read-only;
 * - `NotAtomic`: a batch that was to be atomic and cannot be; nothing of it was done.
 */
export type KeyValueErrorCode = keyof typeof SENTENCES

export interface KeyValueErrorDetails {
  /** The second key of a rename. */
  readonly dest?: string
  /** What to do about it, or which limit was met; put behind the message. */
  readonly hint?: string
  readonly cause?: unknown
}

export class KeyValueError extends CaravanError {
  override readonly name = 'KeyValueError'
  readonly dest: string | undefined

  constructor(
    readonly code: KeyValueErrorCode,
    readonly key: string,
    { dest, hint, cause }: KeyValueErrorDetails = {},
  ) {
    const keys = dest === undefined ? `'${key}'` : `'${key}' -> '${dest}'`
    const more = hint === undefined ? '' : ` (${hint})`
    super(
      `${code}: ${SENTENCES[code]}, ${keys}${more}`,
      cause === undefined ? undefined : { cause },
    )
    this.dest = dest
  }
}

/** True for a {@link KeyValueError}, of that code where one is given. */
export function isKeyValueError(error: unknown, code?: KeyValueErrorCode): error is KeyValueError {
  return error instanceof KeyValueError && (code === undefined || error.code === code)
}
