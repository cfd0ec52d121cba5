import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { escapeHostName, hostNameProblem } from './host-names.js'
import { decodeUtf8, encodeUtf8, toHex } from './names.js'
import { parsePath } from './paths.js'

const PLATFORMS = ['linux', 'darwin', 'win32'] as const

describe('names that no computer can hold', () => {
  test.each(['', '.', '..', 'a/b', '/', '../x', 'a\0b'])('%j', (name) => {
    for (const platform of PLATFORMS) {
      expect(hostNameProblem(encodeUtf8(name), platform)).toBeDefined()
    }
  })
})

describe('names that Windows reads as something else', () => {
  const names = ['a\\b', 'C:', 'a:b', 'a*', 'a?', '"a"', '<', 'a|b', 'tab\t', 'a.', 'a ', '...']
  const devices = ['con', 'NUL', 'nul.txt', 'Com1', 'LPT9.tar.gz', 'aux .x', 'CONIN$', 'com¹']
  test.each([...names, ...devices])('%j', (name) => {
    expect(hostNameProblem(encodeUtf8(name), 'win32')).toBeDefined()
    expect(hostNameProblem(encodeUtf8(name), 'linux')).toBeUndefined()
  })

  test.each(['console', 'com10', 'null', 'a.con', '.x', 'aux_'])('%j is none of them', (name) => {
    expect(hostNameProblem(encodeUtf8(name), 'win32')).toBeUndefined()
  })
})

test('bytes that are no text: on Linux alone', () => {
  const name = Uint8Array.of(0xff, 0x41)
  expect(hostNameProblem(name, 'linux')).toBeUndefined()
  expect(hostNameProblem(name, 'darwin')).toBeDefined()
  expect(hostNameProblem(name, 'win32')).toBeDefined()
})

test('names that are too long', () => {
  const long = encodeUtf8('é'.repeat(200))
  expect(hostNameProblem(long, 'linux')).toContain('longer than 255 bytes')
  expect(hostNameProblem(long, 'darwin')).toBeUndefined()
  expect(hostNameProblem(encodeUtf8('x'.repeat(256)), 'win32')).toContain('longer than 255')
})

describe('escaped', () => {
  test.each([
    ['a/b', 'a%2Fb', 'a%2Fb'],
    ['..', '%2E%2E', '%2E%2E'],
    ['.', '%2E', '%2E'],
    ['100%', '100%25', '100%25'],
    ['nul.txt', 'nul.txt', '%6Eul.txt'],
    ['a:b?', 'a:b?', 'a%3Ab%3F'],
    ['dot.', 'dot.', 'dot%2E'],
    ['é', 'é', 'é'],
  ])('%j', (name, linux, windows) => {
    expect(decodeUtf8(escapeHostName(encodeUtf8(name), 'linux'))).toBe(linux)
    expect(decodeUtf8(escapeHostName(encodeUtf8(name), 'win32'))).toBe(windows)
  })

  test('any name becomes one that can be held, and can be had back', () => {
    const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 80 })
    const odd = fc
      .constantFrom('.', '..', 'con', 'NUL.x', 'a.', 'a ', '...', 'aux .')
      .map(encodeUtf8)
    fc.assert(
      fc.property(fc.oneof(anyBytes, odd), fc.constantFrom(...PLATFORMS), (name, platform) => {
        const escaped = escapeHostName(name, platform)
        expect(hostNameProblem(escaped, platform)).toBeUndefined()
        const text = decodeUtf8(escaped)
        if (text === undefined) return
        expect(toHex(parsePath(`/${text}`, { escaped: true }))).toBe(`2f${toHex(name)}`)
      }),
    )
  })
})
