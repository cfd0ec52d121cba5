/** `caravan git`, and the reading verbs on images of docteur. */

import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { systemProgram } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { caravan, freshPath, imageFile } from './harness.js'

const golden = fileURLToPath(new URL('../../../golden/docteur/', import.meta.url))
const bytes = new Uint8Array(gunzipSync(readFileSync(join(golden, 'git-512.img.gz'))))
const image = imageFile(bytes, 'docteur')

describe('an image of docteur', () => {
  it.each([
    [['ls', image, '/lib'], /^café name\.txt\nempty\nrun\.sh\n$/],
    [['ls', '-l', image, '/'], /^l .* dirlink -> docs$/m],
    [['ls', '-l', image, '/lib'], /^-rwxr-xr-x +18 .* run\.sh$/m],
    [['tree', image, '/lib'], /run\.sh \(18 B\)/],
    [['cat', image, '/link'], /^hello\nmore\n$/],
    [['get', image, '/README.md', '-'], /^hello\nmore\n$/],
    [['stat', image, '/dirlink'], /leads to +docs/],
    [['df', image], /used +28 +14336/],
    [['info', image], /commit +e8bc854b339f88bee5e532003318305765e9fe74/],
    [['manifest', image], /"path":"\/link","type":"link"/],
    [['kv', 'get', image, '/link'], /^hello\nmore\n$/],
    [['kv', 'digest', image, '/docs'], /^bad7023661e0b23a0e5d37ed4775517c3629d501\n$/],
    [['check', image], /sound: 27 objects/],
    [['log', image], /second commit/],
    [['ls', '--analyze', image, '/lib'], /run\.sh/],
    [
      ['git', 'verify', image],
      /^commit\t: e8bc854b339f88bee5e532003318305765e9fe74\nauthor\t: "T" <a@b\.c>\n/,
    ],
  ])('caravan %s', async (argv, output) => {
    const { code, out, err } = await caravan(argv)
    expect([code, err, out]).toEqual([0, '', expect.stringMatching(output)])
  })

  it('is extracted with modes and links', async () => {
    const folder = freshPath()
    expect((await caravan(['extract', image, folder])).code).toBe(0)
    expect(readlinkSync(join(folder, 'dirlink'))).toBe('docs')
    expect(statSync(join(folder, 'lib/run.sh')).mode & 0o111).not.toBe(0)
    expect(readFileSync(join(folder, 'link'), 'utf8')).toBe('hello\nmore\n')
  })

  it.each([
    [['cat', image, '/lib'], 1, /not a regular file/],
    [['put', image, image, '/x'], 2, /git make/],
    [['ls', '--at', 'HEAD~1', image, '/'], 1, /no history so far back/],
    [['ls', '--block-size', '512', image, '/'], 2, /has no blocks/],
  ])('caravan %s is refused', async (argv, exitCode, message) => {
    const { code, err } = await caravan(argv)
    expect([code, err]).toEqual([exitCode, expect.stringMatching(message)])
  })

  it('that is damaged is told in a sentence, and exits with 1', async () => {
    const damaged = bytes.slice()
    damaged[2000] = (damaged[2000] as number) ^ 1
    const file = imageFile(damaged, 'docteur-damaged')
    const { code, out, err } = await caravan(['git', 'verify', file])
    expect([code, out, err]).toEqual([1, '', expect.stringMatching(/damaged: The zlib stream/)])
    const json = await caravan(['git', 'verify', '--json', file])
    expect(JSON.parse(json.out)).toMatchObject({ sound: false, damage: [{ code: 'BAD_STREAM' }] })
    expect((await caravan(['git', 'verify', '--quiet', image])).out).toBe('')
  })
})

describe.skipIf(systemProgram('git') === undefined)('caravan git make', () => {
  it('makes the same image of the same directory and date, and replaces none by itself', async () => {
    const folder = freshPath()
    mkdirSync(folder)
    writeFileSync(join(folder, 'a'), 'a')
    symlinkSync('a', join(folder, 'l'))
    const [first, second] = [freshPath(), freshPath()]
    const date = ['-d', '2024-01-02T03:04:05+00:00']
    const made = await caravan(['git', 'make', ...date, folder, first])
    expect([made.code, made.out]).toEqual([
      0,
      expect.stringMatching(/^commit [0-9a-f]{40}, 3 objects, in /),
    ])
    await caravan(['git', 'make', ...date, folder, second])
    expect(Buffer.compare(readFileSync(first), readFileSync(second))).toBe(0)
    const again = await caravan(['git', 'make', folder, first])
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/--force/)])
    expect((await caravan(['git', 'make', '-f', '-q', folder, first])).code).toBe(0)
  })

  it('passes on what is wrong', async () => {
    const none = await caravan(['git', 'make', '/nowhere/at/all', freshPath()])
    expect([none.code, none.err]).toEqual([1, expect.stringMatching(/there is nothing at/)])
    const wrong = await caravan(['git', 'make', '-d', 'yesterday', '.', freshPath()])
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringMatching(/Write a date with its zone/),
    ])
  })
})
