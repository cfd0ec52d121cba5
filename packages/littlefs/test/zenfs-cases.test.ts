/** zenfs' own cases of `node:fs`, as its package brings them, over our face. */

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const zenfs = join(here, '../../../node_modules/@zenfs/core/tests')

/** Cases that ours does not pass, each with the reason. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'mkdir, recursive': 'the mode of a directory is not kept',
  'mkdirSync, recursive': 'the mode of a directory is not kept',
  'readdir returns Dirent recursively':
    'parentPath is made of the path as it was given, as in Node',
  rename: 'an error has the path as it was given, as in Node',
  renameSync: 'an error has the path as it was given, as in Node',
  link: 'there are no links, whatever is missing',
  linkSync: 'there are no links, whatever is missing',
  mkdtempDisposable: 'newer than the oldest Node.js that is supported',
  mkdtempDisposableSync: 'newer than the oldest Node.js that is supported',
  'new Date(...)': 'a descriptor of -1 is EBADF: Node has an error of its own for arguments',
  'new Date()': 'a descriptor of -1 is EBADF: Node has an error of its own for arguments',
  'from stats': 'a descriptor of -1 is EBADF: Node has an error of its own for arguments',
  number: 'a descriptor of -1 is EBADF: Node has an error of its own for arguments',
  'read changes atime': 'no time of access is kept: reading writes nothing',
  'Singular file size':
    'a file of 2 GiB and more is beyond littlefs, and beyond the image of the test',
}

/** Of files that need a link or a watcher before their first case. */
const LEFT_OUT = ['dir.test.ts']

/** What of newer JavaScript the cases use. */
const NEWER = `
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
Error.isError ??= (value) => value instanceof Error
`

let folder = ''
beforeAll(() => {
  // Below the repository, so that packages are found from there.
  const cache = join(here, '../../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'zenfs-cases-'))
  cpSync(join(zenfs, 'data'), join(folder, 'data'), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function run(name: string): Promise<{ passed: number; failed: string[]; output: string }> {
  const outfile = join(folder, `${name}.mjs`)
  await build({
    entryPoints: [join(zenfs, 'fs', name)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    banner: { js: NEWER },
    logLevel: 'silent',
    plugins: [
      {
        name: 'our face',
        setup(setup) {
          setup.onResolve({ filter: /common\.ts$/ }, () => ({
            path: join(here, 'zenfs-common.ts'),
          }))
        },
      },
    ],
  })
  const args = ['--test', '--test-reporter=tap', outfile]
  const env = { ...process.env, ZENFS_DATA: join(zenfs, 'data') }
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { env, timeout: 60_000 }, (_, stdout) => resolve(stdout))
  })
  const passed = Number(/^# pass (\d+)/m.exec(output)?.[1])
  const failed = [...output.matchAll(/^\s*not ok \d+ - (.*)\n([\s\S]*?)\n\s*\.\.\./gm)]
    .filter(([, , details]) => !/subtestsFailed/.test(details ?? ''))
    .map(([, title]) => (title as string).replaceAll('\\', ''))
  return { passed, failed, output }
}

describe('zenfs cases', () => {
  const names = readdirSync(join(zenfs, 'fs')).filter((name) => !LEFT_OUT.includes(name))

  it.each(names)(
    '%s',
    async (name) => {
      const { passed, failed, output } = await run(name)
      expect(passed, output).toBeGreaterThanOrEqual(0)
      expect(
        failed.filter((title) => !Object.hasOwn(DIFFERENCES, title)),
        output,
      ).toEqual([])
    },
    60_000,
  )
})
