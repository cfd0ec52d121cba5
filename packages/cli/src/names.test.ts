import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareBytes, decodeUtf8, escapeName, harmlessName, harmlessText, toHex } from './names.js'
import { parsePath } from './paths.js'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('percent notation', () => {
  test.each([
    ['plain.txt', bytes('plain.txt')],
    ['Ünïcödé 日本語', bytes('Ünïcödé 日本語')],
    ['100%25', bytes('100%')],
    ['a%0Ab%1B', bytes('a\nb\x1b')],
    ['caf%E9', Uint8Array.of(0x63, 0x61, 0x66, 0xe9)],
    ['%FFé%C3', Uint8Array.of(0xff, 0xc3, 0xa9, 0xc3)],
    ['%E2%80%AEexe', bytes('\u202eexe')],
  ])('%s', (shown, name) => {
    expect(escapeName(name)).toBe(shown)
  })

  test('what is shown can be given back, whatever the bytes', () => {
    const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(anyBytes, (name) => {
        const argument = `/${escapeName(name)}`
        expect(toHex(parsePath(argument, { escaped: true }))).toBe(`2f${toHex(name)}`)
      }),
    )
  })
})

test('what a terminal would obey is shown instead', () => {
  expect(harmlessName(bytes('\x1b[2J\x07'))).toBe('%1B[2J%07')
  expect(harmlessName(bytes('a\u200bb\u2028'))).toBe('a%E2%80%8Bb%E2%80%A8')
  expect(harmlessName(Uint8Array.of(0x9b, 0x32, 0x4a))).toBe('%9B2J')
  expect(harmlessName(bytes('100%'))).toBe('100%')
  expect(harmlessText('two\nlines\r')).toBe('two\nlines%0D')
})

test('decodeUtf8 takes no surrogates, no overlong forms, and keeps a byte order mark', () => {
  expect(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined()
  expect(decodeUtf8(Uint8Array.of(0xc0, 0xaf))).toBeUndefined()
  expect(decodeUtf8(bytes('\ufeffa'))).toBe('\ufeffa')
})

test('compareBytes sorts shorter first', () => {
  const names = ['b', 'ab', 'a', 'Z', ''].map(bytes)
  const sorted = names.sort(compareBytes).map((name) => decodeUtf8(name))
  expect(sorted).toEqual(['', 'Z', 'a', 'ab', 'b'])
})
