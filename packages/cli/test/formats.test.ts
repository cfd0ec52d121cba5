/**
 * One verb for every format: images of littlefs and of a format for tests alone, which has links,
 * permissions and submodules.
 */

import { readFileSync, symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ImageFormat } from '../src/formats/format.js'
import { littlefs } from '../src/formats/littlefs.js'
import { caravan as command, freshPath, goldenImage, imageFile } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'
import { carvedPaper, type PaperEntries, paper, paperBytes } from './paper-format.js'

const FORMATS = [littlefs, paper]
const caravan = (argv: readonly string[], formats: readonly ImageFormat[] = FORMATS) =>
  command(argv, { formats })

const ENTRIES: PaperEntries = {
  '/bin': { type: 'directory', mode: 0o755 },
  '/bin/run': { type: 'file', content: '#!/bin/sh\n', mode: 0o755, mtime: 1_700_000_000 },
  '/lib': { type: 'submodule', id: '0123456789abcdef0123456789abcdef01234567' },
  '/notes': { type: 'file', content: 'a note', mode: 0o644 },
  '/start': { type: 'symlink', target: 'bin/run' },
}

let count = 0
function paperImage(entries: PaperEntries = ENTRIES): string {
  count++
  return imageFile(paperBytes(entries), `paper-${count}`)
}

describe('which format it is', () => {
  test('is found from the image', async () => {
    const of = async (image: string) =>
      JSON.parse((await caravan(['info', '--json', image])).out) as { format: string }
    expect((await of(paperImage())).format).toBe('paper')
    expect((await of(goldenImage('field-esp-idf-2.1'))).format).toBe('littlefs')
  })

  test('also where only the second superblock of a littlefs is left', async () => {
    const bytes = Buffer.from(readFileSync(goldenImage('field-esp-idf-2.1')))
    bytes.fill(0, 0, 4096)
    const { out, code } = await caravan(['info', imageFile(bytes, 'second')])
    expect(out).toContain('littlefs 2.1')
    expect(code).toBe(0)
  })

  test('where nothing is found, it is said what was looked for', async () => {
    const { err, code } = await caravan(['ls', imageFile(Buffer.alloc(8192, 'text '), 'text')])
    expect(code).toBe(1)
    expect(err).toContain('no littlefs superblock, no word PAPER found.')
    expect(err).toContain('an image of littlefs or paper')
    expect(err).toContain('--format')
  })

  test('--format forces it, and then its own error is told', async () => {
    const { err } = await caravan(['ls', '--format', 'littlefs', paperImage()])
    expect(err).toContain('no littlefs superblock found.')
    const { err: unknown, code } = await caravan(['ls', '--format', 'ext4', paperImage()])
    expect(unknown).toContain('littlefs, paper')
    expect(code).toBe(2)
  })

  test("an option of another format is refused, the format's own is taken", async () => {
    const image = paperImage()
    const { err, code } = await caravan(['rm', '--cache-size', '64', image, '/notes'])
    expect(err).toContain('--cache-size is for littlefs, and this is paper.')
    expect(code).toBe(2)
    expect((await caravan(['ls', '--loud', image])).out).toContain('NOTES\n')
    const made = await caravan(['format', '--colour', 'red', '--size', '64K', freshPath()])
    expect(made.err).toContain('--colour is for paper, and this is littlefs.')
    expect(made.code).toBe(2)
  })
})

describe('reading verbs', () => {
  test('ls -l: permissions, links, submodules', async () => {
    const { out } = await caravan(['ls', '-l', paperImage()])
    expect(out.split('\n')).toEqual(
      [
        'drwxr-xr-x   -                       bin/',
        's            0                       lib @ 0123456789abcdef0123456789abcdef01234567',
        '-rw-r--r--   6                       notes',
        'l            7                       start -> bin/run',
        '',
      ].map((line) => line.replace(/ {23}(?=\S)/, '  ').replace(/ {3}(?=[-\d] )/, '  ')),
    )
  })

  test('tree', async () => {
    const { out } = await caravan(['tree', paperImage()])
    expect(out).toContain('start -> bin/run\n')
    expect(out).toContain('lib @ 0123456789abcdef0123456789abcdef01234567 (submodule)\n')
    expect(out).toContain('1 directory, 2 files, 1 link, 1 submodule, 16 B')
  })

  test('stat', async () => {
    const image = paperImage()
    expect((await caravan(['stat', image, '/bin/run'])).out).toBe(
      'path        /bin/run\ntype        file\nsize        10 bytes\nmode        0755\nmodified    2023-11-14 22:13:20 UTC\n',
    )
    expect((await caravan(['stat', image, '/start'])).out).toBe(
      'path        /start\ntype        symbolic link\nleads to    bin/run\n',
    )
    const { out } = await caravan(['stat', '--json', image, '/lib'])
    expect(JSON.parse(out)).toEqual({
      path: '/lib',
      type: 'submodule',
      size: 0,
      id: '0123456789abcdef0123456789abcdef01234567',
    })
  })

  test('manifest', async () => {
    const entries = JSON.parse((await caravan(['manifest', paperImage()])).out) as object[]
    expect(entries).toHaveLength(6)
    expect(entries[2]).toMatchObject({ path: '/bin/run', type: 'reg', mode: '0755', size: 10 })
    expect(entries[3]).toMatchObject({ path: '/lib', type: 'submodule', sha256: null })
    expect(entries[5]).toMatchObject({ path: '/start', type: 'link', target: 'bin/run' })
    expect(entries[5]).not.toHaveProperty('attrs')
  })

  test('cat and get follow links; df, map and kv have what the format gives', async () => {
    const image = paperImage()
    expect((await caravan(['cat', image, '/start'])).out).toBe('#!/bin/sh\n')
    expect((await caravan(['get', image, '/start', '-'])).out).toBe('#!/bin/sh\n')
    expect((await caravan(['df', image])).out).toContain('used        1')
    expect((await caravan(['map', '--ascii', image])).out).toMatch(/^ {2}0 {2}i\.{63}\n/)
    expect((await caravan(['kv', 'get', image, '/notes'])).out).toBe('a note')
  })

  test('what a format lacks is said', async () => {
    const { err, code } = await caravan(['attr', paperImage(), '/notes'])
    expect(err).toContain('is a paper image, which holds no attributes.')
    expect(code).toBe(2)
    const grown = await caravan(['grow', paperImage(), '128K'])
    expect(grown.err).toContain('is a paper image, which does not grow.')
    expect(grown.code).toBe(2)
  })
})

describe('changing verbs', () => {
  test('one after the other', async () => {
    const image = paperImage()
    for (const argv of [
      ['mkdir', image, '/new'],
      ['touch', '--mtime', '1', image, '/new/file', '/notes'],
      ['mv', image, '/bin/run', '/new/ran'],
      ['rm', '-r', image, '/bin'],
      ['kv', 'set', image, '/key', 'value'],
    ]) {
      expect(await caravan(argv)).toMatchObject({ code: 0, err: '' })
    }
    expect((await caravan(['ls', '-R', image])).out).toBe(
      '/\n/key\n/lib\n/new/\n/new/file\n/new/ran\n/notes\n/start\n',
    )
    expect((await caravan(['stat', image, '/notes'])).out).toContain('1970-01-01 00:00:01')
  })

  test('an image that is never changed says what to do', async () => {
    const image = paperImage()
    const { err, code } = await caravan(['rm', image, '/notes'], [carvedPaper])
    expect(err).toContain('is not changed in place. Carve another one.')
    expect(code).toBe(2)
    const made = await caravan(
      ['format', '--format', 'paper', freshPath()],
      [littlefs, carvedPaper],
    )
    expect(made.err).toContain('paper is carved by hand.')
  })
})

describe('making images', () => {
  test('format and create of a format with links and permissions', async () => {
    const tree = hostTree({ 'a/b': 'text', link: { to: 'a/b' } })
    const image = freshPath()
    const { out, err } = await caravan([
      'create',
      '--format',
      'paper',
      '--size',
      '64K',
      tree,
      image,
    ])
    expect(err).toBe('')
    expect(out).toBe(
      `1 file and 1 link and 1 directory, 7 B, in ${image}: 4 of 256 blocks of 256 bytes (64 KiB) used\n`,
    )
    expect((await caravan(['ls', '-lR', image])).out).toContain('/link -> a/b\n')
    const empty = await caravan([
      'format',
      '--format',
      'paper',
      '--colour',
      'red',
      '--size',
      '64K',
      freshPath(),
    ])
    expect(empty.out).toContain('empty red paper in ')
  })
})

describe('cp', () => {
  const flash = async () => {
    const image = freshPath()
    const tree = hostTree({ 'www/a.html': '<a>', 'www/img/b': 'b'.repeat(9000), config: 'x' })
    await caravan(['create', '--size', '256K', '--mtime', '1700000000', tree, image])
    return image
  }

  test('several files into a directory, one under another name, a tree', async () => {
    const image = await flash()
    await caravan(['attr', '--set', '7=seven', image, '/config'])
    for (const argv of [
      ['cp', image, '/config', '/config.old'],
      ['cp', '-r', image, '/www', '/backup'],
      ['cp', image, '/config', '/www/a.html', '/www/img'],
    ]) {
      expect(await caravan(argv)).toMatchObject({ code: 0, err: '', out: '' })
    }
    expect(Object.keys(soundTree(image)).sort()).toEqual([
      '/backup',
      '/backup/a.html',
      '/backup/img',
      '/backup/img/b',
      '/config',
      '/config.old',
      '/www',
      '/www/a.html',
      '/www/img',
      '/www/img/a.html',
      '/www/img/b',
      '/www/img/config',
    ])
    expect(soundTree(image)['/backup/img/b']).toBe('b'.repeat(9000))
    expect(attributesOf(image, '/config.old')).toEqual(attributesOf(image, '/config'))
    expect(attributesOf(image, '/config.old')[7]).toBe('736576656e')
  })

  test('what cannot be is refused, and nothing is written', async () => {
    const image = await flash()
    const before = readFileSync(image)
    const inSelf = await caravan(['cp', '-r', image, '/www', '/www/img/www'])
    expect(inSelf.err).toContain('cannot be copied into itself')
    expect((await caravan(['cp', image, '/www', '/w'])).err).toContain('Copy it with -r.')
    expect((await caravan(['cp', image, '/nothing', '/w'])).err).toContain('no such file')
    expect((await caravan(['cp', image, '/config', '/no/w'])).err).toContain('no such directory')
    expect((await caravan(['cp', '--to-offset', '1', image, '/config', '/w'])).code).toBe(2)
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  test('from littlefs to paper and back: the same tree', async () => {
    const image = await flash()
    const other = paperImage({})
    const back = freshPath()
    await caravan(['format', '--size', '256K', back])
    expect(await caravan(['cp', '-r', '--to', other, image, '/', '/'])).toMatchObject({ err: '' })
    expect(await caravan(['cp', '-r', '--to', back, other, '/', '/'])).toMatchObject({ err: '' })
    expect(soundTree(back)).toEqual(soundTree(image))
  })

  test('what the other format cannot hold is reported, or left out', async () => {
    const image = freshPath()
    await caravan(['format', '--size', '64K', image])
    const source = paperImage()
    const refused = await caravan(['cp', '-r', '--to', image, source, '/', '/'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('/start: it is a symbolic link, which littlefs cannot hold')
    expect(refused.err).toContain('/lib: it is a submodule, which littlefs cannot hold')
    expect(refused.err).toContain('nothing was written. --skip-unsupported leaves out')
    expect(soundTree(image)).toEqual({})
    const done = await caravan(['cp', '-r', '--skip-unsupported', '--to', image, source, '/', '/'])
    expect(done.code).toBe(0)
    expect(soundTree(image)).toEqual({
      '/bin': null,
      '/bin/run': '#!/bin/sh\n',
      '/notes': 'a note',
    })
    const link = await caravan(['cp', '--to', image, source, '/start', '/followed'])
    expect(link).toMatchObject({ code: 0, err: '' })
    expect(soundTree(image)['/followed']).toBe('#!/bin/sh\n')
  })

  test('two names of one image are one image', async () => {
    const image = await flash()
    const alias = freshPath()
    symlinkSync(image, alias)
    expect(await caravan(['cp', '--to', alias, image, '/config', '/c'])).toMatchObject({ code: 0 })
    expect(soundTree(image)['/c']).toBe('x')
  })
})

describe('touch on littlefs', () => {
  test('makes files, sets times where it is told to', async () => {
    const image = freshPath()
    await caravan(['format', '--size', '64K', image])
    expect(await caravan(['touch', image, '/a'])).toMatchObject({ code: 0, err: '' })
    expect(await caravan(['touch', '-c', image, '/b'])).toMatchObject({ code: 0, err: '' })
    expect(soundTree(image)).toEqual({ '/a': '' })
    expect(attributesOf(image, '/a')).toEqual({})
    await caravan(['touch', '--mtime', '1700000000', image, '/a'])
    expect(attributesOf(image, '/a')).toEqual({ 116: '00f1536500000000' })
    await caravan(['touch', image, '/a'])
    const seconds = Buffer.from(attributesOf(image, '/a')[0x74] ?? '', 'hex').readUInt32LE(0)
    expect(seconds).toBeGreaterThan(1_700_000_000)
    const failed = await caravan(['touch', image, '/no/a'])
    expect(failed).toMatchObject({ code: 1 })
    expect(failed.err).toContain('/no/a: no such file or directory.')
  })
})

/** littlefs as a format that has none of the verbs of this section. */
const bare: ImageFormat = Object.fromEntries(
  Object.entries(littlefs).filter(([member]) => !['check', 'repair', 'log'].includes(member)),
) as unknown as ImageFormat

describe('verbs that only some formats have', () => {
  test('are there where one has them', async () => {
    expect((await caravan(['--help'], [bare])).out).not.toContain('  check')
    expect((await caravan(['--help'], [littlefs])).out).toContain('  check')
    expect((await caravan(['check', '--help'], [paper])).code).toBe(0)
  })

  test('check and repair', async () => {
    const image = paperImage({ '/a': { type: 'file', content: 'TORN' } })
    const damaged = await caravan(['check', image])
    expect(damaged).toMatchObject({
      code: 1,
      err: '',
      out: 'error  TORN  block 0  -  It is torn.\ndamaged: 1 error in 1 sheet\n',
    })
    expect(await caravan(['check', '--quiet', image])).toMatchObject({ code: 1, out: '', err: '' })
    const json = JSON.parse((await caravan(['check', '--json', image])).out) as object
    expect(json).toMatchObject({ format: 'paper', sound: false, findings: [{ code: 'TORN' }] })
    expect((await caravan(['repair', image])).out).toContain('all that was on the torn one is lost')
    expect(await caravan(['check', image])).toMatchObject({ code: 0, out: 'sound: 1 sheet\n' })
    expect((await caravan(['repair', image])).out).toBe('nothing to repair\n')
  })

  test('log', async () => {
    const image = paperImage()
    expect((await caravan(['log', image])).out).toBe(
      '12  1970-01-01 00:00:00 UTC  as it is\n3   before\n',
    )
    expect(JSON.parse((await caravan(['log', '--json', image])).out)).toHaveLength(2)
  })

  test('on an image of a format that has none it is said', async () => {
    for (const [verb, words] of [
      ['check', 'which has no check.'],
      ['repair', 'which has no repair.'],
      ['log', 'which keeps no older states.'],
    ] as const) {
      const { err, code } = await caravan([verb, goldenImage('field-esp-idf-2.1')], [bare, paper])
      expect(err).toContain(words)
      expect(code).toBe(2)
    }
  })
})
