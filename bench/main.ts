/**
 * `npm run bench -- [--filter TEXT] [--group NAME] [--subject NAME] [--configuration A|B] [--quick]
 * [--json FILE] [--compare OLD.json] [--directory DIR] [--profile DIR] [--packages DIR]`: speed, memory
 * and device traffic, beside the C library's and that of other stores. Each row in a process of its own;
 * `--profile` leaves a CPU profile of each; `--packages` measures, with these workloads, the packages of
 * another checkout that is built: what did not exist there yet is said, and missing.
 *
 * Exits 1 where a row failed, 2 on wrong use.
 */

import { fork, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Traffic } from './devices.js'
import { gitTreeTable, measureGitTrees } from './git-trees.js'
import { GROUPS } from './groups.js'
import type { Job, Speed } from './measure.js'
import { FULL_SIZES, measureNotafs, notafsTable, QUICK_SIZES } from './notafs.js'
import { peerTable, shapeTable } from './ratios.js'
import { type Reference, standing } from './reference.js'
import {
  calibrationTable,
  comparison,
  type MissingRow,
  type Results,
  type SpeedRow,
  speedTable,
  type TrafficRow,
  trafficTable,
} from './report.js'
import type { Row } from './row.js'
import { median } from './table.js'

const USAGE =
  'usage: npm run bench -- [--filter TEXT] [--group NAME] [--subject NAME] [--configuration A|B] [--quick] [--json FILE] [--compare OLD.json] [--directory DIR] [--profile DIR] [--packages DIR]'

const options = readArguments()
const reference = JSON.parse(
  readFileSync(new URL('../reference.json', import.meta.url), 'utf8'),
) as Reference
const old = options.compare === undefined ? undefined : readResults(options.compare)

const speed: SpeedRow[] = []
const traffic: TrafficRow[] = []
const missing: MissingRow[] = []
await measureAll()
const gitTrees = await measureTrees()
const stores = await measureStores()
report()

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        filter: { type: 'string', default: '' },
        group: { type: 'string' },
        subject: { type: 'string' },
        configuration: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        compare: { type: 'string' },
        directory: { type: 'string', default: tmpdir() },
        profile: { type: 'string' },
        packages: { type: 'string' },
      },
    })
    const { group, subject } = values
    if (group !== undefined && !Object.hasOwn(GROUPS, group)) {
      throw new TypeError(`there is no group '${group}': write ${Object.keys(GROUPS).join(', ')}`)
    }
    const subjects = new Set(
      Object.values(GROUPS).flatMap((rows) => rows.map((row) => row.subject)),
    )
    if (subject !== undefined && !subjects.has(subject)) {
      throw new TypeError(`there is no subject '${subject}': write ${[...subjects].join(', ')}`)
    }
    return values
  } catch (error) {
    console.error(`${USAGE}: ${error}`)
    process.exit(2)
  }
}

function readResults(path: string): Results {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Results
  } catch (error) {
    console.error(`${path} cannot be compared with; give a file that --json wrote: ${error}`)
    process.exit(2)
  }
}

function isWanted(group: string, { name, subject, configuration }: Row): boolean {
  return (
    (options.group ?? group) === group &&
    name.includes(options.filter) &&
    (options.subject ?? subject) === subject &&
    (options.configuration === undefined ||
      configuration === '' ||
      configuration === options.configuration)
  )
}

async function measureAll(): Promise<void> {
  for (const [group, rows] of Object.entries(GROUPS)) {
    for (const row of rows) if (isWanted(group, row)) await measureRow(group, row)
  }
}

/** A part that is no group of rows: by its name as the filter, and where nothing is filtered. */
function isPartWanted(part: string): boolean {
  const { filter, group, subject, configuration } = options
  const isNarrowed = [group, subject, configuration].some((each) => each !== undefined)
  return !isNarrowed && part.includes(filter)
}

/** notafs beside other stores. */
async function measureStores(): Promise<string> {
  if (options.packages !== undefined || !isPartWanted('notafs')) return ''
  progress('notafs, beside other stores')
  const { quick, directory } = options
  return notafsTable(await measureNotafs(quick ? QUICK_SIZES : FULL_SIZES, directory))
}

/** Images of docteur beside git. */
async function measureTrees(): Promise<string> {
  if (options.packages !== undefined || !isPartWanted('docteur')) return ''
  const { quick } = options
  progress('docteur, beside git and isomorphic-git')
  const { rows, memory } = await measureGitTrees(quick ? 1000 : 10_000, quick ? 1 : 3)
  return gitTreeTable(rows, memory)
}

async function measureRow(group: string, row: Row): Promise<void> {
  const { name, subject, configuration } = row
  const key = { name, subject, configuration }
  progress(`${name}, ${subject}, ${configuration}`)
  const { directory, quick } = options
  const job = { ...key, reference, directory, quick, scale: 1 }
  try {
    const { rates, calibration, memoryBytes } = await inWorker<Speed>({ ...job, what: 'speed' })
    const middle = median(rates)
    speed.push({
      ...key,
      group,
      unit: row.unit,
      median: middle,
      slowest: rates[0] as number,
      fastest: rates.at(-1) as number,
      repetitions: rates.length,
      calibration,
      standing: standing(reference, row, middle, calibration),
      memoryBytes,
    })
    if (row.traffic !== undefined) {
      traffic.push({ ...key, traffic: await inWorker<Traffic>({ ...job, what: 'traffic' }) })
    }
  } catch (error) {
    progress('')
    const reason = (error as Error).message
    console.error(`${name}, ${subject}, ${configuration}: ${reason}`)
    missing.push({ ...key, reason: reason.split('\n')[0] as string })
  }
}

function commitOf(folder: string): string {
  const { stdout } = spawnSync('git', ['-C', folder, 'rev-parse', '--short', 'HEAD'])
  return String(stdout).trim() || 'unknown'
}

/** @throws what the worker says, or that it ended without an answer. */
function inWorker<T>(job: Job): Promise<T> {
  return new Promise((answered, reject) => {
    const { profile, packages } = options
    const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const env = { ...process.env }
    if (packages !== undefined) {
      execArgv.push('--import', new URL('./packages-of.js', import.meta.url).href)
      env.CARAVAN_PACKAGES = resolve(packages)
    }
    const worker = fork(new URL('./worker.js', import.meta.url), { execArgv, env })
    worker.on('message', (answer: { result: T } | { error: string }) => {
      if ('error' in answer) reject(new Error(answer.error))
      else answered(answer.result)
    })
    worker.on('exit', (code, signal) => {
      reject(new Error(`the worker ended without an answer (${signal ?? code}).`))
    })
    worker.send(job)
  })
}

/** One line that is written over, for who looks at a terminal. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function report(): void {
  progress('')
  if (speed.length > 0) {
    console.log(speedTable(speed, reference))
    console.log(calibrationTable(speed, reference))
    for (const table of [shapeTable(speed), peerTable(speed)]) if (table !== '') console.log(table)
  }
  if (traffic.length > 0) console.log(trafficTable(traffic, reference))
  for (const part of [gitTrees, stores]) if (part !== '') console.log(part)
  if (old !== undefined) console.log(comparison(speed, old))
  if (options.json !== undefined) {
    const results: Results = {
      node: process.version,
      processor: cpus()[0]?.model ?? 'unknown',
      quick: options.quick,
      speed,
      traffic,
      ...(missing.length === 0 ? {} : { missing }),
      ...(options.packages === undefined ? {} : { commit: commitOf(options.packages) }),
    }
    writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
  const isEmpty = speed.length === 0 && gitTrees === '' && stores === ''
  if (isEmpty && missing.length === 0) console.error('No row is like that.')
  process.exitCode = missing.length > 0 || isEmpty ? 1 : 0
}
