import { describe, expect, it } from 'vitest'
import { fillLines, wrapText } from './wrap.js'

// What Python's textwrap.wrap() makes of the same.
describe('wrapText', () => {
  it.each([
    ['', 10, []],
    ['one two  three', 8, ['one two', 'three']],
    ['file/directory-of-files here', 16, ['file/directory-', 'of-files here']],
    ['utf-8 or latin-1', 8, ['utf-8 or', 'latin-1']],
    ['a shift-jis name', 8, ['a shift-', 'jis name']],
    ["the '-h' / '--help' option", 15, ["the '-h' / '--", "help' option"]],
    ['abcdefghijkl mn', 5, ['abcde', 'fghij', 'kl mn']],
    ['abcd-efghijkl', 6, ['abcd-e', 'fghijk', 'l']],
    ['a1-b2-c3456789', 6, ['a1-b2-', 'c34567', '89']],
  ])('breaks %j at %d', (text, width, lines) => {
    expect(wrapText(text, width)).toEqual(lines)
  })
})

describe('fillLines', () => {
  it('keeps words whole, and room for what stands before', () => {
    const limits = { before: 1, beforeFirst: 4, width: 10 }
    expect(fillLines(['abcd', 'ef', 'ghi', 'jklmnopqrstu', 'v'], limits)).toEqual([
      'abcd',
      'ef ghi',
      'jklmnopqrstu',
      'v',
    ])
    expect(fillLines([], limits)).toEqual([])
  })
})
