/**
 * `caravan extract` of formats with links and permissions.
 *
 * The story behind the attacks: an image from a stranger holds a link `a` that leads to the user's
 * home, and behind it a file `a/.bashrc`; or a directory `.GIT` whose hooks the next `git status`
 * runs. An extractor that writes what it meets, in the order in which it meets it, is the stranger's
 * hand on this computer.
 */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ImageFormat, ImageTree, MountedImage, TreeEntry } from '../src/formats/format.js'
import { caravan as command, freshPath, imageFile } from './harness.js'
import { carvedPaper, type PaperEntries, paper, paperBytes } from './paper-format.js'

let count = 0
async function extract(entries: PaperEntries, target: string, ...more: string[]) {
  count++
  const image = imageFile(paperBytes(entries), `linked-${count}`)
  return command(['extract', ...more, image, target], { formats: [carvedPaper] })
}

/** An image with two entries of one name: no honest writer makes it, and a git tree can hold it. */
async function extractWalked(entries: readonly TreeEntry[], target: string) {
  const format: ImageFormat = {
    ...paper,
    async open(device, options, writable) {
      const image = await paper.open(device, options, writable)
      const tree: ImageTree = {
        list: (path) => image.tree.list(path),
        lookUp: (path) => image.tree.lookUp(path),
        readPath: (path) => image.tree.readPath(path),
        async *walk() {
          yield { path: Buffer.from('/'), type: 'directory', size: 0 }
          yield* entries
        },
        async *read() {
          yield Buffer.from('x')
        },
      }
      return Object.assign(Object.create(image), { tree }) as MountedImage
    },
  }
  return command(['extract', imageFile(paperBytes({}), 'walked'), target], { formats: [format] })
}

const modeOf = (path: string) => lstatSync(path).mode & 0o777

test('permissions, times and links come out as they are', async () => {
  const target = freshPath()
  const { code, out, err } = await extract(
    {
      '/dir': { type: 'directory', mode: 0o500 },
      '/dir/run': { type: 'file', content: 'x', mode: 0o6755, mtime: 1_700_000_000 },
      '/dir/plain': { type: 'file', content: 'y', mode: 0o600 },
      '/link': { type: 'symlink', target: 'dir/run', mtime: 1_600_000_000 },
      '/lost': { type: 'symlink', target: '/no/where' },
    },
    target,
  )
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toBe(`2 files and 2 links and 1 directory, 2 B, in ${target}\n`)
  expect(modeOf(join(target, 'dir'))).toBe(0o500)
  expect(modeOf(join(target, 'dir/run'))).toBe(0o755)
  expect(modeOf(join(target, 'dir/plain'))).toBe(0o600)
  expect(readlinkSync(join(target, 'link'))).toBe('dir/run')
  expect(readlinkSync(join(target, 'lost'))).toBe('/no/where')
  expect(lstatSync(join(target, 'link')).mtimeMs).toBe(1_600_000_000_000)
  expect(lstatSync(join(target, 'dir/run')).mtimeMs).toBe(1_700_000_000_000)
  chmodSync(join(target, 'dir'), 0o700)
})

test('a link that is there is replaced with --force alone, and never followed', async () => {
  const target = freshPath()
  const outside = freshPath()
  mkdirSync(target)
  writeFileSync(outside, 'theirs')
  symlinkSync(outside, join(target, 'link'))
  const entries: PaperEntries = { '/link': { type: 'symlink', target: 'new' } }
  const refused = await extract(entries, target)
  expect(refused.err).toContain('/link: already there. Use --force')
  expect(refused.code).toBe(1)
  expect(readlinkSync(join(target, 'link'))).toBe(outside)
  expect((await extract(entries, target, '--force')).code).toBe(0)
  expect(readlinkSync(join(target, 'link'))).toBe('new')
  expect(readFileSync(outside, 'utf8')).toBe('theirs')
})

describe('nothing is written through a link of the image', () => {
  test('a link and a directory of one name, whichever comes first', async () => {
    const outside = freshPath()
    mkdirSync(outside)
    const link: TreeEntry = {
      path: Buffer.from('/a'),
      type: 'symlink',
      size: 1,
      target: Buffer.from(outside),
    }
    const directory: TreeEntry = { path: Buffer.from('/a'), type: 'directory', size: 0 }
    const owned: TreeEntry = { path: Buffer.from('/a/owned'), type: 'file', size: 1 }
    for (const entries of [
      [link, directory, owned],
      [directory, owned, link],
    ]) {
      const target = freshPath()
      const { code, err } = await extractWalked(entries, target)
      expect(code).toBe(1)
      expect(err).toMatch(
        /: \/a: (a directory of this name is in the way|this computer takes its name)/,
      )
      expect(readFileSync(join(target, 'a/owned'), 'utf8')).toBe('x')
      expect(existsSync(join(outside, 'owned'))).toBe(false)
    }
  })

  test('an image that is extracted over another', async () => {
    const outside = freshPath()
    mkdirSync(outside)
    const target = freshPath()
    await extract({ '/a': { type: 'symlink', target: outside } }, target)
    const { code, err } = await extract(
      { '/a': { type: 'directory' }, '/a/owned': { type: 'file', content: 'x' } },
      target,
      '--force',
    )
    expect(code).toBe(1)
    expect(err).toContain('is a link, which is not followed')
    expect(existsSync(join(outside, 'owned'))).toBe(false)
  })
})

test("names that mean '.git' are left out, and kept harmless with --escape-names", async () => {
  const entries: PaperEntries = {
    '/.GIT': { type: 'directory' },
    '/.GIT/config': { type: 'file', content: '[core]' },
    '/.g\u00e2it': { type: 'file', content: '' },
    '/.gitmodules': { type: 'symlink', target: 'x' },
    '/dir': { type: 'directory' },
    '/dir/git~1': { type: 'file', content: 'x' },
    '/kept': { type: 'file', content: 'x' },
  }
  const target = freshPath()
  const { code, err } = await extract(entries, target)
  expect(code).toBe(1)
  expect(err).toContain("/.GIT: the name means '.git', which git itself never holds.")
  expect(err).toContain("/.gitmodules: the name means '.gitmodules'")
  expect(err).toContain("/dir/git~1: the name means '.git'")
  expect(err).toContain('4 entries left out.')
  expect(existsSync(join(target, '.GIT'))).toBe(false)
  expect(existsSync(join(target, 'kept'))).toBe(true)
  const escaped = freshPath()
  expect((await extract(entries, escaped, '--escape-names')).code).toBe(0)
  expect(readFileSync(join(escaped, '%2EGIT/config'), 'utf8')).toBe('[core]')
  expect(readFileSync(join(escaped, 'dir/%67it~1'), 'utf8')).toBe('x')
})

test('names of other formats may be .git: a repository is kept in a littlefs', async () => {
  const image = imageFile(paperBytes({ '/.git': { type: 'directory' } }), 'own-git')
  const target = freshPath()
  const { code } = await command(['extract', image, target], { formats: [paper] })
  expect(code).toBe(0)
  expect(existsSync(join(target, '.git'))).toBe(true)
})

test('a submodule is an empty directory, and said', async () => {
  const target = freshPath()
  const { code, err } = await extract({ '/lib': { type: 'submodule', id: 'ab12' } }, target)
  expect(err).toContain('/lib: a submodule, commit ab12: its directory is left empty.')
  expect(code).toBe(0)
  expect(lstatSync(join(target, 'lib')).isDirectory()).toBe(true)
})
