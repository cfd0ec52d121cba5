/** Images beside git itself: every object, the PACK and IDX as they are, the whole tree. */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemProgram } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { Docteur, type GitFile, verifyImageSync } from '../src/index.js'
import { makeImage, nodePlatform } from '../src/node/index.js'
import {
  commitFiles,
  deviceOf,
  freshPath,
  git,
  hasHistory,
  project,
  repository,
} from './repositories.js'

const isThere = systemProgram('git') !== undefined
const withHistory = isThere && hasHistory()
if (isThere && !withHistory) console.log('skipped: the project is no clone, so it has no history')

/** A tree with all that git holds, in two commits, so that deltas of each kind of object arise. */
function richRepository(init: readonly string[] = []): string {
  const text = (seed: number) =>
    Array.from({ length: 300 }, (_, i) => `line ${i} ${(i * seed) % 977}\n`).join('')
  const files: Record<string, string> = {
    'run.sh': '#!/bin/sh\n',
    'dir with space/ü.txt': 'ü',
    empty: '',
  }
  for (let i = 0; i < 40; i++) files[`many/part${i % 5}/f${i}.txt`] = text(1 + (i >> 3))
  const folder = repository(files, init)
  spawnSync('chmod', ['+x', join(folder, 'run.sh')])
  spawnSync('ln', ['-s', 'many/part1', join(folder, 'link')])
  spawnSync('ln', ['-s', '../outside', join(folder, 'out')])
  commitFiles(folder, { 'many/part0/f0.txt': `${text(1)}more\n`, last: 'x' }, 'second')
  git(folder, ['tag', '-a', 'v1', '-m', 'tagged'])
  return folder
}

/** The PACK and IDX of an image in a new repository. */
function unpacked(image: string, init: readonly string[] = []): string {
  const folder = freshPath('unpacked')
  git('/', ['init', '--quiet', '--bare', ...init, folder])
  const bytes = readFileSync(image)
  const fs = Docteur.mountSync(deviceOf(image))
  const { indexOffset, packOffset, objectCount, objectFormat, commitId } = fs.info()
  const idSize = objectFormat === 'sha1' ? 20 : 32
  const index = bytes.subarray(
    indexOffset,
    indexOffset + 1032 + objectCount * (idSize + 8) + 2 * idSize,
  )
  const hash = index.subarray(index.length - 2 * idSize, index.length - idSize)
  const packEnd = bytes.lastIndexOf(hash, indexOffset - 1) + idSize
  const name = join(folder, 'objects', 'pack', `pack-${hash.toString('hex')}`)
  writeFileSync(`${name}.pack`, bytes.subarray(packOffset, packEnd))
  writeFileSync(`${name}.idx`, index)
  // One commit deep: its parents are not there, and need not be.
  writeFileSync(join(folder, 'shallow'), `${commitId}\n`)
  git(folder, ['update-ref', 'refs/heads/main', commitId])
  git(folder, ['symbolic-ref', 'HEAD', 'refs/heads/main'])
  return folder
}

const sources = [
  ...(isThere ? [['a repository with links, modes, deltas', richRepository, []] as const] : []),
  ...(isThere
    ? [['the same with SHA-256', richRepository, ['--object-format=sha256']] as const]
    : []),
  ...(withHistory ? [["this project's own history", () => project, []] as const] : []),
]

describe.each(sources)('an image of %s', (_, make, init) => {
  const source = make(init)

  it('holds every object as git cat-file gives it', async () => {
    const image = freshPath('history')
    await makeImage(source, image, { history: true })
    for (const platform of [nodePlatform, {}]) {
      const fs = Docteur.mountSync(deviceOf(image), { platform })
      const listed = git(source, ['rev-list', '--objects', 'HEAD']).toString().trim().split('\n')
      const ids = listed.map((line) => line.split(' ')[0] as string)
      expect(ids.length).toBe(fs.info().objectCount)
      const some = platform === nodePlatform ? ids : ids.filter((_, i) => i % 7 === 0)
      const batch = git(source, ['cat-file', '--batch'], some.join('\n'))
      let at = 0
      for (const id of some) {
        const { kind, bytes } = fs.readObjectSync(id)
        const head = `${id} ${kind} ${bytes.length}\n`
        expect(batch.subarray(at, at + head.length).toString()).toBe(head)
        at += head.length
        expect(Buffer.compare(batch.subarray(at, at + bytes.length), bytes)).toBe(0)
        at += bytes.length + 1
      }
      expect(at).toBe(batch.length)
    }
  }, 60_000)

  it('is sound, to us and to git verify-pack and git fsck', async () => {
    const image = freshPath('image')
    await makeImage(source, image)
    const report = verifyImageSync(deviceOf(image), { platform: nodePlatform })
    expect(report.damage).toEqual([])
    const folder = unpacked(image, init)
    const [pack] =
      git(folder, ['count-objects', '-v'])
        .toString()
        .match(/in-pack: (\d+)/)
        ?.slice(1) ?? []
    expect(Number(pack)).toBe(report.objectCount)
    const index = git(folder, ['rev-parse', '--git-path', 'objects/pack']).toString().trim()
    for (const name of spawnSync('ls', [join(folder, index)], { encoding: 'utf8' }).stdout.split(
      '\n',
    )) {
      if (name.endsWith('.idx')) git(folder, ['verify-pack', join(folder, index, name)])
    }
    git(folder, ['fsck', '--full', '--strict'])
  }, 60_000)

  it('gives the tree that git archive and git ls-tree give', async () => {
    const image = freshPath('image')
    await makeImage(source, image)
    const fs = Docteur.mountSync(deviceOf(image), { platform: nodePlatform, checkContent: true })
    const lines = git(source, ['ls-tree', '-r', '-t', '-z', 'HEAD']).toString('latin1').split('\0')
    const expected = lines.filter((line) => line !== '').sort()
    const kinds: Record<string, string> = { directory: 'tree', submodule: 'commit' }
    const entries = [...fs.walkSync()].filter(({ path }) => path !== '/')
    const found = entries.map(({ mode, type, id, pathBytes }) => {
      const path = Buffer.from(pathBytes.subarray(1)).toString('latin1')
      return `${mode.toString(8).padStart(6, '0')} ${kinds[type] ?? 'blob'} ${id}\t${path}`
    })
    expect(found.sort()).toEqual(expected)
    const folder = freshPath('archive')
    mkdirSync(folder)
    const tar = git(source, ['archive', '--format=tar', 'HEAD'])
    expect(spawnSync('tar', ['-x', '-C', folder], { input: tar }).status).toBe(0)
    for (const { path, type } of entries) {
      const host = join(folder, path)
      if (type === 'symlink') {
        const target = spawnSync('readlink', ['-n', host]).stdout
        expect(fs.readlinkSync(path)).toBe(target.toString())
      } else if (type === 'file') {
        expect(Buffer.compare(readFileSync(host), fs.readFileSync(path))).toBe(0)
      } else expect(existsSync(host)).toBe(true)
    }
    // The same in the order of the PACK, all at once or below a directory; by promises, too.
    const hashOf = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')
    const contents = (files: readonly GitFile[]) =>
      new Map(files.map(({ path, mode, id, bytes }) => [path, `${mode} ${id} ${hashOf(bytes)}`]))
    const byPath = new Map(
      entries.flatMap(({ path, type, mode, id }) =>
        type === 'file' ? [[path, `${mode} ${id} ${hashOf(fs.readFileSync(path))}`] as const] : [],
      ),
    )
    expect(contents([...fs.filesSync()])).toEqual(byPath)
    const directory = entries.find(({ type }) => type === 'directory')?.path ?? '/'
    const below: GitFile[] = []
    for await (const file of fs.files(directory)) below.push(file)
    const paths = [...byPath].filter(([path]) => path.startsWith(`${directory}/`))
    expect(contents(below)).toEqual(new Map(paths))
  }, 60_000)
})

/**
 * What docteur's `verify` checks, from its description alone: the header; every entry inflates and
 * the SHA-1 behind the PACK matches; every delta is resolved; the IDX, made anew, is that in the
 * image; the commit is one. And what its reader needs: all blocks from the IDX on are of 512 bytes.
 */
function originalVerify(image: Buffer): string {
  const commit = image.subarray(0, 20).toString('hex')
  const indexOffset = Number(image.readBigUInt64LE(20))
  expect((image.length - indexOffset) % 512).toBe(0)
  const folder = freshPath('original')
  git('/', ['init', '--quiet', '--bare', folder])
  expect(image.subarray(28, 32).toString()).toBe('PACK')
  expect(image.readUInt32BE(32)).toBe(2)
  const count = image.readUInt32BE(36)
  const indexBytes = 8 + 1024 + 28 * count + 40
  const index = image.subarray(indexOffset, indexOffset + indexBytes)
  const hash = index.subarray(-40, -20)
  const packEnd = image.lastIndexOf(hash, indexOffset - 1) + 20
  const pack = image.subarray(28, packEnd)
  expect(createHash('sha1').update(pack.subarray(0, -20)).digest()).toEqual(pack.subarray(-20))
  const file = join(folder, 'x.pack')
  writeFileSync(file, pack)
  // Inflates every entry, resolves every delta, and makes the IDX of ids, CRC-32 and offsets.
  git(folder, ['index-pack', '--index-version=2', '-o', join(folder, 'x.idx'), file])
  expect(Buffer.compare(readFileSync(join(folder, 'x.idx')), index)).toBe(0)
  const padding = [image.subarray(packEnd, indexOffset), image.subarray(indexOffset + indexBytes)]
  for (const zeros of padding) {
    expect(zeros.length).toBeGreaterThan(0)
    expect(zeros.every((byte) => byte === 0)).toBe(true)
  }
  return commit
}

describe.skipIf(!isThere)('our images beside what docteur checks', () => {
  it.each([
    ['a repository', () => richRepository(), {}],
    ['a repository, whole history', () => richRepository(), { history: true }],
    ['a plain directory', () => join(project, 'docs'), { date: { seconds: 1704164645 } }],
    ['blocks of 4096', () => richRepository(), { blockSize: 4096 }],
  ])('%s', async (_, source, options) => {
    const image = freshPath('image')
    const { commitId } = await makeImage(source(), image, options)
    const bytes = readFileSync(image)
    expect(originalVerify(bytes)).toBe(commitId)
    const blockSize = 'blockSize' in options ? options.blockSize : 512
    expect(bytes.length % (blockSize ?? 512)).toBe(0)
    expect(Number(bytes.readBigUInt64LE(20)) % (blockSize ?? 512)).toBe(0)
  })
})
