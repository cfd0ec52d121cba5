import { describe, expect, it } from 'vitest'
import { pythonInt, pythonPath, pythonRepr } from './python-text.js'

describe('pythonRepr', () => {
  it.each([
    ['plain', "'plain'"],
    ["it's", '"it\'s"'],
    ['it\'s "so"', "'it\\'s \"so\"'"],
    ['a\\b\n\r\t', "'a\\\\b\\n\\r\\t'"],
    ['\x00\x1b\x7f\u00a0', "'\\x00\\x1b\\x7f\\xa0'"],
    ['\u2028\u200b\ue000', "'\\u2028\\u200b\\ue000'"],
    ['\u{e0001}', "'\\U000e0001'"],
    ['日本 é 😀', "'日本 é 😀'"],
  ])('shows %j as %s', (text, shown) => {
    expect(pythonRepr(text)).toBe(shown)
  })
})

describe('pythonInt', () => {
  it.each([
    ['42', 10, 42n],
    [' +1_000 ', 10, 1000n],
    ['-7', 10, -7n],
    ['007', 10, 7n],
    ['ff', 16, 255n],
    ['0x_f_f', 16, 255n],
    ['-0X10', 16, -16n],
    ['123456789012345678901234567890', 10, 123456789012345678901234567890n],
  ] as const)('reads %j to the base of %d', (text, base, value) => {
    expect(pythonInt(text, base)).toBe(value)
  })

  it.each([
    ['', 10],
    ['1.5', 10],
    ['1e6', 10],
    ['0x10', 10],
    ['1__0', 10],
    ['_1', 10],
    ['1 0', 10],
    ['0x', 16],
    ['g', 16],
  ] as const)('takes %j to the base of %d for no number', (text, base) => {
    expect(pythonInt(text, base)).toBeUndefined()
  })
})

describe('pythonPath', () => {
  it.each([
    ['', '.'],
    ['.', '.'],
    ['./a//b/./c/', 'a/b/c'],
    ['a/../b', 'a/../b'],
    ['/', '/'],
    ['//host/share', '//host/share'],
    ['///a', '/a'],
  ])('shows %j as %s', (text, shown) => {
    expect(pythonPath(text, 'linux')).toBe(shown)
  })

  it.each([
    ['a/b\\c', 'a\\b\\c'],
    ['C:/', 'C:\\'],
    ['C:', 'C:'],
    ['C:/x/', 'C:\\x'],
  ])('shows %j as %s on Windows', (text, shown) => {
    expect(pythonPath(text, 'win32')).toBe(shown)
  })
})
