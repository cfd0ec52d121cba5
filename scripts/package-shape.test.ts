/** The packages as they are published: what a tarball holds, how it resolves, that it loads alone. */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
}

const published = readdirSync(join(root, 'packages'))
  .map((name) => {
    const text = readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')
    return JSON.parse(text) as Manifest
  })
  .filter((manifest) => manifest.private !== true)

/** Packages that need nothing of others: they can be installed without a registry. */
const libraries = published.filter(standsAlone)

function standsAlone({ dependencies = {} }: Manifest): boolean {
  return Object.keys(dependencies).every((name) => {
    const own = published.find((manifest) => manifest.name === name)
    return own !== undefined && standsAlone(own)
  })
}

let folder = ''
const tarballs = new Map<string, string>()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'caravan-shape-'))
  const workspaces = published.flatMap((manifest) => ['--workspace', manifest.name])
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...workspaces]
  const packed = JSON.parse(npm(args, root)) as readonly { name: string; filename: string }[]
  for (const { name, filename } of packed) tarballs.set(name, join(folder, filename))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(published.map((manifest) => ({ name: manifest.name })))(
  'the tarball of $name',
  ({ name }) => {
    it('has nothing that publint objects to', async () => {
      const bytes = readFileSync(tarballs.get(name) as string)
      const tarball = new Uint8Array(bytes).buffer
      const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
      expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
    })

    it('has types that resolve everywhere', () => {
      const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
      const args = [attw, tarballs.get(name) as string, '--profile', 'esm-only', '--no-color']
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      expect(status, stdout + stderr).toBe(0)
    })

    it('holds the build and the sources, and no tests', () => {
      const files = execFileSync('tar', ['-tzf', tarballs.get(name) as string], {
        encoding: 'utf8',
      })
      expect(files).toContain('package/dist/index.js')
      expect(files).toContain('package/src/index.ts')
      expect(files).not.toMatch(/\.(test|bench)\.|tsbuildinfo/)
    })
  },
)

describe('the libraries installed alone', () => {
  it('load through every one of their entries', () => {
    const alone = join(folder, 'alone')
    execFileSync('mkdir', [alone])
    writeFileSync(join(alone, 'package.json'), '{"private":true,"type":"module"}')
    const files = libraries.map((manifest) => tarballs.get(manifest.name) as string)
    npm(['install', '--offline', '--no-audit', '--no-fund', ...files], alone)
    const entries = libraries.flatMap((manifest) =>
      Object.keys(manifest.exports).map((entry) => manifest.name + entry.slice(1)),
    )
    expect(entries).toContain('@caravan/core')
    const code = `for (const entry of ${JSON.stringify(entries)}) {
      if (Object.keys(await import(entry)).length === 0) throw new TypeError(entry + ' is empty')
    }`
    writeFileSync(join(alone, 'load.mjs'), code)
    execFileSync(process.execPath, ['load.mjs'], { cwd: alone, stdio: 'pipe' })
  }, 60_000)
})

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
