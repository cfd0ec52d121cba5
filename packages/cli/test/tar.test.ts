/** Tar archives in and out, beside those of the system's tar. */

import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, imageFile } from './harness.js'
import { hostileName } from './hostile-tar.js'
import { attributesOf, hostTree, soundTree, touchAll } from './images.js'

const NO_TAR =
  spawnSync('tar', ['--version']).stdout?.toString().includes('GNU tar') === true
    ? undefined
    : 'GNU tar is not on this machine'

const FILES = {
  'config.json': '{}',
  empty: null,
  'www/grüezi.html': '<p>',
  [`www/${'n'.repeat(150)}`]: 'long',
  'www/logo.bin': Uint8Array.from({ length: 9000 }, (_, i) => i * 7),
}

const EXPECTED = {
  '/config.json': '{}',
  '/empty': null,
  '/www': null,
  '/www/grüezi.html': '<p>',
  [`/www/${'n'.repeat(150)}`]: 'long',
  '/www/logo.bin': Buffer.from(FILES['www/logo.bin'] as Uint8Array).toString('latin1'),
}

const create = (stdin: Uint8Array, ...argv: string[]) =>
  caravan(['create', '-q', '--size', '256K', '-', ...argv], { stdin })

function tarOf(directory: string, ...options: string[]): Buffer {
  const { stdout, status, stderr } = spawnSync('tar', ['-c', ...options, '-C', directory, '.'])
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
  return stdout
}

if (NO_TAR !== undefined) console.log(`skipped: ${NO_TAR}`)
describe.skipIf(NO_TAR !== undefined)('beside GNU tar', () => {
  test.each(['--format=gnu', '--format=pax'])('create - reads %s', async (kind) => {
    const tree = hostTree(FILES)
    touchAll(tree, 1_700_000_000)
    const tar = tarOf(tree, kind)
    for (const bytes of [tar, gzipSync(tar)]) {
      const image = freshPath()
      expect(await create(bytes, '--mtime', 'file', image)).toMatchObject({ code: 0, err: '' })
      expect(soundTree(image)).toEqual(EXPECTED)
      expect(attributesOf(image, '/config.json')).toEqual({ 116: '00f1536500000000' })
    }
    const fromTree = freshPath()
    await caravan(['create', '-q', '--size', '256K', tree, fromTree])
    const fromTar = freshPath()
    await create(tar, fromTar)
    expect(readFileSync(fromTar).equals(readFileSync(fromTree))).toBe(true)
  })

  test('create - reads the old --format=ustar', async () => {
    const image = freshPath()
    const tree = hostTree({ 'a/b': 'b' })
    expect((await create(tarOf(tree, '--format=ustar'), image)).code).toBe(0)
    expect(soundTree(image)).toEqual({ '/a': null, '/a/b': 'b' })
  })

  test('extract --tar is read by it: names, contents, times', async () => {
    const tree = hostTree(FILES)
    touchAll(tree, 1_700_000_000)
    const image = freshPath()
    await caravan(['create', '-q', '--size', '256K', '--mtime', 'file', tree, image])
    const [archive, out] = [freshPath(), freshPath()]
    expect((await caravan(['extract', '--tar', image, archive])).code).toBe(0)
    mkdirSync(out)
    expect(spawnSync('tar', ['-x', '-f', archive, '-C', out]).status).toBe(0)
    expect((await caravan(['verify', '--times', image, out])).out).toContain('sound, and the same')
    const again = await caravan(['extract', '--tar', image, archive])
    expect(again.code).toBe(1)
    expect(again.err).toContain('already there')
  })

  test('hard links are copies; links, pipes are refused; sparse files too', async () => {
    const tree = hostTree({ a: 'a', link: { to: 'a' } })
    linkSync(join(tree, 'a'), join(tree, 'hard'))
    const image = freshPath()
    const { code, err } = await create(tarOf(tree), image)
    expect(code).toBe(1)
    expect(err).toContain('./link: it is a symbolic link, which littlefs cannot hold')
    expect((await create(tarOf(tree), '--skip-unsupported', image)).code).toBe(0)
    expect(soundTree(image)).toEqual({ '/a': 'a', '/hard': 'a' })
    const sparse = hostTree({ a: 'a', hole: '' })
    truncateSync(join(sparse, 'hole'), 1 << 20)
    for (const format of ['gnu', 'pax']) {
      const refused = await create(tarOf(sparse, '-S', `--format=${format}`), freshPath())
      expect(refused.code).toBe(1)
      expect(refused.err).toContain('sparse files, which are not read')
    }
  })

  test('--ignore leaves out', async () => {
    const image = freshPath()
    const ignored = ['--ignore', 'www/', '--ignore', '!config.json']
    await create(tarOf(hostTree(FILES)), ...ignored, image)
    expect(soundTree(image)).toEqual({ '/config.json': '{}', '/empty': null })
  })
})

test('the same image gives the same archive; unknown times are SOURCE_DATE_EPOCH', async () => {
  const image = freshPath()
  await caravan(['create', '-q', '--size', '256K', hostTree({ a: 'a' }), image])
  const tar = (env: NodeJS.ProcessEnv) => caravan(['extract', '--tar', image, '-'], { env })
  const [first, second, dated] = [
    await tar({}),
    await tar({}),
    await tar({ SOURCE_DATE_EPOCH: '1700000000' }),
  ]
  expect(first.outBytes.equals(second.outBytes)).toBe(true)
  expect(first.outBytes.toString('latin1', 136, 147)).toBe('00000000000')
  expect(dated.outBytes.toString('latin1', 136, 147)).toBe('14524770400')
  const image2 = freshPath()
  await create(dated.outBytes, '--mtime', 'file', image2)
  expect(attributesOf(image2, '/a')).toEqual({ 116: '00f1536500000000' })
})

test('a name that leads out, an archive cut short, something else: nothing is written', async () => {
  const bad: readonly (readonly [Uint8Array, string])[] = [
    [await hostileName('../../etc/passwd'), "leads out of the archive ('..')"],
    [(await hostileName('a'.repeat(20), 4000)).subarray(0, 1500), 'no whole tar archive'],
    [Buffer.from('not a tar'.repeat(300)), 'no whole tar archive'],
    [Uint8Array.of(0x1f, 0x8b, 0, 0), 'no whole tar archive'],
  ]
  for (const [bytes, reason] of bad) {
    const image = freshPath()
    const { code, err } = await create(bytes, image)
    expect(code).toBe(1)
    expect(err).toContain(reason)
    expect(() => readFileSync(image)).toThrow('ENOENT')
  }
  const image = freshPath()
  expect((await create(await hostileName('/absolute'), image)).code).toBe(0)
  expect(soundTree(image)).toEqual({ '/absolute': '' })
})

test('a name that is no text is told and left out, the rest is there', async () => {
  const image = freshPath()
  await caravan(['format', '-q', '--size', '64K', image])
  const file = imageFile(Buffer.from('x'), 'any')
  writeFileSync(file, 'x')
  await caravan(['put', '-q', '--escaped', image, file, '/caf%E9'])
  await caravan(['put', '-q', image, file, '/cafe'])
  const { code, err, outBytes } = await caravan(['extract', '--tar', image, '-'])
  expect(code).toBe(1)
  expect(err).toContain('caf%E9: a tar archive cannot hold a name that is not UTF-8')
  const made = freshPath()
  expect((await create(outBytes, made)).code).toBe(0)
  expect(soundTree(made)).toEqual({ '/cafe': 'x' })
})
