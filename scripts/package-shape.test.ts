/**
 * The packages as they are published: what a tarball holds, how it resolves; that all of them install
 * from the tarballs alone, with no registry at hand, load, and run.
 */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  neededOfRegistry,
  npm,
  type Packed,
  pack,
  packPublished,
  publishedPackages,
} from './packages/packed.js'
import { sizesOf, staleSizes, withSizes } from './packages/sizes.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const published = publishedPackages(root)

/** Every command that a package brings. */
const commands = published.flatMap(({ bin = {} }) => Object.keys(bin))

/** Fails with what the program said, where it fails. */
const start = promisify(execFile)

let folder = ''
let packed: readonly Packed[] = []
let installed: readonly Packed[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'caravan-shape-'))
  packed = await packPublished(root, folder)
  installed = await pack(root, folder, neededOfRegistry(root))
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true }), 300_000)

const tarballOf = (name: string) => packed.find((each) => each.name === name)?.path ?? ''

describe.each(published.map((manifest) => ({ name: manifest.name })))(
  'the tarball of $name',
  ({ name }) => {
    it('has nothing that publint objects to', async () => {
      const bytes = readFileSync(tarballOf(name))
      const tarball = new Uint8Array(bytes).buffer
      const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
      expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
    })

    it('has types that resolve everywhere', async () => {
      const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
      const args = [attw, tarballOf(name), '--profile', 'esm-only', '--no-color']
      await start(process.execPath, args)
    }, 120_000)

    it('holds the build and the sources, and no tests', async () => {
      const { stdout } = await start('tar', ['-tzf', tarballOf(name)])
      expect(stdout).toContain('package/dist/index.js')
      expect(stdout).toContain('package/src/index.ts')
      expect(stdout).not.toMatch(/\.(test|bench)\.|tsbuildinfo/)
    })
  },
)

/** An empty folder, with a cache of its own: what npm had before is not there. */
function emptyFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), '{"private":true,"type":"module"}')
  mkdirSync(join(path, 'tree'))
  writeFileSync(join(path, 'tree', 'hello.txt'), 'hello')
  return path
}

const alone = (place: string) => [
  ...['--offline', '--cache', join(place, '.cache'), '--no-audit', '--no-fund', '--ignore-scripts'],
]

const tarballs = () => [...packed, ...installed].map(({ path }) => path)

/** A command as it was installed. @returns what it printed. */
async function call(bin: string, command: string, args: readonly string[], cwd: string) {
  const path = join(bin, process.platform === 'win32' ? `${command}.cmd` : command)
  const { stdout, stderr } = await start(path, args, { cwd, shell: process.platform === 'win32' })
  expect(stderr, `${command} ${args.join(' ')}`).toBe('')
  return stdout
}

describe('the packages installed from the tarballs alone', () => {
  let place = ''

  beforeAll(async () => {
    place = emptyFolder('local')
    await npm(['install', ...alone(place), ...tarballs()], place)
  }, 600_000)

  it('load through every one of their entries', async () => {
    const entries = published.flatMap((manifest) =>
      Object.keys(manifest.exports).map((entry) => manifest.name + entry.slice(1)),
    )
    expect(entries).toContain('@caravan/core')
    const code = `for (const entry of ${JSON.stringify(entries)}) {
      if (Object.keys(await import(entry)).length === 0) throw new TypeError(entry + ' is empty')
    }`
    writeFileSync(join(place, 'load.mjs'), code)
    await start(process.execPath, ['load.mjs'], { cwd: place })
  }, 60_000)

  it.each(commands)('bring a %s that runs', async (command) => {
    const bin = join(place, 'node_modules', '.bin')
    expect(await call(bin, command, ['--help'], place)).toMatch(/usage/i)
  })

  it('make an image, and read it', async () => {
    const bin = join(place, 'node_modules', '.bin')
    const run = (...args: string[]) => call(bin, 'caravan', args, place)
    await run('create', '--quiet', '--size', '64K', 'tree', 'flash.img')
    expect(await run('cat', 'flash.img', '/hello.txt')).toBe('hello')
  })
})

describe.skipIf(process.platform === 'win32')('installed for all of a computer', () => {
  it('the commands run, and the pages of the manual are where man looks', async () => {
    const place = emptyFolder('global')
    const prefix = join(place, 'prefix')
    await npm(['install', '--global', '--prefix', prefix, ...alone(place), ...tarballs()], place)
    for (const command of commands) {
      expect(await call(join(prefix, 'bin'), command, ['--help'], place)).toMatch(/usage/i)
    }
    const pages = published.flatMap(({ man = [] }) => man)
    expect(pages.length).toBeGreaterThan(40)
    for (const page of pages) {
      const path = join(prefix, 'share', 'man', 'man1', page.replace('./man/', ''))
      expect(existsSync(path), path).toBe(true)
    }
  }, 600_000)
})

describe('npx', () => {
  it('runs the command without installing it', async () => {
    const place = emptyFolder('npx')
    const packages = tarballs().flatMap((path) => ['--package', path])
    const npx = (...args: string[]) =>
      npm(['--yes', ...alone(place), ...packages, '--', ...args], place, 'npx')
    expect(await npx('caravan', '--version')).toMatch(/^caravan \d+\.\d+\.\d+\nlittlefs /)
    await npx('caravan', 'create', '--quiet', '--size', '64K', 'tree', 'flash.img')
    expect(existsSync(join(place, 'flash.img'))).toBe(true)
    expect(existsSync(join(place, 'node_modules'))).toBe(false)
  }, 600_000)
})

describe('the sizes in docs/dependencies.md', () => {
  const page = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8')

  it('are those of the packages', () => {
    const sizes = sizesOf(root, [...packed, ...installed])
    expect(staleSizes(page, sizes), '`npm run package-sizes` lists them anew').toEqual([])
  })

  it('are told where they are stale', () => {
    const sizes = [{ name: '@caravan/x', own: 100_000, whole: 300_000 }]
    const listed = withSizes(page, sizes)
    expect(listed).toContain('| `@caravan/x` | 100 | 300 |')
    expect(staleSizes(listed, sizes)).toEqual([])
    expect(staleSizes(listed, [{ name: '@caravan/x', own: 109_000, whole: 280_000 }])).toEqual([])
    expect(staleSizes(listed, [{ name: '@caravan/x', own: 120_000, whole: 300_000 }])).toEqual([
      '@caravan/x: listed 100 and 300 KB, it is 120 and 300',
    ])
    expect(staleSizes(listed, [{ name: '@caravan/y', own: 5000, whole: 5000 }])).toHaveLength(2)
  })
})
