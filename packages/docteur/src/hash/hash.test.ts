import { createHash } from 'node:crypto'
import { crc32 as nativeCrc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { crc32 } from './crc32.js'
import { sha1 } from './sha1.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

// FIPS 180-4, the examples that NIST publishes with it.
it.each([
  ['', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
  ['abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '84983e441c3bd26ebaae4aa1f95129e5e54670f1',
  ],
])('SHA-1 of %j', (text, digest) => {
  const hasher = sha1()
  hasher.update(Buffer.from(text))
  expect(hex(hasher.digest())).toBe(digest)
})

it('SHA-1 and CRC-32 are those of the platform at every length around a block, in pieces', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
    const cut = (length * 13) % (length + 1)
    const hasher = sha1()
    hasher.update(bytes.subarray(0, cut))
    hasher.update(bytes.subarray(cut))
    expect(hex(hasher.digest())).toBe(createHash('sha1').update(bytes).digest('hex'))
    expect(crc32(crc32(0, bytes.subarray(0, cut)), bytes.subarray(cut))).toBe(nativeCrc32(bytes))
  }
})
