/**
 * Keys: paths of segments joined by `/`.
 *
 * The one rule: a key is bytes, cut at `/`; empty segments say nothing, so `a`, `/a` and `//a/` are
 * one key, and `/` is the root. `.` and `..` are refused, since they would mean something elsewhere.
 * Text stands for its UTF-8. A byte that is not UTF-8 stands in text as the lone surrogate U+DC00
 * plus the byte, so every name that a store holds can be written as text and read back.
 *
 * A segment is a *byte string*: one character of code 0..255 a byte. Such strings compare as their
 * bytes do, and equal the text as long as it is ASCII.
 */

import { KeyValueError } from './error.js'

export type Key = string | Uint8Array

/** The longest key in bytes, slashes included; each segment is bounded by its store. */
const KEY_MAX_BYTES = 65_535

const ESCAPE = 0xdc00

/**
 * The segments of a key, as byte strings; none for the root.
 *
 * @throws KeyValueError `BadKey`.
 */
export function parseKey(key: Key): string[] {
  const bytes = typeof key === 'string' ? textToByteString(key) : bytesToByteString(key)
  if (bytes.length > KEY_MAX_BYTES) {
    throw badKey(key, `it has ${bytes.length} bytes, and a key may have ${KEY_MAX_BYTES}`)
  }
  const segments: string[] = []
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf('/', start)
    if (end === -1) end = bytes.length
    if (end > start) {
      const segment = bytes.slice(start, end)
      if (segment === '.' || segment === '..') {
        throw badKey(key, `the segment "${segment}" is refused: name the key itself`)
      }
      segments.push(segment)
    }
    start = end + 1
  }
  return segments
}

/** The key of these segments as text, with a slash before each. */
export function keyOf(segments: readonly string[]): string {
  return `/${segments.map(segmentToText).join('/')}`
}

/** As a caller gave it, for messages. */
export function keyText(key: Key): string {
  return typeof key === 'string' ? key : segmentToText(bytesToByteString(key))
}

/** The text of a byte string; bytes that are not UTF-8 as lone surrogates. */
export function segmentToText(segment: string): string {
  for (let i = 0; i < segment.length; i++) {
    if (segment.charCodeAt(i) > 0x7f) return decode(segment)
  }
  return segment
}

export function segmentToBytes(segment: string): Uint8Array {
  const bytes = new Uint8Array(segment.length)
  for (let i = 0; i < segment.length; i++) bytes[i] = segment.charCodeAt(i)
  return bytes
}

function bytesToByteString(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function textToByteString(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return encode(text)
  }
  return text
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function encode(text: string): string {
  let bytes = ''
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code < 0x80) bytes += character
    else if (code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff) {
      bytes += String.fromCharCode(code - ESCAPE)
    } else if (code >= 0xd800 && code <= 0xdfff) {
      throw badKey(text, 'it holds half a surrogate pair, which has no bytes')
    } else bytes += bytesToByteString(encoder.encode(character))
  }
  return bytes
}

function decode(segment: string): string {
  const bytes = segmentToBytes(segment)
  const whole = decodeExactly(bytes)
  if (whole !== undefined) return whole
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    const character = decodeExactly(bytes.subarray(at, at + length))
    if (character === undefined) {
      text += String.fromCharCode(ESCAPE + first)
      at++
    } else {
      text += character
      at += length
    }
  }
  return text
}

function decodeExactly(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

function badKey(key: Key, reason: string): KeyValueError {
  return new KeyValueError('BadKey', keyText(key), { hint: reason })
}
