/** Images made of repositories of every kind, and of plain directories. */

import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemProgram } from '@caravan/testkit'
import { describe, expect, it, vi } from 'vitest'
import { Docteur, verifyImageSync } from '../src/index.js'
import { type MakeOptions, makeImage, withGitImage } from '../src/node/index.js'
import { commitFiles, deviceOf, freshPath, git, repository, writeFiles } from './repositories.js'

const isThere = systemProgram('git') !== undefined

async function made(source: string, options: MakeOptions = {}) {
  const image = freshPath('image')
  await makeImage(source, image, options)
  return { image, fs: Docteur.mountSync(deviceOf(image)) }
}

const names = (fs: Docteur) =>
  [...fs.walkSync()].map(({ path }) => path).filter((path) => path !== '/')

describe.skipIf(!isThere)('an image of a repository', () => {
  it('is the same from a worktree, a linked worktree, a bare one, a bundle and an address', async () => {
    const folder = repository({ a: '1', 'd/b': '2' })
    const bare = freshPath('bare')
    git(folder, ['clone', '--quiet', '--bare', '.', bare])
    const linked = freshPath('linked')
    git(folder, ['worktree', 'add', '--quiet', '--detach', linked])
    const bundle = freshPath('bundle')
    git(folder, ['bundle', 'create', '--quiet', bundle, 'main'])
    const commit = git(folder, ['rev-parse', 'HEAD']).toString().trim()
    for (const source of [
      folder,
      bare,
      linked,
      bundle,
      `file://${folder}`,
      `relativize://${folder}`,
    ]) {
      const { fs } = await made(source)
      expect([source, fs.info().commitId, fs.info().objectCount]).toEqual([source, commit, 5])
      expect(names(fs)).toEqual(['/a', '/d', '/d/b'])
    }
  })

  it('shows the ref that is asked for, one commit deep', async () => {
    const folder = repository({ a: '1' })
    git(folder, ['tag', 'v1'])
    commitFiles(folder, { b: '2' }, 'second')
    expect(names((await made(folder)).fs)).toEqual(['/a', '/b'])
    const { fs } = await made(folder, { refs: ['v1'] })
    expect(names(fs)).toEqual(['/a'])
    expect(fs.info().objectCount).toBe(3)
  })

  it('with its history shows any commit of it', async () => {
    const folder = repository({ a: '1' })
    commitFiles(folder, { b: '2' }, 'second')
    git(folder, ['tag', '-a', 'v2', '-m', 'two'])
    commitFiles(folder, { c: '3' }, 'third')
    const { image, fs } = await made(folder, { history: true })
    const commits = git(folder, ['rev-list', 'HEAD']).toString().trim().split('\n')
    const logged: string[] = []
    for await (const { id } of fs.log()) logged.push(id)
    expect(logged).toEqual(commits)
    const at = (revision: string) => names(Docteur.mountSync(deviceOf(image), { at: revision }))
    expect(at('HEAD')).toEqual(['/a', '/b', '/c'])
    expect(at('HEAD~1')).toEqual(['/a', '/b'])
    expect(at('HEAD^^')).toEqual(['/a'])
    expect(at((commits[1] as string).slice(0, 12))).toEqual(['/a', '/b'])
    for (const wrong of ['HEAD~3', 'HEAD^2', 'main', 'abc', 'ffffffff']) {
      expect(() => at(wrong)).toThrow(expect.objectContaining({ code: 'NO_REVISION' }))
    }
  })

  it('names submodules as what they are', async () => {
    const folder = repository({ a: '1' })
    const commit = git(folder, ['rev-parse', 'HEAD']).toString().trim()
    git(folder, ['update-index', '--add', '--cacheinfo', `160000,${commit},sub`])
    git(folder, ['commit', '--quiet', '-m', 'sub'])
    const { fs, image } = await made(folder)
    const entry = fs.entrySync('/sub')
    expect(entry).toMatchObject({ type: 'submodule', mode: 0o160000, id: commit })
    expect(
      fs.readdirSync('/', { withFileTypes: true }).map(({ name, type }) => [name, type]),
    ).toEqual([
      ['a', 'file'],
      ['sub', 'submodule'],
    ])
    expect(() => fs.readFileSync('/sub')).toThrow(/EISDIR/)
    expect(() => fs.readdirSync('/sub')).toThrow(/ENOTDIR.*submodule, at commit/)
    expect(() => fs.statSync('/sub/x')).toThrow(/ENOTDIR/)
    expect(fs.keyValue().existsSync('/sub')).toBe('dictionary')
    expect(fs.keyValue().listSync('/sub')).toEqual([])
    expect(verifyImageSync(deviceOf(image)).isSound).toBe(true)
  })

  it('says in words what is wrong, and leaves nothing behind', async () => {
    // A place of its own, since other tests make images meanwhile.
    const own = freshPath('tmp')
    mkdirSync(own)
    vi.stubEnv('TMPDIR', own)
    const folder = repository({ a: '1' })
    for (const [source, options, code, message] of [
      ['/nowhere/at/all', {}, 'NO_SOURCE', /there is nothing at/],
      [folder, { refs: ['nope'] }, 'NO_SOURCE', /no commit 'nope'/],
      ['http://127.0.0.1:1/x.git', {}, 'GIT_FAILED', /127\.0\.0\.1/],
      [join(folder, 'a'), {}, 'GIT_FAILED', /a/],
      [join(folder, '..'), {}, 'INVALID_ARGUMENT', /needs a date/],
      [folder, { follow: true }, 'INVALID_ARGUMENT', /Leave follow out/],
      [folder, { depth: -1 }, 'INVALID_ARGUMENT', /depth is -1/],
      [folder, { blockSize: 0 }, 'INVALID_ARGUMENT', /blockSize is 0/],
    ] as const) {
      const image = freshPath('none')
      await expect(makeImage(source, image, options)).rejects.toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      )
      expect(readdirSync(join(image, '..')).some((name) => name.startsWith(image))).toBe(false)
    }
    const controller = new AbortController()
    controller.abort()
    await expect(makeImage(folder, freshPath(), { signal: controller.signal })).rejects.toThrow(
      expect.objectContaining({ code: 'ABORTED' }),
    )
    expect(readdirSync(own)).toEqual([])
    vi.unstubAllEnvs()
  })

  it('tells its progress', async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, `${i}`]))
    const phases = new Set<string>()
    await made(repository(files), { onProgress: (phase) => phases.add(phase) })
    expect([...phases].length).toBeGreaterThan(0)
  })
})

describe.skipIf(!isThere)('an image of a plain directory', () => {
  function directory(): string {
    const folder = freshPath('plain')
    writeFiles(folder, { '.hidden': 'h', 'a\nb "c"\\': 'odd', 'd/x': 'x', run: '#!/bin/sh\n' })
    mkdirSync(join(folder, 'nothing'))
    chmodSync(join(folder, 'run'), 0o755)
    symlinkSync('d/x', join(folder, 'link'))
    symlinkSync('d', join(folder, 'dirlink'))
    return folder
  }
  const date = { seconds: 1704164645 }

  it('keeps modes, links, empty directories and odd names, as one commit', async () => {
    const { fs, image } = await made(directory(), { date })
    expect([...fs.walkSync()].map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ['/', '40000'],
      ['/.hidden', '100644'],
      ['/a\nb "c"\\', '100644'],
      ['/d', '40000'],
      ['/d/x', '100644'],
      ['/dirlink', '120000'],
      ['/link', '120000'],
      ['/nothing', '40000'],
      ['/run', '100755'],
    ])
    expect(fs.readFileSync('/a\nb "c"\\', 'utf8')).toBe('odd')
    expect(fs.readFileSync('/link', 'utf8')).toBe('x')
    expect(fs.readdirSync('/nothing')).toEqual([])
    const { commit } = fs.info()
    expect(commit.author).toEqual({
      name: 'Dr. Greenthumb',
      email: 'noreply@cypress.hill',
      seconds: 1704164645,
      zone: '+0000',
    })
    expect([commit.message, commit.parents]).toEqual(['', []])
    expect(verifyImageSync(deviceOf(image))).toMatchObject({ isSound: true, notices: [] })
  })

  it('is the same bytes for the same tree and date, whatever else has changed', async () => {
    const [first, second] = [directory(), directory()]
    utimesSync(join(second, 'd', 'x'), 5, 5)
    const images = [await made(first, { date }), await made(second, { date })]
    const [a, b] = images.map(({ image }) => readFileSync(image))
    expect(Buffer.compare(a as Buffer, b as Buffer)).toBe(0)
    const later = await made(first, { date: { seconds: 1704164646 } })
    expect(later.fs.info().commitId).not.toBe(images[0]?.fs.info().commitId)
  })

  it('follows links where it is told, as docteur does', async () => {
    const { fs } = await made(directory(), { date, follow: true })
    expect(fs.entrySync('/dirlink').type).toBe('directory')
    expect(fs.readFileSync('/dirlink/x', 'utf8')).toBe('x')
    expect(fs.entrySync('/link').type).toBe('file')
    const folder = directory()
    symlinkSync('..', join(folder, 'd', 'up'))
    await expect(made(folder, { date, follow: true })).rejects.toThrow(
      /leads back to a directory above it/,
    )
    const dangling = directory()
    symlinkSync('nowhere', join(dangling, 'broken'))
    await expect(made(dangling, { date, follow: true })).rejects.toThrow(/cannot be followed/)
    expect((await made(dangling, { date })).fs.readlinkSync('/broken')).toBe('nowhere')
  })

  it('leaves out git folders further inside, and tells', async () => {
    const folder = directory()
    writeFiles(folder, { 'd/.git/config': 'x' })
    const told: string[] = []
    const { fs } = await made(folder, { date, onLeftOut: (path) => told.push(path) })
    expect(told).toEqual([join(folder, 'd', '.git')])
    expect(fs.readdirSync('/d')).toEqual(['x'])
  })

  it('is the commit that docteur makes, where it lost nothing', async () => {
    const folder = freshPath('plain')
    mkdirSync(folder)
    const { fs } = await made(folder, { date })
    expect(fs.readdirSync('/')).toEqual([])
    writeFileSync(join(folder, 'f'), 'x')
    await withGitImage(folder, { date }, async ({ sizeBytes, pieces }) => {
      let total = 0
      for await (const piece of pieces()) total += piece.length
      expect(total).toBe(sizeBytes)
    })
  })
})
