/**
 * `npm run engine-mutations -- [NAME]...`: breaks a copy of the littlefs engine in small ways, one at
 * a time, runs the suites of crash safety of `npm test` on it, and expects them to fail. Before that
 * they must pass on the copy as it is.
 *
 * Exits 1 where a mutant is not noticed or its text no longer stands in the source, 2 on wrong use.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
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
if (names.length === 0)
  report('as it is', runSuites() === undefined, 'the suites pass', 'the suites fail')
for (const { name, file, find, replace } of chosen) {
  const source = mutatedSource(root, { file, find, replace })
  if (source === undefined) {
    report(name, false, '', `its text does not stand once in ${file}`)
    continue
  }
  const noticed = runSuites({ file, source })
  report(name, noticed !== undefined, `noticed: ${noticed}`, 'NOT noticed')
}
console.log(`${chosen.length + (names.length === 0 ? 1 : 0) - failures} passed, ${failures} failed`)
process.exitCode = failures > 0 ? 1 : 0

function report(name: string, holds: boolean, good: string, bad: string): void {
  if (!holds) failures++
  console.log(`${name.padEnd(38)}${holds ? good : bad}`)
}

/** @returns the first test that failed, or undefined where all passed. */
function runSuites(mutation?: {
  readonly file: string
  readonly source: string
}): string | undefined {
  rmSync(engine, { recursive: true, force: true })
  mkdirSync(engine, { recursive: true })
  for (const folder of ['src', 'test']) {
    cpSync(join(root, 'packages', 'littlefs', folder), join(engine, folder), { recursive: true })
  }
  if (mutation !== undefined) writeFileSync(join(engine, 'src', mutation.file), mutation.source)
  for (const suite of SUITES) {
    const { status, stdout, stderr, error } = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        '--config',
        join(root, 'scripts', 'engine-mutations', 'vitest.config.ts'),
        '--bail',
        '1',
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
    if (error !== undefined) return `${suite}: ${error.message}`
    if (status === 0) continue
    const failed = /^ FAIL +(?:\S+ > )?(.*)$/m.exec(stderr)?.[1]
    return `${suite}: ${failed ?? `ended with ${status}: ${stdout.trim().slice(-300)}`}`
  }
  return undefined
}
