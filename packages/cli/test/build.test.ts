/** `caravan build`: what a project's file names, made where something has changed, the same anywhere. */

import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caravan } from './harness.js'
import { attributesOf, type Files, hostTree, soundTree, touchAll } from './images.js'
import { start } from './processes.js'

const CONFIG = `
[image]
output = "build/www.img"
sources = ["www", { from = "site.json", to = "/etc/site.json" }, { from = "extra", to = "/www" }]
size = "256K"
disk-version = "2.0"
ignore = ["*.map"]
ignore-file = "rules"
`

const FILES: Files = {
  'caravan.toml': CONFIG,
  'site.json': '{}',
  rules: '# what editors leave\n*~\n',
  'www/index.html': '<p>',
  'www/app.js.map': 'map',
  'www/index.html~': 'old',
  'extra/more': 'more',
}

const TREE = {
  '/etc': null,
  '/etc/site.json': '{}',
  '/index.html': '<p>',
  '/www': null,
  '/www/more': 'more',
}

const build = (project: string, ...argv: string[]) =>
  caravan(['build', '--config', join(project, 'caravan.toml'), ...argv])

test('makes what the file says, and then nothing until something changes', async () => {
  const project = hostTree(FILES)
  const image = join(project, 'build/www.img')
  expect(await build(project)).toMatchObject({
    code: 0,
    err: '',
    out: 'build/www.img: 3 files, 9 B: 6 of 64 blocks of 4096 bytes (256 KiB) used\n',
  })
  expect(soundTree(image)).toEqual(TREE)
  utimesSync(image, 1000, 1000)
  touchAll(join(project, 'www'), 5)
  expect((await build(project)).out).toBe('build/www.img: nothing has changed\n')
  expect((await build(project, '--no-lock')).out).toBe('build/www.img: nothing has changed\n')
  expect(statSync(image).mtimeMs).toBe(1_000_000)
  writeFileSync(join(project, 'www/app.js.map'), 'another map')
  expect((await build(project)).out).toContain('nothing has changed')
  writeFileSync(join(project, 'www/index.html'), '<p>new')
  expect((await build(project)).out).toContain('3 files, 12 B')
  expect(soundTree(image)['/index.html']).toBe('<p>new')
  expect(statSync(image).mtimeMs).not.toBe(1_000_000)
  expect(await build(project, '--quiet')).toMatchObject({ code: 0, out: '', err: '' })
})

test('without arguments it takes caravan.toml, else package.json, of where it is', async () => {
  const directory = hostTree({ ...FILES, 'www/sub/x': 'x' })
  const first = await start(['build'], { directory })
  expect({ code: first.code, err: first.err }).toEqual({ code: 0, err: '' })
  expect(Object.keys(soundTree(join(directory, 'build/www.img')))).toContain('/sub/x')
  rmSync(join(directory, 'caravan.toml'))
  const none = await start(['build'], { directory })
  expect({ code: none.code, err: none.err }).toMatchObject({ code: 2 })
  expect(none.err).toContain('There is no caravan.toml here, and no field "caravan"')
  const caravan = { image: { output: 'p.img', source: 'www', compact: true } }
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ caravan }))
  const second = await start(['build'], { directory })
  expect(second.out.toString()).toContain('p.img: 4 files')
})

test('the same sources give the same bytes, wherever they are and whenever they were made', async () => {
  const [one, two] = [
    hostTree(FILES),
    hostTree(Object.fromEntries(Object.entries(FILES).reverse())),
  ]
  touchAll(two, 1000)
  for (const project of [one, two]) expect((await build(project)).code).toBe(0)
  const bytes = readFileSync(join(one, 'build/www.img'))
  expect(readFileSync(join(two, 'build/www.img')).equals(bytes)).toBe(true)
})

test('for a profile, of ours or of the file’s own', async () => {
  const project = hostTree({
    'caravan.toml': `
[[image]]
output = "esp.img"
source = "www"
size = "64K"
profile = "esp-idf"

[[image]]
output = "own.img"
source = "www"
size = "64K"
profile = "board"

[profiles.board]
like = "esp-idf"
name-max = 12
`,
    'www/index.html': '<p>',
  })
  expect(await build(project)).toMatchObject({ code: 0, err: '' })
  const nameMaxOf = async (image: string) => {
    const { out } = await caravan(['info', '--json', join(project, image)])
    return (JSON.parse(out) as { nameMax: number }).nameMax
  }
  expect([await nameMaxOf('esp.img'), await nameMaxOf('own.img')]).toEqual([64, 12])
  writeFileSync(join(project, 'www/a-name-of-20-letters'), '')
  const { code, err } = await build(project)
  expect([code, err]).toEqual([1, expect.stringContaining('20 bytes, and 12 fit')])
  expect(Object.keys(soundTree(join(project, 'own.img')))).toEqual(['/index.html'])
})

test('SOURCE_DATE_EPOCH bounds its times', async () => {
  const project = hostTree({ ...FILES, 'caravan.toml': `${CONFIG}mtime = "file"\n` })
  touchAll(project, 1_800_000_000)
  const env = { SOURCE_DATE_EPOCH: '1700000000' }
  expect((await caravan(['build', '--config', join(project, 'caravan.toml')], { env })).code).toBe(
    0,
  )
  expect(attributesOf(join(project, 'build/www.img'), '/index.html')).toEqual({
    116: '00f1536500000000',
  })
})

test('several images, of several formats; one that fails leaves the others', async () => {
  const project = hostTree({
    ...FILES,
    'caravan.toml': `
[[image]]
output = "a.img"
source = "www"
size = "8K"

[[image]]
output = "b.img"
format = "notafs"
source = "www"
page-size = 512
block-count = 400

[[image]]
output = "c.img"
source = "www"
compact = true
`,
    'www/large': 'x'.repeat(20_000),
  })
  const { code, out, err } = await build(project)
  expect(code).toBe(1)
  expect(err).toContain('a.img: it does not fit')
  expect(out.split('\n').map((line) => line.split(':')[0])).toEqual(['b.img', 'c.img', ''])
  expect(() => statSync(join(project, 'a.img'))).toThrow('ENOENT')
  expect((await caravan(['verify', join(project, 'b.img'), join(project, 'www')])).code).toBe(0)
  const again = await build(project)
  expect(again.out).toBe('b.img: nothing has changed\nc.img: nothing has changed\n')
})

test('the field of a package.json, with metadata of an image', async () => {
  const project = hostTree({ ...FILES, 'first/a': 'a' })
  const [image, meta] = [join(project, 'first.img'), join(project, 'meta.json')]
  await caravan(['create', '-q', '--size', '64K', '--mtime', '7', join(project, 'first'), image])
  rmSync(join(project, 'first'), { recursive: true })
  await caravan(['extract', '-q', '--metadata', meta, image, join(project, 'first')])
  const config = { output: 'x.img', source: 'first', size: '64K', metadata: 'meta.json' }
  const file = join(project, 'package.json')
  writeFileSync(file, JSON.stringify({ name: 'firmware', caravan: { image: config } }))
  expect(await caravan(['build', '--config', file])).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(join(project, 'x.img')).equals(readFileSync(image))).toBe(true)
})

test('later sources replace earlier ones, but not one type another', async () => {
  const config = (sources: string) =>
    `[image]\noutput = "x.img"\nsize = "64K"\nsources = [${sources}]\n`
  const project = hostTree({ 'a/x': 'a', 'a/y': 'y', 'b/x': 'b', 'c/x/z': 'z' })
  writeFileSync(join(project, 'caravan.toml'), config('"a", "b"'))
  expect((await build(project)).code).toBe(0)
  expect(soundTree(join(project, 'x.img'))).toEqual({ '/x': 'b', '/y': 'y' })
  writeFileSync(join(project, 'caravan.toml'), config('"a", "c"'))
  const { code, err } = await build(project)
  expect(code).toBe(1)
  expect(err).toContain('take the same name, one as a directory')
  expect(soundTree(join(project, 'x.img'))).toEqual({ '/x': 'b', '/y': 'y' })
})

test('an image among its own sources is left out', async () => {
  const project = hostTree({ 'www/a': 'a' })
  const config = '[image]\noutput = "www/self.img"\nsource = "www"\nsize = "64K"\n'
  writeFileSync(join(project, 'caravan.toml'), config)
  expect((await build(project)).code).toBe(0)
  expect((await build(project)).out).toContain('nothing has changed')
  expect(soundTree(join(project, 'www/self.img'))).toEqual({ '/a': 'a' })
})

describe('what is wrong in the file is told with its place', () => {
  const cases = [
    ['', 'no image is to be built'],
    ['[image]\nsource = "www"\nsize = "64K"', '[image]: output is missing'],
    ['[image]\noutput = "a"\nsize = "64K"', '[image]: source is missing'],
    ['[image]\noutput = "a"\nsource = "www"', 'how large is it to be?'],
    [
      '[image]\noutput = "a"\nsource = "www"\nsize = "8K"\ncompact = true',
      'how large is it to be?',
    ],
    ['[image]\noutput = "a"\nsource = "www"\nsize = "x"', "[image]: size: 'x' is no size"],
    ['[image]\noutput = "a"\nsource = "www"\nsize = true', '[image]: size: Write text or a number'],
    [
      '[image]\noutput = "a"\nsource = "www"\nsise = "8K"',
      '[image]: sise is unknown. The keys are:',
    ],
    ['[image]\noutput = "a"\nsource = "www"\nsources = []', 'sources stands beside source'],
    ['[image]\noutput = "a"\nsource = 5\nsize = "8K"', '[image]: sources: Write paths'],
    ['[image]\noutput = "a"\nsource = "www"\nmtime = "soon"', '[image]: mtime: Write none, file'],
    ['[image]\noutput = "a"\nsource = "www"\ndisk-version = "3"', '[image]: disk-version: '],
    ['[image]\noutput = "a"\nsource = "www"\ncompact = 1', 'compact: Write true or false'],
    ['[image]\noutput = a', 'caravan.toml, line 2: '],
    ['[image]\noutput = "a"\nsource = "www"\nformat = "docteur"\ncompact = true', 'git make'],
  ] as const

  test.each(cases)('%j', async (config, reason) => {
    const project = hostTree({ 'caravan.toml': config })
    mkdirSync(join(project, 'www'))
    const { code, err } = await build(project)
    expect({ err, code }).toMatchObject({ code: 2 })
    expect(err).toContain(reason)
  })

  test('no file, a source that is not there, a package.json without the field', async () => {
    const project = hostTree({ 'package.json': '{}' })
    const missing = await build(project)
    expect(missing).toMatchObject({ code: 2 })
    expect(missing.err).toContain('cannot be read (ENOENT)')
    const without = await caravan(['build', '--config', join(project, 'package.json')])
    expect(without.err).toContain('no field "caravan"')
    const config = '[image]\noutput = "a.img"\nsource = "absent"\ncompact = true\n'
    writeFileSync(join(project, 'caravan.toml'), config)
    const { code, err } = await build(project)
    expect(code).toBe(1)
    expect(err).toContain(`${join(project, 'absent')}: no such file or directory`)
  })
})
