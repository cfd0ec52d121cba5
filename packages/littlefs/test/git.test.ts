/** isomorphic-git keeps a repository in a littlefs image, and system git reads what it kept. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeFileSystem, nodeFs } from '@caravan/fs/node'
import git from 'isomorphic-git'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LittleFS } from '../src/index.js'
import { extractTree, freshDevice } from './node-face.js'

const FILES = 300
const author = {
  name: 'A. Writer',
  email: 'writer@example.org',
  timestamp: 1_700_000_000,
  timezoneOffset: 0,
}
const dir = '/repo'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'caravan-git-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The face as a program with callbacks knows it: no `promises` that would be taken instead. */
function withCallbacks(fs: NodeFileSystem) {
  const names = [
    'readFile',
    'writeFile',
    'unlink',
    'readdir',
    'mkdir',
    'rmdir',
    'stat',
    'lstat',
    'readlink',
    'symlink',
    'chmod',
    'rm',
  ] as const
  return Object.fromEntries(names.map((name) => [name, fs[name].bind(fs)]))
}

const FORMS = [
  ['promises', (fs: NodeFileSystem) => ({ promises: fs.promises })],
  ['callbacks', withCallbacks],
] as const

function system(args: readonly string[], cwd: string): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
  return execFileSync('git', ['-c', 'safe.directory=*', ...args], { cwd, encoding: 'utf8', env })
}

describe.each(FORMS)('isomorphic-git, handed our fs with %s', (form, shape) => {
  it(`init, add, commit, branch, checkout, merge, log, status over ${FILES} files; git fsck`, async () => {
    const device = freshDevice(4096)
    const lfs = await LittleFS.mount(device)
    const fs = shape(nodeFs(lfs)) as Parameters<typeof git.init>[0]['fs']
    const repo = { fs, dir, author }

    await git.init({ fs, dir, defaultBranch: 'main' })
    const paths = Array.from({ length: FILES }, (_, i) => `src/part${i % 12}/file${i}.txt`)
    for (let i = 0; i < 12; i++) await lfs.mkdir(`${dir}/src/part${i}`, { recursive: true })
    await Promise.all(
      paths.map((path, i) => lfs.writeFile(`${dir}/${path}`, `file ${i}\n`.repeat(i))),
    )
    await git.add({ fs, dir, filepath: '.' })
    const first = await git.commit({ ...repo, message: 'all of it' })
    expect(
      (await git.statusMatrix({ fs, dir })).every(
        ([, head, work, stage]) => head + work + stage === 3,
      ),
    ).toBe(true)

    await git.branch({ fs, dir, ref: 'side' })
    await git.checkout({ fs, dir, ref: 'side' })
    await lfs.writeFile(`${dir}/src/part1/file1.txt`, 'changed on the side\n')
    await lfs.writeFile(`${dir}/side.txt`, 'new on the side\n')
    await git.add({ fs, dir, filepath: ['src/part1/file1.txt', 'side.txt'] })
    await git.commit({ ...repo, message: 'side' })

    await git.checkout({ fs, dir, ref: 'main' })
    expect(lfs.existsSync(`${dir}/side.txt`)).toBe(false)
    expect(await lfs.readFile(`${dir}/src/part1/file1.txt`, 'utf8')).toBe('file 1\n')
    await lfs.writeFile(`${dir}/main.txt`, 'new on main\n')
    expect(await git.status({ fs, dir, filepath: 'main.txt' })).toBe('*added')
    await git.add({ fs, dir, filepath: 'main.txt' })
    await git.remove({ fs, dir, filepath: paths[5] as string })
    await lfs.unlink(`${dir}/${paths[5]}`)
    await git.commit({ ...repo, message: 'main' })
    await git.merge({ ...repo, ours: 'main', theirs: 'side' })
    await git.checkout({ fs, dir, ref: 'main' })
    const log = await git.log({ fs, dir })
    expect(log.map(({ commit }) => commit.message.trim())).toContain('side')
    expect(log.at(-1)?.oid).toBe(first)

    // A change that leaves the size as it is shows by its time.
    await lfs.writeFile(`${dir}/main.txt`, 'NEW on main\n')
    expect(await git.status({ fs, dir, filepath: 'main.txt' })).toBe('*modified')
    await git.checkout({ fs, dir, ref: 'main', force: true })

    await lfs.unmount()
    const again = await LittleFS.mount(device, { readOnly: true })
    const copy = join(folder, form)
    extractTree(again, dir, copy)
    expect(system(['fsck', '--full', '--strict'], copy)).not.toMatch(/error|missing|corrupt/)
    expect(system(['status', '--porcelain'], copy)).toBe('')
    expect(system(['ls-files'], copy).trim().split('\n')).toHaveLength(FILES + 1)
    expect(system(['log', '--format=%s', '--all'], copy)).toContain('side')
    expect(system(['show', 'main:src/part1/file1.txt'], copy)).toBe('changed on the side\n')
  }, 120_000)

  it('reads a pack that system git made', async () => {
    const source = join(folder, `pack-${form}`)
    const lfs = await LittleFS.mount(freshDevice(2048))
    system(['init', '-q', '-b', 'main', source], folder)
    const io = await import('node:fs')
    for (let i = 0; i < 200; i++) io.writeFileSync(join(source, `f${i}`), `${i}\n`.repeat(i + 1))
    system(['add', '.'], source)
    system(['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-q', '-m', 'packed'], source)
    system(['gc', '-q', '--prune=now'], source)

    await copyIn(lfs, source, '/packed')
    const packs = await lfs.readdir('/packed/.git/objects/pack')
    expect(packs.some((name) => name.endsWith('.pack'))).toBe(true)
    const fs = shape(nodeFs(lfs)) as Parameters<typeof git.init>[0]['fs']
    const [commit] = await git.log({ fs, dir: '/packed' })
    expect(commit?.commit.message).toBe('packed\n')
    const { blob } = await git.readBlob({
      fs,
      dir: '/packed',
      oid: commit?.oid as string,
      filepath: 'f150',
    })
    expect(Buffer.from(blob).toString()).toBe('150\n'.repeat(151))
    await git.checkout({ fs, dir: '/packed', ref: 'main', force: true })
    expect(await lfs.readFile('/packed/f7', 'utf8')).toBe('7\n'.repeat(8))
  }, 60_000)
})

/** Copies a repository's own folder into an image. */
async function copyIn(lfs: LittleFS, from: string, to: string): Promise<void> {
  const io = await import('node:fs')
  const names = io.readdirSync(join(from, '.git'), { recursive: true, withFileTypes: true })
  await lfs.mkdir(`${to}/.git`, { recursive: true })
  for (const entry of names) {
    const path = join(entry.parentPath, entry.name)
    const target = to + path.slice(from.length)
    if (entry.isDirectory()) await lfs.mkdir(target, { recursive: true })
    else {
      await lfs.mkdir(target.slice(0, target.lastIndexOf('/')), { recursive: true })
      await lfs.writeFile(target, io.readFileSync(path))
    }
  }
}
