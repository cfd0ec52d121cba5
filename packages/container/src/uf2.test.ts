import { MisuseError } from '@caravan/core'
import { noise } from '@caravan/testkit'
import fc from 'fast-check'
import * as peer from 'uf2'
import { describe, expect, test } from 'vitest'
import { regionsOf } from './segments.js'
import { decodeUf2, encodeUf2, isUf2 } from './uf2.js'
import { familyName, familyNamed, UF2_FAMILIES } from './uf2-families.js'

const RP2040 = 0xe48bff56
const ADDRESS = 0x10180000

/** A block as the README of the format has it, byte by byte. */
function block(
  data: Uint8Array,
  fields: {
    address?: number
    number?: number
    count?: number
    flags?: number
    family?: number
  } = {},
): Uint8Array {
  const { address = 0x10000000, number = 0, count = 1, flags = 0x2000, family = RP2040 } = fields
  const bytes = new Uint8Array(512)
  const words = [0x0a324655, 0x9e5d5157, flags, address, data.length, number, count, family]
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  bytes.set(data, 32)
  view.setUint32(508, 0x0ab16f30, true)
  return bytes
}

const joined = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts))

describe('UF2', () => {
  test('any bytes, there and back; the last block is filled up as erased flash is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.nat(1000), (bytes, page) => {
        const file = encodeUf2(bytes, page * 256, RP2040)
        expect(isUf2(file)).toBe(true)
        const { segments, family } = decodeUf2(file)
        expect(family).toBe(RP2040)
        const [region, ...others] = regionsOf(segments)
        expect(others).toEqual([])
        expect(region?.address).toBe(page * 256)
        expect(region?.bytes.subarray(0, bytes.length)).toEqual(bytes)
        expect(region?.bytes.subarray(bytes.length).every((byte) => byte === 0xff)).toBe(true)
        expect(region?.bytes.length).toBe(Math.ceil(bytes.length / 256) * 256)
      }),
    )
  })

  test("another program's blocks are read, and it reads ours", () => {
    const data = noise(1024)
    const theirs = joined(
      ...[0, 1, 2, 3].map((blockNumber) =>
        peer.encodeBlock({
          flags: peer.UF2Flags.familyIDPresent,
          flashAddress: ADDRESS + blockNumber * 256,
          payload: data.slice(blockNumber * 256, (blockNumber + 1) * 256),
          blockNumber,
          totalBlocks: 4,
          boardFamily: RP2040,
        }),
      ),
    )
    expect(regionsOf(decodeUf2(theirs).segments)).toEqual([{ address: ADDRESS, bytes: data }])
    const ours = encodeUf2(data, ADDRESS, RP2040)
    for (let i = 0; i < 4; i++) {
      expect(peer.decodeBlock(ours.slice(512 * i, 512 * (i + 1)))).toEqual({
        flags: 0x2000,
        flashAddress: ADDRESS + 256 * i,
        payload: data.slice(256 * i, 256 * (i + 1)),
        blockNumber: i,
        totalBlocks: 4,
        boardFamily: RP2040,
      })
    }
  })

  test('families are those of the list', () => {
    const list = new Map(peer.uf2Families.map(({ id, shortName: name }) => [id, name]))
    for (const [name, id] of Object.entries(UF2_FAMILIES)) {
      expect(familyNamed(name.toUpperCase())).toBe(id)
      expect(familyName(id)).toBe(name)
      const listed = list.get(id)
      if (listed !== undefined) expect(listed.toLowerCase()).toBe(name)
    }
    expect(familyNamed('0xe48bff56')).toBe(RP2040)
    expect(familyNamed('pico')).toBeUndefined()
    expect(familyName(1)).toBe('0x00000001')
  })

  test('blocks in any order, in pieces of any size, with gaps; what is no flash is left out', () => {
    const one = noise(476)
    const two = noise(100, 2)
    const file = joined(
      block(two, { address: 0x10001000, number: 1, count: 3 }),
      block(one, { number: 0, count: 3 }),
      block(noise(10, 3), { number: 2, count: 3, flags: 0x2001, address: 0 }),
    )
    const [region] = regionsOf(decodeUf2(file).segments)
    expect(region?.address).toBe(0x10000000)
    expect(region?.bytes.length).toBe(0x1000 + 100)
    expect(region?.bytes.subarray(0, 476)).toEqual(one)
    expect(region?.bytes.subarray(476, 0x1000).every((byte) => byte === 0xff)).toBe(true)
    expect(region?.bytes.subarray(0x1000)).toEqual(two)
  })

  test('files of several families: whose must be said; the absolute block of RP2350 says nothing', () => {
    const absolute = block(noise(256), { address: 0x10ffff00, family: 0xe48bff57, count: 2 })
    const arm = block(noise(256, 2), { family: 0xe48bff59 })
    const riscv = block(noise(256, 3), { family: 0xe48bff5a })
    expect(() => decodeUf2(absolute)).toThrow('1 of its 2 blocks are missing')
    expect(decodeUf2(joined(block(noise(256), { family: 0xe48bff57 }), arm)).family).toBe(
      0xe48bff59,
    )
    expect(() => decodeUf2(joined(arm, riscv))).toThrow(
      expect.objectContaining({
        code: 'SEVERAL_FAMILIES',
        message: expect.stringContaining('rp2350-arm-s, rp2350-riscv'),
      }),
    )
    expect(decodeUf2(joined(arm, riscv), { family: 0xe48bff5a }).segments[0]?.bytes).toEqual(
      noise(256, 3),
    )
    expect(() => decodeUf2(arm, { family: RP2040 })).toThrow('no blocks for rp2040')
  })

  test.each([
    [
      'cut inside a block',
      (file: Uint8Array) => file.subarray(0, 700),
      'no whole number of blocks',
    ],
    ['cut between blocks', (file: Uint8Array) => file.subarray(0, 1024), '2 of its 4 blocks'],
    ['empty', () => new Uint8Array(0), 'no whole number'],
    ['a bit of the last magic', (file: Uint8Array) => file.with(1023, 0), 'the block at byte 512'],
    ['too much data', (file: Uint8Array) => file.with(17, 2), 'at most 476'],
    ['number beyond the count', (file: Uint8Array) => file.with(20, 9), 'number 9 of 4'],
    ['files', (file: Uint8Array) => file.with(9, 0x30), 'file container'],
  ])('refused: %s', (_, change, message) => {
    const file = encodeUf2(noise(1000), ADDRESS, RP2040)
    expect(() => decodeUf2(change(file))).toThrow(
      expect.objectContaining({ code: 'BAD_UF2', message: expect.stringContaining(message) }),
    )
  })

  test('what makes no file', () => {
    for (const [bytes, address] of [
      [noise(10), 100],
      [noise(10), -256],
      [new Uint8Array(0), 0],
      [noise(512), 0xffffff00],
    ] as const) {
      expect(() => encodeUf2(bytes, address, RP2040)).toThrow(MisuseError)
    }
  })
})
