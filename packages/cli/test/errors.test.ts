/** Each way to fail: the exit code, and the sentence that says what to do. */

import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenImage, scratch } from './harness.js'

const esp = goldenImage('field-esp-idf-2.1')

describe('wrong use is exit code 2, and the help that would help', () => {
  const cases: [string[], string][] = [
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['help', 'frobnicate'], "there is no verb 'frobnicate'. The verbs are: info, ls,"],
    [['ls'], "missing required argument 'image'"],
    [['stat', esp], "missing required argument 'path'"],
    [['ls', '--frob', esp], "unknown option '--frob'"],
    [['df', esp, 'more'], 'too many arguments'],
    [['ls', '--block-size', '5Q', esp], "'5Q' is no size. Write bytes"],
    [['ls', '--block-count', '1K', esp], "'1K' is no whole number"],
    [['ls', '--offset', '1M', esp], 'lies beyond the end of'],
    [['ls', '--escaped', esp, '/a%zz'], 'With --escaped write %25 for a percent sign'],
    [['attr', esp, '/', 'zz'], "'zz' is no type of an attribute"],
    [['attr', esp, '/', '256'], "'256' is no type of an attribute"],
    [['attr', '--raw', esp, '/'], '--raw prints one attribute: say which'],
    [['attr', '--raw', '--json', esp, '/', 't'], '--raw and --json exclude each other'],
    [['map', '--per-cell', '0', esp], '--per-cell must be 1 or more'],
  ]
  test.each(cases)('%j', async (argv, sentence) => {
    const { code, out, err } = await caravan(argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(sentence)
    expect(err).toMatch(/^caravan: /)
    expect(err).toMatch(/`caravan help.*` shows the use\.\n$/)
  })

  test('no verb at all', async () => {
    const { code, err } = await caravan([])
    expect(code).toBe(2)
    expect(err).toContain('Usage: caravan <verb>')
  })
})

describe('what fails is exit code 1, with the path', () => {
  const nowhere = join(scratch, 'nowhere.img')
  const text = goldenImage('corrupt-text')
  const half = goldenImage('corrupt-version-3.0')
  const cases: [string[], string][] = [
    [['ls', nowhere], `${nowhere}: no such file on this computer. Check the path.`],
    [['ls', scratch], `${scratch} is a directory, not the file of an image.`],
    [['ls', '-'], 'standard input is empty. Pass an image'],
    [['ls', text], `${text}: no littlefs superblock, no `],
    [['ls', half], `${half}: This is littlefs version 3.0 on disk`],
    [['ls', '--block-size', '512', esp], 'The superblock says blocks of 4096 bytes'],
    [['ls', '--block-count', '7', esp], 'The superblock says 80 blocks'],
    [
      ['ls', esp, '/nope'],
      `${esp}: /nope: no such file or directory. \`caravan tree IMAGE\` shows`,
    ],
    [['tree', esp, '/boot_count/x'], '/boot_count/x: not a directory.'],
    [['cat', esp, '/www'], `${esp}: /www: not a regular file. For a directory use`],
    [['get', esp, '/nope', '-'], '/nope: no such file or directory'],
    [['get', esp, '/www', freshPath()], '/www: not a regular file'],
    [
      ['get', esp, '/boot_count', '/nowhere/at/all'],
      '/nowhere/at/all: no such file or directory on',
    ],
    [['attr', esp, '/www', '7'], '/www: no such attribute. `caravan attr IMAGE PATH` lists'],
    [['extract', esp, freshPath(), '/nope'], '/nope: no such file or directory'],
  ]
  test.each(cases)('%j', async (argv, sentence) => {
    const { code, err } = await caravan(argv)
    expect(err).toContain(sentence)
    expect(err).toMatch(/^caravan: /)
    expect(code).toBe(1)
  })

  test('a failed get leaves nothing behind', async () => {
    const directory = freshPath()
    mkdirSync(directory)
    const image = goldenImage('corrupt-ctz-head-out-of-range')
    const { code } = await caravan(['get', image, '/big.bin', join(directory, 'big.bin')])
    expect(code).toBe(1)
    expect(readdirSync(directory)).toEqual([])
  })

  test('damage is told after what could be shown', async () => {
    const { code, out, err } = await caravan(['tree', goldenImage('corrupt-dir-pointer-to-root')])
    expect(code).toBe(1)
    expect(out).toContain('docs/ [damaged]')
    expect(out).toContain('note (13 B)')
    expect(err).toContain('/docs: damaged: ')
  })

  test('a control character in an argument does no harm to the terminal', async () => {
    const { err } = await caravan(['ls', esp, '/\x1b[2J'])
    expect(err).toContain('/%1B[2J: no such file')
  })
})

describe('help', () => {
  const verbs = [
    'info',
    'ls',
    'tree',
    'stat',
    'df',
    'cat',
    'get',
    'extract',
    'create',
    'put',
    'rm',
    'mv',
    'mkdir',
    'attr',
    'format',
    'grow',
    'map',
    'manifest',
    'find',
    'partitions',
    'pack',
    'unpack',
  ]

  test.each(verbs)('of %s has examples', async (verb) => {
    const { code, out } = await caravan(['help', verb])
    expect(code).toBe(0)
    expect(out).toContain(`Usage: caravan ${verb}`)
    expect(out).toMatch(new RegExp(`Examples:\\n( {2}.*\\n)*.*caravan ${verb}`))
    expect((await caravan([verb, '--help'])).out).toBe(out)
  })

  test('of everything names each verb', async () => {
    const { code, out } = await caravan(['--help'])
    expect(code).toBe(0)
    for (const verb of verbs) expect(out).toContain(`  ${verb} `)
  })

  test('of a verb within a verb', async () => {
    const asked = await caravan(['help', 'git', 'make'])
    expect(asked).toMatchObject({ code: 0, err: '' })
    expect(asked.out).toMatch(/^Usage: caravan git make /)
    expect(asked.out).toBe((await caravan(['git', 'make', '--help'])).out)
    expect((await caravan(['help', 'git'])).out).toBe((await caravan(['git', '--help'])).out)
  })

  test('of a verb within a verb that is not there', async () => {
    const { code, err } = await caravan(['help', 'git', 'mkae'])
    expect([code, err]).toEqual([
      2,
      expect.stringContaining("git has no verb 'mkae'. Those that it has are: make, verify."),
    ])
    expect((await caravan(['help', 'ls', 'make'])).err).toContain("ls has no verb 'make'.")
  })

  test('the version is that of the package, with those of the formats', async () => {
    const { code, out } = await caravan(['--version'])
    expect(code).toBe(0)
    const [own, ...formats] = out.split('\n').slice(0, -1)
    expect(own).toMatch(/^caravan \d+\.\d+\.\d+$/)
    expect(formats.map((line) => line.split(/ {2,}/))).toEqual([
      ['littlefs', '2.0, 2.1: read, written'],
      ['littlefs1', expect.stringMatching(/^1\.1: read/)],
      ['docteur', expect.stringContaining('PACK 2')],
      ['notafs', expect.stringContaining('read, written')],
    ])
  })
})
