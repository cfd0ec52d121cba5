/**
 * The verbs that change an image in place: `rm`, `mv`, `mkdir`, `attr`, `format`, `grow`,
 * `shrink`.
 */

import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenBytes, imageFile, scratch } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'
import { expectRefused, ok } from './outcomes.js'

let image = ''
beforeEach(async () => {
  image = freshPath()
  const tree = hostTree({ 'd/e/f': 'f', 'd/g': 'x'.repeat(6000), empty: null, note: 'note' })
  const { code } = await caravan(['create', '-q', '--size', '64K', tree, image])
  expect(code).toBe(0)
})

const BEFORE: Record<string, string | null> = {
  '/d': null,
  '/d/e': null,
  '/d/e/f': 'f',
  '/d/g': 'x'.repeat(6000),
  '/empty': null,
  '/note': 'note',
}

function without(...paths: string[]): Record<string, string | null> {
  return Object.fromEntries(Object.entries(BEFORE).filter(([path]) => !paths.includes(path)))
}

const refused = (argv: string[], code: number, sentence: string) =>
  expectRefused(image, argv, code, sentence)

describe('rm', () => {
  test('files, and directories with -r', async () => {
    await ok('rm', image, '/note', 'd/g')
    expect(soundTree(image)).toEqual(without('/note', '/d/g'))
    await ok('rm', '-r', image, '/d', '/empty')
    expect(soundTree(image)).toEqual({})
  })

  test('one that fails leaves the others to be removed', async () => {
    const { code, err } = await caravan(['rm', image, '/nope', '/d', '/note'])
    expect(code).toBe(1)
    expect(err).toContain(`${image}: /nope: no such file or directory.`)
    expect(err).toContain(`${image}: /d: a directory. Remove it, and all that is in it, with -r.`)
    expect(soundTree(image)).toEqual(without('/note'))
  })

  test('what is not there, with -f', () => ok('rm', '-f', image, '/nope', '/no/pe'))

  test('never the root', async () => {
    for (const root of ['/', '//', '']) {
      await refused(['rm', '-rf', image, root], 1, '/: the root directory stays')
    }
  })
})

describe('mv', () => {
  test('to another name, in place of a file, into a directory', async () => {
    await ok('mv', image, '/note', '/note.old')
    await ok('mv', image, '/d/e/f', '/d/g')
    await ok('mv', image, '/note.old', '/d/e', '/empty')
    expect(soundTree(image)).toEqual({
      '/d': null,
      '/d/g': 'f',
      '/empty': null,
      '/empty/e': null,
      '/empty/note.old': 'note',
    })
  })

  test('what cannot be', async () => {
    await refused(['mv', image, '/nope', '/x'], 1, '/nope: no such file or directory')
    await refused(['mv', image, '/d', '/d/e'], 1, 'a directory cannot be moved into itself')
    await refused(['mv', image, '/d', '/note'], 1, 'cannot be replaced by a directory')
    await refused(['mv', image, '/note', '/d', '/new'], 1, '/new: no such directory')
    await refused(['mv', image, '/note', '/no/such'], 1, 'no such file or directory')
    await refused(['mv', image, '/note', '/note/x'], 1, 'not a directory')
    await refused(['mv', image, '/note'], 2, 'Move what, and where to?')
    await refused(['mv', image, '/note', `/${'n'.repeat(256)}`], 1, 'this filesystem takes 255')
  })
})

describe('mkdir', () => {
  test('one, several, those on the way', async () => {
    await ok('grow', '-q', image, '256K')
    await ok('mkdir', image, '/a', '/a/b')
    await ok('mkdir', '-p', image, '/d/e', '/x/y')
    const made = { '/a': null, '/a/b': null, '/x': null, '/x/y': null }
    expect(soundTree(image)).toEqual({ ...BEFORE, ...made })
  })

  test('no room: those on the way may be there', async () => {
    const { code, err } = await caravan(['mkdir', '-p', image, '/1/2/3/4/5'])
    expect(code).toBe(1)
    expect(err).toContain('/1/2/3/4/5: no space left')
    soundTree(image)
  })

  test('what cannot be', async () => {
    await refused(['mkdir', image, '/d'], 1, '/d: already there.')
    await refused(['mkdir', '-p', image, '/note'], 1, '/note: already there.')
    await refused(['mkdir', image, '/x/y'], 1, '/x/y: no such file or directory')
    await refused(['mkdir', '-p', image, '/note/y'], 1, 'not a directory')
  })
})

describe('attr', () => {
  test('set as hexadecimal, text and from a file; removed', async () => {
    const file = freshPath()
    writeFileSync(file, Uint8Array.of(0, 1, 0xff))
    const set = ['--set', 't=0x00F1536500000000', '--set', '7=a=b', '--set', `0x10=@${file}`]
    await ok('attr', ...set, '--set', '200=', image, '/note')
    await ok('attr', '--set', 't=0x', image, '/')
    expect(attributesOf(image, '/note')).toEqual({
      116: '00f1536500000000',
      7: '613d62',
      16: '0001ff',
      200: '',
    })
    expect(attributesOf(image, '/')).toEqual({ 116: '' })
    await ok('attr', '--remove', 't', '--remove', '9', '--set', '7=new', image, '/note')
    expect(attributesOf(image, '/note')).toEqual({ 7: '6e6577', 16: '0001ff', 200: '' })
    expect(await ok('attr', image, '/note', '7')).toBe('6e6577\n')
    expect(soundTree(image)).toEqual(BEFORE)
  })

  test('what cannot be', async () => {
    const large = freshPath()
    writeFileSync(large, new Uint8Array(1023))
    await refused(['attr', '--set', '7', image, '/note'], 2, 'Write TYPE=VALUE')
    await refused(['attr', '--set', '7=0x1', image, '/note'], 2, 'no whole number of bytes')
    await refused(['attr', '--set', '256=x', image, '/note'], 2, "'256' is no type")
    await refused(['attr', '--remove', 'zz', image, '/note'], 2, "'zz' is no type")
    await refused(['attr', '--set', '7=x', image, '/note', '7'], 2, 'print nothing')
    await refused(['attr', '--remove', '7', '--json', image, '/note'], 2, 'print nothing')
    await refused(['attr', '--set', '7=@/nowhere', image, '/note'], 1, '/nowhere: no such file')
    await refused(['attr', '--set', '7=x', image, '/nope'], 1, '/nope: no such file or directory')
    await refused(['attr', '--set', `7=@${large}`, image, '/note'], 1, 'may have 1022 bytes')
  })
})

describe('format', () => {
  test('a new file', async () => {
    const path = freshPath()
    expect(await ok('format', '--size', '1M', '--name-max', '32', path)).toBe(
      `empty littlefs 2.1 in ${path}: 256 blocks of 4096 bytes (1 MiB)\n`,
    )
    expect(statSync(path).size).toBe(1 << 20)
    expect(soundTree(path)).toEqual({})
    expect(await ok('info', path)).toContain('names 32 bytes')
  })

  test('one that is there, where it is blank or with --force', async () => {
    await refused(['format', image], 1, 'it holds something, which would be lost')
    await ok('format', '-q', '--force', '--disk-version', '2.0', image)
    expect(soundTree(image)).toEqual({})
    expect(await ok('info', image)).toContain('littlefs 2.0')
    for (const value of [0, 0xff]) {
      const blank = imageFile(Buffer.alloc(20_000, value), `blank-${value}`)
      expect(await ok('format', '--block-size', '512', blank)).toContain(': 39 blocks of 512')
      expect(soundTree(blank, { blockSize: 512 })).toEqual({})
      expect(statSync(blank).size).toBe(20_000)
    }
  })

  test('a part of a file', async () => {
    const dump = imageFile(
      Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(16_384, 0xff), Buffer.alloc(10, 2)]),
      'partitions',
    )
    const argv = ['format', '--offset', '4K', dump]
    const refusal = await caravan(['format', '--offset', '0', dump])
    expect(refusal.err).toContain('it holds something')
    expect((await caravan([...argv, '--size', '32K'])).err).toContain('do not fit')
    await ok(...argv, '--size', '16K')
    const bytes = readFileSync(dump)
    expect(soundTree(bytes.subarray(4096, -10))).toEqual({})
    expect(bytes.subarray(0, 4096).every((byte) => byte === 1)).toBe(true)
    expect(bytes.subarray(-10).every((byte) => byte === 2)).toBe(true)
  })

  test('what cannot be', async () => {
    await refused(['format', freshPath()], 2, 'How large is it to be?')
    await refused(['format', '--offset', '4K', '--size', '64K', freshPath()], 2, 'is not there yet')
    await refused(['format', '-'], 2, 'Standard input cannot be formatted')
    await refused(['format', '--size', '1M', image], 1, 'do not fit')
    await refused(['format', scratch], 1, 'is a directory')
    writeFileSync(`${image}.lock`, 'somebody')
    await refused(['format', '--force', image], 1, 'is open for writing')
  })
})

describe('grow', () => {
  test('the file and the filesystem in it', async () => {
    expect(await ok('grow', image, '128K')).toBe(
      `${image} has 32 blocks of 4096 bytes (128 KiB) now\n`,
    )
    expect(statSync(image).size).toBe(128 * 1024)
    expect(soundTree(image)).toEqual(BEFORE)
    expect(
      readFileSync(image)
        .subarray(65_536)
        .every((byte) => byte === 0xff),
    ).toBe(true)
    expect(await ok('grow', image, '128K')).toContain('already')
    const large = freshPath()
    writeFileSync(large, 'y'.repeat(70_000))
    await ok('put', image, large, '/large')
    expect(soundTree(image)).toEqual({ ...BEFORE, '/large': 'y'.repeat(70_000) })
  })

  test('into what follows it, where that holds nothing', async () => {
    const whole = Buffer.concat([readFileSync(image), Buffer.alloc(65_536, 0xff)])
    const free = imageFile(whole, 'free')
    await ok('grow', free, '128K')
    expect(statSync(free).size).toBe(131_072)
    expect(soundTree(free)).toEqual(BEFORE)
    whole[131_071] = 7
    image = imageFile(whole, 'taken')
    await refused(['grow', image, '128K'], 1, 'something follows the filesystem')
    await ok('grow', '-q', '--force', image, '128K')
    expect(soundTree(image)).toEqual(BEFORE)
  })

  test('at an offset', async () => {
    const dump = imageFile(Buffer.concat([Buffer.alloc(100, 1), readFileSync(image)]), 'at-100')
    await ok('grow', '--offset', '100', dump, '128K')
    expect(soundTree(readFileSync(dump).subarray(100))).toEqual(BEFORE)
  })

  test('what cannot be', async () => {
    await refused(['grow', image, '32K'], 1, 'Use `caravan shrink`')
    await refused(['grow', image, '65537'], 2, 'Give 65536 or 69632')
    await refused(['grow', image, 'large'], 2, "'large' is no size")
    await ok('format', '--force', image)
    truncateSync(image, 65_000)
    await refused(['grow', image, '128K'], 1, 'it was cut short')
  })
})

test('an image with higher limits than usual opens, and keeps them', async () => {
  await ok('format', '--force', '--name-max', '1022', image)
  await ok('mkdir', image, `/${'n'.repeat(300)}`)
  expect(await ok('ls', image)).toBe(`${'n'.repeat(300)}/\n`)
  expect(await ok('info', image)).toContain('names 1022 bytes')
})

test('the version on disk stays', async () => {
  const old = imageFile(goldenBytes('field-esp-idf-2.0'), 'esp-2.0')
  await ok('mkdir', old, '/new')
  await ok('rm', '-r', old, '/www')
  expect(await ok('info', old)).toContain('littlefs 2.0')
  expect(Object.keys(soundTree(old))).toContain('/new')
})

describe('shrink', () => {
  test('the file and the filesystem in it', async () => {
    await ok('grow', '-q', image, '256K')
    expect(await ok('shrink', image, '128K')).toBe(
      `${image} has 32 blocks of 4096 bytes (128 KiB) now\n`,
    )
    expect(statSync(image).size).toBe(128 * 1024)
    expect(soundTree(image)).toEqual(BEFORE)
    expect(await ok('shrink', image, '128K')).toContain('already')
    const whole = readFileSync(image)
    await refused(['shrink', image, '8K'], 1, 'Nothing was moved. Give ')
    expect(readFileSync(image)).toEqual(whole)
  })

  test('what follows the filesystem stays where it is', async () => {
    await ok('grow', '-q', image, '128K')
    const whole = Buffer.concat([readFileSync(image), Buffer.alloc(1000, 7)])
    const dump = imageFile(whole, 'followed')
    await ok('shrink', '-q', dump, '64K')
    expect(statSync(dump).size).toBe(whole.length)
    expect(readFileSync(dump).subarray(131_072)).toEqual(Buffer.alloc(1000, 7))
    expect(soundTree(dump)).toEqual(BEFORE)
  })

  test('what cannot be', async () => {
    await refused(['shrink', image, '128K'], 2, 'use `caravan grow`')
    await refused(['shrink', image, '65537'], 2, 'Give 65536 or 69632')
    await refused(['shrink', '-', '64K'], 2, 'Standard input cannot be changed')
  })
})
