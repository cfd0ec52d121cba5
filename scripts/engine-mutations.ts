/**
 * `npm run engine-mutations -- [NAME]...`: breaks a copy of the littlefs engine in small ways, one at
 * a time, runs the suites of crash safety of `npm test` on it, and expects them to fail. Before that
 * they must pass on the copy as it is.
 *
 * Exits 1 where a mutant is not noticed or its text no longer stands in the source, 2 on wrong use.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MUTANTS } from './engine-mutations/mutants.js'
import { mutatedSource } from './engine-mutations/patch.js'

/** In this order: those that find most come first. */
const SUITES = ['crash', 'model', 'faces-crash', 'device-errors', 'concurrency', 'disk-full']
const TIME_MAX_MS = 20 * 60_000

const root = join(fileURLToPath(import.meta.url), '../../..')
const engine = join(root, '.cache', 'engine-mutations', String(process.pid))
process.on('exit', () => rmSync(engine, { recursive: true, force: true }))
const names = process.argv.slice(2)
const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name))
if (unknown.length > 0) {
  const all = MUTANTS.map(({ name }) => name).join(', ')
  console.error(
    `usage: npm run engine-mutations -- [NAME]...: no ${unknown.join(', ')}; there are ${all}`,
  )
  process.exit(2)
}
const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name))
let failures = 0
if (names.length === 0) {
  const { kind, what } = runSuites()
  report('as it is', kind === 'passed', what)
}
for (const { name, file, find, replace } of chosen) {
  const source = mutatedSource(root, { file, find, replace })
  if (source === undefined) {
    report(name, false, `its text does not stand once in ${file}`)
    continue
  }
  const { kind, what } = runSuites({ file, source })
  report(name, kind === 'noticed', what)
}
console.log(`${chosen.length + (names.length === 0 ? 1 : 0) - failures} passed, ${failures} failed`)
process.exitCode = failures > 0 ? 1 : 0

function report(name: string, holds: boolean, what: string): void {
  if (!holds) failures++
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${name.padEnd(38)}${what}`)
}

/** What the suites said of an engine. */
interface Verdict {
  readonly kind: 'passed' | 'noticed' | 'broken'
  /** The first test that failed, and how; or what kept the suites from saying anything. */
  readonly what: string
}

/** Runs the suites on a copy of the engine, until one fails. */
function runSuites(mutation?: { readonly file: string; readonly source: string }): Verdict {
  rmSync(engine, { recursive: true, force: true })
  mkdirSync(engine, { recursive: true })
  for (const folder of ['src', 'test']) {
    cpSync(join(root, 'packages', 'littlefs', folder), join(engine, folder), { recursive: true })
  }
  if (mutation !== undefined) writeFileSync(join(engine, 'src', mutation.file), mutation.source)
  for (const suite of SUITES) {
    const verdict = runSuite(suite)
    if (verdict.kind !== 'passed') return verdict
  }
  return { kind: 'passed', what: 'all suites passed' }
}

function runSuite(suite: string): Verdict {
  const report = join(engine, 'report.json')
  rmSync(report, { force: true })
  const { status, stderr, error } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--config',
      join(root, 'scripts', 'engine-mutations', 'vitest.config.ts'),
      '--bail',
      '1',
      '--reporter=json',
      `--outputFile=${report}`,
      `test/${suite}.test.ts`,
    ],
    {
      cwd: engine,
      encoding: 'utf8',
      timeout: TIME_MAX_MS,
      maxBuffer: 2 ** 28,
      env: { ...process.env, CARAVAN_ENGINE: engine, NO_COLOR: '1' },
    },
  )
  if (status === 0) return { kind: 'passed', what: suite }
  const failed = existsSync(report) ? firstFailure(readFileSync(report, 'utf8')) : undefined
  // Only a test that says what is wrong has noticed something: not an engine that does not load.
  if (failed !== undefined) return { kind: 'noticed', what: `${suite}: ${failed}` }
  const why = error?.message ?? stderr.trim().slice(-300)
  return { kind: 'broken', what: `${suite} ended with ${status} and no failed test: ${why}` }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** @returns the name of the first test that failed, and the first line of why. */
function firstFailure(text: string): string | undefined {
  const { testResults } = JSON.parse(text) as Report
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed')
  if (failed === undefined) return undefined
  const why = (failed.failureMessages?.[0] ?? '').split('\n')[0]?.slice(0, 160)
  return `${failed.fullName}: ${why}`
}
