/** Files that are damaged or made to harm: an answer or a FormatError, in bounded time and memory. */

import {
  decodeIntelHex,
  decodePartitionCsv,
  decodePartitionTable,
  decodeUf2,
  encodeIntelHex,
  encodePartitionCsv,
  encodePartitionTable,
  encodeUf2,
  findForeign,
  identify,
  regionsOf,
} from '@caravan/container'
import { FormatError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { fatImage, littlefs1Image, noise, spiffsImage } from '@caravan/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const partitions = Array.from({ length: 6 }, (_, i) => ({
  ...{ name: `part${i}`, type: 1, subtype: 0x83, offset: 0x10000 * (i + 1), size: 0x10000 },
  ...{ encrypted: false, readOnly: false },
}))
const text = new TextEncoder()
const csvOf = (bytes: Uint8Array) => decodePartitionCsv(new TextDecoder().decode(bytes))

const DECODERS = [
  [
    'UF2',
    encodeUf2(noise(2000), 0, 1),
    (bytes: Uint8Array) => regionsOf(decodeUf2(bytes).segments),
  ],
  [
    'Intel HEX',
    encodeIntelHex(noise(300), 0xfff0),
    (bytes: Uint8Array) => regionsOf(decodeIntelHex(bytes)),
  ],
  ['partition table', encodePartitionTable(partitions), decodePartitionTable],
  ['CSV', text.encode(encodePartitionCsv(partitions)), csvOf],
] as const

test.each(DECODERS)('%s with bytes changed, or cut', (_, file, decode) => {
  const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.nat(file.length), (changes, cut) => {
      const bytes = file.slice(0, cut % 5 === 0 ? cut : file.length)
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        expect((error as Error).message).toMatch(/[.,]$/)
      }
    }),
    { numRuns: 500 },
  )
})

test('dumps with bytes changed: what is said to be there lies within', async () => {
  const dump = new Uint8Array(256 * 1024)
  dump.set(spiffsImage(8), 0x4000)
  dump.set(fatImage(16), 0x10000)
  dump.set(littlefs1Image(32), 0x28000)
  const change = fc.tuple(fc.nat(dump.length - 1), fc.nat(255))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 200 }), async (changes) => {
      const bytes = dump.slice()
      for (const [at, value] of changes) bytes[at] = value
      const device = new MemoryDevice(bytes, { readOnly: true })
      const found = await findForeign(device)
      for (const { offset } of found) expect(offset).toBeLessThan(bytes.length)
      expect(found.map(({ offset }) => offset)).toEqual(
        found.map(({ offset }) => offset).sort((a, b) => a - b),
      )
      await identify(device)
    }),
    { numRuns: 30 },
  )
})
