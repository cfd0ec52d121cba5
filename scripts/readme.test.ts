/**
 * README is run as written:
 *
 * 1. `sh` blocks run in their order, in one empty folder that sees `golden/`, with the built
 *    `caravan` on PATH; any command that fails fails the test.
 * 2. A line that starts with `npm`, `git clone` or `cd` is set-up: this run stands behind it, so it
 *    is not run again. That what it names exists is for tidy to see.
 * 3. `ts` blocks are compiled strictly against the built packages and run in the same folder, after
 *    the `sh` blocks.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const shellBlocks = blocks('sh').map((block) =>
  block
    .split('\n')
    .filter((line) => !/^(npm |git clone |cd )/.test(line))
    .join('\n'),
)
const programs = blocks('ts')

/** Inside the workspace, so that the packages' names are found from it. */
let folder = ''

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  folder = mkdtempSync(join(root, '.cache', 'readme-'))
  symlinkSync(join(root, 'golden'), join(folder, 'golden'))
  mkdirSync(join(folder, 'bin'))
  const command = join(root, 'packages', 'cli', 'bin', 'caravan.js')
  writeFileSync(
    join(folder, 'bin', 'caravan'),
    `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`,
    { mode: 0o755 },
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('README', () => {
  it('has commands and programs to run', () => {
    expect(shellBlocks.join('')).toMatch(/^caravan /m)
    expect(programs).not.toHaveLength(0)
  })

  it.each(shellBlocks.map((block, index) => ({ block, number: index + 1 })))(
    'sh block $number runs as written',
    ({ block }) => run('bash', ['--norc', '-euo', 'pipefail', '-c', block]),
    60_000,
  )

  it.each(programs.map((program, index) => ({ program, number: index + 1 })))(
    'ts block $number compiles and runs',
    async ({ program, number }) => {
      const file = join(folder, `program-${number}.mts`)
      writeFileSync(file, program)
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck']
      await run(process.execPath, [tsc, ...options, '--types', 'node', file])
      await run(process.execPath, [file.replace(/\.mts$/, '.mjs')])
    },
    60_000,
  )
})

function blocks(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms')
  return [...readme.matchAll(fence)].map(([, block]) => block as string)
}

/** Runs a program to its end; any exit code but 0 fails the test, with what was printed. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const PATH = [join(folder, 'bin'), process.env.PATH].join(delimiter)
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, PATH },
    // A pipe of Node's is a socket, and bash takes a socket for a remote shell: it reads its start-up files.
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
  })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(data))
  const [code] = await once(child, 'close')
  expect({ code, output: code === 0 ? '' : Buffer.concat(output).toString() }).toEqual({
    code: 0,
    output: '',
  })
}
