/**
 * Reading an image of docteur beside git and isomorphic-git, which read the same PACK: a part of
 * `npm run bench`.
 *
 * 1. All times are processor time, the shortest of several turns, taken in turns, so that what else
 *    the machine does disturbs all alike and little.
 * 2. Git's are of whole processes, as a program that asks it has to wait for them. Ours are told
 *    twice: once compiled, and the first time in a process that has just started; Node's own start
 *    is in neither.
 */

import { spawnSync } from 'node:child_process'
import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FileDevice } from '@caravan/device/node'
import { Docteur } from '@caravan/docteur'
import { makeImage } from '@caravan/docteur/node'
import isomorphicGit from 'isomorphic-git'
import { importSimilarFiles } from './similar-files.js'

export type ReadingWork = 'all' | 'random' | 'first'

/** What a worker tells. */
export interface Reading {
  /** Processor time of each time. */
  readonly ms: readonly number[]
  /** How large the process was before, and after the first time. */
  readonly startedBytes: number
  readonly readBytes: number
}

/** All in milliseconds. */
export interface GitTreeRow {
  readonly repository: string
  readonly work: string
  /** Once compiled. */
  readonly warmMs: number
  /** The first time in a process. */
  readonly coldMs: number
  /** Of `git cat-file --batch`. */
  readonly gitMs: number
  readonly otherMs: Readonly<Record<string, number>>
}

interface GitTreeMemory {
  readonly repository: string
  /** The process at its largest, before it read every blob and after. */
  readonly startedBytes: number
  readonly readBytes: number
}

const root = fileURLToPath(new URL('../../', import.meta.url))

/** So often each turn, for the compiler to have seen enough. */
const TIMES: Readonly<Record<ReadingWork, number>> = { all: 8, random: 10, first: 30 }

export async function measureGitTrees(
  fileCount: number,
  turns: number,
): Promise<{ rows: GitTreeRow[]; memory: GitTreeMemory[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'caravan-bench-'))
  try {
    const similar = join(folder, 'similar')
    importSimilarFiles(similar, fileCount)
    const subjects = [
      { name: `${fileCount} similar files`, source: similar },
      { name: 'this project', source: root },
    ]
    const rows: GitTreeRow[] = []
    const memory: GitTreeMemory[] = []
    for (const [i, { name, source }] of subjects.entries()) {
      const image = join(folder, `${i}.img`)
      await makeImage(source, image)
      const bare = join(folder, `${i}.git`)
      unpack(image, bare)
      const measured = await measureSubject(name, image, bare, turns)
      rows.push(...measured.rows)
      memory.push({ repository: name, ...measured.memory })
    }
    return { rows, memory }
  } finally {
    rmSync(folder, { recursive: true, force: true })
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
  return Docteur.mountSync(FileDevice.openSync(image, { readOnly: true }))
}

/** A prime, as in the worker: both read the same paths. */
const STEP = 7919

async function measureSubject(
  repository: string,
  image: string,
  bare: string,
  turns: number,
): Promise<{ rows: GitTreeRow[]; memory: Omit<GitTreeMemory, 'repository'> }> {
  const entries = [...mount(image).walkSync()].filter(({ type }) => type === 'file')
  const ids = entries.map(({ id }) => id)
  const asked = Array.from(
    { length: 1000 },
    (_, i) => `HEAD:${entries[(i * STEP) % entries.length]?.path.slice(1)}`,
  )
  const inputs: Readonly<Record<ReadingWork, readonly string[]>> = {
    all: ids,
    random: asked,
    first: [`HEAD:${entries[0]?.path.slice(1)}`],
  }
  const own: Record<ReadingWork, Reading[]> = { all: [], random: [], first: [] }
  const gits: Record<ReadingWork, number[]> = { all: [], random: [], first: [] }
  const archives: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    for (const work of ['all', 'random', 'first'] as const) {
      own[work].push(readInWorker(work, image))
      gits[work].push(git(bare, ['cat-file', '--batch'], `${inputs[work].join('\n')}\n`))
    }
    archives.push(git(bare, ['archive', 'HEAD']))
  }
  const row = (work: ReadingWork, name: string, otherMs: Record<string, number>): GitTreeRow => ({
    repository,
    work: name,
    warmMs: Math.min(...own[work].flatMap(({ ms }) => ms)),
    coldMs: Math.min(...own[work].map(({ ms }) => ms[0] as number)),
    gitMs: Math.min(...gits[work]),
    otherMs,
  })
  const rows = [
    row('all', 'read every blob', {
      'git archive': Math.min(...archives),
      'isomorphic-git by oid': await isomorphic(bare, ids),
    }),
    row('random', '1000 random paths', {}),
    row('first', 'open, first file', {}),
  ]
  const largest = (key: 'startedBytes' | 'readBytes') =>
    Math.max(...own.all.map((reading) => reading[key]))
  return {
    rows,
    memory: { startedBytes: largest('startedBytes'), readBytes: largest('readBytes') },
  }
}

function readInWorker(work: ReadingWork, image: string): Reading {
  const worker = fileURLToPath(new URL('git-trees-worker.js', import.meta.url))
  const args = [worker, work, image, `${TIMES[work]}`]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new RangeError(stderr)
  return JSON.parse(stdout) as Reading
}

/** Runs git, what it prints thrown away. @returns its processor time, in milliseconds. */
function git(folder: string, args: readonly string[], input = ''): number {
  // Nothing in Node tells the processor time of a child; bash does, to the millisecond.
  const script = 'TIMEFORMAT="%U %S"; time git "$@" > /dev/null'
  const { status, stderr } = spawnSync('bash', ['-c', script, 'git', '-C', folder, ...args], {
    input,
    encoding: 'utf8',
  })
  if (status !== 0) throw new RangeError(`git ${args[0]}: ${stderr}`)
  const [user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  return (user + system) * 1000
}

/** It takes longer than all others together: measured once, on some, and told for all. */
const ISOMORPHIC_COUNT = 100

async function isomorphic(bare: string, ids: readonly string[]): Promise<number> {
  const cache = {}
  const some = ids.filter((_, i) => i % Math.ceil(ids.length / ISOMORPHIC_COUNT) === 0)
  const begin = process.cpuUsage()
  for (const oid of some) await isomorphicGit.readBlob({ fs, gitdir: bare, oid, cache })
  const { user, system } = process.cpuUsage(begin)
  return (((user + system) / 1000) * ids.length) / some.length
}

export function gitTreeTable(
  rows: readonly GitTreeRow[],
  memory: readonly GitTreeMemory[],
): string {
  const ms = (value: number) => `${value.toPrecision(3)} ms`
  const times = (value: number, gitMs: number) => `${(value / gitMs).toFixed(2)} x`
  const line = (name: string, ...cells: readonly string[]) =>
    `${name.padEnd(42)}${cells.map((cell) => cell.padStart(11)).join('')}`
  const head = line('docteur: processor time', 'git', 'caravan', '', 'just started', '')
  const lines = rows.map(({ repository, work, warmMs, coldMs, gitMs, otherMs }) => {
    const cells = [ms(gitMs), ms(warmMs), times(warmMs, gitMs), ms(coldMs), times(coldMs, gitMs)]
    const others = Object.entries(otherMs).map(([name, value]) => `${name} ${ms(value)}`)
    return `${line(`${work}, ${repository}`, ...cells)}  ${others.join(', ')}`.trimEnd()
  })
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  const memoryLines = memory.map(
    ({ repository, startedBytes, readBytes }) =>
      `memory, every blob read once, ${repository}: the process ${mb(readBytes)} at its largest, ${mb(startedBytes)} before`,
  )
  return `${[head, ...lines, ...memoryLines].join('\n')}\n`
}
