/** `caravan manifest` says of an image what the C library says of it. */

import { replaceName } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { caravan, type GoldenEntry, goldenBytes, goldenManifest } from './harness.js'

const FIELD = [
  'field-arduino-pico',
  'field-esp-idf-2.0',
  'field-esp-idf-2.1',
  'field-esp8266',
  'field-micropython',
  'field-micropython-512',
  'field-zephyr',
]

const SHAPES = [
  'names-utf8',
  'attrs-all-types',
  'ctz-sizes-512',
  'dir-30-levels',
  'inline-all-sizes',
]

async function manifestOf(image: Uint8Array): Promise<{ code: number; entries: GoldenEntry[] }> {
  const { code, out } = await caravan(['manifest', '-'], { stdin: image })
  return { code, entries: JSON.parse(out) as GoldenEntry[] }
}

test.each([...FIELD, ...SHAPES])('%s', async (name) => {
  const { code, entries } = await manifestOf(goldenBytes(name))
  expect(code).toBe(0)
  expect(entries).toEqual(goldenManifest(name).entries)
})

describe('what cannot be read', () => {
  test('of a file', async () => {
    const { code, entries } = await manifestOf(goldenBytes('corrupt-ctz-head-out-of-range'))
    expect(code).toBe(1)
    const big = entries.find(({ path }) => path === '/big.bin')
    expect(big).toMatchObject({ type: 'reg', sha256: null })
    expect(big?.error).toMatch(/^read:CORRUPT/)
  })

  test('of a directory', async () => {
    const { code, entries } = await manifestOf(goldenBytes('corrupt-dir-pointer-out-of-range'))
    expect(code).toBe(1)
    expect(entries.find(({ path }) => path === '/docs')?.error).toMatch(/^dir_open:/)
  })

  test('of an entry that is neither', async () => {
    const { entries } = await manifestOf(goldenBytes('corrupt-unknown-entry-type'))
    const other = entries.find(({ type }) => type === 'other')
    expect(other).toMatchObject({
      sha256: null,
      attrs: { '0x74': '00112233' },
      error: 'open:EISDIR',
    })
  })

  test('of a name that no path leads to', async () => {
    const { entries } = await manifestOf(goldenBytes('corrupt-name-with-slash'))
    const { entries: golden } = goldenManifest('corrupt-name-with-slash')
    const note = goldenManifest('corrupt-none').entries.find(({ path }) => path === '/note')
    // A program that asks for its path is told that nothing is there; it has its content all the same.
    const expected = golden.map((entry) =>
      entry.error === undefined
        ? entry
        : { ...entry, error: 'getattr:ENOENT', attrs: note?.attrs, sha256: note?.sha256 },
    )
    expect(entries).toEqual(expected)
  })
})

test('a path that is not UTF-8 comes with its bytes', async () => {
  const name = Uint8Array.of(0xff, 0x6f, 0x74, 0x65)
  const { entries } = await manifestOf(replaceName(goldenBytes('corrupt-none'), 512, 'note', name))
  const last = entries[entries.length - 1]
  expect(last).toMatchObject({
    path: '/\ufffdote',
    pathHex: '2fff6f7465',
    attrs: { '0x74': '00112233' },
  })
})
