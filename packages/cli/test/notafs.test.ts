import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkNotafs, contentOf } from '@caravan/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { caravan, freshPath } from './harness.js'
import { hostTree } from './images.js'

const dir = mkdtempSync(join(tmpdir(), 'caravan-notafs-'))
afterAll(() => rmSync(dir, { recursive: true }))

const at = (name: string) => join(dir, name)

/** Runs the command, which must succeed. */
async function run(...args: string[]): Promise<string> {
  const { code, out, err } = await caravan(args)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

function makeTree(name: string): string {
  const tree = at(name)
  mkdirSync(join(tree, 'd', 'e'), { recursive: true })
  writeFileSync(join(tree, 'd', 'e', 'f'), 'hello')
  writeFileSync(join(tree, 'big'), contentOf(3, 100_000))
  return tree
}

describe('caravan on notafs', () => {
  test('format, then every verb that means the same', async () => {
    const image = at('a.img')
    const big = join(makeTree('tree-a'), 'big')
    expect(
      await run('format', '--format', 'notafs', '--page-size', '512', '--size', '1M', image),
    ).toContain('empty notafs')
    expect(await run('info', image)).toMatch(/pages {3}2048 of 512 bytes/)
    await run('put', image, big, '/')
    await run('touch', image, 'new')
    await run('mv', image, 'big', 'large')
    expect((await run('ls', image)).split('\n').filter(Boolean)).toEqual(['large', 'new'])
    expect(await run('cat', image, 'new')).toBe('')
    await run('get', image, 'large', at('large.out'))
    expect(new Uint8Array(readFileSync(at('large.out')))).toEqual(contentOf(3, 100_000))
    expect(await run('stat', image, 'large')).toContain('100000 bytes')
    await run('kv', 'set', image, 'a/b', 'value')
    expect(await run('kv', 'get', image, 'a/b')).toBe('value')
    await run('rm', '-r', image, 'a')
    expect(await run('tree', image)).toContain('large')
    expect(await run('df', image)).toContain('2048')
    expect(await run('map', image)).toContain('free queue')
    expect(await run('manifest', image)).toContain('"path":"/large"')
    expect(await run('check', image)).toMatch(/^sound: generation \d+/)
    expect(checkNotafs(new Uint8Array(readFileSync(image))).findings).toEqual([])
  })

  test('create is one transaction, extract gives the same tree back', async () => {
    const tree = makeTree('tree-b')
    const image = at('b.img')
    await run('create', '--format', 'notafs', '--compact', tree, image)
    expect(JSON.parse(await run('log', '--json', image))).toHaveLength(2)
    await run('extract', image, at('out-b'))
    expect(readFileSync(join(at('out-b'), 'd', 'e', 'f'), 'utf8')).toBe('hello')
    expect(new Uint8Array(readFileSync(join(at('out-b'), 'big')))).toEqual(contentOf(3, 100_000))
    expect(checkNotafs(new Uint8Array(readFileSync(image))).findings).toEqual([])
    // Nothing is on the image where not all of it fits.
    const { code, err } = await caravan([
      'create',
      '--format',
      'notafs',
      '--size',
      '256K',
      tree,
      at('no.img'),
    ])
    expect([code, err]).toEqual([1, expect.stringContaining('fit')])
  })

  test('cp to a littlefs and back', async () => {
    const image = at('c.img')
    await run('create', '--format', 'notafs', '--size', '1M', makeTree('tree-c'), image)
    await run('format', '--size', '1M', at('l.img'))
    await run('cp', '-r', '--to', at('l.img'), image, 'd', 'd')
    expect(await run('cat', at('l.img'), 'd/e/f')).toBe('hello')
    await run('cp', '--to', image, at('l.img'), 'd/e/f', 'back')
    expect(await run('cat', image, 'back')).toBe('hello')
  })

  test('--at, check of damage, repair', async () => {
    const image = at('d.img')
    await run('format', '--format', 'notafs', '--page-size', '512', '--size', '128K', image)
    await run('kv', 'set', image, 'key', 'old')
    await run('kv', 'set', image, 'key', 'new')
    expect(await run('cat', '--at', '2', image, 'key')).toBe('old')
    const refused = await caravan(['rm', '--at', '2', image, 'key'])
    expect(refused.code).toBe(2)
    const bytes = readFileSync(image)
    bytes[bytes.lastIndexOf('new')] = 0x21
    writeFileSync(image, bytes)
    const damaged = await caravan(['check', image])
    // The newest generation alone holds that page: the one before shows.
    expect(damaged.out).toContain('Generation 3 is not whole')
    expect(await run('repair', image)).toContain('generation 3 is given up')
    expect(await run('cat', image, 'key')).toBe('old')
    expect(await run('check', image)).toMatch(/^sound/)
  })
})

test('create --mtime gives directories their time too, also those that something goes into', async () => {
  const image = freshPath()
  const tree = hostTree({ 'd/a': 'a', 'd/e/b': 'b' })
  const argv = ['create', '-q', '--format', 'notafs', '--size', '512K', '--mtime', '1700000000']
  expect((await caravan([...argv, tree, image])).code).toBe(0)
  const { out } = await caravan(['tree', '--json', image])
  expect(out.match(/"modified": "[^"]*"/g)).toEqual(
    Array.from({ length: 4 }, () => '"modified": "2023-11-14T22:13:20.000Z"'),
  )
})
