/** `caravan create`: the same tree is the same image; what cannot go in is said before. */

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, Sink } from './harness.js'
import { attributesOf, hostTree, soundTree, touchAll } from './images.js'

const FILES = {
  'index.html': '<h1>hello</h1>',
  'img/logo.png': new Uint8Array(9000).fill(7),
  'img/empty': '',
  'js/app.js': 'x'.repeat(700),
  nothing: null,
}

const HELD = {
  '/img': null,
  '/img/empty': '',
  '/img/logo.png': '\x07'.repeat(9000),
  '/index.html': '<h1>hello</h1>',
  '/js': null,
  '/js/app.js': 'x'.repeat(700),
  '/nothing': null,
}

async function createOk(dir: string, ...options: string[]): Promise<string> {
  const image = freshPath()
  const { code, err } = await caravan(['create', ...options, dir, image])
  expect(err).toBe('')
  expect(code).toBe(0)
  return image
}

describe('a directory', () => {
  test('is in the image, whole', async () => {
    const image = freshPath()
    const { code, out, err } = await caravan(['create', '--size', '64K', hostTree(FILES), image])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toBe(
      `4 files and 3 directories, 9.5 KiB, in ${image}: 12 of 16 blocks of 4096 bytes (64 KiB) used\n`,
    )
    expect(statSync(image).size).toBe(65536)
    expect(soundTree(image, { progSize: 1, eraseValue: 0xff })).toEqual(HELD)
    expect(attributesOf(image, '/index.html')).toEqual({})
    expect(readdirSync(dirname(image)).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  test('for a device, with all that it says', async () => {
    const dir = hostTree(FILES)
    const image = await createOk(
      dir,
      ...['--block-count', '40', '--block-size', '8K', '--prog-size', '64', '--read-size', '64'],
      ...['--cache-size', '64', '--name-max', '32', '--file-max', '1M'],
      ...['--attr-max', '100', '--inline-max', '40', '--metadata-max', '4096'],
      ...['--disk-version', '2.0', '--erase-value', '0'],
    )
    const options = { blockSize: 8192, progSize: 64, eraseValue: 0, inlineMax: 40 }
    expect(soundTree(image, options)).toEqual(HELD)
    const { out } = await caravan(['info', '--json', image])
    expect(JSON.parse(out)).toMatchObject({
      diskVersion: '2.0',
      blockSize: 8192,
      blockCount: 40,
      nameMax: 32,
      fileMax: 1048576,
      attrMax: 100,
    })
    expect(
      readFileSync(image)
        .subarray(-8192)
        .every((byte) => byte === 0),
    ).toBe(true)
  })

  test('as small as it can be', async () => {
    const dir = hostTree(FILES)
    const image = await createOk(dir, '--compact')
    expect(soundTree(image)).toEqual(HELD)
    const blocks = statSync(image).size / 4096
    const { code, err } = await caravan([
      ...['create', '--block-count', String(blocks - 1)],
      ...[dir, freshPath()],
    ])
    expect(code).toBe(1)
    expect(err).toContain(`it needs ${blocks} blocks of 4096 bytes`)
    expect(err).toContain(': 1 block (4 KiB) too few. The largest: /img/logo.png (8.8 KiB)')
    expect(err).toContain(`--size ${blocks * 4096} or more`)
  })

  test('in a vast image, which takes no more of the disk than it must', async () => {
    const dir = hostTree(FILES)
    const image = await createOk(dir, '--size', '40G')
    const { size, blocks } = statSync(image)
    expect(size).toBe(40 * 2 ** 30)
    expect(blocks * 512).toBeLessThan(1 << 20)
    const out = freshPath()
    expect((await caravan(['extract', image, out])).code).toBe(0)
    expect(readFileSync(join(out, 'img/logo.png')).length).toBe(9000)
    expect(readdirSync(out, { recursive: true })).toHaveLength(7)
    const refused = await caravan(['create', '--size', '40G', dir, '-'])
    expect(refused.code).toBe(2)
    expect(refused.err).toContain('does not go to standard output')
    rmSync(image)
  })

  test('not at all, but what it would take', async () => {
    const dir = hostTree(FILES)
    const image = freshPath()
    const { code, out, err } = await caravan(['create', '--dry-run', dir, image])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain(
      '12 of 12 blocks of 4096 bytes (48 KiB) would be used. Nothing was written',
    )
    expect(out.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^metadata {2}8 blocks \(32 KiB\) for \d+ bytes$/),
      'data      4 blocks (16 KiB) for 9700 bytes',
      'smallest  --size 49152',
      'largest   /img/logo.png (9000 bytes, 3 blocks)',
      '          /js/app.js (700 bytes, 1 block)',
      '',
    ])
    const small = await caravan(['create', '-n', '--size', '32K', dir, image])
    expect(small.code).toBe(1)
    expect(small.err).toContain('4 blocks (16 KiB) too few')
    expect(existsSync(image)).toBe(false)
  })

  test('as small as planned, where the size asked for is no larger; and in a block less not at all', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`d/${i}`, 'x'.repeat(60)]),
    )
    const dir = hostTree(files)
    const dry = await caravan(['create', '--dry-run', '--json', dir, 'none'])
    const plan = JSON.parse(dry.out)
    expect(plan.smallestBlocks).toBeLessThan(plan.blocksNeeded)
    const image = await createOk(dir, '--size', String(plan.smallestBlocks * 4096))
    expect(Object.keys(soundTree(image))).toHaveLength(41)
    const compact = await createOk(dir, '--compact')
    expect(statSync(compact).size).toBe(plan.smallestBlocks * 4096)
    const none = freshPath()
    const size = String((plan.smallestBlocks - 1) * 4096)
    const { code, err } = await caravan(['create', '--size', size, dir, none])
    expect(code).toBe(1)
    expect(err).toContain('1 block (4 KiB) too few')
    expect(err).toContain(`give --size ${plan.smallestBlocks * 4096} or more`)
    expect(existsSync(none)).toBe(false)
  })

  test('an empty one', async () => {
    expect(soundTree(await createOk(hostTree({}), '--compact'))).toEqual({})
  })

  test('to standard output, but not to a terminal', async () => {
    const dir = hostTree(FILES)
    const { out, outBytes } = await caravan(['create', '--size', '64K', dir, '-'])
    expect(out).not.toContain(' files and ')
    expect(soundTree(outBytes)).toEqual(HELD)
    const refused = await caravan(['create', '--size', '64K', dir, '-'], { columns: 80 })
    expect(refused.code).toBe(2)
    expect(refused.err).toContain('Standard output is a terminal')
  })

  test('with progress on a terminal, and none with --quiet', async () => {
    const dir = hostTree(FILES)
    const stderr = new Sink(60)
    await caravan(['create', '--compact', dir, freshPath()], { stderr })
    expect(stderr.bytes.toString()).toMatch(/\r\[[#.]{20}\] +\d+% {2}/)
    const quiet = new Sink(60)
    const { out } = await caravan(['create', '-q', '--compact', dir, freshPath()], {
      stderr: quiet,
    })
    expect(quiet.bytes.toString() + out).toBe('')
  })
})

describe('the same tree, the same bytes', () => {
  test('whatever the order and the times of the files', async () => {
    const there = hostTree(FILES)
    const back = hostTree(Object.fromEntries(Object.entries(FILES).reverse()))
    touchAll(there, 1_000_000_000)
    touchAll(back, 1_700_000_000)
    const first = readFileSync(await createOk(there, '--size', '128K'))
    const second = readFileSync(await createOk(back, '--size', '128K'))
    expect(first.equals(second)).toBe(true)
  })

  test('in either format, and with attributes and times of --metadata or of a tar archive', async () => {
    const dir = hostTree(FILES)
    for (const format of ['littlefs', 'notafs']) {
      const sizes = ['--format', format, '--size', '1M']
      const first = readFileSync(await createOk(dir, ...sizes))
      const { outBytes: tar } = await caravan([
        'extract',
        '--tar',
        await createOk(dir, ...sizes),
        '-',
      ])
      const fromTar = freshPath()
      expect((await caravan(['create', '-q', ...sizes, '-', fromTar], { stdin: tar })).code).toBe(0)
      expect(readFileSync(await createOk(dir, ...sizes)).equals(first)).toBe(true)
      expect(readFileSync(fromTar).equals(first)).toBe(true)
    }
  })

  test('also with a time for all, and with those of the files', async () => {
    const dir = hostTree({ a: 'a', 'd/b': 'b' })
    const other = hostTree({ 'd/b': 'b', a: 'a' })
    touchAll(dir, 1_600_000_000)
    touchAll(other, 1_600_000_000)
    for (const time of ['1700000000', 'file']) {
      const image = await createOk(dir, '--compact', '--mtime', time)
      const again = await createOk(other, '--compact', '--mtime', time)
      expect(readFileSync(image).equals(readFileSync(again))).toBe(true)
      const value = time === 'file' ? '00105e5f00000000' : '00f1536500000000'
      for (const path of ['/a', '/d', '/d/b']) {
        expect(attributesOf(image, path)).toEqual({ 116: value })
      }
    }
  })

  test('SOURCE_DATE_EPOCH is the latest time there is', async () => {
    const dir = hostTree({ old: '', young: '' })
    utimesSync(join(dir, 'old'), 1_000_000, 1_000_000)
    utimesSync(join(dir, 'young'), 1_900_000_000, 1_900_000_000)
    const image = freshPath()
    const argv = ['create', '--compact', '--mtime', 'file', dir, image]
    await caravan(argv, { env: { SOURCE_DATE_EPOCH: '1700000000' } })
    expect(attributesOf(image, '/old')).toEqual({ 116: '40420f0000000000' })
    expect(attributesOf(image, '/young')).toEqual({ 116: '00f1536500000000' })
    const { code, err } = await caravan(argv, { env: { SOURCE_DATE_EPOCH: 'today' } })
    expect(code).toBe(2)
    expect(err).toContain("SOURCE_DATE_EPOCH is 'today'")
  })
})

describe('what an image cannot hold', () => {
  test('links are reported, never followed', async () => {
    const outside = hostTree({ secret: 'secret' })
    const dir = hostTree({
      a: 'a',
      'd/file': { to: join(outside, 'secret') },
      directory: { to: outside },
      dangling: { to: '/nowhere' },
      loop: { to: '.' },
      'd/inside': { to: '../a' },
    })
    const image = freshPath()
    const { code, out, err } = await caravan(['create', '--size', '64K', dir, image])
    expect(code).toBe(1)
    expect(out).toBe('')
    for (const name of ['d/file', 'directory', 'dangling', 'loop', 'd/inside']) {
      expect(err).toContain(`${join(dir, name)}: it is a symbolic link, which littlefs cannot hold`)
    }
    expect(err).toContain('nothing was written. --skip-unsupported leaves out')
    expect(existsSync(image)).toBe(false)

    const argv = ['create', '--skip-unsupported', '--size', '64K', dir, image]
    const skipped = await caravan(argv)
    expect(skipped.code).toBe(0)
    expect(skipped.err).toContain(`${join(dir, 'loop')}: left out: it is a symbolic link`)
    expect(soundTree(image)).toEqual({ '/a': 'a', '/d': null })
    expect(readFileSync(image).includes('secret')).toBe(false)
  })

  test.skipIf(process.platform === 'win32')('pipes and sockets', async () => {
    const dir = hostTree({ a: 'a' })
    execFileSync('mkfifo', [join(dir, 'pipe')])
    const { code, err } = await caravan(['create', '--size', '64K', dir, freshPath()])
    expect(code).toBe(1)
    expect(err).toContain('pipe: it is a named pipe, which littlefs cannot hold')
  })

  test('names too long and files too large, with all below', async () => {
    const long = 'n'.repeat(33)
    const dir = hostTree({ [long]: '', [`d${long}/x/y`]: '', big: 'x'.repeat(2000), ok: 'ok' })
    const limits = ['--size', '64K', '--name-max', '32', '--file-max', '1999']
    const refused = await caravan(['create', ...limits, dir, freshPath()])
    expect(refused.code).toBe(1)
    expect(refused.err.match(/has 3[34] bytes, and 32 fit/g)?.length).toBe(2)
    expect(refused.err).toContain(`${join(dir, 'big')}: `)
    const image = freshPath()
    const { code } = await caravan(['create', '--skip-unsupported', ...limits, dir, image])
    expect(code).toBe(0)
    expect(soundTree(image)).toEqual({ '/ok': 'ok' })
  })

  test.runIf(process.platform === 'linux')('names that are no text go in as they are', async () => {
    const dir = hostTree({ a: 'a' })
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(0xff, 0x41)]), 'bytes')
    const { outBytes } = await caravan(['ls', await createOk(dir, '--compact')])
    expect([...outBytes]).toEqual([0x61, 0x0a, 0xff, 0x41, 0x0a])
  })

  test('itself', async () => {
    const dir = hostTree({ a: 'a' })
    const image = join(dir, 'flash.img')
    await caravan(['create', '--size', '64K', dir, image])
    const before = readFileSync(image)
    const { code, err } = await caravan(['create', '--force', '--size', '64K', dir, image])
    expect(code).toBe(0)
    expect(err).toContain('flash.img: left out: it is the image itself')
    expect(readFileSync(image).equals(before)).toBe(true)
  })
})

describe('what is there already', () => {
  test('stays, unless --force; a link is replaced, not followed', async () => {
    const dir = hostTree({ a: 'a' })
    const image = freshPath()
    writeFileSync(image, 'precious')
    const { code, err } = await caravan(['create', '--size', '64K', dir, image])
    expect(code).toBe(1)
    expect(err).toContain(`${image}: already there. Use --force to replace it.`)
    expect(readFileSync(image, 'utf8')).toBe('precious')
    const link = freshPath()
    symlinkSync(image, link)
    expect((await caravan(['create', '--force', '--size', '64K', dir, link])).code).toBe(0)
    expect(readFileSync(image, 'utf8')).toBe('precious')
    expect(soundTree(link)).toEqual({ '/a': 'a' })
    expect((await caravan(['create', '--force', '--size', '64K', dir, image])).code).toBe(0)
    expect(soundTree(image)).toEqual({ '/a': 'a' })
  })

  test('is not replaced while a program writes to it', async () => {
    const dir = hostTree({ a: 'a' })
    const image = await createOk(dir, '--size', '64K')
    const before = readFileSync(image)
    writeFileSync(`${image}.lock`, 'somebody')
    const argv = ['create', '--force', '--size', '128K', dir, image]
    const { code, err } = await caravan(argv)
    expect(code).toBe(1)
    expect(err).toContain('is open for writing')
    expect(readFileSync(image).equals(before)).toBe(true)
    expect((await caravan(['create', '--no-lock', ...argv.slice(1)])).code).toBe(0)
    rmSync(`${image}.lock`)
  })

  test('a directory is in the way', async () => {
    const image = freshPath()
    mkdirSync(image)
    const { code, err } = await caravan(['create', '--compact', '-f', hostTree({}), image])
    expect(code).toBe(1)
    expect(err).toContain('a directory of this name is in the way')
  })
})

describe('nothing half-made', () => {
  test('after an interruption', async () => {
    const dir = hostTree({ big: new Uint8Array(3_000_000), other: new Uint8Array(3_000_000) })
    const holder = freshPath()
    mkdirSync(holder)
    const stop = new AbortController()
    const stderr = new Sink(80, () => stop.abort())
    const argv = ['create', '--size', '8M', dir, join(holder, 'flash.img')]
    const { code } = await caravan(argv, { stderr, signal: stop.signal })
    expect(code).toBe(130)
    expect(readdirSync(holder)).toEqual([])
  })

  test('where the image cannot be written', async () => {
    const { code, err } = await caravan(['create', '--compact', hostTree({}), '/nowhere/at/all'])
    expect(code).toBe(1)
    expect(err).toContain('/nowhere/at/all: no such file or directory on this computer')
  })
})

describe('wrong use', () => {
  const dir = hostTree({ a: 'a' })
  const cases: [string[], number, string][] = [
    [[dir], 2, 'How large is it to be? Give --size 1M'],
    [['--size', '64K', '--block-count', '16', dir], 2, 'say the same. Give one of them'],
    [['--size', '64K', '--compact', dir], 2, '--compact finds the size itself'],
    [['--size', '5000', dir], 2, 'no whole number of blocks of 4096 bytes. Give 4096 or 8192'],
    [['--size', '64K', '--disk-version', '3', dir], 2, 'Allowed choices are 2.0, 2.1'],
    [['--size', '64K', '--mtime', 'now', dir], 2, 'Write none, file (the time of each file)'],
    [['--size', '64K', '--name-max', '2000', dir], 2, 'nameMax is 2000'],
    [['--size', '64K', '--cache-size', '100', '--prog-size', '64', dir], 2, 'would refuse'],
    [['--size', '64K', '--read-size', '3', dir], 2, 'is no multiple of --read-size 3'],
    [['--size', '4K', dir], 1, '1 block'],
    [['--size', '64K', '/nowhere'], 1, '/nowhere: no such directory on this computer'],
    [['--size', '64K', join(dir, 'a')], 1, 'not a directory. For single files'],
  ]
  test.each(cases)('%j', async (argv, expected, sentence) => {
    const image = freshPath()
    const { code, err } = await caravan(['create', ...argv, image])
    expect(err).toContain(sentence)
    expect(code).toBe(expected)
    expect(existsSync(image)).toBe(false)
  })
})

test.each([
  ['create', 'fs.uf2'],
  ['create', 'fs.HEX'],
  ['create', 'fs.img.gz'],
  ['format', 'fs.uf2'],
])('%s does not make a raw image with the name of %s', async (verb, name) => {
  const path = freshPath()
  mkdirSync(path)
  const image = join(path, name)
  const source = verb === 'create' ? [hostTree({ a: 'a' })] : []
  const { code, err } = await caravan([verb, '--size', '64K', ...source, image])
  expect(code).toBe(2)
  expect(err).toContain(`Make flash.img, and then: caravan pack flash.img ${image}`)
  expect(existsSync(image)).toBe(false)
})

/** Names that every host takes, few enough that they are near each other in order. */
const NAME = fc.stringMatching(/^[a-c]{1,3}$/)
const FILE = fc.oneof(
  fc.uint8Array({ maxLength: 70 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.nat(20_000).map((size) => new Uint8Array(size).fill(size)),
)
interface Tree {
  [name: string]: Uint8Array | Tree
}
const { tree: TREE } = fc.letrec<{ tree: Tree; node: Uint8Array | Tree }>((tie) => ({
  tree: fc.dictionary(NAME, tie('node'), {
    maxKeys: 6,
    noNullPrototype: true,
  }) as fc.Arbitrary<Tree>,
  node: fc.oneof({ depthSize: 'small' }, FILE, tie('tree')),
}))
const LAYOUT = fc.record({
  blockSize: fc.constantFrom(256, 512, 4096, 16384),
  progSize: fc.constantFrom(1, 16, 128),
  version: fc.constantFrom('2.0', '2.1'),
})

function flatten(tree: Tree, at = ''): Record<string, Uint8Array | null> {
  const files: Record<string, Uint8Array | null> = {}
  for (const [name, node] of Object.entries(tree)) {
    if (node instanceof Uint8Array) files[`${at}${name}`] = node
    else Object.assign(files, { [`${at}${name}`]: null }, flatten(node, `${at}${name}/`))
  }
  return files
}

test('create and extract: the identity, in as many blocks as were planned', async () => {
  await fc.assert(
    fc.asyncProperty(TREE, LAYOUT, async (tree, { blockSize, progSize, version }) => {
      const files = flatten(tree)
      const dir = hostTree(files)
      const image = await createOk(
        dir,
        ...['--compact', '--block-size', String(blockSize), '--prog-size', String(progSize)],
        ...['--disk-version', version],
      )
      const held = soundTree(image, { blockSize, progSize, eraseValue: 0xff })
      const expected = Object.entries(files).map(([path, content]) => [
        `/${path}`,
        content === null ? null : Buffer.from(content).toString('latin1'),
      ])
      expect(held).toEqual(Object.fromEntries(expected))
      const info = JSON.parse((await caravan(['info', '--json', image])).out) as Record<
        string,
        number
      >
      expect(info.usedBlocks).toBe(info.blockCount)
      const out = freshPath()
      const { code } = await caravan(['extract', '-q', image, out])
      expect(code).toBe(0)
      const found = readdirSync(out, { recursive: true }).map(String)
      expect(found.sort()).toEqual(Object.keys(files).sort())
      for (const [path, content] of Object.entries(files)) {
        if (content !== null) expect(readFileSync(join(out, path)).equals(content)).toBe(true)
      }
      const again = await createOk(
        out,
        ...['--compact', '--block-size', String(blockSize), '--prog-size', String(progSize)],
        ...['--disk-version', version],
      )
      expect(readFileSync(again).equals(readFileSync(image))).toBe(true)
      for (const path of [dir, image, out, again]) rmSync(path, { recursive: true })
    }),
    propertyParameters(30),
  )
}, 120_000)
