import { expect, test } from 'vitest'
import {
  contentEncoding,
  contentLength,
  differenceOf,
  parseContentRange,
  retryAfterMs,
  strongValidator,
} from './headers.js'

test.each([
  ['bytes 0-99/1000', { start: 0, end: 100, total: 1000 }],
  ['bytes 5-5/6', { start: 5, end: 6, total: 6 }],
  ['Bytes  0-9/*', { start: 0, end: 10, total: undefined }],
  ['bytes */0', { start: undefined, end: undefined, total: 0 }],
  [null, undefined],
  ['', undefined],
  ['bytes 0-99', undefined],
  ['items 0-99/1000', undefined],
  ['bytes 9-5/1000', undefined],
  ['bytes 0-1000/1000', undefined],
  ['bytes -5/1000', undefined],
  ['bytes 0-99999999999999999999/*', undefined],
])('Content-Range: %s', (header, range) => {
  expect(parseContentRange(header)).toEqual(range)
})

test('versions differ where both say so, by the tag before the time', () => {
  const of = (etag?: string, lastModified?: string) => ({ etag, lastModified })
  expect(differenceOf(of('"a"', 'x'), of('"a"', 'y'))).toBeUndefined()
  expect(differenceOf(of('"a"'), of('"b"'))).toBe('ETag')
  expect(differenceOf(of(undefined, 'x'), of('"b"', 'y'))).toBe('Last-Modified')
  expect(differenceOf(of('"a"'), of(undefined, 'x'))).toBeUndefined()
})

test('If-Range takes strong tags, and times', () => {
  expect(strongValidator({ etag: '"a"', lastModified: 'x' })).toBe('"a"')
  expect(strongValidator({ etag: 'W/"a"', lastModified: 'x' })).toBeUndefined()
  expect(strongValidator({ etag: undefined, lastModified: 'x' })).toBe('x')
})

test('numbers and codings', () => {
  const headers = (name: string, value: string) => new Headers({ [name]: value })
  expect(contentLength(headers('content-length', '12'))).toBe(12)
  expect(contentLength(headers('content-length', '-1'))).toBeUndefined()
  expect(contentLength(new Headers())).toBeUndefined()
  expect(contentEncoding(headers('content-encoding', ' GZIP '))).toBe('gzip')
  expect(contentEncoding(headers('content-encoding', 'identity'))).toBeUndefined()
  expect(retryAfterMs(headers('retry-after', '2'))).toBe(2000)
  expect(retryAfterMs(headers('retry-after', 'Wed, 21 Oct 2026 07:28:00 GMT'))).toBeUndefined()
})
