import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestDictionary } from './hash.js'
import { sha256 } from './sha256.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function digestOf(...pieces: Uint8Array[]): string {
  const hasher = sha256()
  for (const piece of pieces) hasher.update(piece)
  return hex(hasher.digest())
}

// FIPS 180-4, the examples that NIST publishes with it.
test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('%j', (text, digest) => {
  expect(digestOf(new TextEncoder().encode(text))).toBe(digest)
})

test('every length near a block, in any pieces', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
    const expected = createHash('sha256').update(bytes).digest('hex')
    expect(digestOf(bytes)).toBe(expected)
    const cut = (length * 13) % (length + 1)
    expect(digestOf(bytes.subarray(0, cut), new Uint8Array(0), bytes.subarray(cut))).toBe(expected)
  }
})

test('a dictionary: kinds, names and digests cannot be taken for each other', () => {
  const digest = new Uint8Array(32)
  const entry = (name: string, kind: 'value' | 'dictionary') => ({
    name: new TextEncoder().encode(name),
    kind,
    digest,
  })
  const variants = [
    [],
    [entry('a', 'value')],
    [entry('a', 'dictionary')],
    [entry('b', 'value')],
    [entry('a', 'value'), entry('b', 'value')],
    [entry('ab', 'value')],
  ]
  const digests = variants.map((entries) => hex(digestDictionary(sha256, entries)))
  expect(new Set(digests).size).toBe(variants.length)
  const native = () => createHash('sha256')
  expect(digests).toEqual(variants.map((entries) => hex(digestDictionary(native, entries))))
})
