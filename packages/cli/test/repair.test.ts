/** `caravan repair` on images of littlefs. */

import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { checkLittlefs } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { caravan, freshPath, goldenBytes, goldenImage, imageFile } from './harness.js'

let count = 0
/** An image of its own, so that no backup of another test lies beside it. */
function copyOf(name: string): string {
  count++
  return imageFile(goldenBytes(name), `${name}-${count}`)
}

describe('caravan repair', () => {
  it('--dry-run says what would be done; then it is done, with a copy kept', async () => {
    const image = copyOf('corrupt-newest-commit-damaged')
    const before = readFileSync(image)
    const planned = await caravan(['repair', '--dry-run', image])
    expect(planned).toMatchObject({ code: 0, err: '' })
    expect(planned.out).toMatch(/^would be done: The pair of block \d+ is written anew/)
    expect(readFileSync(image).equals(before)).toBe(true)
    expect(existsSync(`${image}.bak`)).toBe(false)

    const done = await caravan(['repair', image])
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(done.out).toContain(`copied to ${image}.bak\nThe pair of block`)
    expect(readFileSync(`${image}.bak`).equals(before)).toBe(true)
    expect((await caravan(['check', image])).code).toBe(0)
    expect(checkLittlefs(readFileSync(image), { blockSize: 512 })).toEqual([])
    expect(await caravan(['repair', image])).toMatchObject({ code: 0, out: 'nothing to repair\n' })
    expect(existsSync(`${image}.bak2`)).toBe(false)
  })

  it('a copy does not take the place of another one; --no-backup keeps none', async () => {
    const first = imageFile(goldenBytes('corrupt-gstate-orphan-flag'), 'twice')
    expect((await caravan(['repair', first])).out).toContain('twice.img.bak\n')
    imageFile(goldenBytes('corrupt-gstate-orphan-flag'), 'twice')
    expect((await caravan(['repair', first])).out).toContain('twice.img.bak2\n')
    const image = copyOf('corrupt-gstate-orphan-flag')
    expect((await caravan(['repair', '--no-backup', image])).out).not.toContain('copied')
    expect(existsSync(`${image}.bak`)).toBe(false)
    expect((await caravan(['check', image])).code).toBe(0)
  })

  it('what is dangerous to write to is not: 1, what is left, and what to do', async () => {
    const image = copyOf('corrupt-tail-cut')
    const before = readFileSync(image)
    const { code, out } = await caravan(['repair', image])
    expect(code).toBe(1)
    expect(out).toMatch(/^nothing that can be mended in place\n\nerror {2}NOT_THREADED/)
    expect(out).toContain('errors left. A new image of what can be read: caravan repair --to NEW')
    expect(readFileSync(image).equals(before)).toBe(true)
    expect(existsSync(`${image}.bak`)).toBe(false)
  })

  it('--to makes a new image, and leaves the old one', async () => {
    const image = goldenImage('corrupt-tail-cut')
    const target = freshPath()
    const dry = await caravan(['repair', '--dry-run', '--to', target, image])
    expect([dry.code, existsSync(target)]).toEqual([0, false])
    const { code, out } = await caravan(['repair', '--to', target, image])
    expect([code, out]).toEqual([0, expect.stringMatching(/^\d+ files and directories in /)])
    expect((await caravan(['check', target])).code).toBe(0)
    const tree = async (of: string) => (await caravan(['manifest', of])).out
    expect(await tree(target)).toBe(await tree(image))
    const again = await caravan(['repair', '--to', target, image])
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('already')])
    expect((await caravan(['repair', '--force', '--to', target, image])).code).toBe(0)
  })

  it('--to the image itself: refused, under whatever name', async () => {
    const image = copyOf('corrupt-tail-cut')
    const before = readFileSync(image)
    const link = freshPath()
    symlinkSync(image, link)
    for (const target of [image, link, join(dirname(image), '.', basename(image))]) {
      const { code, err } = await caravan(['repair', '--force', '--to', target, image])
      expect([code, err]).toEqual([1, expect.stringContaining('the image itself')])
    }
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  it('--to with the block count that is asked for; where it is too small, by how much', async () => {
    const target = freshPath()
    const image = goldenImage('corrupt-tail-cut')
    const small = await caravan(['repair', '--block-count', '5', '--to', target, image])
    expect([small.code, existsSync(target)]).toEqual([1, false])
    expect(small.err).toMatch(/takes \d+ blocks of 512 bytes, and the new image has 5/)
    expect((await caravan(['repair', '--block-count', '40', '--to', target, image])).code).toBe(0)
    expect(readFileSync(target).length).toBe(40 * 512)
    expect((await caravan(['check', target])).code).toBe(0)
  })

  it('--json: what was done, what is left, what is not in the new image', async () => {
    const image = copyOf('corrupt-newest-commit-damaged')
    const planned = JSON.parse((await caravan(['repair', '--dry-run', '--json', image])).out)
    expect(planned).toMatchObject({ dryRun: true, backup: null, left: [] })
    const { code, out } = await caravan(['repair', '--json', image])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      dryRun: false,
      backup: `${image}.bak`,
      changes: expect.arrayContaining([planned.changes[0]]),
    })
    expect(planned.changes[0]).toMatchObject({ kind: 'rewrite', block: expect.any(Number) })

    const dangerous = await caravan(['repair', '--json', goldenImage('corrupt-tail-cut')])
    expect(dangerous.code).toBe(1)
    const { changes, left } = JSON.parse(dangerous.out)
    expect([changes, left[0].code]).toEqual([[], 'NOT_THREADED'])

    const target = freshPath()
    const lost = goldenImage('corrupt-child-both-crc-bad')
    const made = await caravan(['repair', '--json', '--to', target, lost])
    expect(made.code).toBe(1)
    expect(JSON.parse(made.out)).toMatchObject({
      to: target,
      sizeBytes: readFileSync(target).length,
      problems: [{ path: '/docs', isLost: true }],
    })
  })

  it('--to says what it leaves out', async () => {
    const target = freshPath()
    const { code, out } = await caravan([
      'repair',
      '--to',
      target,
      goldenImage('corrupt-child-both-crc-bad'),
    ])
    expect([code, out]).toEqual([1, expect.stringMatching(/^\/docs: left out: Neither block/)])
    expect((await caravan(['check', target])).code).toBe(0)
  })

  it('--dangling takes away what leads nowhere', async () => {
    const image = copyOf('corrupt-ctz-head-out-of-range')
    const kept = await caravan(['repair', image])
    expect([kept.code, kept.out]).toEqual([1, expect.stringContaining('/big.bin')])
    const { code, out } = await caravan(['repair', '--dangling', 'remove', image])
    expect([code, out]).toEqual([0, expect.stringContaining('/big.bin is removed')])
    expect((await caravan(['check', image])).code).toBe(0)
    expect((await caravan(['stat', image, '/big.bin'])).code).toBe(1)
  })
})
