/**
 * Reading an image of docteur beside git and isomorphic-git, which read the same PACK: a part of
 * `npm run bench`.
 *
 * Git's figures include the start of its process, as a program that asks it has to wait for it. All
 * times are the shortest of several turns, taken in turns, so that what else the machine does
 * disturbs all alike. The cold read is a process of its own.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import fs, { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FileDevice } from '@caravan/device/node'
import { Docteur } from '@caravan/docteur'
import { makeImage, nodePlatform } from '@caravan/docteur/node'
import isomorphicGit from 'isomorphic-git'

export interface GitTreeRow {
  readonly repository: string
  readonly work: string
  readonly ms: number
  /** Of `git cat-file --batch`, or what does the same work of git's. */
  readonly gitMs: number | undefined
  readonly otherMs: Readonly<Record<string, number>>
}

export interface GitTreeMemory {
  readonly repository: string
  /** What reading every blob added to the heap and to array buffers, and the process at its largest. */
  readonly addedBytes: number
  readonly processBytes: number
}

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Subject {
  readonly name: string
  readonly source: string
}

/** A repository of so many files that are alike but for some lines. */
function makeSimilarFiles(folder: string, count: number): void {
  let state = 7
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
  const words = Array.from({ length: 2000 }, () =>
    Array.from({ length: 3 + random(8) }, () => String.fromCharCode(97 + random(26))).join(''),
  )
  const line = () => Array.from({ length: 6 + random(8) }, () => words[random(2000)]).join(' ')
  const bases = Array.from({ length: 40 }, () => Array.from({ length: 60 }, line))
  mkdirSync(folder)
  for (let i = 0; i < count; i++) {
    const directory = join(folder, `d${i % 100}`, `s${Math.floor(i / 100) % 10}`)
    mkdirSync(directory, { recursive: true })
    const lines = [...(bases[i % 40] as string[])]
    for (let k = 0; k < 4; k++) lines[random(60)] = line()
    writeFileSync(join(directory, `f${i}.txt`), `${lines.join('\n')}\n`)
  }
  const by = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.org', '-c', 'gc.auto=0']
  git(folder, ['init', '--quiet'])
  git(folder, ['add', '--all'])
  git(folder, [...by, 'commit', '--quiet', '-m', 'similar files'])
}

function git(folder: string, args: readonly string[], input?: string): SpawnSyncReturns<Buffer> {
  const sink = fs.openSync('/dev/null', 'w')
  try {
    const isQuiet = input !== undefined || args[0] === 'archive'
    const ended = spawnSync('git', ['-C', folder, ...args], {
      maxBuffer: 2 ** 30,
      stdio: ['pipe', isQuiet ? sink : 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    })
    if (ended.status !== 0) throw new RangeError(`git ${args[0]}: ${ended.stderr}`)
    return ended
  } finally {
    fs.closeSync(sink)
  }
}

/** A bare repository that holds the image's own PACK and IDX, so that all read the same bytes. */
function unpack(image: string, folder: string): void {
  const bytes = fs.readFileSync(image)
  const { packOffset, indexOffset, objectCount, commitId } = mount(image).info()
  const index = bytes.subarray(indexOffset, indexOffset + 1032 + 28 * objectCount + 40)
  const hash = index.subarray(index.length - 40, index.length - 20)
  const pack = bytes.subarray(packOffset, bytes.lastIndexOf(hash, indexOffset - 1) + 20)
  git(tmpdir(), ['init', '--quiet', '--bare', folder])
  const name = join(folder, 'objects', 'pack', `pack-${hash.toString('hex')}`)
  writeFileSync(`${name}.pack`, pack)
  writeFileSync(`${name}.idx`, index)
  writeFileSync(join(folder, 'shallow'), `${commitId}\n`)
  git(folder, ['update-ref', 'refs/heads/main', commitId])
  git(folder, ['symbolic-ref', 'HEAD', 'refs/heads/main'])
}

function mount(image: string): Docteur {
  return Docteur.mountSync(FileDevice.openSync(image, { readOnly: true }), {
    platform: nodePlatform,
  })
}

/** Reads every file by its path. @returns their bytes, counted. */
function readAll(image: string): number {
  const tree = mount(image)
  let count = 0
  for (const { path, type } of tree.walkSync()) {
    if (type === 'file') count += tree.readFileSync(path).length
  }
  return count
}

export async function measureGitTrees(
  fileCount: number,
  turns: number,
): Promise<{ rows: GitTreeRow[]; memory: GitTreeMemory[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'caravan-bench-'))
  try {
    const similar = join(folder, 'similar')
    makeSimilarFiles(similar, fileCount)
    const subjects: Subject[] = [
      { name: `${fileCount} similar files`, source: similar },
      { name: 'this project', source: root },
    ]
    const rows: GitTreeRow[] = []
    const memory: GitTreeMemory[] = []
    for (const [i, subject] of subjects.entries()) {
      const image = join(folder, `${i}.img`)
      await makeImage(subject.source, image)
      const bare = join(folder, `${i}.git`)
      unpack(image, bare)
      rows.push(...(await measureSubject(subject.name, image, bare, turns)))
      memory.push({ repository: subject.name, ...memoryOf(image) })
    }
    return { rows, memory }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureSubject(
  repository: string,
  image: string,
  bare: string,
  turns: number,
): Promise<GitTreeRow[]> {
  const entries = [...mount(image).walkSync()].filter(({ type }) => type === 'file')
  const ids = entries.map(({ id }) => id)
  const some = Array.from(
    { length: 1000 },
    (_, i) => entries[(i * 7919) % entries.length]?.path ?? '',
  )
  const asked = some.map((path) => `HEAD:${path.slice(1)}`)
  const [first = ''] = some
  const lines = (list: readonly string[]) => `${list.join('\n')}\n`
  const times = shortest(turns, {
    all: () => readAll(image),
    gitAll: () => git(bare, ['cat-file', '--batch'], lines(ids)),
    archive: () => git(bare, ['archive', 'HEAD']),
    random: () => {
      const tree = mount(image)
      for (const path of some) tree.readFileSync(path)
    },
    gitRandom: () => git(bare, ['cat-file', '--batch'], lines(asked)),
    first: () => mount(image).readFileSync(first),
    gitFirst: () => git(bare, ['cat-file', '--batch'], lines([`HEAD:${first.slice(1)}`])),
  })
  const other = await isomorphic(bare, ids)
  return [
    {
      repository,
      work: 'read every blob',
      ms: times.all,
      gitMs: times.gitAll,
      otherMs: { 'git archive': times.archive, 'isomorphic-git by oid': other },
    },
    {
      repository,
      work: '1000 random paths',
      ms: times.random,
      gitMs: times.gitRandom,
      otherMs: {},
    },
    { repository, work: 'open, first file', ms: times.first, gitMs: times.gitFirst, otherMs: {} },
  ]
}

/** It takes longer than all others together: measured once, on some, and told for all. */
const ISOMORPHIC_COUNT = 500

async function isomorphic(bare: string, ids: readonly string[]): Promise<number> {
  const begin = performance.now()
  const cache = {}
  const some = ids.filter((_, i) => i % Math.ceil(ids.length / ISOMORPHIC_COUNT) === 0)
  for (const oid of some) await isomorphicGit.readBlob({ fs, gitdir: bare, oid, cache })
  return ((performance.now() - begin) * ids.length) / some.length
}

function shortest<Name extends string>(
  turns: number,
  works: Readonly<Record<Name, () => unknown>>,
): Record<Name, number> {
  const times = {} as Record<Name, number>
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, work] of Object.entries(works) as [Name, () => unknown][]) {
      const begin = performance.now()
      work()
      const ms = performance.now() - begin
      times[name] = Math.min(times[name] ?? ms, ms)
    }
  }
  return times
}

/** In a process of its own, since none other shows how large it was. */
function memoryOf(image: string): Pick<GitTreeMemory, 'addedBytes' | 'processBytes'> {
  const worker = fileURLToPath(new URL('git-trees-memory.js', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [worker, image], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new RangeError(stderr)
  return JSON.parse(stdout) as Pick<GitTreeMemory, 'addedBytes' | 'processBytes'>
}

export function gitTreeTable(
  rows: readonly GitTreeRow[],
  memory: readonly GitTreeMemory[],
): string {
  const ms = (value: number | undefined) =>
    value === undefined ? '' : `${value.toPrecision(3)} ms`
  const head = `${'docteur'.padEnd(42)}${'caravan'.padStart(12)}${'git'.padStart(12)}${'x git'.padStart(8)}`
  const lines = rows.map(({ repository, work, ms: own, gitMs, otherMs }) => {
    const others = Object.entries(otherMs).map(([name, value]) => `${name} ${ms(value)}`)
    const times = gitMs === undefined ? '' : (own / gitMs).toFixed(2)
    const name = `${work}, ${repository}`.padEnd(42)
    return `${name}${ms(own).padStart(12)}${ms(gitMs).padStart(12)}${times.padStart(8)}  ${others.join(', ')}`.trimEnd()
  })
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
  const memoryLines = memory.map(
    ({ repository, addedBytes, processBytes }) =>
      `${`memory, every blob read once, ${repository}`.padEnd(52)}${mib(addedBytes)} of heap and buffers; the process ${mib(processBytes)} at its largest`,
  )
  return `${[head, ...lines, ...memoryLines].join('\n')}\n`
}
