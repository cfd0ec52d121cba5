import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { MemoryDevice } from '@caravan/device'
import { LittleFS } from '@caravan/littlefs'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, imageFile } from './harness.js'

const golden = fileURLToPath(new URL('../../../golden/chamelon/', import.meta.url))

function chamelonImage(name: string): string {
  return imageFile(gunzipSync(readFileSync(`${golden}${name}.img.gz`)), name)
}

async function freshImage(): Promise<string> {
  const path = freshPath()
  expect((await caravan(['format', '--size', '256K', path])).code).toBe(0)
  return path
}

describe('caravan kv, on a littlefs', () => {
  test('sets, gets, lists, moves and removes', async () => {
    const image = await freshImage()
    const kv = (...argv: string[]) => caravan(['kv', ...argv])
    expect(await kv('set', image, '/boot/count', '42')).toMatchObject({ code: 0, out: '', err: '' })
    const stdin = Uint8Array.of(0, 255, 10)
    expect((await caravan(['kv', 'set', image, 'boot//bytes/'], { stdin })).code).toBe(0)
    expect((await kv('get', image, '/boot/count')).out).toBe('42')
    expect([...(await kv('get', image, '/boot/bytes')).outBytes]).toEqual([0, 255, 10])
    expect((await kv('ls', image, '/')).out).toBe('/boot : directory\n')
    expect((await kv('ls', image, '/boot')).out).toBe('/boot/bytes : file\n/boot/count : file\n')
    expect((await kv('ls', image, '/boot/count')).out).toBe('/boot/count : file\n')
    const timed = (await kv('ls', '-t', image, '/')).out
    expect(timed).toMatch(/^\/boot : directory \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00\)\n$/)
    expect((await kv('modified', image, '/boot')).out).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{12}-00:00\n$/,
    )
    expect((await kv('digest', image, '/boot/count')).out).toBe(
      '73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049\n',
    )
    expect((await kv('mv', image, '/boot', '/old/boot')).code).toBe(0)
    expect((await kv('get', image, '/old/boot/count')).out).toBe('42')
    expect((await kv('rm', image, '/old', '/nothing')).code).toBe(0)
    expect((await kv('ls', image, '/')).out).toBe('')
  })

  test('a value of no time says so', async () => {
    const device = new MemoryDevice({ blockSize: 4096, blockCount: 16 })
    LittleFS.formatSync(device)
    LittleFS.mountSync(device).writeFileSync('/plain', 'x')
    const bytes = new Uint8Array(4096 * 16)
    device.read(
      [...Array(16).keys()].map((block) => ({
        block,
        offset: 0,
        bytes: bytes.subarray(block * 4096, block * 4096 + 4096),
      })),
    )
    const image = imageFile(bytes, 'no-times')
    expect((await caravan(['kv', 'ls', '-t', image, '/'])).out).toBe(
      '/plain : file (no last modified info)\n',
    )
    const stdin = readFileSync(image)
    expect((await caravan(['kv', 'get', '-', '/plain'], { stdin })).out).toBe('x')
  })

  test.each([
    [['get', '/nope'], 1, /NotFound: there is no such key, '\/nope'/],
    [['get', '/'], 1, /ValueExpected/],
    [['set', '/a/b', 'x'], 1, /DictionaryExpected/],
    [['mv', '/a', '/a/b'], 1, /RenameSourcePrefix/],
    [['set', '/a/../b', 'x'], 1, /BadKey/],
    [['rm', '/'], 1, /the root/],
  ])('%j fails with %d', async (argv, code, message) => {
    const image = await freshImage()
    await caravan(['kv', 'set', image, '/a', '1'])
    const [verb, ...rest] = argv as [string, ...string[]]
    const outcome = await caravan(['kv', verb, image, ...rest])
    expect(outcome.code).toBe(code)
    expect(outcome.err).toMatch(message)
  })

  test('wrong use', async () => {
    expect((await caravan(['kv'])).code).toBe(2)
    expect((await caravan(['kv', 'bogus'])).code).toBe(2)
    expect((await caravan(['kv', 'get', 'image'])).code).toBe(2)
    expect((await caravan(['kv', '--help'])).out).toContain('Examples:')
  })
})

describe("chamelon's volumes", () => {
  test('are read, and never changed', async () => {
    const image = chamelonImage('basic-4096')
    const before = readFileSync(image)
    expect((await caravan(['kv', 'get', image, '/dir/sub/deep/leaf'])).out).toBe('leaf')
    expect((await caravan(['kv', 'ls', '-t', image, '/dir'])).out).toBe(
      [
        '/dir/one : file (2026-11-20 17:33:59 +00:00)\n',
        '/dir/sub : directory (2026-11-20 17:33:59 +00:00)\n',
        '/dir/two : file (2026-11-20 17:33:59 +00:00)\n',
      ].join(''),
    )
    expect((await caravan(['kv', 'modified', image, '/bin'])).out).toBe(
      '2026-11-20T17:33:59.393797065000-00:00\n',
    )
    for (const argv of [
      ['kv', 'set', image, '/x', '1'],
      ['kv', 'rm', image, '/dir'],
      ['kv', 'mv', image, '/dir', '/new'],
      ['rm', image, '/bin'],
      ['ls', image],
    ]) {
      const { code, err } = await caravan(argv)
      expect(code).toBe(1)
      expect(err).toContain('caravan convert IMAGE NEW')
    }
    expect(readFileSync(image)).toEqual(before)
  })

  test('are converted, with their times', async () => {
    const target = freshPath()
    const { code, out, err } = await caravan(['convert', chamelonImage('basic-4096'), target])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^12 values in .*: 256 blocks/)
    expect((await caravan(['kv', 'modified', target, '/bin'])).out).toBe(
      '2026-11-20T17:33:59.393797065000-00:00\n',
    )
    expect((await caravan(['convert', chamelonImage('basic-4096'), target])).code).toBe(1)
    const again = ['convert', '--force', chamelonImage('split-512'), target]
    expect((await caravan(again)).code).toBe(0)
    expect((await caravan(['ls', target, '/d'])).out.split('\n')).toHaveLength(61)
  })

  test('what is lost is told by name, and the rest converted', async () => {
    const target = freshPath()
    const { code, err } = await caravan(['convert', chamelonImage('quirk-inline-4096'), target])
    expect(code).toBe(1)
    expect(err).toMatch(/\/v1023: lost: /)
    expect((await caravan(['ls', target])).out).toBe('v1022\nv1025\n')
  })

  test('what is none is refused', async () => {
    const target = freshPath()
    const { code, err } = await caravan(['convert', await freshImage(), target])
    expect(code).toBe(1)
    expect(err).toContain('no volume of chamelon')
    expect(existsSync(target)).toBe(false)
  })
})
