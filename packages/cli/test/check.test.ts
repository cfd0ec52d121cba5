/** `caravan check` on images of littlefs. */

import { describe, expect, it } from 'vitest'
import { caravan, freshPath, goldenBytes, goldenImage, imageFile } from './harness.js'

describe('caravan check', () => {
  it('on a sound image: 0, and what was looked at', async () => {
    expect(await caravan(['check', goldenImage('field-esp-idf-2.1')])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^sound: \d+ metadata pairs, \d+ director(y|ies), \d+ files\n$/),
    })
  })

  it('on a damaged one: 1, a table, and once a code what it means', async () => {
    const { code, err, out } = await caravan(['check', goldenImage('corrupt-ctz-head-zero')])
    expect([code, err]).toEqual([1, ''])
    const lines = out.split('\n')
    const rows = lines.slice(0, lines.indexOf(''))
    expect(rows.length).toBeGreaterThan(1)
    for (const row of rows) expect(row).toMatch(/^error {2}[A-Z_]+ +block \d+ +\/big\.bin {2}[A-Z]/)
    expect(out.match(/^BLOCK_USED_TWICE: /gm)).toHaveLength(1)
    expect(out).toMatch(/^damaged: \d errors in /m)
  })

  it('--json: the findings as they are', async () => {
    const image = goldenImage('corrupt-child-both-crc-bad')
    const { code, out } = await caravan(['check', '--json', image])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      format: 'littlefs',
      sound: false,
      findings: [
        {
          severity: 'error',
          code: 'PAIR_LOST',
          block: expect.any(Number),
          path: '/docs',
          what: expect.stringContaining('Neither block'),
          consequence: expect.any(String),
          remedy: expect.any(String),
        },
      ],
    })
  })

  it('--severity leaves out what is less, and --quiet all words', async () => {
    const image = goldenImage('corrupt-gstate-orphan-flag')
    const whole = await caravan(['check', image])
    expect([whole.code, whole.out]).toEqual([1, expect.stringContaining('\nsound: 1 warning in')])
    expect((await caravan(['check', '--severity', 'error', image])).code).toBe(0)
    expect(await caravan(['check', '--quiet', image])).toMatchObject({ code: 1, out: '', err: '' })
  })

  it('what the device would have is held against the image', async () => {
    const image = goldenImage('field-esp-idf-2.1')
    const { code, out } = await caravan(['check', '--block-count', '1000', image])
    expect([code, out]).toEqual([1, expect.stringContaining('WRONG_GEOMETRY')])
  })

  it('an image of which nothing is left is judged where its format is said', async () => {
    const image = imageFile(goldenBytes('corrupt-root-both-noise'), 'noise')
    expect((await caravan(['check', image])).code).toBe(3)
    const { code, out } = await caravan(['check', '--format', 'littlefs', image])
    expect([code, out]).toEqual([1, expect.stringContaining('SUPERBLOCK_MISSING')])
  })

  it('what cannot be read: 3; wrong use: 2', async () => {
    const missing = await caravan(['check', freshPath()])
    expect([missing.code, missing.err]).toEqual([3, expect.stringContaining('no such file')])
    expect((await caravan(['check', '-'])).code).toBe(3)
    expect((await caravan(['check', '--severity', 'all', freshPath()])).code).toBe(2)
    const outside = ['check', '--offset', '1G', goldenImage('field-esp-idf-2.1')]
    expect((await caravan(outside)).code).toBe(2)
  })
})
