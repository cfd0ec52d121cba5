/** What is no littlefs 2 is named, and the sentence says what to do. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { fatImage, littlefs1Image, littlefs3Image, noise, spiffsImage } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { caravan, goldenImage, imageFile } from './harness.js'

const goldenOf = (path: string) =>
  gunzipSync(
    readFileSync(fileURLToPath(new URL(`../../../golden/${path}.img.gz`, import.meta.url))),
  )

const NAMED: readonly (readonly [string, Uint8Array, string, string])[] = [
  ['spiffs', spiffsImage(64), 'This is a SPIFFS filesystem', 'Read it with mkspiffs'],
  ['fat', fatImage(64), 'This is a FAT filesystem', 'mtools'],
  ['littlefs-3', littlefs3Image(65536), 'This is a littlefs of version 3', 'library that wrote it'],
  ['erased', new Uint8Array(65536).fill(0xff), 'This is erased flash', 'caravan format'],
  ['zeros', new Uint8Array(65536), 'This is nothing but zeros', 'caravan format'],
  ['encrypted', noise(65536), 'This is encrypted data, as it looks', 'espsecure.py'],
]

describe.each(NAMED)('%s', (name, bytes, title, advice) => {
  it.each(['ls', 'info', 'check', 'df'])('caravan %s', async (verb) => {
    const { code, err } = await caravan([verb, imageFile(bytes, `named-${name}`)])
    expect(code).toBe(verb === 'check' ? 3 : 1)
    expect(err).toContain(`: ${title} (`)
    expect(err).toContain(advice)
  })

  it('is not written to, also where it is said to be a littlefs', async () => {
    const path = imageFile(bytes, `named-${name}-w`)
    const { code, err } = await caravan(['mkdir', '--format', 'littlefs', path, '/x'])
    expect([code, err]).toEqual([1, expect.stringContaining(title)])
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })
})

it.each([
  ['notafs/basic-4096', 'notafs'],
  ['docteur/git-512', 'docteur'],
  ['', 'littlefs1'],
])('%s as littlefs: it is %s', async (golden, format) => {
  const bytes = golden === '' ? littlefs1Image(64) : goldenOf(golden)
  const path = imageFile(bytes, `named-${format}`)
  const { code, err } = await caravan(['ls', '--format', 'littlefs', path])
  expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`open it as ${format}`, 'i'))])
})

it.each([512, 2048, 8192])('a block size of %i that is wrong', async (blockSize) => {
  const path = goldenImage('field-esp-idf-2.1')
  const { code, err } = await caravan(['ls', '--block-size', String(blockSize), path])
  expect([code, err]).toEqual([1, expect.stringContaining('Give 4096, or none to have it found.')])
})

it('text is nothing known: what was looked for is said', async () => {
  const { code, err } = await caravan(['ls', imageFile(Buffer.alloc(8192, 'readme '), 'readme')])
  expect([code, err]).toEqual([1, expect.stringContaining('no littlefs superblock')])
})
