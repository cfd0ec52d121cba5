/** What files of this computer cannot hold goes out of an image and back into one. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenImage, imageFile } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'

/** Entries with hash and attributes, as the C library would say them. */
async function manifestOf(image: string): Promise<unknown> {
  const { code, out } = await caravan(['manifest', image])
  expect(code).toBe(0)
  return JSON.parse(out)
}

async function done(...argv: string[]): Promise<string> {
  const { code, err, out } = await caravan(argv)
  expect({ argv, code, err }).toEqual({ argv, code: 0, err: '' })
  return out
}

const FIELD = [
  'field-arduino-pico',
  'field-esp-idf-2.1',
  'field-esp8266',
  'field-micropython',
  'field-zephyr',
  'attrs-all-types',
]

describe.each(FIELD)('%s', (name) => {
  const sizes = ['--size', '4M', '--attr-max', '1022']

  test('extract --metadata, create --metadata: the same entries, attributes and times', async () => {
    const image = goldenImage(name)
    const [dir, file, made] = [freshPath(), freshPath(), freshPath()]
    await done('extract', '-q', '--metadata', file, image, dir)
    await done('create', '-q', ...sizes, '--metadata', file, dir, made)
    expect(await manifestOf(made)).toEqual(await manifestOf(image))
    expect(soundTree(made)).toBeDefined()
  })

  test('extract --tar, create -: the same too', async () => {
    const image = goldenImage(name)
    const made = freshPath()
    const { outBytes, code } = await caravan(['extract', '--tar', image, '-'])
    expect(code).toBe(0)
    expect((await caravan(['create', '-q', ...sizes, '-', made], { stdin: outBytes })).code).toBe(0)
    expect(await manifestOf(made)).toEqual(await manifestOf(image))
  })
})

test('the file is the same every time, a line an entry, and says what is known', async () => {
  const tree = hostTree({ 'a/b': 'b', c: 'c' })
  const image = freshPath()
  await done('create', '-q', '--size', '64K', '--mtime', '1700000000', tree, image)
  await done('attr', '--set', '7=seven', image, '/')
  const [first, second] = [freshPath(), freshPath()]
  for (const file of [first, second]) {
    await done('extract', '-q', '--metadata', file, image, freshPath())
  }
  expect(readFileSync(second, 'utf8')).toBe(readFileSync(first, 'utf8'))
  const row = (path: string) =>
    `  {"path":"${path}","modified":"2023-11-14T22:13:20.000Z","attributes":{"0x74":"00f1536500000000"}}`
  expect(readFileSync(first, 'utf8')).toBe(
    [
      '{"format": "caravan metadata 1", "entries": [',
      '  {"path":"/","attributes":{"0x07":"736576656e"}},',
      `${row('/a')},`,
      `${row('/a/b')},`,
      row('/c'),
      ']}',
      '',
    ].join('\n'),
  )
  const part = freshPath()
  await done('extract', '-q', '--metadata', part, image, freshPath(), '/a')
  expect(JSON.parse(readFileSync(part, 'utf8'))).toMatchObject({
    entries: [{ path: '/' }, { path: '/b' }],
  })
})

test('between formats: times, where no attributes can be', async () => {
  const tree = hostTree({ a: 'a' })
  const [image, file, made, dir, back] = Array.from({ length: 5 }, freshPath) as [
    string,
    string,
    string,
    string,
    string,
  ]
  await done('create', '-q', '--size', '64K', '--mtime', '1700000000', tree, image)
  await done('extract', '-q', '--metadata', file, image, dir)
  await done('create', '-q', '--format', 'notafs', '--size', '512K', '--metadata', file, dir, made)
  const stat = JSON.parse(await done('stat', '--json', made, '/a')) as { modified: string }
  expect(stat.modified).toBe('2023-11-14T22:13:20.000Z')
  await done('extract', '-q', '--force', '--metadata', file, made, dir)
  await done('create', '-q', '--size', '64K', '--metadata', file, dir, back)
  expect(attributesOf(back, '/a')).toEqual({ 116: '00f1536500000000' })
})

test('what it says wins over --mtime, which is for the rest', async () => {
  const dir = hostTree({ a: 'a', b: 'b' })
  const file = freshPath()
  const entries = [{ path: '/a', attributes: { '0x01': '0000c16ff28623' } }]
  writeFileSync(file, JSON.stringify({ format: 'caravan metadata 1', entries }))
  const image = freshPath()
  await done('create', '-q', '--size', '64K', '--mtime', '5', '--metadata', file, dir, image)
  expect(attributesOf(image, '/a')).toEqual({ 1: '0000c16ff28623', 116: '0500000000000000' })
  const nanoseconds = [{ path: '/a', attributes: { '0x01': '0000c16ff2862300' } }]
  writeFileSync(file, JSON.stringify({ format: 'caravan metadata 1', entries: nanoseconds }))
  await done('create', '-qf', '--size', '64K', '--mtime', '5', '--metadata', file, dir, image)
  expect(attributesOf(image, '/a')).toEqual({ 1: '0000c16ff2862300' })
  expect(attributesOf(image, '/b')).toEqual({ 116: '0500000000000000' })
})

test('paths of it that are not there are told', async () => {
  const tree = hostTree({ a: 'a', b: 'b' })
  const [image, file, dir] = [freshPath(), freshPath(), freshPath()]
  await done('create', '-q', '--size', '64K', '--mtime', '5', tree, image)
  await done('extract', '-q', '--metadata', file, image, dir)
  rmSync(join(dir, 'a'))
  const { code, err } = await caravan([
    ...['create', '-qf', '--size', '64K', '--metadata', file, dir, image],
  ])
  expect({ code, err }).toEqual({
    code: 0,
    err: `caravan: ${file}: 1 path of it not in ${dir}: /a\n`,
  })
})

test('a file that is none is refused, and one that is there is kept', async () => {
  const dir = hostTree({ a: 'a' })
  const bad = [
    ['', 'Unexpected end'],
    ['{}', 'it does not begin with "format"'],
    ['{"format": "caravan metadata 1", "entries": [{}]}', 'entry 0 has no path'],
    [
      '{"format": "caravan metadata 1", "entries": [{"path": "/a", "attributes": {"x": ""}}]}',
      'attribute x of /a is no type',
    ],
    [
      '{"format": "caravan metadata 1", "entries": [{"path": "/a", "attributes": {"0x01": "z"}}]}',
      'attribute 0x01 of /a is not in hexadecimal',
    ],
    [
      '{"format": "caravan metadata 1", "entries": [{"path": "/a", "modified": "soon"}]}',
      'modified of /a is no time',
    ],
  ] as const
  for (const [text, reason] of bad) {
    const file = imageFile(Buffer.from(text), 'metadata')
    const image = freshPath()
    const { code, err } = await caravan(['create', '--size', '64K', '--metadata', file, dir, image])
    expect(code).toBe(1)
    expect(err).toContain(reason)
  }
  const [image, file, target] = [freshPath(), freshPath(), freshPath()]
  await done('create', '-q', '--size', '64K', dir, image)
  writeFileSync(file, 'mine')
  const { code, err } = await caravan(['extract', '--metadata', file, image, target])
  expect(code).toBe(1)
  expect(err).toContain('already there')
  expect(readFileSync(file, 'utf8')).toBe('mine')
})
