import { describe, expect, it } from 'vitest'
import { FilenameEncoding } from './filename-encoding.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('a filename encoding', () => {
  // What Python's str.encode() gives.
  it.each([
    ['utf-8', 'café', '636166c3a9'],
    ['utf8', '日本', 'e697a5e69cac'],
    ['latin-1', 'café\x85', '636166e985'],
    ['iso-8859-1', 'ÿ', 'ff'],
    ['shift-jis', '日本ソ', '93fa967b835c'],
    ['shift_jis', 'ｱ', 'b1'],
    ['euc-jp', '日本', 'c6fccbdc'],
    ['cp437', 'é', '82'],
    ['cp1252', '€', '80'],
    ['ascii', 'plain', '706c61696e'],
    ['gbk', '中', 'd6d0'],
    ['big5', '中', 'a4a4'],
    ['koi8-r', 'я', 'd1'],
    ['utf-8', '\ufeffx', 'efbbbf78'],
  ])('%s writes %s as %s, and reads it back', (name, text, bytes) => {
    const encoding = FilenameEncoding.named(name)
    expect(hex(encoding.encode(text))).toBe(bytes)
    expect(encoding.decode(Buffer.from(bytes, 'hex'))).toBe(text)
  })

  it.each([
    ['latin-1', '日'],
    ['ascii', 'é'],
    ['shift-jis', '😀'],
  ])('%s refuses %s', (name, text) => {
    expect(() => FilenameEncoding.named(name).encode(text)).toThrow(`has characters that ${name}`)
  })

  it.each([
    ['utf-8', 'e9'],
    ['utf-8', 'c080'],
    ['ascii', '80'],
    ['shift-jis', '83'],
  ])('%s refuses the bytes %s', (name, bytes) => {
    const encoding = FilenameEncoding.named(name)
    expect(() => encoding.decode(Buffer.from(bytes, 'hex'))).toThrow(`is not ${name}`)
  })

  it('that is not known is refused', () => {
    expect(() => FilenameEncoding.named('klingon')).toThrow("--filename-encoding is 'klingon'")
  })
})
