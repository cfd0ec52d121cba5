/**
 * `npm run bench -- [--filter TEXT] [--device KIND] [--configuration A|B] [--quick] [--json FILE]
 * [--compare OLD.json] [--directory DIR]`: speed and device traffic of littlefs, beside the C
 * library's, each row in a process of its own; and of docteur, beside git (`--filter docteur`).
 *
 * Exits 1 where a workload failed, 2 on wrong use.
 */

import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import type { DeviceKind, Traffic } from './devices.js'
import { gitTreeTable, measureGitTrees } from './git-trees.js'
import type { Job, Speed } from './measure.js'
import { type Reference, timesNative } from './reference.js'
import {
  calibrationTable,
  comparison,
  median,
  type Results,
  type SpeedRow,
  speedTable,
  type TrafficRow,
  trafficTable,
} from './report.js'
import type { Configuration, Workload } from './workload.js'
import { workloadsOn } from './workloads.js'

const DEVICES: readonly DeviceKind[] = ['memory', 'promise', 'async', 'file']
const CONFIGURATIONS: readonly Configuration[] = ['A', 'B']

const options = readArguments()
const reference = JSON.parse(
  readFileSync(new URL('../reference.json', import.meta.url), 'utf8'),
) as Reference
const old = options.compare === undefined ? undefined : readResults(options.compare)

const speed: SpeedRow[] = []
const traffic: TrafficRow[] = []
let failures = 0
await measureAll()
const gitTrees = await measureTrees()
report()

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        filter: { type: 'string', default: '' },
        device: { type: 'string' },
        configuration: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        compare: { type: 'string' },
        directory: { type: 'string', default: tmpdir() },
      },
    })
    const { device, configuration } = values
    if (device !== undefined && !DEVICES.some((kind) => kind === device)) {
      throw new TypeError(`there is no device '${device}': write ${DEVICES.join(', ')}`)
    }
    if (configuration !== undefined && configuration !== 'A' && configuration !== 'B') {
      throw new TypeError(`there is no configuration '${configuration}': write A or B`)
    }
    return values
  } catch (error) {
    console.error(
      `usage: npm run bench -- [--filter TEXT] [--device ${DEVICES.join('|')}] [--configuration A|B] [--quick] [--json FILE] [--compare OLD.json] [--directory DIR]: ${error}`,
    )
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

async function measureAll(): Promise<void> {
  for (const device of DEVICES) {
    if (options.device !== undefined && options.device !== device) continue
    for (const workload of workloadsOn(device)) {
      if (!workload.name.includes(options.filter)) continue
      for (const configuration of CONFIGURATIONS) {
        // Beside memory, what differs is the device: one configuration shows it.
        if (configuration === 'A' && device !== 'memory') continue
        if (options.configuration !== undefined && options.configuration !== configuration) continue
        await measureRow(workload, device, configuration)
      }
    }
  }
}

/** Images of docteur beside git: by the filter `docteur`, and where nothing is filtered. */
async function measureTrees(): Promise<string> {
  const { filter, device, configuration, quick } = options
  if (device !== undefined || configuration !== undefined || !'docteur'.includes(filter)) return ''
  progress('docteur, beside git and isomorphic-git')
  const { rows, memory } = await measureGitTrees(quick ? 1000 : 10_000, quick ? 3 : 12)
  return gitTreeTable(rows, memory)
}

async function measureRow(
  workload: Workload,
  device: DeviceKind,
  configuration: Configuration,
): Promise<void> {
  const key = { workload: workload.name, device, configuration }
  progress(`${workload.name}, ${device}, ${configuration}`)
  const { cacheSize, blockCycles } = reference.configurations[configuration]
  const job = {
    ...key,
    geometry: reference.geometry,
    options: { cacheSize, blockCycles },
    directory: options.directory,
    quick: options.quick,
    scale: 1,
  }
  try {
    const { rates, calibration, memoryBytes } = await inWorker<Speed>({ ...job, what: 'speed' })
    const middle = median(rates)
    speed.push({
      ...key,
      unit: workload.unit,
      median: middle,
      slowest: rates[0] as number,
      fastest: rates.at(-1) as number,
      repetitions: rates.length,
      calibration,
      // C was measured in memory: a file shows the disk.
      timesNative:
        device === 'file'
          ? undefined
          : timesNative(reference, workload, configuration, middle, calibration),
      memoryBytes,
    })
    if (workload.traffic !== undefined && device === 'memory') {
      traffic.push({ ...key, traffic: await inWorker<Traffic>({ ...job, what: 'traffic' }) })
    }
  } catch (error) {
    failures++
    progress('')
    console.error(`${workload.name}, ${device}, ${configuration}: ${(error as Error).message}`)
  }
}

/** @throws what the worker says, or that it ended without an answer. */
function inWorker<T>(job: Job): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = fork(new URL('./worker.js', import.meta.url))
    worker.on('message', (answer: { result: T } | { error: string }) => {
      if ('error' in answer) reject(new Error(answer.error))
      else resolve(answer.result)
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
  }
  if (traffic.length > 0) console.log(trafficTable(traffic, reference))
  if (gitTrees !== '') console.log(gitTrees)
  if (old !== undefined) console.log(comparison(speed, old))
  if (options.json !== undefined) {
    const results: Results = {
      node: process.version,
      processor: cpus()[0]?.model ?? 'unknown',
      quick: options.quick,
      speed,
      traffic,
    }
    writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
  const isEmpty = speed.length === 0 && gitTrees === ''
  if (isEmpty && failures === 0) console.error('No workload has that name.')
  process.exitCode = failures > 0 || isEmpty ? 1 : 0
}
