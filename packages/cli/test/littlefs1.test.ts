import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, type GoldenManifest, imageFile } from './harness.js'

const folder = new URL('../../../golden/littlefs1/', import.meta.url)
const image = (name: string) =>
  imageFile(gunzipSync(readFileSync(new URL(`${name}.img.gz`, folder))), `v1-${name}`)
const manifest = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as GoldenManifest

/** Runs the command, which must succeed. */
async function run(...args: string[]): Promise<string> {
  const { code, out, err } = await caravan(args)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('caravan on littlefs 1', () => {
  test('the verbs that read', async () => {
    const base = image('base')
    expect(await run('info', base)).toMatch(/^littlefs 1\.1\n/)
    expect(JSON.parse(await run('info', '--json', base))).toMatchObject({
      format: 'littlefs1',
      blockSize: 512,
      usedBlocks: 48,
      state: { orphanCount: 0 },
    })
    expect((await run('ls', base)).trim().split('\n')).toEqual([
      'boot',
      'cfg/',
      'data.bin',
      'docs/',
      'logs/',
    ])
    expect(await run('tree', base)).toContain('note.txt (40 B)')
    expect(await run('stat', base, '/docs/sub/x')).toContain('500 bytes')
    expect(await run('df', base)).toMatch(/used +48 /)
    expect(await run('check', base)).toBe('sound: 6 metadata pairs, 5 directories, 28 files\n')
    const target = freshPath()
    await run('get', base, '/data.bin', target)
    const wanted = manifest('base').entries.find(({ path }) => path === '/data.bin')
    expect(sha256(readFileSync(target))).toBe(wanted?.sha256)
    expect(Buffer.byteLength(await run('cat', base, '/cfg/long-name-00'))).toBeGreaterThan(0)
    expect(await run('kv', 'ls', base, '/docs')).toContain('note.txt')
  })

  test('manifest and extract give what the library shows', async () => {
    const name = 'field-meshtastic-nrf52'
    const entries = JSON.parse(await run('manifest', image(name))) as GoldenManifest['entries']
    const shown = (all: GoldenManifest['entries']) =>
      all.map(({ path, size, sha256: hash }) => `${path} ${size} ${hash ?? ''}`)
    expect(shown(entries)).toEqual(shown(manifest(name).entries))
    const dir = freshPath()
    await run('extract', image(name), dir)
    for (const { path, sha256: hash } of manifest(name).entries) {
      if (hash !== null) expect(sha256(readFileSync(join(dir, path))), path).toBe(hash)
    }
  })

  test('damage is told, and the rest shown', async () => {
    const broken = image('corrupt-dir-continuation-both')
    const { code, out, err } = await caravan(['tree', broken])
    expect(code).toBe(1)
    expect(out).toContain('long-name-19')
    expect(out).toContain('data.bin')
    expect(err).toContain('/cfg')
    const check = await caravan(['check', broken])
    expect(check.code).toBe(1)
    expect(check.out).toMatch(/error +PAIR_LOST/)
  })

  test('changes are refused, with the way out named', async () => {
    const base = image('base')
    const { code, err } = await caravan(['rm', base, '/boot'])
    expect(code).toBe(2)
    expect(err).toContain('caravan migrate IMAGE NEW')
    expect((await caravan(['format', '--format', 'littlefs1', freshPath()])).code).toBe(2)
  })

  test('what a migration has made a littlefs 2 is one, beside what is left of the littlefs 1', async () => {
    expect(await run('info', image('v2-migrated'))).toMatch(/^littlefs 2\.1\n/)
    expect(await run('info', image('v2-image'))).toMatch(/^littlefs 2\.1\n/)
  })
})

describe('caravan migrate', () => {
  test('into a new image', async () => {
    const target = freshPath()
    expect(await run('migrate', image('base'), target)).toContain('32 files and directories in')
    expect(await run('info', target)).toMatch(/^littlefs 2\.1\n/)
    expect(await run('manifest', target)).toBe(await run('manifest', image('base')))
    expect((await caravan(['migrate', image('base'), target])).code).toBe(1)
    await run(
      'migrate',
      '--force',
      '--disk-version',
      '2.0',
      '--mtime',
      '1700000000',
      image('base'),
      target,
    )
    expect(await run('info', target)).toMatch(/^littlefs 2\.0\n/)
    expect(await run('ls', '-l', target)).toContain('2023-11-14 22:13:20')
  })

  test('where it is, once', async () => {
    const before = await run('manifest', image('churn-512'))
    const there = image('churn-512')
    expect(await run('migrate', '--in-place', there)).toContain('is a littlefs 2 now')
    expect(await run('info', there)).toMatch(/^littlefs 2\.1\n/)
    expect(await run('manifest', there)).toBe(before)
    expect(await run('check', there)).toMatch(/^sound/)
    const again = await caravan(['migrate', '--in-place', there])
    expect(again.code).toBe(1)
    expect(again.err).toContain('This is a littlefs 2')
  })

  test('what is lost is told by name, and the rest is there', async () => {
    const target = freshPath()
    const { code, err } = await caravan(['migrate', image('corrupt-dir-both'), target])
    expect(code).toBe(1)
    expect(err).toContain('/docs')
    expect((await caravan(['ls', target])).out).toContain('data.bin')
  })

  test('writes times as the device of a profile reads them', async () => {
    for (const [times, attribute] of [
      ['micropython', '0x01": "00002a36fe9c9717"'],
      ['ns', '0x01": "00002a36fe9c9717"'],
      ['esp-idf', '0x74": "00f1536500000000"'],
      ['arduino-esp32-2', '0x74": "00f15365"'],
    ] as const) {
      const target = freshPath()
      await run('migrate', '--times', times, '--mtime', '1700000000', image('base'), target)
      expect(await run('stat', '--json', target, '/boot'), times).toContain(attribute)
      expect(await run('ls', '-l', target)).toContain('2023-11-14 22:13:20')
    }
    const base = image('base')
    const unknown = await caravan(['migrate', '--mtime', '1', '--times', 'esp', base, freshPath()])
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('esp-idf-2.0')])
    const none = await caravan(['migrate', '--mtime', '1', '--times', 'zephyr', base, freshPath()])
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('keeps no times')])
  })

  test('is used as it is meant', async () => {
    for (const args of [[], ['a', 'b', '--in-place'], ['a', 'b', '--times', 'ns']]) {
      expect((await caravan(['migrate', ...args])).code, args.join(' ')).toBe(2)
    }
  })
})
