/** `caravan dump`, `caravan log` and `--at` on images of littlefs. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { caravan, freshPath, goldenImage } from './harness.js'
import { hostTree } from './images.js'

const run = async (...argv: string[]) => {
  const { code, out, err } = await caravan(argv)
  expect([argv, code, err]).toEqual([argv, 0, ''])
  return out
}

/** An image whose file /config was written three times, then removed. */
async function storied(): Promise<string> {
  const image = freshPath()
  const source = hostTree({ one: 'first', two: 'the second', three: 'third' })
  await run('format', '--size', '256K', image)
  await run('mkdir', image, '/www')
  for (const name of ['one', 'two', 'three']) await run('put', image, join(source, name), '/config')
  await run('put', image, join(source, 'one'), '/www/page')
  await run('rm', image, '/config')
  return image
}

interface Logged {
  readonly id: string
  readonly path: string
  readonly current: boolean
  readonly changes: readonly {
    readonly kind: string
    readonly path: string
    readonly size?: number
  }[]
}

describe('caravan log', () => {
  it('of one file: its versions, the newest first, each to be seen with --at', async () => {
    const image = await storied()
    const states = JSON.parse(await run('log', '--json', image, '/config')) as Logged[]
    const changes = states.map(({ id, changes: all }) => ({
      id,
      ...all.find(({ path }) => path === '/config'),
    }))
    expect(changes[0]).toMatchObject({ kind: 'removed' })
    expect(
      changes.map(({ size }) => size).filter((size) => size !== undefined && size > 0),
    ).toEqual([5, 10, 5])
    const seen = []
    for (const { id, size } of changes) {
      if (size !== undefined && size > 0) seen.push(await run('cat', '--at', id, image, '/config'))
    }
    expect(seen).toEqual(['third', 'the second', 'first'])
    expect((await caravan(['cat', image, '/config'])).code).toBe(1)
    const text = await run('log', image, 'config')
    expect(text.split('\n')[0]).toMatch(
      /^\d+ +\/ \(block [01], revision \d+.*\): .*removed \/config \(5 bytes\)$/,
    )
  })

  it('--at is for every verb that reads, and for none that writes', async () => {
    const image = await storied()
    const [, before] = JSON.parse(await run('log', '--json', image, '/config')) as Logged[]
    const at = ['--at', before?.id as string, image]
    expect(await run('ls', ...at)).toBe('config\nwww/\n')
    expect(await run('tree', ...at)).toContain('config (5 B)')
    expect(await run('stat', ...at, '/config')).toContain('5 bytes')
    expect(JSON.parse(await run('manifest', ...at))).toHaveLength(4)
    expect(await run('kv', 'get', ...at, '/config')).toBe('third')
    const out = freshPath()
    await run('extract', ...at, out)
    expect(readFileSync(join(out, 'config'), 'utf8')).toBe('third')
    expect(await run('ls', image)).toBe('www/\n')
    const refused = await caravan(['rm', ...at, '/config'])
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('--at')])
    for (const [wrong, code] of [
      ['99999', 1],
      ['HEAD', 2],
      ['0', 2],
    ] as const) {
      expect((await caravan(['ls', '--at', wrong, image])).code, wrong).toBe(code)
    }
  })

  it('of a directory: its commits; of nothing that there was: said', async () => {
    const image = await storied()
    const states = JSON.parse(await run('log', '--json', image, '/www/')) as Logged[]
    expect(states.length).toBeGreaterThan(1)
    expect(new Set(states.map(({ path }) => path)).size).toBeLessThanOrEqual(2)
    expect(states.filter(({ current, path }) => current && path === '/www')).toHaveLength(1)
    const none = await caravan(['log', image, '/never'])
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('/never')])
  })
})

describe('caravan dump', () => {
  it('shows tags with offsets, meaning and bytes; --hex all bytes', async () => {
    const image = goldenImage('field-esp-idf-2.1')
    const text = await run('dump', image, '0')
    expect(text).toMatch(/^block 0: metadata of \/, other half of the pair \{0, 1\}, revision 1$/m)
    expect(text).toMatch(
      /^ {4}0x0004 {2}SUPERBLOCK +id 0 +"littlefs" {2}\[6c 69 74 74 6c 65 66 73\]$/m,
    )
    expect(text).toMatch(/^ {4}0x0038 {2}CRC +- +0x8fa08944, good/m)
    expect(text).toContain('end at 0x0080: nothing was programmed')
    expect(text).not.toContain('|')
    expect(await run('dump', '--hex', image, '0x0')).toContain('|........littlefs|')
    const [block] = JSON.parse(await run('dump', '--hex', '--json', image, '0x0'))
    expect(
      Buffer.from(block.bytes, 'hex').equals(goldenBytes('field-esp-idf-2.1').subarray(0, 4096)),
    ).toBe(true)
  })

  it('of all blocks: those that hold something, and how many hold nothing', async () => {
    const image = goldenImage('field-esp-idf-2.1')
    const text = await run('dump', image)
    const shown = text.match(/^block \d+: /gm)?.length ?? 0
    expect(text).toMatch(new RegExp(`^${80 - shown} blocks that nothing uses$`, 'm'))
    const json = JSON.parse(await run('dump', '--json', image)) as { block: number; kind: string }[]
    expect(json).toHaveLength(shown)
    expect(new Set(json.map(({ kind }) => kind))).toEqual(new Set(['metadata', 'data']))
    const one = JSON.parse(await run('dump', '--json', image, '79')) as unknown[]
    expect(one).toEqual([{ block: 79, kind: 'erased' }])
  })

  it('of what does not mount, and of blocks that there are not', async () => {
    const image = goldenImage('corrupt-child-both-crc-bad')
    expect(await run('dump', image)).toContain('no commit, and without force:')
    const outside = await caravan(['dump', image, '64'])
    expect([outside.code, outside.err]).toEqual([
      2,
      expect.stringContaining('There is no block 64'),
    ])
    expect((await caravan(['dump', image, 'x'])).code).toBe(2)
  })
})
