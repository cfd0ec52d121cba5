import { describe, expect, test } from 'vitest'
import { UsageError } from './errors.js'
import { formatCount, formatShare, formatSize, parseCount, parseSize } from './sizes.js'

describe('parseSize', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['0x1000', 4096],
    ['0X1f', 31],
    ['64K', 65536],
    ['64k', 65536],
    ['64KB', 65536],
    ['64KiB', 65536],
    ['1M', 1048576],
    ['1.5M', 1572864],
    ['2G', 2147483648],
    ['1T', 1099511627776],
    ['512b', 512],
    [' 1K ', 1024],
  ])('%j', (text, size) => {
    expect(parseSize(text)).toBe(size)
  })

  test.each(['', 'K', '-1', '1.3', '1.0001K', '0xg', '1Q', '1e3', 'NaN', '9999T9', '99999999T'])(
    'refuses %j',
    (text) => {
      expect(() => parseSize(text)).toThrow(UsageError)
    },
  )
})

test('parseCount', () => {
  expect(parseCount('80')).toBe(80)
  expect(parseCount('0x50')).toBe(80)
  for (const text of ['', '-1', '1.5', '64K', '99999999999999999999']) {
    expect(() => parseCount(text)).toThrow(UsageError)
  }
})

test('formatSize', () => {
  const sizes = [0, 1023, 1024, 1536, 327680, 1048576, 3355443, 2 ** 50]
  const shown = ['0 B', '1023 B', '1 KiB', '1.5 KiB', '320 KiB', '1 MiB', '3.2 MiB', '1024 TiB']
  expect(sizes.map(formatSize)).toEqual(shown)
})

test('formatCount', () => {
  expect(formatCount(1, 'entry')).toBe('1 entry')
  expect(formatCount(0, 'entry')).toBe('0 entries')
  expect(formatCount(2, 'file')).toBe('2 files')
})

test('formatShare never rounds something to nothing, nor a part to the whole', () => {
  expect(formatShare(0, 10)).toBe('0%')
  expect(formatShare(10, 10)).toBe('100%')
  expect(formatShare(18, 80)).toBe('22.5%')
  expect(formatShare(1, 1e6)).toBe('<0.1%')
  expect(formatShare(999_999, 1e6)).toBe('>99.9%')
  expect(formatShare(0, 0)).toBe('0%')
})
