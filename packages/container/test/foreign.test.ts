/** What is no littlefs 2, named; and found in a dump. */

import { findForeign, foreignError, identify } from '@caravan/container'
import { MemoryDevice } from '@caravan/device'
import { fatImage, littlefs1Image, littlefs3Image, noise, spiffsImage } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'

const device = (bytes: Uint8Array) => new MemoryDevice(bytes)
const ascii = (text: string) => new TextEncoder().encode(text)

function filled(length: number, byte: number, ...pieces: (readonly [number, Uint8Array])[]) {
  const bytes = new Uint8Array(length).fill(byte)
  for (const [at, piece] of pieces) bytes.set(piece, at)
  return bytes
}

/** The second superblock alone is left of it. */
const half1 = littlefs1Image(16)
half1.fill(0, 0, 512)

describe('identify', () => {
  test.each([
    ['SPIFFS of an ESP32', spiffsImage(64), 'IS_SPIFFS', '64 blocks of 4096 bytes, pages of 256'],
    ['SPIFFS of an ESP8266', spiffsImage(128, { blockSize: 8192 }), 'IS_SPIFFS', 'blocks of 8192'],
    [
      'SPIFFS of other sizes',
      spiffsImage(9, { blockSize: 65536, pageSize: 128 }),
      'IS_SPIFFS',
      '9 blocks of 65536 bytes, pages of 128',
    ],
    ['FAT', fatImage(128), 'IS_FAT', '128 sectors of 4096'],
    [
      'FAT below wear levelling',
      filled(0x80000, 0xff, [4096, fatImage(100)]),
      'IS_FAT',
      '100 sectors',
    ],
    ['littlefs 1', littlefs1Image(16), 'IS_LITTLEFS_1', '16 blocks of 512 bytes'],
    ['littlefs 1, the second superblock', half1, 'IS_LITTLEFS_1', 'version 1'],
    ['littlefs 3', littlefs3Image(65536), 'IS_LITTLEFS_3', 'version 3'],
    ['notafs', filled(65536, 0, [0, ascii('NOTAFS\0\0')]), 'IS_NOTAFS', '--format notafs'],
    ['docteur', filled(65536, 0, [28, ascii('PACK')]), 'IS_DOCTEUR', '--format docteur'],
    ['docteur of SHA-256', filled(65536, 0, [40, ascii('PACK')]), 'IS_DOCTEUR', 'docteur'],
    ['erased flash', filled(65536, 0xff), 'IS_ERASED', 'all 0xff'],
    ['a disk that was never written', filled(100, 0), 'IS_ERASED', 'all 0x00'],
    ['encrypted data', noise(65536), 'IS_ENCRYPTED', 'Decrypt it first'],
    ['gzip', filled(100, 0, [0, Uint8Array.of(0x1f, 0x8b, 8)]), 'IS_WRAPPED', 'caravan unpack'],
  ])('%s', async (_, bytes, code, words) => {
    const found = await identify(device(bytes))
    if (found === undefined) throw new Error('It was not identified.')
    expect(foreignError(found)).toMatchObject({ code, message: expect.stringContaining(words) })
  })

  test.each([
    ['an empty device', new Uint8Array(0)],
    ['text', ascii('This is the readme of a program, and no filesystem.\n'.repeat(500))],
    ['erased, but for a byte', filled(65536, 0xff, [60000, Uint8Array.of(0)])],
    ['noise too short to judge', noise(2000)],
    ['the signature of a boot sector alone', filled(4096, 0, [510, Uint8Array.of(0x55, 0xaa)])],
    ['SPIFFS whose blocks do not agree', spiffsImage(64).fill(0xff, 3 * 4096, 4 * 4096)],
  ])('%s is nothing known', async (_, bytes) => {
    expect(await identify(device(bytes))).toBeUndefined()
  })
})

describe('findForeign', () => {
  test('all of a dump, in order, each once', async () => {
    const dump = new Uint8Array(8 * 1024 * 1024).fill(0xff)
    dump.set(noise(300_000), 0x1000)
    dump.set(spiffsImage(100), 0x110000)
    dump.set(fatImage(200), 0x201000)
    dump.set(littlefs1Image(64, 128), 0x3ff000)
    dump.set(spiffsImage(16, { blockSize: 8192 }), 0x600000)
    const found = await findForeign(device(dump))
    expect(found.map(({ kind, offset, sizeBytes }) => [kind, offset, sizeBytes])).toEqual([
      ['spiffs', 0x110000, 100 * 4096],
      ['fat', 0x201000, 200 * 4096],
      ['littlefs-1', 0x3ff000, 64 * 128],
      ['spiffs', 0x600000, 16 * 8192],
    ])
  })

  test('nothing in what holds nothing, nor in noise', async () => {
    expect(await findForeign(device(noise(4 * 1024 * 1024)))).toEqual([])
    expect(await findForeign(device(new Uint8Array(1_000_001).fill(0xff)))).toEqual([])
    expect(await findForeign(device(new Uint8Array(1_000_001)))).toEqual([])
  })
})
