import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf, hex } from '../../test/golden-images.js'
import { readDataWord, readWord, uniformByte, writeWord } from './word.js'

describe('words', () => {
  it('are little-endian: the superblock of fresh-512-ff at 20', () => {
    // Version 2.1, 512 bytes, 40 blocks, names of 255, files of 2^31 - 1, attributes of 1022.
    const block = blockOf('fresh-512-ff', 0)
    const words = [0x00020001, 512, 40, 255, 2147483647, 1022]
    expect(words.map((_, i) => readDataWord(block, 20, 24, i))).toEqual(words)
    expect(words.map((_, i) => readWord(block, 20 + 4 * i))).toEqual(words)
    const written = new Uint8Array(24)
    words.forEach((word, i) => {
      writeWord(written, 4 * i, word)
    })
    expect(written).toEqual(block.slice(20, 44))
  })

  it('are never negative: the revision of an erased block of attrs', () => {
    expect(readWord(blockOf('attrs', 2), 0)).toBe(0xffffffff)
  })

  it('read as zero beyond the length given', () => {
    const bytes = hex('01020304 05060708')
    const words = (at: number, length: number) =>
      [0, 1, 2].map((i) => readDataWord(bytes, at, length, i))
    expect(words(0, 8)).toEqual([0x04030201, 0x08070605, 0])
    expect(words(0, 5)).toEqual([0x04030201, 0x05, 0])
    expect(words(0, 7)).toEqual([0x04030201, 0x070605, 0])
    expect(words(4, 0)).toEqual([0, 0, 0])
  })

  it('are all one byte, or not, from any place in any buffer on', () => {
    const size = fc.nat(40)
    fc.assert(
      fc.property(size, size, size, fc.constantFrom(0, 0x5a, 0xff), (lead, length, at, byte) => {
        const bytes = new Uint8Array(lead + length).fill(byte).subarray(lead)
        expect(uniformByte(bytes, at)).toBe(at < length ? byte : undefined)
        for (let i = 0; i < length; i++) {
          const other = bytes.slice()
          other[i] = byte ^ 0x10
          const shifted = new Uint8Array(lead + length)
          shifted.set(other, lead)
          const isUniform = at < length && (i < at || (i === at && at === length - 1))
          const expected = !isUniform ? undefined : i < at ? byte : byte ^ 0x10
          expect(uniformByte(shifted.subarray(lead), at)).toBe(expected)
        }
      }),
      propertyParameters(100),
    )
  })

  it('come back as they were written, and touch nothing else', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(word, fc.nat(8), (value, at) => {
        const bytes = new Uint8Array(12).fill(0xa5)
        writeWord(bytes, at, value)
        expect(readWord(bytes, at)).toBe(value)
        expect(bytes.filter((byte, i) => (i < at || i >= at + 4) && byte !== 0xa5)).toHaveLength(0)
      }),
      propertyParameters(),
    )
  })
})
