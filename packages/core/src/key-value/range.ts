/** Parts of values, as callers ask for them. */

import { MisuseError } from '../errors.js'

/** @throws MisuseError `INVALID_ARGUMENT` for what is no part of a value. */
export function checkRange(offset: number, length: number): void {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  if (isCount(offset) && (isCount(length) || length === Number.POSITIVE_INFINITY)) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `offset ${offset} and length ${length} are no part of a value: give whole numbers of 0 or more.`,
  )
}
