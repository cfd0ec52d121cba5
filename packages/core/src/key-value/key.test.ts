import { describe, expect, test } from 'vitest'
import { keyOf, keyText, parseKey, segmentToBytes, segmentToText } from './key.js'

describe('parseKey', () => {
  test.each([
    ['', []],
    ['/', []],
    ['///', []],
    ['a', ['a']],
    ['/a/', ['a']],
    ['//a///b/', ['a', 'b']],
    ['...', ['...']],
    ['a b/\n', ['a b', '\n']],
    ['é', ['Ã©']],
    ['\udcff', ['ÿ']],
    ['a\udc80é', ['a\u0080Ã©']],
  ])('%j is %j', (key, segments) => {
    expect(parseKey(key)).toEqual(segments)
    expect(parseKey(segmentToBytes(segments.map((each) => `/${each}`).join('')))).toEqual(segments)
  })

  test.each(['.', '..', '/a/./b', '/a/..', '\ud800', '\udc00', 'x'.repeat(65_536)])(
    'refuses %.20j',
    (key) => {
      expect(() => parseKey(key)).toThrow(expect.objectContaining({ code: 'BadKey' }))
    },
  )
})

test('every byte string is the text of itself and back', () => {
  const samples = [
    'a',
    'Ã©',
    '\u0080',
    'ÿþ',
    'aÃ',
    'ð\u009f\u008e\u0089',
    'ð\u009f\u008e',
    'í\u00a0\u0080',
    'Ã©ÿÃ©',
  ]
  for (const sample of samples) {
    expect(parseKey(segmentToText(sample))).toEqual([sample])
  }
  for (let first = 0; first < 256; first++) {
    for (let second = 0x70; second < 0xd0; second += 3) {
      const sample = String.fromCharCode(first, second).replaceAll('/', 'x')
      if (sample === '..' || sample === '.') continue
      expect(parseKey(segmentToText(sample))).toEqual([sample])
    }
  }
})

test('keys as text', () => {
  expect(keyOf([])).toBe('/')
  expect(keyOf(['a', 'Ã©'])).toBe('/a/é')
  expect(keyText(Uint8Array.of(0x61, 0xff))).toBe('a\udcff')
})
