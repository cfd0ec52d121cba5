import { deflateSync, constants as zlib } from 'node:zlib'
import { propertyParameters, seedFromEnvironment } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { nodePlatform } from '../node/platform.js'
import { adler32 } from './adler32.js'
import { inflate } from './inflate.js'
import { Inflater, WINDOW_BYTES } from './inflater.js'

/** Bytes as content has them: runs, repetitions, noise. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.nat(400))
        .map(([piece, times]) => {
          const bytes = new Uint8Array(piece.length * times)
          for (let i = 0; i < bytes.length; i++) bytes[i] = piece[i % piece.length] as number
          return bytes
        }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces))

const deflated = fc
  .record({
    bytes: content,
    level: fc.integer({ min: 0, max: 9 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
    strategy: fc.constantFrom(
      zlib.Z_DEFAULT_STRATEGY,
      zlib.Z_FILTERED,
      zlib.Z_HUFFMAN_ONLY,
      zlib.Z_RLE,
      zlib.Z_FIXED,
    ),
  })
  .map(({ bytes, ...options }) => ({ bytes, stream: deflateSync(bytes, options) }))

for (const [name, one] of [
  ['plain JavaScript', inflate],
  ["Node's", nodePlatform.inflate ?? inflate],
] as const) {
  describe(`inflate in ${name}`, () => {
    it('gives what zlib was given, and how many bytes the stream took', () => {
      fc.assert(
        fc.property(deflated, fc.uint8Array({ maxLength: 20 }), ({ bytes, stream }, behind) => {
          const found = one(Buffer.concat([stream, behind]), bytes.length)
          expect(found).toMatchObject({ inputBytes: stream.length })
          expect(Buffer.compare((found as { bytes: Uint8Array }).bytes, bytes)).toBe(0)
        }),
        propertyParameters(200),
      )
    })

    it('asks for more where the stream is cut, at every place', () => {
      const stream = deflateSync(Buffer.from('some text, some more text, '.repeat(40)))
      for (let end = 0; end < stream.length; end++) {
        expect(one(stream.subarray(0, end), 27 * 40)).toBeUndefined()
      }
    })

    it('says what is wrong, and writes nowhere else', () => {
      const stream = deflateSync(Buffer.from('abc'.repeat(500)))
      expect(one(stream, 1499)).toMatch(/more than the 1499 bytes/)
      expect(one(stream, 1501)).toMatch(/holds 1500 bytes/)
      expect(one(Uint8Array.of(0x78, 0x9d, 1, 2, 3), 10)).toMatch(/does not begin as a zlib stream/)
      expect(one(Uint8Array.of(0x78, 0xbb, 1, 2, 3), 10)).toMatch(/preset dictionary/)
      const wrong = Buffer.from(stream)
      wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
      expect(one(wrong, 1500)).toMatch(/checksum/)
    })

    it('takes any bytes: a sentence, more input, or content of that size', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(2000), (bytes, size) => {
          const found = one(Buffer.concat([Uint8Array.of(0x78, 0x9c), bytes]), size)
          if (typeof found === 'object') expect(found.bytes).toHaveLength(size)
        }),
        propertyParameters(500),
      )
    })
  })
}

test('in pieces of input and of room, and from a copy, it gives the same', () => {
  fc.assert(
    fc.property(
      deflated,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 3000 }),
      ({ bytes, stream }, inputStep, room) => {
        let inflater = new Inflater()
        const buffer = new Uint8Array(WINDOW_BYTES + 3000)
        const pieces: Uint8Array[] = []
        let start = 0
        let at = 0
        let end = Math.min(inputStep, stream.length)
        for (let turn = 0; ; turn++) {
          if (turn % 3 === 2) inflater = inflater.copy()
          const status = inflater.run(
            stream,
            at,
            end,
            buffer,
            start,
            Math.min(buffer.length, start + Math.max(room, 258)),
          )
          pieces.push(buffer.slice(start, inflater.outputEnd))
          at = inflater.inputEnd
          start = inflater.outputEnd
          if (status === 'done') break
          expect(status).not.toBe('damaged')
          if (status === 'needs input') {
            expect(end).toBeLessThan(stream.length)
            end = Math.min(stream.length, end + inputStep)
          }
          if (start > WINDOW_BYTES) {
            buffer.copyWithin(0, start - WINDOW_BYTES, start)
            start = WINDOW_BYTES
          }
        }
        expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0)
        expect(at).toBe(stream.length)
      },
    ),
    propertyParameters(200),
  )
})

test('Adler-32 is that of RFC 1950, in any pieces', () => {
  const { seed } = seedFromEnvironment()
  expect(adler32(1, Buffer.from('Wikipedia'), 0, 9)).toBe(0x11e60398)
  const bytes = Buffer.alloc(20_000, 0xff)
  const stream = deflateSync(bytes)
  expect(adler32(1, bytes, 0, bytes.length)).toBe(stream.readUInt32BE(stream.length - 4))
  const cut = seed % bytes.length
  expect(adler32(adler32(1, bytes, 0, cut), bytes, cut, bytes.length)).toBe(
    stream.readUInt32BE(stream.length - 4),
  )
})
