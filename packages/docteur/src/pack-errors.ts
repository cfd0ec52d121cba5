/** What is wrong with an entry of a PACK, told alike wherever it is found. */

import { FormatError } from '@caravan/core'

/** Deflate makes at most this of one byte. */
const RATIO_MAX = 1032
const RATIO_SLACK_BYTES = 64

/** @throws FormatError `BAD_ENTRY` where so few bytes never inflate to that size. */
export function checkPossible(offset: number, size: number, room: number): void {
  if (size <= Math.max(0, room) * RATIO_MAX + RATIO_SLACK_BYTES) return
  throw new FormatError(
    'BAD_ENTRY',
    `The PACK entry at byte ${offset} says that it holds ${size} bytes, and the ${Math.max(0, room)} bytes behind it cannot hold as much.`,
    { structure: 'PACK entry', offset },
  )
}

export function badStream(offset: number, what: string): FormatError {
  return new FormatError(
    'BAD_STREAM',
    `The zlib stream of the PACK entry at byte ${offset} is damaged: ${what}.`,
    { structure: 'PACK entry', offset },
  )
}

export function tooLarge(offset: number, says: string, limit: number): FormatError {
  return new FormatError(
    'OBJECT_TOO_LARGE',
    `The object at byte ${offset} of the PACK is too large to be read whole: ${says}, and the limit is ${limit} bytes. Read it in pieces, or mount with a higher objectMaxBytes.`,
    { structure: 'PACK entry', offset },
  )
}

export function missingBase(offset: number, base: string): FormatError {
  return new FormatError(
    'MISSING_BASE',
    `The delta at byte ${offset} of the PACK stands on object ${base}, which is not in the image: the PACK is thin.`,
    { structure: 'PACK entry', offset },
  )
}

export function deltaLoop(offset: number): FormatError {
  return new FormatError(
    'DELTA_LOOP',
    `The delta at byte ${offset} of the PACK stands on itself, by way of others: it has no content.`,
    { structure: 'PACK entry', offset },
  )
}
