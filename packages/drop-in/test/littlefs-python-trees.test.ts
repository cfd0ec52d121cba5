/** Random trees through `create`, `list` and `extract`, with an independent checker between them. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkLittlefs, propertyParameters, readLittlefsTree } from '@caravan/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { littlefsPython } from '../src/index.js'
import { call, freshPath } from './harness.js'

/** Bytes: more than a tree of these takes. */
const IMAGE_SIZE = 4 * 1024 * 1024

/** A file's size in bytes, or what is in a directory. */
type Tree = number | { readonly [name: string]: Tree }

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[/\0]|^\.\.?$/.test(text))
  // As some hosts do with names anyway.
  .map((text) => text.normalize('NFC'))

const fileSize = fc.oneof(
  fc.constantFrom(0, 1, 15, 16, 17, 63, 64, 65, 511, 512, 513, 4096, 9000),
  fc.nat(3000),
)

const { tree } = fc.letrec<{ tree: Tree; directory: Record<string, Tree> }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fileSize, tie('directory')),
  directory: fc.dictionary(name, tie('tree'), { maxKeys: 8 }),
}))

const root = fc.dictionary(name, tree, { maxKeys: 8 })

/** As littlefs' directories do: by their bytes, but a longer name before what it begins with. */
function compareInDirectories(a: string, b: string): number {
  if (a.startsWith(b) || b.startsWith(a)) return b.length - a.length
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Paths in the order of `list`: of each directory its directories, its files, then what is in them. */
function write(directory: string, entries: Record<string, Tree>, path: string): string[] {
  mkdirSync(directory, { recursive: true })
  const names = Object.keys(entries).sort(compareInDirectories)
  const isFile = (each: string) => typeof entries[each] === 'number'
  const directories = names.filter((each) => !isFile(each))
  const files = names.filter(isFile)
  for (const each of files) {
    const size = entries[each] as number
    writeFileSync(join(directory, each), Buffer.alloc(size, size % 251))
  }
  return [
    ...[...directories, ...files].map((each) => `${path}/${each}`),
    ...directories.flatMap((each) =>
      write(join(directory, each), entries[each] as Record<string, Tree>, `${path}/${each}`),
    ),
  ]
}

function contents(directory: string): [path: string, content: string | undefined][] {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
  return found
    .map((entry): [string, string | undefined] => {
      const path = join(entry.parentPath, entry.name)
      const content = entry.isFile() ? readFileSync(path).toString('base64') : undefined
      return [path.slice(directory.length), content]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

it('come back as they went in, from images that are sound', async () => {
  const blockSizes = fc.constantFrom(512, 1000, 4096, 16_384)
  const property = fc.asyncProperty(
    root,
    blockSizes,
    fc.boolean(),
    async (entries, size, compact) => {
      const cwd = freshPath()
      const count = Math.floor(IMAGE_SIZE / size)
      const paths = write(join(cwd, 'dir'), entries, '')
      const blocks = ['--block-size', String(size)]
      const options = compact ? ['--compact', '--no-pad'] : []
      const argv = [
        'create',
        'dir',
        'fs.img',
        ...blocks,
        '--fs-size',
        String(count * size),
        ...options,
      ]
      expect(await call(littlefsPython, argv, { cwd })).toEqual({ code: 0, out: '', err: '' })

      const bytes = readFileSync(join(cwd, 'fs.img'))
      const image = new Uint8Array(count * size).fill(0xff)
      image.set(bytes)
      expect(compact ? bytes.length < image.length : bytes.length === image.length).toBe(true)
      expect(checkLittlefs(image, { blockSize: size, progSize: size, eraseValue: 0xff })).toEqual(
        [],
      )
      const seen = Array.from(readLittlefsTree(image, { blockSize: size }).keys(), (path) =>
        Buffer.from(path, 'latin1').toString(),
      )
      expect(seen.sort()).toEqual(['/', ...paths].sort())

      const listed = await call(littlefsPython, ['list', 'fs.img', ...blocks], { cwd })
      expect(listed).toEqual({ code: 0, out: paths.map((path) => `${path}\n`).join(''), err: '' })
      const extracted = await call(littlefsPython, ['extract', 'fs.img', 'out', ...blocks], { cwd })
      expect(extracted).toEqual({ code: 0, out: '', err: '' })
      expect(contents(join(cwd, 'out'))).toEqual(contents(join(cwd, 'dir')))
    },
  )
  await fc.assert(property, propertyParameters(10))
}, 600_000)
