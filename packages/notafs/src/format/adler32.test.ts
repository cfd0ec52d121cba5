import { expect, test } from 'vitest'
import { adler32 } from './adler32.js'

/** RFC 1950, byte by byte. */
function plain(bytes: Uint8Array): number {
  let a = 1
  let b = 0
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

test('sums of other programs', () => {
  const text = (value: string) => adler32(new TextEncoder().encode(value))
  expect(text('')).toBe(1)
  expect(text('Wikipedia')).toBe(0x11e60398)
  expect(text('abc')).toBe(0x024d0127)
  expect(adler32(new Uint8Array(512))).toBe(0x02000001)
})

test('the same as byte by byte: all lengths, alignments and extremes, in pieces', () => {
  const bytes = new Uint8Array(70_000).map((_, i) => (i * 97 + (i >> 5)) & 0xff)
  const full = new Uint8Array(70_000).fill(0xff)
  for (const from of [bytes, full]) {
    for (const length of [0, 1, 3, 79, 80, 81, 160, 512, 4095, 4096, 5552, 65_536]) {
      for (const start of [0, 1, 2, 3]) {
        const part = from.subarray(start, start + length)
        expect(adler32(part)).toBe(plain(part))
        const cut = length >> 1
        expect(adler32(part.subarray(cut), adler32(part.subarray(0, cut)))).toBe(plain(part))
      }
    }
  }
})
