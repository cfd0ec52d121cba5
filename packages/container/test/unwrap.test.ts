/** Gzip, and images in wrappers within it. */

import { gzipSync } from 'node:zlib'
import { encodeIntelHex, encodeUf2, gunzip, unwrap, wrapperOf } from '@caravan/container'
import { noise } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'

const image = noise(5000)

describe('unwrap', () => {
  test('each wrapper alone, and within gzip', async () => {
    const uf2 = encodeUf2(image.subarray(0, 4096), 0x10000000, 0xe48bff56)
    const hex = encodeIntelHex(image, 0x26000)
    expect(await unwrap(image)).toMatchObject({ wrappers: [], bytes: image, address: undefined })
    expect(await unwrap(gzipSync(image))).toMatchObject({ wrappers: ['gzip'], bytes: image })
    expect(await unwrap(uf2)).toEqual({
      wrappers: ['UF2'],
      bytes: image.subarray(0, 4096),
      address: 0x10000000,
      family: 0xe48bff56,
      others: [],
    })
    expect(await unwrap(gzipSync(uf2))).toMatchObject({ wrappers: ['gzip', 'UF2'] })
    expect(await unwrap(gzipSync(hex))).toMatchObject({
      ...{ wrappers: ['gzip', 'Intel HEX'], bytes: image, address: 0x26000 },
    })
    expect(wrapperOf(noise(100))).toBeUndefined()
  })

  test('gzip that is damaged, cut short or too large', async () => {
    const file = gzipSync(image)
    const bad = expect.objectContaining({ code: 'BAD_GZIP' })
    await expect(gunzip(file.subarray(0, 3000))).rejects.toEqual(bad)
    await expect(gunzip(file.subarray(0, file.length - 3))).rejects.toEqual(bad)
    const flipped = Uint8Array.from(file)
    flipped[file.length - 6] = (flipped[file.length - 6] as number) ^ 1
    await expect(gunzip(flipped)).rejects.toEqual(bad)
    await expect(gunzip(gzipSync(new Uint8Array(1 << 20)), 1000)).rejects.toMatchObject({
      code: 'TOO_LARGE',
    })
  })
})
