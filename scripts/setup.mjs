/**
 * Set-up: what every `npm start`, `npm test` and `npm run` does first, so that nobody has to.
 *
 * 1. It needs Node.js and npm alone: nothing here imports what it is about to install.
 * 2. Doing it again when nothing changed costs one run of `tsc -b` that finds nothing to do.
 * 3. It speaks on stderr only, and only when it does something: the output of commands stays clean.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canInstall, missingPrograms } from './system-programs.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const stampFile = join(root, 'node_modules', '.caravan-setup')

/**
 * Installs the packages, builds, and with `programs` also installs the system's programs that
 * tests talk to. Ends the process with a message when a step fails.
 *
 * @param {{ programs?: boolean }} [options]
 */
export function setUp(options = {}) {
  checkNode()
  installPackages()
  if (options.programs === true) installPrograms()
  build()
}

/** Runs a program with its output on stderr. @returns {boolean} whether it succeeded */
export function quietly(command, args, options = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    // On Windows npm is a script, which only a shell can start.
    shell: process.platform === 'win32' && command === 'npm',
    ...options,
  })
  return status === 0
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node
  const [needMajor, needMinor] = wanted.replace('>=', '').split('.').map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return
  give(
    `This is Node.js ${process.versions.node}; caravan needs ${wanted}. Install a newer one (nodejs.org, or your version manager) and run the same command again.`,
  )
}

function installPackages() {
  const wanted = stamp()
  if (readIfThere(stampFile) === wanted) return
  say('Installing the packages that package-lock.json names...')
  // Not `npm ci`: it refuses a lock file without the binaries for other platforms that optional
  // dependencies name, and so it would on a registry that has them not (npm/cli issue 9846).
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  if (!quietly('npm', [...args, '--loglevel=error'])) {
    give(
      'npm install failed (above). Check the network and the registry, then run the same command again.',
    )
  }
  writeStamp()
}

function installPrograms() {
  const missing = missingPrograms()
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name).join(', ')
  if (!canInstall()) {
    for (const { name, provide } of missing) {
      say(`Without ${name} its tests are skipped. To have it: ${provide}`)
    }
    return
  }
  say(`Installing what tests talk to: ${names}...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const packages = missing.map(({ debianPackage }) => debianPackage)
  const installed =
    quietly('apt-get', ['update', '-qq'], { env }) &&
    quietly('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env })
  if (!installed) say(`apt-get failed (above): tests that need ${names} cannot run.`)
}

function build() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!quietly(process.execPath, [tsc, '-b'])) give('The build failed: see the messages above.')
  if (
    !isManualNew() &&
    !quietly(process.execPath, [join(root, 'scripts/dist/man.js'), '--pages'])
  ) {
    give('The pages of the manual were not made: see the messages above.')
  }
}

/** Made since the command was built last. */
function isManualNew() {
  const madeAt = modifiedAt('man/caravan.1')
  return ['tsconfig.tsbuildinfo', 'package.json'].every((source) => modifiedAt(source) < madeAt)
}

function modifiedAt(path) {
  return statSync(join(root, 'packages/cli', path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** What the installed packages depend on. Native ones are made for one version of Node. */
function stamp() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return `${createHash('sha256').update(lock).digest('hex')} node ${process.version}\n`
}

function writeStamp() {
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp())
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function say(message) {
  process.stderr.write(`caravan: ${message}\n`)
}

function give(message) {
  say(message)
  process.exit(1)
}

// npm runs this after an `npm install` of a person's own, which needs no second one from us.
if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === '--installed') {
  writeStamp()
}
