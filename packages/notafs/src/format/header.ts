/**
 * Header: sector 0, written once, when a disk is formatted.
 *
 *     0  magic "NOTAFS\0\0"    8  sectors of the device    16  bytes of a page    20  roots, always 4
 *     24 bytes of a checksum   25 name of the checksum     33  format id          ... own checksum
 */

import { FormatError } from '@caravan/core'
import {
  type ChecksumName,
  Layout,
  PAGE_BYTES_MAX,
  PAGE_BYTES_MIN,
  ROOT_COUNT,
  readU32,
  readU64,
  writeU32,
  writeU64,
} from './layout.js'

/** What identifies a formatting: leaves of another one are not taken for this one's. */
export type FormatId = Uint8Array

export interface Header {
  readonly layout: Layout
  readonly formatId: FormatId
}

const MAGIC = Uint8Array.of(0x4e, 0x4f, 0x54, 0x41, 0x46, 0x53, 0, 0)
const PAGE_COUNT_AT = 8
const PAGE_BYTES_AT = 16
const ROOT_COUNT_AT = 20
const CHECKSUM_BYTES_AT = 24
const CHECKSUM_NAME_AT = 25
const FORMAT_ID_AT = 33
/** What is needed to know the size of a page. */
export const HEADER_FIELDS_BYTES = 41

const CHECKSUM_BYTES: Readonly<Record<ChecksumName, number>> = { 'ADLER-32': 4, 'NO-CHECK': 0 }

/** True where the bytes begin as a notafs disk does, of either byte order. */
export function isNotafs(bytes: Uint8Array): boolean {
  return hasMagic(bytes) || isBigEndian(bytes)
}

function hasMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte)
}

function isBigEndian(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[MAGIC.length - 1 - i] === byte)
}

/**
 * The layout that the first bytes of a disk announce, without a look at their checksum.
 *
 * @param deviceBytes how much the device holds.
 * @throws FormatError `NOT_NOTAFS`, `BIG_ENDIAN`, `BAD_HEADER`, `WRONG_GEOMETRY`.
 */
export function decodeLayout(bytes: Uint8Array, deviceBytes: number): Layout {
  if (isBigEndian(bytes)) {
    throw headerError(
      'BIG_ENDIAN',
      'This notafs disk was written on a big-endian machine, and the format does not convert: read it on such a machine.',
    )
  }
  if (!hasMagic(bytes)) {
    throw headerError(
      'NOT_NOTAFS',
      'Sector 0 does not begin with the magic NOTAFS: this is no notafs disk.',
    )
  }
  const pageCount = readU64(bytes, PAGE_COUNT_AT)
  const pageBytes = readU32(bytes, PAGE_BYTES_AT)
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || pageBytes % 256 !== 0) {
    throw headerError(
      'BAD_HEADER',
      `The header says pages of ${pageBytes} bytes: ${PAGE_BYTES_MIN} to ${PAGE_BYTES_MAX} are possible.`,
    )
  }
  const name = decodeChecksumName(bytes)
  if (readU32(bytes, ROOT_COUNT_AT) !== ROOT_COUNT) {
    throw headerError(
      'BAD_HEADER',
      `The header says ${readU32(bytes, ROOT_COUNT_AT)} roots: there are always ${ROOT_COUNT}.`,
    )
  }
  if (!Number.isSafeInteger(pageCount) || pageCount * pageBytes > deviceBytes) {
    throw headerError(
      'WRONG_GEOMETRY',
      `The header says ${pageCount} sectors of ${pageBytes} bytes, and the device has ${deviceBytes} bytes: it was cut short. Get the whole image.`,
    )
  }
  return new Layout(pageBytes, pageCount, name)
}

function decodeChecksumName(bytes: Uint8Array): ChecksumName {
  const raw = bytes.subarray(CHECKSUM_NAME_AT, FORMAT_ID_AT)
  const name = String.fromCharCode(...raw).replace(/\0+$/, '')
  const size = bytes[CHECKSUM_BYTES_AT]
  for (const known of ['ADLER-32', 'NO-CHECK'] as const) {
    if (name === known && size === CHECKSUM_BYTES[known]) return known
  }
  throw headerError(
    'UNSUPPORTED_CHECKSUM',
    `The header says a checksum '${name}' of ${size} bytes: ADLER-32 of 4 and NO-CHECK of 0 are known.`,
  )
}

/** @throws FormatError `BAD_CHECKSUM`. */
export function decodeHeader(page: Uint8Array, layout: Layout): Header {
  if (!layout.hasOwnChecksum(page)) {
    throw headerError(
      'BAD_CHECKSUM',
      'The checksum of the header does not match: sector 0 is damaged.',
    )
  }
  return { layout, formatId: page.slice(FORMAT_ID_AT, FORMAT_ID_AT + 8) }
}

export function encodeHeader({ layout, formatId }: Header): Uint8Array {
  const page = new Uint8Array(layout.pageBytes)
  page.set(MAGIC)
  writeU64(page, PAGE_COUNT_AT, layout.pageCount)
  writeU32(page, PAGE_BYTES_AT, layout.pageBytes)
  writeU32(page, ROOT_COUNT_AT, ROOT_COUNT)
  page[CHECKSUM_BYTES_AT] = layout.checksumBytes
  for (let i = 0; i < layout.checksumName.length; i++) {
    page[CHECKSUM_NAME_AT + i] = layout.checksumName.charCodeAt(i)
  }
  page.set(formatId, FORMAT_ID_AT)
  layout.sealOwnChecksum(page)
  return page
}

/** The id of a new formatting: all words of sector 0, as it was, combined. */
export function formatIdFrom(oldHeader: Uint8Array): FormatId {
  const id = new Uint8Array(8)
  for (let i = 0; i < oldHeader.length; i++)
    id[i & 7] = (id[i & 7] as number) ^ (oldHeader[i] as number)
  return id
}

function headerError(code: string, message: string): FormatError {
  return new FormatError(code, message, { structure: 'header', block: 0 })
}
