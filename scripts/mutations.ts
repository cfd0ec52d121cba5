/**
 * `npm run mutations -- [--count N] [--seed S] [--from I] [DIR]`: damages golden images at random
 * and reads all of each. Every one must give an answer or a typed error, within a second and
 * 256 MiB. Prints the seed, a table and every failure with the command that repeats it.
 *
 * Exits 1 on a failure, 2 on wrong use.
 */

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Outcome } from './mutations/probe.js'
import type { Answer, Job } from './mutations/worker.js'

const TIME_MAX_MS = 1000
const MEMORY_MAX_BYTES = 256 << 20
/** Without progress for so long, a mutation is taken for a hang. */
const HANG_MS = 20_000
const FAILURES_SHOWN = 50
const OUTCOMES: readonly Outcome[] = ['refused', 'damage seen', 'read whole']

const { count, seed, from, dir } = readArguments()
console.log(`seed ${seed}, mutations ${from} to ${from + count - 1} of ${dir}`)

const table = new Map<string, Record<Outcome | 'failed', number>>()
let failures = 0
let slowest = { milliseconds: 0, index: -1 }
let done = 0
const begin = performance.now()

for (let next = from; next < from + count; ) next = await runWorker(next)
report()

function readArguments() {
  const golden = join(fileURLToPath(import.meta.url), '../../../golden/littlefs')
  try {
    const { values, positionals } = parseArgs({
      options: {
        count: { type: 'string', default: '10000' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        from: { type: 'string', default: '0' },
      },
      allowPositionals: true,
    })
    const [count, seed, from] = [values.count, values.seed, values.from].map(Number)
    if (![count, seed, from].every(Number.isSafeInteger)) throw new TypeError('not a whole number')
    return {
      count: count as number,
      seed: seed as number,
      from: from as number,
      dir: positionals[0] ?? golden,
    }
  } catch (error) {
    console.error(`usage: npm run mutations -- [--count N] [--seed S] [--from I] [DIR]: ${error}`)
    process.exit(2)
  }
}

/** Lets a worker go through the rest; gives where to go on: after it, or after what stopped it. */
function runWorker(start: number): Promise<number> {
  const progress = new SharedArrayBuffer(4)
  const current = new Int32Array(progress)
  const job: Job = { dir, seed, begin: start, end: from + count, progress }
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./mutations/worker.js', import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_BYTES >> 20 },
    })
    let seen = -1
    let since = performance.now()
    let counted = start
    let ended = false
    const end = (next: number) => {
      if (ended) return
      ended = true
      clearInterval(watch)
      void worker.terminate().then(() => resolve(next))
    }
    const stopped = (why: string) => {
      const index = Atomics.load(current, 0)
      fail(index, 'unknown', 'unknown', why)
      // What was done and not yet told is done again.
      end(counted <= index && index > start ? skip(counted, index) : index + 1)
    }
    const watch = setInterval(() => {
      const index = Atomics.load(current, 0)
      if (index !== seen) {
        seen = index
        since = performance.now()
      } else if (performance.now() - since > HANG_MS) {
        stopped(`no end after ${HANG_MS} ms`)
      }
    }, 500)
    worker.on('message', (answers: Answer[]) => {
      for (const answer of answers) record(answer)
      counted += answers.length
    })
    worker.on('error', (error) => stopped(`the worker ended: ${error.message}`))
    worker.on('exit', () => end(from + count))
  })
}

/** The untold ones before a hang are given up: they went well, or they would go the same way. */
function skip(counted: number, index: number): number {
  console.log(`  (${index - counted} mutations before ${index} ended, and are not in the table)`)
  return index + 1
}

function record({ index, kind, target, outcome, fault, milliseconds, memoryBytes }: Answer): void {
  done++
  if (milliseconds > slowest.milliseconds) slowest = { milliseconds, index }
  const slow = milliseconds > TIME_MAX_MS ? `took ${Math.round(milliseconds)} ms` : undefined
  const large = memoryBytes > MEMORY_MAX_BYTES ? `took ${memoryBytes >> 20} MiB` : undefined
  const failure = fault ?? slow ?? large
  if (failure === undefined) row(kind)[outcome]++
  else fail(index, kind, target, failure)
}

function fail(index: number, kind: string, target: string, failure: string): void {
  failures++
  row(kind).failed++
  if (failures > FAILURES_SHOWN) return
  console.log(`${index} (${kind}, ${target}): ${failure}`)
  console.log(`  npm run mutations -- --seed ${seed} --from ${index} --count 1`)
}

function row(kind: string): Record<Outcome | 'failed', number> {
  let found = table.get(kind)
  if (found === undefined) {
    found = { refused: 0, 'damage seen': 0, 'read whole': 0, failed: 0 }
    table.set(kind, found)
  }
  return found
}

function report(): void {
  const columns = [...OUTCOMES, 'failed'] as const
  const print = (first: string, cells: readonly (string | number)[]) =>
    console.log(first.padEnd(30) + cells.map((cell) => String(cell).padStart(12)).join(''))
  print('', columns)
  for (const [kind, counts] of [...table].sort()) {
    print(
      kind,
      columns.map((column) => counts[column]),
    )
  }
  const seconds = (performance.now() - begin) / 1000
  console.log(
    `${done} mutations in ${seconds.toFixed(1)} s, the slowest ${slowest.milliseconds.toFixed(0)} ms (${slowest.index})`,
  )
  console.log(`${done - failures} passed, ${failures} failed`)
  process.exitCode = failures > 0 || done === 0 ? 1 : 0
}
