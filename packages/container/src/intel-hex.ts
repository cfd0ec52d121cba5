/**
 * Intel HEX: records of text, a line each.
 *
 *     :LLAAAATT data CC      length, address, type, and a checksum that makes the sum of all bytes 0
 *
 * An address has 16 bits; records of type 02 (shifted by 4 bits) and 04 (the upper 16 bits) say to what
 * those that follow are added.
 *
 * Source: Intel, "Hexadecimal Object File Format Specification", revision A.
 */

import { FormatError, MisuseError } from '@caravan/core'
import type { Segment } from './segments.js'

const DATA = 0x00
const END_OF_FILE = 0x01
const SEGMENT_ADDRESS = 0x02
const START_SEGMENT = 0x03
const LINEAR_ADDRESS = 0x04
const START_LINEAR = 0x05

const COLON = 0x3a
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20

/** Bytes of data in a record that is written: what other programs write too. */
const RECORD_BYTES = 16

/** True where the bytes begin as an Intel HEX file does: a record, its length as it says. */
export function isIntelHex(bytes: Uint8Array): boolean {
  if (bytes[0] !== COLON) return false
  const end = bytes.subarray(0, LINE_MAX).findIndex((byte) => byte <= SPACE)
  if (end < 0) return false
  return typeof decodeRecord(bytes, 1, end, new Uint8Array(LINE_MAX), 0) !== 'string'
}

/** `:`, 255 bytes of data and five more in two digits each, an end of line. */
const LINE_MAX = 1 + 2 * (255 + 5) + 1

/**
 * The data of an Intel HEX file, in the order of its records; records that continue each other are one
 * segment.
 *
 * @throws FormatError `BAD_INTEL_HEX` that names the line.
 */
export function decodeIntelHex(bytes: Uint8Array): Segment[] {
  /** The data of all records, one behind the other. */
  const store = new Uint8Array(bytes.length >> 1)
  let used = 0
  const segments: { readonly address: number; readonly from: number; to: number }[] = []
  let base = 0
  let isEnded = false
  let line = 0
  for (let at = 0; at < bytes.length; ) {
    line++
    let end = bytes.indexOf(LINE_FEED, at)
    if (end < 0) end = bytes.length
    const start = at
    at = end + 1
    while (end > start && (bytes[end - 1] === CARRIAGE_RETURN || bytes[end - 1] === SPACE)) end--
    if (end === start) continue
    if (isEnded) throw badHex(line, 'it follows the end-of-file record')
    if (bytes[start] !== COLON) throw badHex(line, 'it does not begin with a colon')
    const record = decodeRecord(bytes, start + 1, end, store, used)
    if (typeof record === 'string') throw badHex(line, record)
    const { type, length, address } = record
    switch (type) {
      case DATA: {
        const place = base + address
        const last = segments[segments.length - 1]
        const isNext = last !== undefined && last.address + last.to - last.from === place
        if (isNext) last.to += length
        else segments.push({ address: place, from: used, to: used + length })
        used += length
        break
      }
      case END_OF_FILE:
        isEnded = true
        break
      case SEGMENT_ADDRESS:
      case LINEAR_ADDRESS: {
        if (length !== 2) throw badHex(line, 'an address record has two bytes')
        const value = ((store[used] as number) << 8) | (store[used + 1] as number)
        base = type === LINEAR_ADDRESS ? value * 0x10000 : value * 0x10
        break
      }
      case START_SEGMENT:
      case START_LINEAR:
        break
      default:
        throw badHex(line, `there is no record type ${type}`)
    }
  }
  if (!isEnded) throw badHex(line, 'the end-of-file record is missing: the file was cut short')
  return segments.map(({ address, from, to }) => ({ address, bytes: store.subarray(from, to) }))
}

interface HexRecord {
  readonly type: number
  readonly address: number
  /** Bytes of its data. */
  readonly length: number
}

/** Length, address and type before the data, the checksum behind it. */
const AROUND_BYTES = 5

/**
 * The record between two places of the text, its data put into `store`; a string says what is wrong with
 * it.
 */
function decodeRecord(
  text: Uint8Array,
  from: number,
  to: number,
  store: Uint8Array,
  storeAt: number,
): HexRecord | string {
  const size = (to - from) >> 1
  if ((to - from) % 2 !== 0 || size < AROUND_BYTES) return 'it is cut short'
  const length = byteAt(text, from)
  if (length >= 0 && length !== size - AROUND_BYTES) {
    return `it says ${length} bytes and holds ${size - AROUND_BYTES}`
  }
  let sum = 0
  for (let i = 0; i < size; i++) {
    const byte = byteAt(text, from + 2 * i)
    if (byte < 0) return 'it holds what is no hexadecimal digit'
    sum += byte
    if (i >= 4 && i < size - 1) store[storeAt + i - 4] = byte
  }
  if ((sum & 0xff) !== 0) return 'its checksum is wrong'
  const address = (byteAt(text, from + 2) << 8) | byteAt(text, from + 4)
  return { type: byteAt(text, from + 6), address, length }
}

/** The byte that two digits are; negative where they are none. */
function byteAt(text: Uint8Array, at: number): number {
  const high = digit(text[at] as number)
  const low = digit(text[at + 1] as number)
  return high < 0 || low < 0 ? -1 : (high << 4) | low
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code & ~0x20
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : -1
}

/**
 * Bytes as an Intel HEX file: records of 16 bytes, upper halves of addresses where they change.
 *
 * @param address where in the device's memory they go.
 * @throws MisuseError `INVALID_ARGUMENT`.
 */
export function encodeIntelHex(bytes: Uint8Array, address: number): Uint8Array {
  if (!Number.isSafeInteger(address) || address < 0 || address + bytes.length > 2 ** 32) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${bytes.length} bytes at address ${address} make no Intel HEX file: its addresses have 32 bits. Give an address from 0 that leaves them below 2^32.`,
    )
  }
  const recordCount = Math.ceil(bytes.length / RECORD_BYTES) + 1
  const upperCount = Math.ceil(bytes.length / 0x10000) + 1
  const around = 1 + 2 * AROUND_BYTES + 1
  const file = new Uint8Array(
    2 * bytes.length + around * (recordCount + upperCount + 1) + 4 * upperCount,
  )
  let used = 0
  const add = (type: number, place: number, data: Uint8Array) => {
    used = encodeRecord(file, used, type, place, data)
  }
  let upper = 0
  for (let at = 0; at < bytes.length; ) {
    const place = address + at
    if (Math.floor(place / 0x10000) !== upper) {
      upper = Math.floor(place / 0x10000)
      add(LINEAR_ADDRESS, 0, Uint8Array.of(upper >> 8, upper & 0xff))
    }
    // Records are aligned, so that none crosses from one upper half into the next.
    const length = Math.min(RECORD_BYTES - (place % RECORD_BYTES), bytes.length - at)
    add(DATA, place & 0xffff, bytes.subarray(at, at + length))
    at += length
  }
  add(END_OF_FILE, 0, new Uint8Array(0))
  return file.subarray(0, used)
}

const DIGITS = new TextEncoder().encode('0123456789ABCDEF')

/** Puts a record and an end of line at a place of the file; the answer is where it ends. */
function encodeRecord(
  file: Uint8Array,
  start: number,
  type: number,
  address: number,
  data: Uint8Array,
): number {
  let at = start
  let sum = 0
  const put = (byte: number) => {
    file[at++] = DIGITS[byte >> 4] as number
    file[at++] = DIGITS[byte & 15] as number
    sum += byte
  }
  file[at++] = COLON
  put(data.length)
  put(address >> 8)
  put(address & 0xff)
  put(type)
  for (let i = 0; i < data.length; i++) put(data[i] as number)
  put(-sum & 0xff)
  file[at++] = LINE_FEED
  return at
}

function badHex(line: number, what: string): FormatError {
  return new FormatError(
    'BAD_INTEL_HEX',
    `This Intel HEX file cannot be read: line ${line}: ${what}. Get the whole file again.`,
    { structure: 'Intel HEX record' },
  )
}
