import { crc32 as zlibCrc32 } from 'node:zlib'
import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf } from '../../test/golden-images.js'
import { CRC_INITIAL, crc32 } from './crc32.js'
import { readWord } from './word.js'

const crcOf = (bytes: Uint8Array, crc = CRC_INITIAL) => crc32(crc, bytes, 0, bytes.length) >>> 0

describe('crc32', () => {
  it('is that of the reference: the first commits of fresh images', () => {
    // In version 2.1 the CRC tag stands at 56, in 2.0 at 44, and its CRC behind it.
    expect(crc32(CRC_INITIAL, blockOf('fresh-512-ff', 0), 0, 60) >>> 0).toBe(0x6fe7c1df)
    expect(crc32(CRC_INITIAL, blockOf('fresh-512-ff', 1), 0, 60) >>> 0).toBe(0xebe2540f)
    expect(crc32(CRC_INITIAL, blockOf('fresh-512-00', 0), 0, 48) >>> 0).toBe(0xff6066b3)
    for (const name of ['fresh-128-ff', 'fresh-4096-ff', 'fresh-65536-ff']) {
      const block = blockOf(name, 1)
      expect(crc32(CRC_INITIAL, block, 0, 60) >>> 0, name).toBe(readWord(block, 60))
    }
  })

  it('is that of the reference over erased bytes: the forward CRCs of prog-256 and fresh-512-ff', () => {
    expect(crcOf(new Uint8Array(256).fill(0xff))).toBe(readWord(blockOf('prog-256', 0), 52))
    expect(crcOf(new Uint8Array(16).fill(0xff))).toBe(0xc04c39e5)
  })

  it('is the common CRC-32 without its last inversion', () => {
    expect(crcOf(new TextEncoder().encode('123456789')) ^ -1).toBe(0xcbf43926 | 0)
    expect(crcOf(new Uint8Array(0))).toBe(0xffffffff)
  })

  it('is what zlib computes, at any place, of any length, in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, a, b) => {
        const start = Math.min(a, b, bytes.length)
        const end = Math.min(Math.max(a, b), bytes.length)
        const expected = (zlibCrc32(bytes.subarray(start, end)) ^ -1) >>> 0
        expect(crc32(CRC_INITIAL, bytes, start, end) >>> 0).toBe(expected)
        const middle = (start + end) >>> 1
        const half = crc32(CRC_INITIAL, bytes, start, middle)
        expect(crc32(half, bytes, middle, end) >>> 0).toBe(expected)
      }),
      propertyParameters(500),
    )
  })
})
