import { describe, expect, it } from 'vitest'
import { splitWords } from './words.js'

// What Python's shlex.split() gives.
describe('splitWords', () => {
  it.each([
    ['', []],
    ['  a  b ', ['a', 'b']],
    ['"a b" \'c d\'', ['a b', 'c d']],
    ['a\\ b', ['a b']],
    ['x"y z"w', ['xy zw']],
    ['"q\\"r\\\\s\\t"', ['q"r\\s\\t']],
    ["'a\\b'", ['a\\b']],
    ["'' x", ['', 'x']],
  ])('takes %j apart', (line, words) => {
    expect(splitWords(line)).toEqual(words)
  })

  it.each(['"open', "it's", 'end\\'])('refuses %j', (line) => {
    expect(() => splitWords(line)).toThrow('not closed')
  })
})
