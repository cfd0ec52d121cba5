import { createRequire } from 'node:module'
import { noise } from '@caravan/testkit'
import fc from 'fast-check'
import type * as peer from 'nrf-intel-hex'
import { describe, expect, test } from 'vitest'
import { decodeIntelHex, encodeIntelHex, isIntelHex } from './intel-hex.js'
import { regionsOf } from './segments.js'

/** Its types tell of an ES module, and what Node gets is none. */
const MemoryMap = createRequire(import.meta.url)('nrf-intel-hex') as typeof peer.default.default

const text = (content: string) => new TextEncoder().encode(content)

describe('Intel HEX', () => {
  test('any bytes at any address, there and back', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.oneof(fc.nat(0xffff), fc.nat(0xffffff00), fc.constantFrom(0xffff, 0x1fff8, 0xffffff)),
        (bytes, address) => {
          const file = encodeIntelHex(bytes, address)
          expect(isIntelHex(file)).toBe(true)
          expect(decodeIntelHex(file)).toEqual([{ address, bytes }])
        },
      ),
    )
  })

  test("another program's files are read, and it reads ours", () => {
    const bytes = noise(70_000)
    const theirs = new MemoryMap([[0x0fff0, bytes]]).asHexString(32)
    expect(decodeIntelHex(text(theirs))).toEqual([{ address: 0x0fff0, bytes }])
    const ours = new TextDecoder().decode(encodeIntelHex(bytes, 0x0fff0))
    const blocks = MemoryMap.fromHex(ours).join()
    expect([...blocks.keys()]).toEqual([0x0fff0])
    expect(blocks.get(0x0fff0)).toEqual(bytes)
  })

  test("the specification's records: all types, small digits, other ends of line", () => {
    const file = [
      ':020000021200EA', // Extended segment address 0x1200: adds 0x12000.
      ':0300300002337a1e',
      ':0400000300003800C1', // Start segment address.
      ':02000004FFFFFC', // Extended linear address 0xffff.
      ':0100100041AE',
      ':04000005000000CD2A', // Start linear address.
      '',
      ':00000001FF',
    ].join('\r\n')
    expect(decodeIntelHex(text(file))).toEqual([
      { address: 0x12030, bytes: Uint8Array.of(0x02, 0x33, 0x7a) },
      { address: 0xffff0010, bytes: Uint8Array.of(0x41) },
    ])
    expect(new TextDecoder().decode(encodeIntelHex(Uint8Array.of(0x02, 0x33, 0x7a), 0x30))).toBe(
      ':0300300002337A1E\n:00000001FF\n',
    )
  })

  test('flash and far registers are two regions', () => {
    const file = [
      ...new TextDecoder()
        .decode(encodeIntelHex(noise(64), 0x1000))
        .split('\n')
        .slice(0, -2),
      new TextDecoder().decode(encodeIntelHex(Uint8Array.of(1, 2, 3, 4), 0x10001000)),
    ].join('\n')
    expect(regionsOf(decodeIntelHex(text(file))).map(({ address }) => address)).toEqual([
      0x1000, 0x10001000,
    ])
  })

  test('a small file that would fill the memory is refused', () => {
    const far = Array.from({ length: 200 }, (_, i) => ({
      address: i * 16 * 1024 * 1024,
      bytes: Uint8Array.of(1),
    }))
    expect(() => regionsOf(far)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
  })

  test.each([
    ['no end', ':0300300002337A1E\n', 'line 1: the end-of-file record is missing'],
    ['a wrong checksum', ':0300300002337A1F\n:00000001FF', 'line 1: its checksum is wrong'],
    ['a wrong length', ':0400300002337A1D\n:00000001FF', 'line 1: it says 4 bytes and holds 3'],
    ['half a digit', ':00000001FF0', 'line 1: it is cut short'],
    ['what is no digit', ':0300300002G37A1E', 'line 1: it holds what is no hexadecimal digit'],
    [
      'a line of another kind',
      ':0300300002337A1E\nhello',
      'line 2: it does not begin with a colon',
    ],
    ['data behind the end', ':00000001FF\n:0300300002337A1E', 'line 2: it follows the end'],
    ['an unknown type', ':00000006FA', 'line 1: there is no record type 6'],
    ['an address of one byte', ':0100000412E9', 'line 1: an address record has two bytes'],
  ])('refused: %s', (_, file, message) => {
    expect(() => decodeIntelHex(text(file))).toThrow(
      expect.objectContaining({ code: 'BAD_INTEL_HEX', message: expect.stringContaining(message) }),
    )
  })

  test('text that begins with a colon is no such file', () => {
    expect(isIntelHex(text(': hello\n'))).toBe(false)
    expect(isIntelHex(text(':0300300002337A1E'))).toBe(false)
    expect(isIntelHex(noise(100))).toBe(false)
    expect(() => encodeIntelHex(noise(10), 2 ** 32 - 5)).toThrow('32 bits')
  })
})
