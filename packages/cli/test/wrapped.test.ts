/** Images as gzip, UF2 and Intel HEX: read as they are, taken out, made. */

import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { noise } from '@caravan/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { littlefsImage } from './dumps.js'
import { caravan, freshPath } from './harness.js'

let image: Buffer
let path = ''
beforeAll(async () => {
  image = await littlefsImage(0x20000, { 'config.json': '{"boots": 1}' })
  path = fileOf(image)
})

function fileOf(bytes: Uint8Array, ending = ''): string {
  const file = `${freshPath()}${ending}`
  writeFileSync(file, bytes)
  return file
}

const packed = async (...argv: string[]) => {
  const file = `${freshPath()}${argv.pop()}`
  const { code, out, err } = await caravan(['pack', ...argv, path, file])
  expect([argv, code, err]).toEqual([argv, 0, ''])
  expect(out).toMatch(/ bytes\)?\n$/)
  return file
}

const KINDS = [
  ['UF2', ['--address', '0x10180000', '--for-family', 'rp2040', '.uf2']],
  ['UF2 of nRF52840', ['--address', '0xad000', '--for-family', 'nrf52840', '.uf2']],
  ['UF2 of RP2350', ['--address', '0x10180000', '--for-family', '0xe48bff59', '.uf2']],
  ['Intel HEX', ['--address', '0xad000', '.hex']],
  ['gzip', ['.gz']],
] as const

describe.each(KINDS)('%s', (_, how) => {
  it('is read as the image in it; never written; unpacked to the same bytes', async () => {
    const file = await packed(...how)
    for (const around of [{ name: file }, { name: '-', stdin: readFileSync(file) }]) {
      const { code, out, err } = await caravan(['cat', around.name, '/config.json'], around)
      expect([code, out, err]).toEqual([0, '{"boots": 1}', ''])
    }
    const before = readFileSync(file)
    const put = await caravan(['put', file, path, '/x'])
    expect([put.code, put.err]).toEqual([
      2,
      expect.stringContaining(`is not changed in place. Unpack it, change the image`),
    ])
    expect(readFileSync(file).equals(before)).toBe(true)
    const raw = freshPath()
    const { code, err } = await caravan(['unpack', file, raw])
    expect([code, err]).toEqual([0, ''])
    expect(readFileSync(raw).equals(image)).toBe(true)
    expect((await caravan(['unpack', file, '-'])).outBytes.equals(image)).toBe(true)
  })
})

describe('unpack and pack', () => {
  it('tell where in memory the image lies, and for whom', async () => {
    const file = await packed('--address', '0x10180000', '--for-family', 'rp2040', '.uf2')
    const raw = freshPath()
    const { out } = await caravan(['unpack', file, raw])
    expect(out).toBe(
      `${raw}: 128 KiB (131072 bytes), out of UF2, from address 0x10180000, for rp2040\n`,
    )
    const zipped = fileOf(gzipSync(readFileSync(file)))
    expect((await caravan(['unpack', '-f', zipped, raw])).out).toContain('out of gzip of UF2')
    expect((await caravan(['unpack', file, raw])).err).toContain('--force')
  })

  it('a littlefs behind firmware in a UF2 or HEX file is found in it', async () => {
    const whole = Buffer.concat([noise(0x30000), image])
    const raw = fileOf(whole)
    for (const [ending, how] of [
      ['.uf2', ['--address', '0x10000000', '--for-family', 'rp2350-arm-s']],
      ['.hex', ['--address', '0']],
      ['.bin.gz', []],
    ] as const) {
      const file = `${freshPath()}${ending}`
      expect((await caravan(['pack', ...how, raw, file])).code).toBe(0)
      const { code, out, err } = await caravan(['cat', file, '/config.json'])
      expect([code, out]).toEqual([0, '{"boots": 1}'])
      expect(err).toContain('littlefs 2.1 at 0x30000 (128 KiB; both superblocks')
    }
  })

  it('cut a part out of a dump, and pack a part of it', async () => {
    const dump = fileOf(Buffer.concat([noise(0x8000), image, noise(0x8000)]))
    const part = ['--offset', '0x8000', '--size', '128K', dump]
    const raw = freshPath()
    expect((await caravan(['unpack', ...part, raw])).code).toBe(0)
    expect(readFileSync(raw).equals(image)).toBe(true)
    const file = `${freshPath()}.gz`
    expect((await caravan(['pack', ...part, file])).code).toBe(0)
    expect(gunzipSync(readFileSync(file)).equals(image)).toBe(true)
  })

  it('what lies far from the image is left out, and told', async () => {
    const file = await packed('--address', '0xad000', '.hex')
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -2)
    const uicr = [':020000041000EA', ':0410140000D00A00FE', ':00000001FF', '']
    const both = fileOf(Buffer.from([...lines, ...uicr].join('\n')))
    const { code, out, err } = await caravan(['cat', both, '/config.json'])
    expect([code, out]).toEqual([0, '{"boots": 1}'])
    expect(err).toContain('4 B at address 0x10001014 are far from the rest, and left out.')
  })

  it('of several families one is asked for', async () => {
    const one = await packed('--address', '0x10180000', '--for-family', 'rp2040', '.uf2')
    const two = await packed('--address', '0x10180000', '--for-family', 'rp2350-arm-s', '.uf2')
    const both = fileOf(Buffer.concat([readFileSync(one), readFileSync(two)]))
    const ls = await caravan(['ls', both])
    expect([ls.code, ls.err]).toEqual([1, expect.stringContaining('rp2040, rp2350-arm-s')])
    expect((await caravan(['ls', '--family', 'rp2040', both])).out).toBe('config.json\n')
  })

  it.each([
    [['pack', 'IMAGE', 'out.bin'], 'Name it .uf2, .hex or .gz, or give --as.'],
    [['pack', 'IMAGE', 'out.hex'], 'Give --address'],
    [['pack', '--address', '0', 'IMAGE', 'out.uf2'], 'Give --for-family'],
    [['pack', '--address', '0', 'IMAGE', 'out.gz'], 'gzip holds no --address'],
    [['pack', '--address', '0', '--for-family', 'pico', 'IMAGE', 'out.uf2'], "no family 'pico'"],
    [['pack', '--for-family', 'rp2040', '--address', '0', 'IMAGE', 'out.hex'], 'is for UF2 files'],
    [['pack', '--address', '1', '--for-family', 'rp2040', 'IMAGE', 'out.uf2'], 'multiple of 256'],
    [['ls', '--family', 'rp2040', 'IMAGE'], '--family is for UF2 files'],
  ])('%j is wrong use: %s', async (argv, message) => {
    const { code, err } = await caravan(argv.map((word) => (word === 'IMAGE' ? path : word)))
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })

  it.each([
    ['.gz', (bytes: Buffer) => bytes.subarray(0, -10), 'damaged or was cut short'],
    ['.uf2', (bytes: Buffer) => bytes.subarray(0, -512), '1 of its 512 blocks are missing'],
    ['.hex', (bytes: Buffer) => bytes.subarray(0, -20), 'line'],
  ])('a %s file that was cut short is told', async (ending, cut, message) => {
    const how = KINDS.find(([, options]) => options[options.length - 1] === ending)?.[1] ?? []
    const file = fileOf(cut(readFileSync(await packed(...how))))
    const { code, err } = await caravan(['ls', file])
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })
})
