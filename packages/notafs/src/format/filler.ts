/**
 * What stands in the bytes that a root or a generation leaf leaves unused, and readers pass over: other
 * bytes in each page, never zeros.
 *
 * With zeros there, a page that a power cut tore, and what is written over it, are the same in every unit
 * of the medium but a few. A second cut, after which only some of the units have been written, could then
 * make the torn page whole: a change that was seen not to have happened would be back.
 */

import { adler32 } from './adler32.js'

/** @param from behind the fields, which decide what comes. */
export function fillUnused(page: Uint8Array, from: number, end: number): void {
  const sum = adler32(page.subarray(0, from))
  const pattern = [0, 8, 16, 24].map((shift) => 1 + (((sum >>> shift) & 0xff) % 254))
  for (let at = from; at < end; at++) page[at] = pattern[at % 4] as number
}

/** True of bytes that hold a filler, or the zeros that the original leaves there. */
export function isUnused(bytes: Uint8Array): boolean {
  const isFiller = bytes[0] !== 0 && bytes[0] !== 0xff
  for (let at = 0; at < bytes.length; at++) {
    const expected = isFiller ? bytes[at % 4] : 0
    if (bytes[at] !== expected) return false
  }
  return true
}
