/** `caravan recover` on images of littlefs. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { caravan, freshPath, goldenBytes, goldenImage, imageFile } from './harness.js'
import { hostTree } from './images.js'

const run = async (...argv: string[]) => {
  const { code, out, err } = await caravan(argv)
  expect([argv, code, err]).toEqual([argv, 0, ''])
  return out
}

async function storied(): Promise<string> {
  const image = freshPath()
  const source = hostTree({ one: 'first', two: 'the second', large: 'x'.repeat(9000) })
  await run('format', '--size', '256K', image)
  for (const name of ['one', 'two']) await run('put', image, join(source, name), '/config')
  await run('mkdir', image, '/www')
  await run('put', image, join(source, 'large'), '/www/page')
  await run('rm', image, '/config')
  await run('rm', '-r', image, '/www')
  return image
}

describe('caravan recover', () => {
  it('writes what is left, the newest version under its own name, and a table', async () => {
    const image = await storied()
    const before = readFileSync(image)
    const found = freshPath()
    const out = await run('recover', image, found)
    expect(readFileSync(join(found, 'config'), 'utf8')).toBe('the second')
    const older = readdirSync(found).filter((name) => name.startsWith('config~'))
    expect(older.map((name) => readFileSync(join(found, name), 'utf8'))).toContain('first')
    expect(statSync(join(found, 'www/page')).size).toBe(9000)
    expect(out).toMatch(/^whole +removed +10 {2}block [01], revision \d+ +\/config$/m)
    expect(out).toMatch(/^whole +lost directory +9000 {2}block \d+, revision \d+ +\/www\/page$/m)
    expect(out).toMatch(/^\d+ versions not shown: \d+ whole, 0 partial, 0 nothing\n\d+ files in /m)
    expect(readFileSync(image).equals(before)).toBe(true)
    const again = await caravan(['recover', image, found])
    expect(again.code).toBe(1)
    await run('recover', '--force', image, found)
  })

  it('--dry-run --json: the report, and nothing is written', async () => {
    const found = freshPath()
    const report = JSON.parse(
      await run('recover', '-n', '--json', await storied(), found),
    ) as object[]
    expect(existsSync(found)).toBe(false)
    expect(report).toContainEqual({
      path: '/config',
      why: 'removed',
      left: 'whole',
      size: 10,
      sizeLeft: 10,
      file: 'config',
      place: expect.any(String),
      block: expect.any(Number),
      revision: expect.any(Number),
      offset: expect.any(Number),
      ranges: [],
    })
  })

  it('an image somewhere in a dump is found, several each in its own directory', async () => {
    const image = readFileSync(await storied())
    const rest = Buffer.alloc(0x8000, 'firmware ')
    const dump = imageFile(Buffer.concat([rest, image, rest]), 'dump')
    const found = freshPath()
    const { code, err } = await caravan(['recover', dump, found])
    expect([code, err]).toEqual([0, expect.stringContaining('a littlefs begins at 32768')])
    expect(readFileSync(join(found, 'config'), 'utf8')).toBe('the second')
    const both = imageFile(Buffer.concat([rest, image, rest, image]), 'dump-2')
    const other = freshPath()
    expect((await caravan(['recover', both, other])).code).toBe(0)
    expect(readdirSync(other).sort()).toEqual(['at-32768', `at-${0x10000 + image.length}`])
  })

  it('one written over the end of an older one is found in what that claims', async () => {
    const older = readFileSync(await storied())
    const later = readFileSync(await storied())
    const start = 4 * 4096
    const dump = Buffer.concat([older, Buffer.alloc(start)])
    later.copy(dump, start)
    const found = freshPath()
    const { code, err } = await caravan(['recover', imageFile(dump, 'overwritten'), found])
    expect([code, err]).toEqual([0, expect.stringContaining(`a littlefs begins at ${start}`)])
    expect(readdirSync(found).sort()).toEqual(['at-0', `at-${start}`])
    expect(readFileSync(join(found, `at-${start}`, 'config'), 'utf8')).toBe('the second')
    expect(statSync(join(found, `at-${start}`, 'www/page')).size).toBe(9000)
  })

  it('without a superblock: where format and block size are given', async () => {
    const image = imageFile(goldenBytes('corrupt-root-both-noise'), 'no-superblock')
    expect((await caravan(['recover', image, freshPath()])).code).toBe(1)
    const found = freshPath()
    await run('recover', '--format', 'littlefs', '--block-size', '512', image, found)
    expect(readdirSync(join(found, 'lost+found')).length).toBeGreaterThan(0)
  })

  it('where there is nothing, and where there is no image', async () => {
    const out = await run('recover', '-n', goldenImage('fresh-512-ff'), freshPath())
    expect(out).toBe('0 versions not shown: 0 whole, 0 partial, 0 nothing\n')
    const text = imageFile(Buffer.alloc(4096, 'no image '), 'text')
    const none = await caravan(['recover', text, freshPath()])
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('no image was found')])
  })
})
