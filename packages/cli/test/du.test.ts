/** `caravan du`: its figures add up to those of `df` and of the files. */

import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenImage } from './harness.js'
import { hostTree } from './images.js'

interface UseJson {
  readonly path: string
  readonly type: string
  readonly taken?: number
  readonly content: number
}

const TREE = {
  'small.txt': 'x'.repeat(40),
  'www/index.html': 'y'.repeat(5000),
  'www/img/logo': 'z'.repeat(9000),
  'www/empty': null,
}

async function imageOf(format: string): Promise<string> {
  const image = freshPath()
  const argv = ['create', '-q', '--format', format, '--size', '512K', hostTree(TREE), image]
  expect((await caravan(argv)).code).toBe(0)
  return image
}

async function usesOf(...argv: string[]): Promise<UseJson[]> {
  const { code, err, out } = await caravan(['du', '--json', ...argv])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as UseJson[]
}

async function usedBytes(image: string): Promise<number> {
  const { out } = await caravan(['df', '--json', image])
  const { usedBlocks, blockSize } = JSON.parse(out) as { usedBlocks: number; blockSize: number }
  return usedBlocks * blockSize
}

describe.each(['littlefs', 'notafs'])('%s', (format) => {
  test('the sum of the root is what df says, and contents are those of the files', async () => {
    const image = await imageOf(format)
    const uses = await usesOf(image)
    expect(uses.map(({ path }) => path)).toEqual(['/www/empty', '/www/img', '/www', '/'])
    expect(uses.map(({ content }) => content)).toEqual([0, 9000, 14_000, 14_040])
    expect(uses[3]?.taken).toBe(await usedBytes(image))
  })
})

test('golden images: du and df agree', async () => {
  for (const name of ['field-esp-idf-2.1', 'field-micropython', 'names-utf8', 'dir-30-levels']) {
    const image = goldenImage(name)
    const [sum] = await usesOf('--depth', '0', image)
    expect({ name, taken: sum?.taken }).toEqual({ name, taken: await usedBytes(image) })
  }
})

test('as lines: files too, so many levels, a part, in words', async () => {
  const image = await imageOf('littlefs')
  const { out } = await caravan(['du', '--all', image])
  expect(out).toBe(
    [
      'taken  content  path',
      '    0       40  /small.txt',
      ' 8192        0  /www/empty/',
      '12288     9000  /www/img/logo',
      '20480     9000  /www/img/',
      ' 8192     5000  /www/index.html',
      '45056    14000  /www/',
      '53248    14040  /',
      '',
    ].join('\n'),
  )
  const { out: depth } = await caravan(['du', '--depth', '1', '--human', image])
  expect(depth).toBe(' taken   content  path\n44 KiB  13.7 KiB  /www/\n52 KiB  13.7 KiB  /\n')
  const { out: one } = await caravan(['du', image, '/www/index.html'])
  expect(one).toBe('taken  content  path\n 8192     5000  /www/index.html\n')
})

test('a format without a map of its blocks shows contents', async () => {
  const image = freshPath()
  expect((await caravan(['git', 'make', '-q', hostTree(TREE), image])).code).toBe(0)
  expect((await caravan(['du', '--depth', '0', image])).out).toBe('content  path\n  14040  /\n')
})
