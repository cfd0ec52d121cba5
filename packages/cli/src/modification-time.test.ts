import { expect, test } from 'vitest'
import { decodeTime, formatTime, modificationTime } from './modification-time.js'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

// 1700000000 seconds: 2023-11-14 22:13:20.
test.each([
  ['8 bytes of seconds: ESP-IDF, Arduino', 0x74, '00f1536500000000'],
  ['4 bytes of seconds: old Arduino cores', 0x74, '00f15365'],
  ['days and picoseconds: chamelon', 0x74, 'db4c00000000087e93371c01'],
  ['nanoseconds: MicroPython', 1, '00002a36fe9c9717'],
  [
    'a whole stat: NuttX',
    0,
    '01000000000000000000000000000000000000000000000000002a36fe9c97170000000000000000',
  ],
])('%s', (_who, type, value) => {
  const time = modificationTime(new Map([[type, hex(value)]]))
  expect(time && formatTime(time)).toBe('2023-11-14 22:13:20')
})

test('no time at all', () => {
  expect(decodeTime(0x74, hex('0011'))).toBeUndefined()
  expect(decodeTime(0x74, hex('ffffffffffffffff'))).toBeUndefined()
  expect(decodeTime(0x63, hex('00f15365'))).toBeUndefined()
  expect(decodeTime(0, hex('00f15365'))).toBeUndefined()
  expect(modificationTime(new Map([[2, hex('00')]]))).toBeUndefined()
})
