/** `caravan put`: files into an image, in place. */

import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenBytes, imageFile } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'

let image = ''
beforeEach(async () => {
  image = freshPath()
  const tree = hostTree({ 'www/index.html': 'old', 'www/img': null, note: 'note' })
  const { code } = await caravan(['create', '-q', '--size', '128K', tree, image])
  expect(code).toBe(0)
})

const BEFORE = { '/note': 'note', '/www': null, '/www/img': null, '/www/index.html': 'old' }

async function putOk(...argv: string[]): Promise<void> {
  expect(await caravan(['put', ...argv])).toMatchObject({ code: 0, err: '', out: '' })
}

describe('files', () => {
  const files = hostTree({ a: 'a', b: new Uint8Array(5000), 'index.html': 'new' })
  const at = (name: string) => join(files, name)

  test('under a name, in place of what was there, into a directory', async () => {
    await putOk(image, at('a'), '/new')
    await putOk(image, at('index.html'), '/www/index.html')
    await putOk(image, at('a'), at('b'), '/www')
    await putOk(image, at('a'), 'www/img/')
    expect(soundTree(image)).toEqual({
      ...BEFORE,
      '/new': 'a',
      '/www/a': 'a',
      '/www/b': '\0'.repeat(5000),
      '/www/img/a': 'a',
      '/www/index.html': 'new',
    })
  })

  test('from standard input, also nothing', async () => {
    const stdin = Buffer.from('from a pipe')
    expect((await caravan(['put', image, '-', '/piped'], { stdin })).code).toBe(0)
    expect((await caravan(['put', image, '-', '/empty'])).code).toBe(0)
    expect(soundTree(image)).toEqual({ ...BEFORE, '/piped': 'from a pipe', '/empty': '' })
    const nameless = await caravan(['put', image, '-', '/www'], { stdin })
    expect(nameless.code).toBe(2)
    expect(nameless.err).toContain('What comes from standard input has no name')
  })

  test('a link that is named is followed', async () => {
    const link = freshPath()
    symlinkSync(at('a'), link)
    await putOk(image, link, '/linked')
    expect(soundTree(image)).toEqual({ ...BEFORE, '/linked': 'a' })
  })

  test('under a name that is no text', async () => {
    await putOk('--escaped', image, at('a'), '/caf%E9')
    const { out } = await caravan(['ls', '--escaped', image])
    expect(out).toContain('caf%E9\n')
  })

  test('with a time, beside the attributes that are there', async () => {
    await caravan(['attr', '--set', '7=kept', image, '/note'])
    await putOk('--mtime', '1700000000', image, at('a'), '/note')
    expect(attributesOf(image, '/note')).toEqual({ 7: '6b657074', 116: '00f1536500000000' })
    await putOk(image, at('index.html'), '/note')
    expect(attributesOf(image, '/note')).toEqual({ 7: '6b657074', 116: '00f1536500000000' })
    expect(soundTree(image)).toEqual({ ...BEFORE, '/note': 'new' })
  })

  test('for a device, with its program size', async () => {
    const esp = imageFile(goldenBytes('field-esp-idf-2.1'), 'esp-put')
    await putOk('--prog-size', '128', '--cache-size', '512', esp, at('a'), at('b'), '/www')
    expect(soundTree(esp, { progSize: 128, eraseValue: 0xff })).toMatchObject({
      '/www/a': 'a',
      '/www/b': '\0'.repeat(5000),
    })
  })

  test('at an offset, and nothing around it changes', async () => {
    const before = readFileSync(image)
    const dump = imageFile(
      Buffer.concat([Buffer.alloc(5000, 1), before, Buffer.alloc(300, 2)]),
      'dump',
    )
    await putOk('--offset', '5000', '--block-size', '4096', dump, at('b'), '/b')
    const after = readFileSync(dump)
    expect(after.subarray(0, 5000).equals(Buffer.alloc(5000, 1))).toBe(true)
    expect(after.subarray(-300).equals(Buffer.alloc(300, 2))).toBe(true)
    expect(soundTree(after.subarray(5000, -300))).toEqual({
      ...BEFORE,
      '/b': '\0'.repeat(5000),
    })
  })
})

describe('directories', () => {
  test('go into a directory, become one, or are merged', async () => {
    const dir = hostTree({ 'x/y': 'y', z: 'z' })
    await putOk('-r', image, dir, '/new')
    await putOk('-r', image, join(dir, 'x'), '/www')
    await putOk('-r', image, `${dir}/.`, '/www/')
    await putOk('-r', image, `${dir}/.`, '/')
    expect(soundTree(image)).toEqual({
      ...BEFORE,
      ...{ '/new': null, '/new/x': null, '/new/x/y': 'y', '/new/z': 'z' },
      ...{ '/www/x': null, '/www/x/y': 'y', '/www/z': 'z' },
      ...{ '/x': null, '/x/y': 'y', '/z': 'z' },
    })
  })

  test('links in them are not followed: all or nothing, or left out', async () => {
    const dir = hostTree({ a: 'a', link: { to: '/etc/passwd' } })
    const refused = await caravan(['put', '-r', image, dir, '/new'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('link: it is a symbolic link, which littlefs cannot hold')
    expect(soundTree(image)).toEqual(BEFORE)
    const skipped = await caravan(['put', '-r', '--skip-unsupported', image, dir, '/new'])
    expect(skipped.code).toBe(0)
    expect(soundTree(image)).toEqual({ ...BEFORE, '/new': null, '/new/a': 'a' })
  })
})

describe('what fails changes nothing', () => {
  const files = hostTree({ a: 'a', huge: new Uint8Array(200_000), d: null })
  const at = (name: string) => join(files, name)
  const cases: [string, string[], number, string][] = [
    [
      'no room',
      [at('a'), at('huge'), '/www'],
      1,
      'the files take at least 49 blocks of 4096 bytes, and 26 are free.',
    ],
    ['no such source', [at('a'), at('nope'), '/www'], 1, 'nope: no such file or directory on'],
    ['a directory without -r', [at('d'), '/d'], 1, 'd: a directory. Copy it with -r.'],
    ['no such directory', [at('a'), '/no/such'], 1, '/no: no such directory. Make it first'],
    ['no directory for two', [at('a'), at('huge'), '/new'], 1, '/new: no such directory'],
    ['no directory, written as one', [at('a'), '/new/'], 1, '/new/: no such directory'],
    ['a file on the way', [at('a'), '/note/x'], 1, '/note: no such directory'],
    ['a directory for a file', ['-r', at('d'), '/note'], 1, '/note: a file in the image is where'],
    ['one argument', [at('a')], 2, 'Copy what, and where to?'],
  ]
  test.each(cases)('%s', async (_, argv, expected, sentence) => {
    const before = readFileSync(image)
    const options = argv.filter((each) => each.startsWith('-'))
    const paths = argv.filter((each) => !each.startsWith('-'))
    const { code, err } = await caravan(['put', ...options, image, ...paths])
    expect(err).toContain(sentence)
    expect(code).toBe(expected)
    expect(soundTree(image)).toEqual(BEFORE)
    if (!argv.includes(at('huge'))) expect(readFileSync(image).equals(before)).toBe(true)
  })

  test('a file where the image has a directory', async () => {
    const dir = hostTree({ www: 'a file' })
    const { code, err } = await caravan(['put', '-r', image, `${dir}/.`, '/'])
    expect(code).toBe(1)
    expect(err).toContain('/www: a directory in the image has this name')
    expect(soundTree(image)).toEqual(BEFORE)
  })

  test('standard input as the image', async () => {
    const { code, err } = await caravan(['put', '-', at('a'), '/a'])
    expect(code).toBe(2)
    expect(err).toContain('Standard input cannot be changed in place')
  })

  test('another writer', async () => {
    writeFileSync(`${image}.lock`, 'somebody')
    const { code, err } = await caravan(['put', image, at('a'), '/a'])
    expect(code).toBe(1)
    expect(err).toContain('is open for writing')
    expect(soundTree(image)).toEqual(BEFORE)
    await putOk('--no-lock', image, at('a'), '/a')
    expect(soundTree(image)).toEqual({ ...BEFORE, '/a': 'a' })
  })
})

test('a number of cycles that cannot be is wrong use', async () => {
  const answer = await caravan(['put', '--block-cycles', '0', image, '-', '/x'])
  expect(answer.code).toBe(2)
  expect(answer.err).toContain('Write 1 or more, or -1 for never')
})
