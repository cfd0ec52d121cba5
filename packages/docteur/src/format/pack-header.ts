/**
 * The header of a PACK: 12 bytes before its entries.
 *
 * Source: git's Documentation/gitformat-pack, "pack-*.pack files".
 */

import { FormatError } from '@caravan/core'

/** `PACK`. */
export const PACK_MAGIC = Uint8Array.of(0x50, 0x41, 0x43, 0x4b)

export const PACK_HEADER_BYTES = 12

/** Version 3, which git reads too, differs in nothing. */
const VERSIONS = [2, 3]

/** @returns how many entries follow. @throws FormatError `BAD_PACK_HEADER`. */
export function decodePackHeader(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (bytes.length < PACK_HEADER_BYTES || !PACK_MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw bad('it does not begin with the word PACK', 0)
  }
  const version = view.getUint32(4)
  if (!VERSIONS.includes(version)) {
    throw bad(`it is of version ${version}, and versions 2 and 3 are known`, 4)
  }
  return view.getUint32(8)
}

function bad(what: string, offset: number): FormatError {
  return new FormatError('BAD_PACK_HEADER', `The header of the PACK cannot be read: ${what}.`, {
    structure: 'PACK header',
    offset,
  })
}
