/**
 * `npm run NAME`: set-up, then one job. A job is one of those below, or the compiled script
 * scripts/NAME.ts; what follows the name is passed to it.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

const [name = '', ...args] = process.argv.slice(2)

/** Packages' programs, started with this Node. */
const tools = {
  biome: join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'),
  tsc: join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
  typedoc: join(root, 'node_modules', 'typedoc', 'bin', 'typedoc'),
}

const jobs = {
  build: [],
  check: [
    [tools.tsc, '-p', 'tsconfig.test.json'],
    [tools.biome, 'ci', '.'],
  ],
  docs: [[tools.typedoc, ...args]],
}

setUp()
if (Object.hasOwn(jobs, name)) {
  // All steps of a job run, so that one look shows all there is to mend.
  const codes = jobs[name].map((step) => node(step, root))
  process.exitCode = codes.find((code) => code !== 0) ?? 0
} else {
  const script = join(root, 'scripts', 'dist', `${name}.js`)
  if (name === '' || !existsSync(script)) {
    process.stderr.write(
      `caravan: there is no job '${name}': write ${Object.keys(jobs).join(', ')} or the name of a script in scripts/.\n`,
    )
    process.exit(2)
  }
  // npm stands in the root; paths that a person writes are seen from where that person stands.
  process.exitCode = node([script, ...args], process.env.INIT_CWD ?? process.cwd())
}

function node(argv, cwd) {
  const { status, signal } = spawnSync(process.execPath, argv, { cwd, stdio: 'inherit' })
  if (signal !== null) process.kill(process.pid, signal)
  return status ?? 1
}
