/** `caravan map`, moving: as another program changes the image, and under a workload. */

import { readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { littlefs } from '../src/formats/littlefs.js'
import { caravan, freshPath, goldenImage, imageFile } from './harness.js'
import { carvedPaper, paper, paperBytes } from './paper-format.js'

async function flash(): Promise<string> {
  const image = freshPath()
  await caravan(['format', '--size', '128K', '--block-size', '1024', image])
  return image
}

describe('a workload', () => {
  test('runs on a copy, the same each time, a picture for each step', async () => {
    const image = await flash()
    const before = readFileSync(image)
    const argv = ['map', '--ascii', '--watch', '--workload', '12', image]
    const { out, err, code } = await caravan(argv)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out.split('\n').filter((line) => /^(as it is|\d+: )/.test(line))).toHaveLength(13)
    expect(out).toMatch(/^as it is\n {2}0 {2}(Mm|mM)\.{62}\n/)
    expect(out).toMatch(/12: .*\n {2}0 {2}[Mm#.]{64}\n/)
    expect((await caravan(argv)).out).toBe(out)
    expect((await caravan([...argv, '--seed', '2'])).out).not.toBe(out)
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  test('goes on where there is no space', async () => {
    const image = freshPath()
    await caravan(['format', '--size', '12K', '--block-size', '1024', image])
    const { out, code } = await caravan(['map', '--ascii', '--watch', '--workload', '150', image])
    expect(code).toBe(0)
    expect(out).toContain('no space left; remove')
  })

  test('on a terminal pictures stand one over the other, coloured by age', async () => {
    const argv = ['map', '--watch', '--workload', '3', '--every', '0', await flash()]
    const { out } = await caravan(argv, { columns: 80 })
    expect(out.startsWith('\x1b[H\x1b[2J')).toBe(true)
    expect(out.split('\x1b[H')).toHaveLength(5)
    // Bright data that was just written.
    expect(out).toContain('\x1b[1m\x1b[36m')
  })

  test('of other formats', async () => {
    const image = imageFile(paperBytes({}), 'mapped')
    const { out, code } = await caravan(['map', '--ascii', '--workload', '2', '--watch', image], {
      formats: [littlefs, paper],
    })
    expect(code).toBe(0)
    expect(out).toContain('as it is\n  0  i...')
    const refused = await caravan(['map', '--workload', '2', image], { formats: [carvedPaper] })
    expect(refused.err).toContain('which is not changed in place.')
    expect(refused.code).toBe(2)
  })
})

describe('--svg', () => {
  test('a picture, and an animation', async () => {
    const image = await flash()
    const still = freshPath()
    expect(await caravan(['map', '--svg', still, image])).toMatchObject({ code: 0, out: '' })
    expect(readFileSync(still, 'utf8')).not.toContain('<animate')
    const moving = freshPath()
    await caravan(['map', '--svg', moving, '--workload', '10', '--every', '200', image])
    const svg = readFileSync(moving, 'utf8')
    expect(svg).toContain('dur="2.2s"')
    expect(svg.match(/<rect /g)).toHaveLength(128 + 1 + 4)
    expect(
      (await caravan(['map', '--svg', '-', '--workload', '10', '--every', '200', image])).out,
    ).toBe(svg)
    const again = await caravan(['map', '--svg', still, image])
    expect(again.err).toContain('already there. Use --force')
    expect((await caravan(['map', '--force', '--svg', still, image])).code).toBe(0)
  })
})

describe('--watch', () => {
  test('draws again whenever another program has changed the image', async () => {
    const image = await flash()
    const watching = caravan(['map', '--ascii', '--watch', '--frames', '3', '--every', '5', image])
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      await caravan(['touch', image, `/${name}`])
    }
    const { out, err, code } = await watching
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out.match(/^written at \d\d:\d\d:\d\d\.\d\d\d UTC$/gm)).toHaveLength(3)
  })

  test('until it is told to stop', async () => {
    const stop = new AbortController()
    const image = await flash()
    const watching = caravan(['map', '--watch', image], { signal: stop.signal })
    setTimeout(() => stop.abort(), 150)
    expect(await watching).toMatchObject({ code: 130, err: 'caravan: interrupted.\n' })
    expect(statSync(image).size).toBe(128 * 1024)
  })

  test('an image that is none', async () => {
    const { code, err } = await caravan(['map', '--watch', freshPath()])
    expect(code).toBe(1)
    expect(err).toContain('no such file')
  })
})

test.each([
  [['--json', '--watch'], 'tell of the image as it is'],
  [['--list', '--svg', 'x'], 'tell of the image as it is'],
  [['--seed', '1'], 'give one'],
  [['--frames', '1'], '--frames ends --watch'],
  [['--watch', '--workload', '1', '--frames', '1'], '--frames ends --watch'],
  [['--every', '1'], 'time between pictures'],
  [['--force'], '--force goes with --svg'],
  [['--watch', '--svg', 'x'], 'An animation has an end'],
])('%j is wrong use', async (options, words) => {
  const { code, err } = await caravan(['map', ...options, goldenImage('field-esp-idf-2.1')])
  expect(err).toContain(words)
  expect(code).toBe(2)
})

test('standard input is looked at once', async () => {
  const { code, err } = await caravan(['map', '--watch', '-'], { stdin: new Uint8Array(1) })
  expect(err).toContain('looks at a file of this computer again and again')
  expect(code).toBe(2)
})
