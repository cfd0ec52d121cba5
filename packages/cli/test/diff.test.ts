/** `caravan diff` and `caravan verify`: two trees side by side, with the exit codes of diff. */

import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenBytes, goldenImage, imageFile } from './harness.js'
import { type Files, hostTree, touchAll } from './images.js'

const FILES: Files = {
  'config.json': '{"a": 1}',
  'www/index.html': '<p>old</p>',
  'www/logo.bin': Uint8Array.from({ length: 9000 }, (_, i) => i * 7),
  'www/empty': null,
}

async function imageOf(tree: string, ...options: string[]): Promise<string> {
  const image = freshPath()
  const { code, err } = await caravan(['create', '-q', '--size', '512K', ...options, tree, image])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return image
}

const diff = (...argv: string[]) => caravan(['diff', ...argv])

describe('diff', () => {
  test('of the same says nothing and answers 0, whatever the sides are', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    const notafs = await imageOf(tree, '--format', 'notafs', '--mtime', 'file')
    for (const sides of [
      [image, image],
      [image, tree],
      [tree, image],
      [tree, tree],
      [notafs, tree],
      [image, notafs],
    ]) {
      expect(await diff(...sides)).toMatchObject({ code: 0, out: '', err: '' })
    }
  })

  test('names what is only in one, and of the rest what is not the same', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    writeFileSync(join(tree, 'config.json'), '{"b": 12}')
    writeFileSync(join(tree, 'www.new'), 'new')
    mkdirSync(join(tree, 'www/new'))
    rmSync(join(tree, 'www/empty'), { recursive: true })
    rmSync(join(tree, 'www/logo.bin'))
    mkdirSync(join(tree, 'www/logo.bin'))
    expect(await diff(image, tree)).toMatchObject({
      code: 1,
      err: '',
      out: [
        '~ /config.json: content, 8 and 9 bytes, from byte 2',
        '- /www/empty/',
        '~ /www/logo.bin/: file, and directory',
        '+ /www/new/',
        '+ /www.new',
        '',
      ].join('\n'),
    })
    expect(await diff('--quiet', image, tree)).toMatchObject({ code: 1, out: '', err: '' })
  })

  test('a shorter file is different from where it ends', async () => {
    const [a, b] = [hostTree({ f: 'same' }), hostTree({ f: 'same, and more' })]
    expect((await diff(a, b)).out).toBe('~ /f: content, 4 and 14 bytes, from byte 4\n')
    expect((await diff(b, a)).out).toBe('~ /f: content, 14 and 4 bytes, from byte 4\n')
  })

  test('attributes of two images, those of the root too, and times', async () => {
    const tree = hostTree(FILES)
    const [a, b] = [await imageOf(tree, '--mtime', '1000'), await imageOf(tree, '--mtime', '2000')]
    for (const [image, set] of [
      [a, '7=one'],
      [b, '7=two'],
    ]) {
      await caravan(['attr', '--set', set as string, image as string, '/config.json'])
    }
    await caravan(['attr', '--set', '9=0x00ff', b, '/'])
    const { out } = await diff('--ignore', '/www', a, b)
    expect(out.split('\n')).toEqual([
      '~ /: attribute 0x09 none, and 00ff',
      '~ /config.json: time 1970-01-01 00:16:40, and 1970-01-01 00:33:20; attribute 0x07 6f6e65, and 74776f; attribute 0x74 e803000000000000, and d007000000000000',
      '',
    ])
    const withoutTimes = await diff('--no-times', a, b)
    expect(withoutTimes.out).toBe(
      '~ /: attribute 0x09 none, and 00ff\n~ /config.json: attribute 0x07 6f6e65, and 74776f\n',
    )
    expect(await diff('--no-times', '--no-attributes', a, b)).toMatchObject({ code: 0, out: '' })
  })

  test('times of a directory of this computer: those of its files', async () => {
    const tree = hostTree(FILES)
    touchAll(tree, 1_700_000_000)
    const image = await imageOf(tree, '--mtime', 'file')
    expect((await diff(image, tree)).code).toBe(0)
    touchAll(tree, 1_700_000_001)
    const { out } = await diff(image, tree)
    expect(out.split('\n').map((line) => line.split(':')[0])).toEqual([
      '~ /config.json',
      '~ /www/index.html',
      '~ /www/logo.bin',
      '',
    ])
    expect((await diff('--no-times', image, tree)).code).toBe(0)
  })

  test('as JSON', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    writeFileSync(join(tree, 'config.json'), '{"b": 12}')
    rmSync(join(tree, 'www/index.html'))
    utimesSync(join(tree, 'config.json'), 5, 5)
    const { code, out } = await diff('--json', image, tree)
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({
      a: image,
      b: tree,
      differences: [
        {
          path: '/config.json',
          kind: 'changed',
          a: { size: 8 },
          b: { size: 9 },
          aspects: ['content'],
          firstByte: 2,
        },
        { path: '/www/index.html', kind: 'only in a', a: { type: 'file', size: 10 } },
      ],
    })
  })

  test('what rules of .gitignore leave out is in neither', async () => {
    const tree = hostTree({ a: 'a', 'x.map': 'x', 'keep.map': 'k', 'build/b': 'b' })
    const other = hostTree({ a: 'a', 'keep.map': 'other' })
    const rules = join(hostTree({ rules: '# maps\n*.map\n!keep.map\n/build/\n' }), 'rules')
    expect((await diff('--ignore-file', rules, tree, other)).out).toBe(
      '~ /keep.map: content, 1 and 5 bytes, from byte 0\n',
    )
    expect((await diff('--ignore', '*.map', '--ignore', 'build', tree, other)).code).toBe(0)
    const missing = await diff('--ignore-file', freshPath(), tree, other)
    expect(missing.code).toBe(2)
    expect(missing.err).toContain('no such file or directory on this computer')
  })

  test('of an older state and the present one, and of a partition', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    const before = readFileSync(image)
    await caravan(['rm', image, '/config.json'])
    expect((await diff(image, imageFile(before, 'before'))).out).toBe('+ /config.json\n')
    expect((await diff('--at', '2', image, image)).out).toBe('- /config.json\n')
    const dump = imageFile(Buffer.concat([Buffer.alloc(8192, 1), before]), 'diff-dump')
    expect(await diff('--offset', '8192', dump, tree)).toMatchObject({ code: 0, err: '' })
    expect((await diff('--to-offset', '8192', image, dump)).out).toBe('+ /config.json\n')
  })

  test('from standard input, and links that an image cannot hold', async () => {
    const tree = hostTree({ a: 'a', link: { to: 'a' } })
    const image = freshPath()
    await caravan(['create', '-q', '--size', '64K', '--skip-unsupported', tree, image])
    const { code, out } = await caravan(['diff', '-', tree], { stdin: readFileSync(image) })
    expect({ code, out }).toEqual({ code: 1, out: '+ /link\n' })
    expect((await diff('-', '-')).code).toBe(2)
  })

  test('trouble is 2: nothing there, no image, what cannot be read', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    const missing = await diff(image, freshPath())
    expect(missing).toMatchObject({ code: 2, out: '' })
    expect(missing.err).toContain('no such file on this computer')
    expect((await diff(imageFile(new Uint8Array(8192), 'no-image'), tree)).code).toBe(2)
    const damaged = goldenImage('corrupt-ctz-head-out-of-range')
    const { code, err } = await diff(damaged, damaged)
    expect(code).toBe(2)
    expect(err).toContain('/big.bin')
  })
})

test('random trees: diff says what a model says', async () => {
  const { seed, runs } = seedFromEnvironment(6)
  const random = new Random(seed)
  const names = ['a', 'b', 'c/d', 'c/e', 'f/g/h']
  for (let run = 0; run < runs; run++) {
    const model = () =>
      Object.fromEntries(
        names
          .filter(() => !random.oneIn(3))
          .map((name) => [name, 'x'.repeat(random.int(3)) + 'y'.repeat(random.int(9000))]),
      )
    const [before, after] = [model(), model()]
    const expected = names
      .filter((name) => before[name] !== after[name])
      .map((name) => {
        const mark = before[name] === undefined ? '+' : after[name] === undefined ? '-' : '~'
        return `${mark} /${name}`
      })
    const image = await imageOf(hostTree(before))
    const { out, code } = await diff(image, await imageOf(hostTree(after)))
    const files = out.split('\n').filter((line) => line !== '' && !line.endsWith('/'))
    expect(files.map((line) => line.split(':')[0])).toEqual(expected)
    expect(code).toBe(out === '' ? 0 : 1)
  }
})

describe('verify', () => {
  const verify = (...argv: string[]) => caravan(['verify', ...argv])

  test('sound and the same', async () => {
    const tree = hostTree(FILES)
    const image = await imageOf(tree)
    expect(await verify(image, tree)).toMatchObject({
      code: 0,
      err: '',
      out: 'sound, and the same: 3 files, 8.8 KiB\n',
    })
    expect(await verify('--quiet', image, tree)).toMatchObject({ code: 0, out: '' })
    const { code, out } = await caravan(['verify', '--json', '-', tree], {
      stdin: readFileSync(image),
    })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({ sound: true, same: true, findings: [], differences: [] })
  })

  test('different: what is missing, besides, or not the same; times where asked', async () => {
    const tree = hostTree(FILES)
    touchAll(tree, 1000)
    const image = await imageOf(tree, '--mtime', 'file')
    touchAll(tree, 2000)
    expect((await verify(image, tree)).code).toBe(0)
    expect((await verify('--times', image, tree)).code).toBe(1)
    writeFileSync(join(tree, 'config.json'), 'x')
    await caravan(['rm', image, '/www/index.html'])
    await caravan(['touch', image, '/device.log'])
    expect(await verify(image, tree)).toMatchObject({
      code: 1,
      out: [
        '~ /config.json: content, 1 and 8 bytes, from byte 0',
        '+ /device.log',
        '- /www/index.html',
        '3 differences: 3 files, 8.8 KiB',
        '',
      ].join('\n'),
    })
  })

  test('damaged, also where all that DIR has can be read', async () => {
    const tree = hostTree(FILES)
    const damaged = imageFile(goldenBytes('corrupt-ctz-head-out-of-range'), 'damaged')
    const { code, out } = await verify(damaged, tree)
    expect(code).toBe(1)
    expect(out).toMatch(/^damaged: 1 error, \d+ differences: /m)
    const image = await imageOf(tree)
    expect((await verify(image, freshPath())).code).toBe(2)
    const [inDir, inImage] = [await verify(damaged, damagedTree()), await verify(damaged, tree)]
    expect(inDir).toMatchObject({ code: 2 })
    expect(inDir.err).toContain('/big.bin')
    expect(inImage.err).toBe('')
  })
})

/** What is compared with the file that cannot be read. */
const damagedTree = () => hostTree({ 'big.bin': new Uint8Array(4000) })
