import { expect, test } from 'vitest'
import { UsageError } from './errors.js'
import { decodeUtf8, encodeUtf8 } from './names.js'
import { baseName, enginePath, joinPath, parsePath } from './paths.js'

const text = (path: Uint8Array) => decodeUtf8(path)

test('a path begins at the root, with or without a slash', () => {
  expect(text(parsePath('/a/b'))).toBe('/a/b')
  expect(text(parsePath('a/b'))).toBe('/a/b')
  expect(text(parsePath(''))).toBe('/')
  expect(text(parsePath('%41', {}))).toBe('/%41')
})

test('in percent notation', () => {
  expect(text(parsePath('%41%2fb%25', { escaped: true }))).toBe('/A/b%')
  expect(enginePath(parsePath('/%ff', { escaped: true }))).toEqual(Uint8Array.of(0x2f, 0xff))
  expect(enginePath(parsePath('/é', { escaped: true }))).toBe('/é')
  for (const wrong of ['%', '%1', '%zz', 'a%2']) {
    expect(() => parsePath(wrong, { escaped: true })).toThrow(UsageError)
  }
})

test('parts', () => {
  const directory = encodeUtf8('/a')
  expect(text(joinPath(directory, encodeUtf8('b')))).toBe('/a/b')
  expect(text(joinPath(encodeUtf8('/'), encodeUtf8('b')))).toBe('/b')
  expect(text(baseName(encodeUtf8('/a/b')))).toBe('b')
  expect(text(baseName(encodeUtf8('/a/b/')))).toBe('b')
  expect(text(baseName(encodeUtf8('/')))).toBe('')
})
