/**
 * Names of directory entries: byte strings (see core), and the order that littlefs keeps them in.
 */

export {
  byteString,
  byteStringToBytes,
  byteStringToText,
  textToByteString,
} from '@caravan/core'

/**
 * Where `a` stands to `b` in a directory: bytewise, but a longer name *before* what it begins with
 * (`abc`, `ab`, `b`). A lookup of the reference stops at the first entry greater than the name it
 * looks for, so an entry out of this order is lost to it.
 *
 * Source: the listing orders that the reference shows; SPEC.md says only "alphabetical order".
 */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0
  if (a.length > b.length) return a.startsWith(b) || a < b ? -1 : 1
  if (a.length < b.length) return b.startsWith(a) || a > b ? 1 : -1
  return a < b ? -1 : 1
}
