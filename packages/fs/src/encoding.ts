/** Text and bytes, in the encodings that Node knows. */

import { byteString, byteStringToBytes, MisuseError } from '@caravan/core'

const NAMES = {
  utf8: 'utf8',
  'utf-8': 'utf8',
  utf16le: 'utf16le',
  'utf-16le': 'utf16le',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  latin1: 'latin1',
  binary: 'latin1',
  ascii: 'ascii',
  hex: 'hex',
  base64: 'base64',
  base64url: 'base64url',
} as const

/** An encoding as Node names it. */
export type Encoding = keyof typeof NAMES

const encoder = new TextEncoder()
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true })

/** @throws MisuseError `INVALID_ARGUMENT` for an encoding that Node does not know. */
function canonical(encoding: string) {
  const name = encoding.toLowerCase()
  if (Object.hasOwn(NAMES, name)) return NAMES[name as Encoding]
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `There is no encoding '${encoding}': give one of ${Object.keys(NAMES).join(', ')}.`,
  )
}

export function decodeText(bytes: Uint8Array, encoding: string): string {
  switch (canonical(encoding)) {
    case 'utf8':
      return utf8.decode(bytes)
    case 'utf16le':
      return utf16.decode(bytes.subarray(0, bytes.length & ~1))
    case 'latin1':
      return byteString(bytes, 0, bytes.length)
    case 'ascii':
      return byteString(bytes, 0, bytes.length).replace(/[\x80-\xff]/g, (c) =>
        String.fromCharCode(c.charCodeAt(0) & 0x7f),
      )
    case 'hex':
      return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    case 'base64':
      return btoa(byteString(bytes, 0, bytes.length))
    case 'base64url':
      return btoa(byteString(bytes, 0, bytes.length))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace(/=+$/, '')
  }
}

function encodeText(text: string, encoding: string): Uint8Array {
  switch (canonical(encoding)) {
    case 'utf8':
      return encoder.encode(text)
    case 'utf16le': {
      const bytes = new Uint8Array(text.length * 2)
      const view = new DataView(bytes.buffer)
      for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true)
      return bytes
    }
    case 'latin1':
    case 'ascii':
      return byteStringToBytes(text)
    case 'hex': {
      // What is no pair of digits ends it, as in Node.
      const digits = /^([0-9a-f]{2})*/i.exec(text)?.[0] ?? ''
      const bytes = new Uint8Array(digits.length / 2)
      for (let i = 0; i < bytes.length; i++) {
        bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16)
      }
      return bytes
    }
    case 'base64':
    case 'base64url': {
      const digits = text
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/[^A-Za-z0-9+/]/g, '')
      const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits
      return byteStringToBytes(atob(whole))
    }
  }
}

/** What a call may take as data. */
export type Data = string | ArrayBufferView

/** The bytes of a text, or of any view. */
export function dataBytes(data: unknown, encoding: string | null | undefined): Uint8Array {
  if (typeof data === 'string') return encodeText(data, encoding ?? 'utf8')
  if (data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return viewBytes(data)
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `Data is a string, a Uint8Array or another view of bytes, and this is of type ${typeof data}.`,
  )
}

/** The same memory as a Uint8Array. */
export function viewBytes(view: ArrayBufferView): Uint8Array {
  if (view instanceof Uint8Array) return view
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
