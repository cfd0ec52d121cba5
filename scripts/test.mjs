/**
 * `npm test`: set-up and build, types of the tests, Biome, the whole suite; with CI=true the suite
 * also on a current Node.js. `npm test -- ARGS` runs the suite alone, with ARGS for Vitest.
 *
 * Random tests draw a seed each. With CI=true it comes of what is in packages/, so that who runs the
 * same code again gets the same answer, and each change of it tries something new.
 *
 * The last line, `N passed, N failed[, N skipped]`, is read by machines; the exit code decides.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { currentNode } from './node-current.mjs'
import { root, setUp } from './setup.mjs'

const args = process.argv.slice(2)
const onCi = process.env.CI === 'true'

/** @type {{ name: string, passed: number, failed: number, skipped: number, seconds: number }[]} */
const results = []
/** Names of the tests that did not run. @type {Set<string>} */
const skippedNames = new Set()

// A set-up that fails ends the process: the line that machines read is written there too.
process.on('exit', report)
setUp({ programs: true })
if (args.length === 0) {
  check('types of the tests', 'typescript/bin/tsc', ['-p', 'tsconfig.test.json'])
  check('biome', '@biomejs/biome/bin/biome', ['ci', '.'])
}
const seed = onCi ? seedOfSources() : undefined
suite(`suite on Node.js ${process.versions.node}`, process.execPath, seed)
if (onCi && args.length === 0) {
  const current = currentNode()
  if (current.path !== undefined) {
    suite(`suite on Node.js ${current.version}`, current.path, seed === undefined ? seed : seed + 1)
  } else {
    process.stdout.write(`The run on Node.js ${current.version} failed: ${current.why}.\n`)
    results.push({ name: 'current Node.js', passed: 0, failed: 1, skipped: 0, seconds: 0 })
  }
}

/** A step that is right or wrong as a whole. It is counted only where it fails. */
function check(name, program, argv) {
  const begin = performance.now()
  const code = node(process.execPath, [join(root, 'node_modules', program), ...argv])
  const seconds = (performance.now() - begin) / 1000
  results.push({ name, passed: 0, failed: code === 0 ? 0 : 1, skipped: 0, seconds })
}

/** @returns a whole number below 2^28; undefined where that of the user's is given, or no git is there. */
function seedOfSources() {
  if (process.env.CARAVAN_SEED) return undefined
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD:packages'], {
    cwd: root,
    encoding: 'utf8',
  })
  return status === 0 ? Number.parseInt(stdout.slice(0, 7), 16) : undefined
}

function suite(name, executable, seed) {
  const seeded = seed === undefined ? '' : `, CARAVAN_SEED=${seed}`
  process.stdout.write(`\n${name}${seeded}\n`)
  const file = join(root, '.cache', 'test-result.json')
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  const begin = performance.now()
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const environment = seed === undefined ? {} : { CARAVAN_SEED: String(seed) }
  const code = node(executable, [vitest, 'run', ...reporters, ...args], environment)
  const seconds = (performance.now() - begin) / 1000
  results.push({ name, ...countsOf(file, code), seconds })
}

/** A file that could not be loaded and an error outside any test count as one failure each. */
function countsOf(file, code) {
  let result
  try {
    result = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const unloaded = result.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length
  const failed = result.numFailedTests + unloaded
  for (const { fullName, status } of result.testResults.flatMap((one) => one.assertionResults)) {
    if (status !== 'passed' && status !== 'failed') skippedNames.add(fullName)
  }
  return {
    passed: result.numPassedTests,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  }
}

function node(executable, argv, environment = {}) {
  const { PATH } = process.env
  // What tests start as `node` is the Node that they run on.
  const path = executable === process.execPath ? PATH : [dirname(executable), PATH].join(delimiter)
  const { status } = spawnSync(executable, argv, {
    cwd: root,
    // No test waits for a person.
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: path, ...environment },
  })
  return status ?? 1
}

function report(code) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  const passed = sum('passed')
  const skipped = sum('skipped')
  let failed = sum('failed')
  if (failed === 0 && (code !== 0 || results.length === 0)) failed = 1
  process.stdout.write('\n')
  for (const name of skippedNames) process.stdout.write(`skipped: ${name}\n`)
  for (const { name, seconds, ...counts } of results) {
    const figures =
      counts.passed > 0
        ? line(counts.passed, counts.failed, counts.skipped)
        : counts.failed > 0
          ? 'failed'
          : 'ok'
    process.stdout.write(`${name}: ${figures} (${seconds.toFixed(0)} s)\n`)
  }
  process.stdout.write(`${line(passed, failed, skipped)}\n`)
  if (failed > 0) process.exitCode = 1
}

function line(passed, failed, skipped) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
