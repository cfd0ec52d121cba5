/** `caravan cp` between images of any two formats of the table, one that is only made included. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FORMATS } from '../src/formats/table.js'
import { caravan, freshPath, imageFile } from './harness.js'
import { type Files, hostTree } from './images.js'

const FILES = {
  'config.json': '{"a": 1}',
  empty: '',
  'large.bin': Uint8Array.from({ length: 40_000 }, (_, i) => (i * 7) ^ (i >> 8)),
  'www/grüezi.html': '<p>',
  'www/img/logo': 'x'.repeat(3000),
}

/** Those that the command makes; of littlefs 1, which is only read, there are recorded images. */
const SOURCES = FORMATS.map(({ name }) => name).filter((name) => name !== 'littlefs1')
/** Those that can be written to. */
const TARGETS = FORMATS.filter(({ making }) => typeof making !== 'string').map(({ name }) => name)

async function done(argv: readonly string[]): Promise<string> {
  const { code, out, err } = await caravan(argv)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

/** An image of a format that holds the files. */
async function imageOf(format: string, files: Files = FILES): Promise<string> {
  const image = freshPath()
  const tree = hostTree(files)
  if (format === 'docteur') await done(['git', 'make', '--quiet', tree, image])
  else await done(['create', '--quiet', '--format', format, '--size', '1M', tree, image])
  return image
}

async function emptyImage(format: string): Promise<string> {
  const image = freshPath()
  await done(['format', '--quiet', '--format', format, '--size', '1M', image])
  return image
}

/** What an image holds: path, type and hash, in order. */
async function contentsOf(image: string): Promise<string[]> {
  const entries = JSON.parse(await done(['manifest', image])) as {
    readonly path: string
    readonly type: string
    readonly sha256: string | null
  }[]
  return entries.map(({ path, type, sha256 }) => `${path} ${type} ${sha256}`)
}

const pairs = SOURCES.flatMap((from) => TARGETS.map((to) => [from, to] as const))

describe.each(pairs)('from %s to %s', (from, to) => {
  test('everything, in one step, and back out of it', async () => {
    const source = await imageOf(from)
    const target = await emptyImage(to)
    await done(['cp', '-r', '--quiet', '--to', target, source, '/', '/'])
    const expected = await contentsOf(source)
    expect(expected).toHaveLength(8)
    expect(await contentsOf(target)).toEqual(expected)
  })

  test('one file over another, a directory into one, a name that is taken', async () => {
    const source = await imageOf(from)
    const target = await emptyImage(to)
    await done(['mkdir', target, '/in'])
    await done(['touch', target, '/old'])
    await done(['cp', '--quiet', '--to', target, source, '/config.json', '/old'])
    await done(['cp', '-r', '--quiet', '--to', target, source, '/www', '/empty', '/in'])
    expect(await done(['cat', target, '/old'])).toBe(FILES['config.json'])
    expect(await done(['ls', '-R', target, '/in'])).toBe(
      '/in/\n/in/empty\n/in/www/\n/in/www/grüezi.html\n/in/www/img/\n/in/www/img/logo\n',
    )
    const taken = await caravan(['cp', '--to', target, source, '/config.json', '/in/www/img'])
    expect(taken.code).toBe(0)
    expect(await done(['cat', target, '/in/www/img/config.json'])).toBe(FILES['config.json'])
  })

  test('what does not fit leaves the other image as it was', async () => {
    const source = await imageOf(from, { ...FILES, 'z/huge': new Uint8Array(300_000).fill(1) })
    const target = freshPath()
    await done(['format', '--quiet', '--format', to, '--size', '256K', target])
    const before = await contentsOf(target)
    const { code, err } = await caravan(['cp', '-r', '--to', target, source, '/', '/'])
    expect(code).toBe(1)
    expect(err).toContain('no space left')
    expect(await contentsOf(target)).toEqual(before)
  })
})

test.each(TARGETS)('from littlefs 1 to %s: everything', async (to) => {
  const recorded = new URL('../../../golden/littlefs1/base.img.gz', import.meta.url)
  const source = imageFile(gunzipSync(readFileSync(recorded)))
  const target = await emptyImage(to)
  await done(['cp', '-r', '--quiet', '--to', target, source, '/', '/'])
  const expected = await contentsOf(source)
  expect(expected.length).toBeGreaterThan(20)
  expect(await contentsOf(target)).toEqual(expected)
})

test('into a format that is only made', async () => {
  const [source, target] = [await imageOf('littlefs'), await imageOf('docteur')]
  const { code, err } = await caravan(['cp', '--to', target, source, '/empty', '/e'])
  expect(code).toBe(2)
  expect(err).toContain('is not changed in place.')
})
