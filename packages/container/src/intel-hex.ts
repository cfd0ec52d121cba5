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

/** Bytes of data in a record that is written: what other programs write too. */
const RECORD_BYTES = 16

/** True where the bytes begin as an Intel HEX file does: a record, its length as it says. */
export function isIntelHex(bytes: Uint8Array): boolean {
  if (bytes[0] !== COLON) return false
  const end = bytes.subarray(0, LINE_MAX).findIndex((byte) => byte < 0x20)
  if (end < 0) return false
  const record = decodeRecord(bytes, 1, end)
  return typeof record !== 'string'
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
  const segments: { address: number; pieces: Uint8Array[]; end: number }[] = []
  let base = 0
  let isEnded = false
  let line = 0
  for (let at = 0; at < bytes.length; ) {
    line++
    let end = bytes.indexOf(LINE_FEED, at)
    if (end < 0) end = bytes.length
    const next = end + 1
    while (end > at && (bytes[end - 1] === CARRIAGE_RETURN || bytes[end - 1] === 0x20)) end--
    const start = at
    at = next
    if (end === start) continue
    if (isEnded) throw badHex(line, 'it follows the end-of-file record')
    if (bytes[start] !== COLON) throw badHex(line, 'it does not begin with a colon')
    const record = decodeRecord(bytes, start + 1, end)
    if (typeof record === 'string') throw badHex(line, record)
    const { type, data, address } = record
    switch (type) {
      case DATA: {
        if (data.length === 0) break
        const place = base + address
        const last = segments[segments.length - 1]
        if (last !== undefined && last.end === place) {
          last.pieces.push(data)
          last.end += data.length
        } else segments.push({ address: place, pieces: [data], end: place + data.length })
        break
      }
      case END_OF_FILE:
        isEnded = true
        break
      case SEGMENT_ADDRESS:
      case LINEAR_ADDRESS: {
        if (data.length !== 2) throw badHex(line, 'an address record has two bytes')
        const value = ((data[0] as number) << 8) | (data[1] as number)
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
  return segments.map(({ address, pieces }) => ({ address, bytes: join(pieces) }))
}

interface HexRecord {
  readonly type: number
  readonly address: number
  readonly data: Uint8Array
}

/** The record between two places of the text; a string says what is wrong with it. */
function decodeRecord(text: Uint8Array, from: number, to: number): HexRecord | string {
  const size = (to - from) >> 1
  if ((to - from) % 2 !== 0 || size < 5) return 'it is cut short'
  const bytes = new Uint8Array(size)
  let sum = 0
  for (let i = 0; i < size; i++) {
    const high = digit(text[from + 2 * i] as number)
    const low = digit(text[from + 2 * i + 1] as number)
    if (high < 0 || low < 0) return 'it holds what is no hexadecimal digit'
    const byte = (high << 4) | low
    bytes[i] = byte
    sum += byte
  }
  const [length, high, low, type] = bytes as unknown as [number, number, number, number]
  if (length !== size - 5) return `it says ${length} bytes and holds ${size - 5}`
  if ((sum & 0xff) !== 0) return 'its checksum is wrong'
  return { type, address: (high << 8) | low, data: bytes.subarray(4, size - 1) }
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code & ~0x20
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : -1
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
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
  const lines: string[] = []
  let upper = 0
  for (let at = 0; at < bytes.length; ) {
    const place = address + at
    if (Math.floor(place / 0x10000) !== upper) {
      upper = Math.floor(place / 0x10000)
      lines.push(encodeRecord(LINEAR_ADDRESS, 0, Uint8Array.of(upper >> 8, upper & 0xff)))
    }
    // Records are aligned, so that none crosses from one upper half into the next.
    const length = Math.min(RECORD_BYTES - (place % RECORD_BYTES), bytes.length - at)
    lines.push(encodeRecord(DATA, place & 0xffff, bytes.subarray(at, at + length)))
    at += length
  }
  lines.push(encodeRecord(END_OF_FILE, 0, new Uint8Array(0)), '')
  return new TextEncoder().encode(lines.join('\n'))
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).toUpperCase().padStart(2, '0'))

function encodeRecord(type: number, address: number, data: Uint8Array): string {
  const head = [data.length, address >> 8, address & 0xff, type]
  let sum = 0
  let text = ':'
  for (const byte of head) {
    text += HEX[byte]
    sum += byte
  }
  for (const byte of data) {
    text += HEX[byte]
    sum += byte
  }
  return text + HEX[-sum & 0xff]
}

function badHex(line: number, what: string): FormatError {
  return new FormatError(
    'BAD_INTEL_HEX',
    `This Intel HEX file cannot be read: line ${line}: ${what}. Get the whole file again.`,
    { structure: 'Intel HEX record' },
  )
}
