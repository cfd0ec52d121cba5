/** The packages as they would be published, as tarballs; and those of the registry that they need. */

import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin?: Readonly<Record<string, string>>
  readonly man?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
}

/** A package, and where it is. */
interface Located extends Manifest {
  readonly folder: string
}

/** What npm says of a tarball. */
export interface Packed {
  readonly name: string
  /** Of the tarball, whole. */
  readonly path: string
  readonly unpackedSize: number
}

/** All packages of the workspace that are published. */
export function publishedPackages(root: string): Located[] {
  return readdirSync(join(root, 'packages'))
    .map((name) => readPackage(join(root, 'packages', name)))
    .filter((manifest) => manifest.private !== true)
}

function readPackage(folder: string): Located {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  return { ...manifest, folder }
}

/** Packs all of them into a folder. */
export async function packPublished(root: string, folder: string): Promise<Packed[]> {
  return pack(root, folder, publishedPackages(root))
}

/** All that a package needs, and what that needs: of the workspace, and of the registry as installed. */
export function neededBy(root: string, wanted: Located): Located[] {
  const own = new Map(publishedPackages(root).map((each) => [each.name, each]))
  const needed = new Map<string, Located>()
  const pending = [wanted]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const name of Object.keys(next.dependencies ?? {})) {
      if (needed.has(name)) continue
      const found = own.get(name) ?? readPackage(installedFolder(next.folder, name))
      needed.set(name, found)
      pending.push(found)
    }
  }
  return [...needed.values()]
}

/** Those of the registry that any of the packages needs. */
export function neededOfRegistry(root: string): Located[] {
  const published = publishedPackages(root)
  const names = new Set(published.map(({ name }) => name))
  const all = published.flatMap((each) => neededBy(root, each))
  const needed = all.filter(({ name }) => !names.has(name))
  return [...new Map(needed.map((each) => [each.name, each])).values()]
}

/** Where Node finds a package from a folder on. */
function installedFolder(from: string, name: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(path)) return path
    if (folder === dirname(folder)) throw new TypeError(`${name} is not installed for ${from}`)
  }
}

/** Packs packages as they are on this computer: so no registry is asked. */
export async function pack(
  root: string,
  folder: string,
  packages: readonly Located[],
): Promise<Packed[]> {
  if (packages.length === 0) return []
  const paths = packages.map((each) => `./${relative(root, each.folder)}`)
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...paths]
  const packed = JSON.parse(await npm(args, root)) as readonly (Omit<Packed, 'path'> & {
    readonly filename: string
  })[]
  return packed.map(({ name, unpackedSize, filename }) => ({
    name,
    unpackedSize,
    path: join(folder, filename),
  }))
}

/** Runs npm, with nothing of the npm that started this one. @returns its standard output. */
export async function npm(
  args: readonly string[],
  cwd: string,
  command: 'npm' | 'npx' = 'npm',
): Promise<string> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_')),
  )
  const running = promisify(execFile)(command, args, {
    cwd,
    env,
    maxBuffer: 64 * 1024 * 1024,
    // On Windows npm is a script, which only a shell can start.
    shell: process.platform === 'win32',
  })
  running.child.stdin?.end()
  return (await running).stdout
}
