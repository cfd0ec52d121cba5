/** `caravan sync`: an image as a directory is, in place, but for what is the device's own. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenBytes, imageFile } from './harness.js'
import { attributesOf, type Files, hostTree, soundTree, touchAll } from './images.js'

const FILES: Files = {
  'config.json': '{"default": true}',
  'www/index.html': '<p>old</p>',
  'www/logo.bin': Uint8Array.from({ length: 9000 }, (_, i) => i * 7),
}

async function imageOf(tree: string, size = '256K', ...options: string[]): Promise<string> {
  const image = freshPath()
  const { code, err } = await caravan(['create', '-q', '--size', size, ...options, tree, image])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return image
}

const sync = (...argv: string[]) => caravan(['sync', ...argv])

test('changes what differs, and says what; then there is nothing to do', async () => {
  const tree = hostTree(FILES)
  const image = await imageOf(tree)
  await caravan(['attr', '--set', '7=kept', image, '/www/index.html'])
  await caravan(['touch', image, '/device.log'])
  writeFileSync(join(tree, 'www/index.html'), '<p>new</p>')
  mkdirSync(join(tree, 'empty'))
  writeFileSync(join(tree, 'www/new'), 'new')
  const before = readFileSync(image)
  const lines = [
    '+ /empty/',
    '~ /www/index.html: content, 10 bytes, from byte 3',
    '+ /www/new',
    '2 put in, 1 changed, 0 removed, 3 the same',
  ]
  expect(await sync('--dry-run', tree, image)).toMatchObject({
    code: 0,
    err: '',
    out: `${lines.join('\n')}. Nothing was written\n`,
  })
  expect(readFileSync(image).equals(before)).toBe(true)
  expect(await sync(tree, image)).toMatchObject({ code: 0, err: '', out: `${lines.join('\n')}\n` })
  expect(soundTree(image)).toMatchObject({
    '/device.log': '',
    '/empty': null,
    '/www/index.html': '<p>new</p>',
    '/www/new': 'new',
  })
  expect(attributesOf(image, '/www/index.html')).toEqual({ 7: '6b657074' })
  const done = readFileSync(image)
  expect((await sync(tree, image)).out).toBe('0 put in, 0 changed, 0 removed, 6 the same\n')
  expect(readFileSync(image).equals(done)).toBe(true)
  expect(await sync('--quiet', tree, image)).toMatchObject({ code: 0, out: '', err: '' })
})

describe('--delete', () => {
  test('removes what is only in the image', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    rmSync(join(tree, 'www'), { recursive: true })
    const { out } = await sync('--delete', tree, image)
    expect(out).toBe(
      '- /www/\n- /www/index.html\n- /www/logo.bin\n0 put in, 0 changed, 3 removed, 1 the same\n',
    )
    expect(soundTree(image)).toEqual({ '/config.json': '{"default": true}' })
  })

  test('but for what is kept or left out, and the directories that it lies in', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(
      hostTree({
        'config.json': 'of the device',
        'logs/boot.log': 'log',
        'logs/old/x.txt': 'x',
        'www/cache/page': 'page',
        'www/old.html': 'old',
      }),
    )
    writeFileSync(join(tree, 'www/source.map'), 'map')
    const options = ['--keep', '/config.json', '--keep', '*.log', '--keep', '/absent']
    const { code, out } = await sync(
      ...['--delete', ...options, '--ignore', 'cache/', '--ignore', '*.map'],
      ...[tree, image],
    )
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      '- /logs/old/',
      '- /logs/old/x.txt',
      '+ /www/index.html',
      '+ /www/logo.bin',
      '- /www/old.html',
      '= /config.json',
      '= /logs/boot.log',
      '2 put in, 0 changed, 3 removed, 2 kept, 1 the same',
      '',
    ])
    expect(Object.keys(soundTree(image)).sort()).toEqual([
      ...['/config.json', '/logs', '/logs/boot.log', '/www', '/www/cache', '/www/cache/page'],
      ...['/www/index.html', '/www/logo.bin'],
    ])
    expect(soundTree(image)['/config.json']).toBe('of the device')
  })

  test('what is kept is put in where it is missing', async () => {
    const image = await imageOf(hostTree({ a: 'a' }))
    await sync('--delete', '--keep', 'config.json', hostTree(FILES), image)
    expect(soundTree(image)['/config.json']).toBe('{"default": true}')
  })
})

describe('a name that is another type', () => {
  test('a file gives way to a directory, a directory with --delete alone', async () => {
    const tree = hostTree({ a: null, 'a/b': 'b', c: 'c' })
    const image = await imageOf(hostTree({ a: 'file', 'c/d': 'd' }))
    const before = readFileSync(image)
    const refused = await sync(tree, image)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('/c: a directory in the image; --delete removes it.')
    expect(refused.err).toContain('nothing was changed.')
    expect(readFileSync(image).equals(before)).toBe(true)
    const kept = await sync('--delete', '--keep', 'd', tree, image)
    expect(kept.err).toContain('/c: a directory in the image, with something in it that is kept.')
    const { code, out } = await sync('--delete', tree, image)
    expect(code).toBe(0)
    expect(out).toContain('~ /a/: file, and directory\n')
    expect(soundTree(image)).toEqual({ '/a': null, '/a/b': 'b', '/c': 'c' })
  })

  test('a kept file where a directory should be keeps out what is in that', async () => {
    const image = await imageOf(hostTree({ a: 'file' }))
    const { code, out } = await sync('--delete', '--keep', '/a', hostTree({ 'a/b': 'b' }), image)
    expect({ code, out }).toEqual({
      code: 0,
      out: '= /a\n0 put in, 0 changed, 0 removed, 1 kept, 0 the same\n',
    })
    expect(soundTree(image)).toEqual({ '/a': 'file' })
  })
})

test('times alone are set where asked for, in either format', async () => {
  for (const format of ['littlefs', 'notafs']) {
    const tree = hostTree(FILES)
    touchAll(tree, 1000)
    const image = await imageOf(tree, '512K', '--format', format, '--mtime', 'file')
    touchAll(tree, 2000)
    expect((await sync(tree, image)).out).toContain(' 0 changed')
    const { out } = await sync('--mtime', 'file', tree, image)
    expect(out).toContain('~ /config.json: time 1970-01-01 00:16:40, and 1970-01-01 00:33:20\n')
    expect((await caravan(['verify', '--times', image, tree])).code).toBe(0)
  }
})

test('in a dump not a byte outside the filesystem changes', async () => {
  const inside = goldenBytes('field-esp-idf-2.1')
  const [front, back] = [Buffer.alloc(0x3000, 0xa5), Buffer.alloc(0x2000, 0x5a)]
  const dump = imageFile(Buffer.concat([front, inside, back]), 'sync-dump')
  const tree = hostTree({ ...FILES, 'www/more': new Uint8Array(20_000) })
  const argv = ['--delete', '--offset', '0x3000', '--prog-size', '128', '--cache-size', '512']
  const { code, err } = await sync(...argv, tree, dump)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const after = readFileSync(dump)
  expect(after.subarray(0, 0x3000).equals(front)).toBe(true)
  expect(after.subarray(-0x2000).equals(back)).toBe(true)
  const options = { progSize: 128, eraseValue: 0xff }
  expect(Object.keys(soundTree(after.subarray(0x3000, -0x2000), options)).sort()).toEqual([
    ...['/config.json', '/www', '/www/index.html', '/www/logo.bin', '/www/more'],
  ])
})

describe('where space is short', () => {
  const large = (letter: string) => letter.repeat(70_000)

  test('removals come first, and files one by one', async () => {
    const image = await imageOf(hostTree({ old: large('o') }), '128K')
    expect((await sync('--delete', hostTree({ new: large('n') }), image)).code).toBe(0)
    expect(soundTree(image)).toEqual({ '/new': large('n') })
    const files = (letter: string) =>
      Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`f${i}`, letter.repeat(11_000)]))
    const other = await imageOf(hostTree(files('o')), '128K')
    expect((await sync(hostTree(files('n')), other)).code).toBe(0)
    expect(new Set(Object.values(soundTree(other)))).toEqual(new Set(['n'.repeat(11_000)]))
  })

  test('and where nothing helps, nothing changes', async () => {
    const image = await imageOf(hostTree({ old: large('o') }), '128K')
    const before = readFileSync(image)
    for (const options of [[], ['--dry-run']]) {
      const { code, err } = await sync(...options, hostTree({ a: 'a', old: large('n') }), image)
      expect(code).toBe(1)
      expect(err).toContain('no space left: the changes take more than the 1')
      expect(err).toContain('Nothing was changed.')
      expect(readFileSync(image).equals(before)).toBe(true)
    }
  })
})

describe('refused, and nothing changed', () => {
  test('what the format cannot hold; --skip-unsupported leaves it out', async () => {
    const image = await imageOf(hostTree({}))
    const tree = hostTree({ a: 'a', link: { to: 'a' } })
    const { code, err } = await sync(tree, image)
    expect(code).toBe(1)
    expect(err).toContain('it is a symbolic link, which littlefs cannot hold')
    expect(soundTree(image)).toEqual({})
    expect((await sync('--skip-unsupported', tree, image)).code).toBe(0)
    expect(soundTree(image)).toEqual({ '/a': 'a' })
  })

  test('a file in the image that cannot be read', async () => {
    const bytes = goldenBytes('corrupt-ctz-head-out-of-range')
    const image = imageFile(bytes, 'sync-damaged')
    const { code, err } = await sync(hostTree({ 'big.bin': 'x'.repeat(10) }), image)
    expect(code).toBe(1)
    expect(err).toContain('/big.bin')
    expect(err).toContain('nothing was changed.')
    expect(readFileSync(image).equals(bytes)).toBe(true)
  })

  test('an image that is only made, a directory that is not there', async () => {
    const made = freshPath()
    await caravan(['git', 'make', '-q', hostTree(FILES), made])
    for (const options of [[], ['--dry-run']]) {
      const { code, err } = await sync(...options, hostTree(FILES), made)
      expect(code).toBe(2)
      expect(err).toContain('not changed in place')
    }
    const dir = freshPath()
    const missing = await sync(dir, await imageOf(hostTree({})))
    expect(missing.code).toBe(1)
    expect(missing.err).toContain(`${dir}: no such directory on this computer`)
  })
})
