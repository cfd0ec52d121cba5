/** `shrink`, `defrag` and `clone`: sizes and places changed, and everything kept. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { flashDump, PARTITIONS } from './dumps.js'
import { caravan, freshPath, goldenImage, imageFile, scratch } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'
import { expectRefused, ok } from './outcomes.js'

const BLOCK = 4096

/** Of 32 blocks, in which files lie in pieces and something is free between them. */
let image = ''
let tree: Record<string, string | null> = {}
beforeEach(async () => {
  image = freshPath()
  const files = {
    'd/one': 'x'.repeat(9000),
    'd/two': 'y'.repeat(20_000),
    note: 'note',
    gone: 'z'.repeat(30_000),
  }
  await ok('create', '-q', '--size', '128K', hostTree(files), image)
  await ok('rm', image, '/gone')
  await ok('put', '-q', image, fileOf('v'.repeat(30_000)), '/last')
  await ok('attr', '--set', 't=0x0102', image, '/note')
  tree = {
    '/d': null,
    '/d/one': files['d/one'],
    '/d/two': files['d/two'],
    '/note': 'note',
    '/last': 'v'.repeat(30_000),
  }
})

function fileOf(text: string): string {
  const path = freshPath()
  writeFileSync(path, text)
  return path
}

const refused = (argv: string[], code: number, sentence: string) =>
  expectRefused(image, argv, code, sentence)

describe('shrink', () => {
  test('to the smallest, all that is in it kept, and the file cut off', async () => {
    const planned = await ok('shrink', '-n', '--minimum', image)
    const blocks = Number(/would have (\d+) blocks/.exec(planned)?.[1])
    expect(planned).toContain('Nothing was written')
    expect(planned).toMatch(/files +\/\w/)
    expect(statSync(image).size).toBe(32 * BLOCK)
    const done = await ok('shrink', '--minimum', image)
    expect(done).toMatch(new RegExp(`has ${blocks} blocks of 4096 bytes .* now; \\d+ blocks moved`))
    expect(statSync(image).size).toBe(blocks * BLOCK)
    expect(soundTree(image)).toEqual(tree)
    expect(attributesOf(image, '/note')).toEqual({ 116: '0102' })
    expect(await ok('df', image)).toContain('0 B')
    expect(await ok('shrink', '--minimum', image)).toContain('already')
  })

  test('to what does not fit: says what would, and moves nothing', async () => {
    const smallest = Number(
      /smallest +(\d+)/.exec(await ok('shrink', '-n', '--minimum', image))?.[1],
    )
    await refused(['shrink', image, '8K'], 1, `Nothing was moved. Give ${smallest} `)
    const { code, out } = await caravan(['shrink', '--dry-run', image, '8K'])
    expect(code).toBe(1)
    expect(out).toContain('which does not fit')
    await ok('shrink', image, String(smallest))
    expect(soundTree(image)).toEqual(tree)
  })

  test('in a partition of a dump, not one byte outside it', async () => {
    const { path, dump } = await dumpFile()
    const at = ['--partition', 'storage', path]
    await ok('put', '-q', ...at, fileOf('w'.repeat(500_000)), '/big')
    const before = readFileSync(path)
    const { code, err } = await caravan(['shrink', '--minimum', ...at])
    expect([code, err]).toEqual([0, expect.stringContaining('keeps its length')])
    await ok('defrag', ...at)
    const [begin, size] = PARTITIONS.storage
    const after = readFileSync(path)
    expect(after.length).toBe(dump.length)
    expect(after.subarray(0, begin).equals(before.subarray(0, begin))).toBe(true)
    expect(after.subarray(begin + size).equals(before.subarray(begin + size))).toBe(true)
    expect(await ok('cat', ...at, '/big')).toBe('w'.repeat(500_000))
  })

  test('what was cut short before the file was cut off is finished by --truncate', async () => {
    const whole = readFileSync(image)
    await ok('shrink', '-q', '--minimum', image)
    const shrunk = readFileSync(image)
    writeFileSync(image, Buffer.concat([shrunk, whole.subarray(shrunk.length)]))
    const { err } = await caravan(['shrink', '--minimum', image])
    expect(err).toContain('keeps its length')
    expect(statSync(image).size).toBe(whole.length)
    await ok('shrink', '--truncate', '--minimum', image)
    expect(readFileSync(image).equals(shrunk)).toBe(true)
  })

  test('what cannot be', async () => {
    await refused(['shrink', image], 2, 'Give a size, 320K, or --minimum')
    await refused(['shrink', '--minimum', image, '64K'], 2, 'Give a size, 320K, or --minimum')
    const gz = freshPath()
    await ok('pack', '-q', '--as', 'gzip', image, gz)
    await refused(['shrink', '--minimum', gz], 2, 'caravan unpack')
    await refused(['shrink', '--minimum', 'https://example.org/a.img'], 2, 'is on a web server')
    const notafs = freshPath()
    await ok('format', '--format', 'notafs', '--size', '1M', notafs)
    await refused(['shrink', '--minimum', notafs], 2, 'caravan cp -r --to')
    await refused(['defrag', notafs], 2, 'is a notafs image, which has nothing to defragment')
    await refused(['clone', notafs, freshPath()], 2, 'copy all of it with `caravan cp -r --to')
    const damaged = goldenImage('corrupt-dirs-share-pair')
    for (const argv of [['shrink', '--minimum'], ['defrag'], ['defrag', '-n']]) {
      await refused([...argv, damaged], 1, 'the image is damaged, and nothing in it can be moved')
    }
  })
})

describe('defrag', () => {
  test('says before what comes of it, and once more writes nothing', async () => {
    await ok('grow', '-q', image, '192K')
    await ok('mkdir', image, '/many')
    for (let i = 0; i < 6; i++) await ok('put', '-q', image, fileOf('a'.repeat(3000)), `/many/${i}`)
    for (const i of [0, 2, 4]) await ok('rm', image, `/many/${i}`)
    const before = readFileSync(image)
    const planned = await ok('defrag', '--dry-run', image)
    expect(planned).toContain('would be written. Nothing was')
    expect(readFileSync(image).equals(before)).toBe(true)
    const json = JSON.parse(await ok('defrag', '--dry-run', '--json', image))
    expect(json).toMatchObject({ dryRun: true, after: { fragmentedCount: 0 } })
    expect(json.after.freeAtEnd).toBe(json.after.freeBlocks)

    const done = await ok('defrag', image)
    expect(done.split('\n').slice(0, 6)).toEqual(planned.split('\n').slice(0, 6))
    expect(soundTree(image)).toMatchObject(tree)
    expect(attributesOf(image, '/note')).toEqual({ 116: '0102' })
    expect(await ok('shrink', '-n', '--minimum', image)).toContain('0 metadata pairs to move')
    const packed = readFileSync(image)
    expect(await ok('defrag', image)).toContain('0 blocks written')
    expect(readFileSync(image).equals(packed)).toBe(true)
  })
})

describe('clone', () => {
  test('into blocks of another size, which diff finds the same', async () => {
    const target = freshPath()
    const words = await ok('clone', image, target, '--block-size', '512', '--size', '256K')
    expect(words).toMatch(/^5 entries in .*: \d+ of 512 blocks of 512 bytes \(256 KiB\) used\n$/)
    expect(statSync(target).size).toBe(256 * 1024)
    expect(soundTree(target, { blockSize: 512 })).toEqual(tree)
    expect(await ok('attr', target, '/note')).toBe(await ok('attr', image, '/note'))
    expect(await ok('diff', image, target)).toBe('')
    expect(await ok('info', target)).toContain('names 255 bytes')
  })

  test('of the same size where none is said, or as small as can be', async () => {
    const same = freshPath()
    await ok('clone', '-q', '--block-size', '1K', image, same)
    expect(statSync(same).size).toBe(128 * 1024)
    const small = freshPath()
    await ok('clone', '--compact', image, small)
    expect(soundTree(small)).toEqual(tree)
    expect(await ok('df', small)).toContain('0 B')
    const onto = readFileSync(small)
    const { code, err } = await caravan(['clone', image, small])
    expect([code, err]).toEqual([1, expect.stringContaining('already there')])
    await ok('clone', '-q', '--force', small, small)
    expect(soundTree(small)).toEqual(tree)
    expect(readFileSync(small).length).toBe(onto.length)
  })

  test('keeps limits and version; a profile, and options, say others', async () => {
    const old = goldenImage('field-esp-idf-2.0')
    const target = freshPath()
    await ok('clone', '-q', '--block-size', '8K', '--size', '1M', old, target)
    expect(await ok('info', target)).toContain('littlefs 2.0')
    await ok(
      'clone',
      '-q',
      '-f',
      '--disk-version',
      '2.1',
      '--name-max',
      '64',
      '--size',
      '1M',
      old,
      target,
    )
    const info = await ok('info', target)
    expect(info).toContain('littlefs 2.1')
    expect(info).toContain('names 64 bytes')
    expect(await ok('diff', old, target)).toBe('')
  })

  test('of a partition, of gzip, of standard input', async () => {
    const { path } = await dumpFile()
    const target = freshPath()
    await ok('clone', '-q', '--partition', 'storage', '--size', '1M', path, target)
    expect(await ok('cat', target, '/www/index.html')).toBe('<h1>hello</h1>')
    const gz = freshPath()
    await ok('pack', '-q', '--as', 'gzip', image, gz)
    await ok('clone', '-q', '-f', gz, target)
    expect(soundTree(target)).toEqual(tree)
    const piped = await caravan(['clone', '-q', '-f', '-', target], { stdin: readFileSync(image) })
    expect([piped.code, piped.err]).toEqual([0, ''])
    const { outBytes, code } = await caravan(['clone', image, '-'])
    expect(code).toBe(0)
    expect(soundTree(imageFile(outBytes, 'piped'))).toEqual(tree)
  })

  test('says what the new one cannot hold, and leaves nothing behind', async () => {
    const target = join(scratch, 'never.img')
    await refused(['clone', image, target, '--size', '32K'], 1, 'too few')
    await ok('mkdir', image, `/${'n'.repeat(200)}`)
    await refused(['clone', '--block-size', '128', image, target], 1, 'has 200 bytes, and 72 fit')
    await refused(['clone', '--block-size', '3000', image, target], 2, 'no whole number of blocks')
    await refused(
      ['clone', '--compact', '--size', '1M', image, target],
      2,
      '--compact finds the size',
    )
    await refused(['clone', '--json', image, target], 2, 'Give both')
    expect(readdirSync(scratch)).not.toContain('never.img')
    expect(readdirSync(scratch).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  test('the plan alone, as JSON', async () => {
    const target = freshPath()
    const plan = JSON.parse(await ok('clone', '-n', '--json', '--block-size', '1K', image, target))
    expect(plan).toMatchObject({ blockSize: 1024, blockCount: 128, entryCount: 5, nameMax: 255 })
    expect(() => statSync(target)).toThrow('ENOENT')
  })
})

async function dumpFile(): Promise<{ path: string; dump: Buffer }> {
  const dump = await flashDump()
  const path = freshPath()
  writeFileSync(path, dump)
  return { path, dump }
}
