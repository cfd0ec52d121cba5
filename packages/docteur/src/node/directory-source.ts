/**
 * A plain directory as a commit of git's, in a repository of its own.
 *
 * 1. The commit is the original's: by "Dr. Greenthumb", without parents and without a message, so
 *    that the same tree with the same date is the same commit.
 * 2. Modes and links are kept as git keeps them; empty directories too, as empty trees, as the
 *    original does. With `follow` links are what they lead to, the original's way.
 * 3. Folders named `.git` further inside are left out, and told: they belong to git itself.
 */

import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { lstat, mkdir, readdir, readlink, realpath, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Git, MakeError } from './git.js'

interface DirectoryOptions {
  /** Seconds since 1970. */
  readonly seconds: number
  /** `+0200`. */
  readonly zone: string
  readonly follow: boolean
  /** Told of what is left out. */
  readonly onLeftOut: (path: string, reason: string) => void
}

const AUTHOR = 'Dr. Greenthumb <noreply@cypress.hill>'

interface Node {
  readonly name: Buffer
  readonly mode: '100644' | '100755' | '120000' | '040000'
  /** Of a directory. */
  readonly below: readonly Node[]
  /** Of what is none: the file that holds its content. */
  readonly content?: Buffer
  id?: string
}

/** @returns the commit's id. @throws MakeError; Node's errors. */
export async function commitDirectory(
  git: Git,
  repository: string,
  path: string,
  options: DirectoryOptions,
): Promise<string> {
  const links = join(repository, 'links')
  await mkdir(links)
  const scan = new Scan(links, options)
  const root: Node = {
    name: Buffer.alloc(0),
    mode: '040000',
    below: await scan.below(Buffer.from(path), []),
  }
  scan.check()
  const inRepository = ['--git-dir', repository]
  await hashContents(git, inRepository, scan.contents)
  await makeTrees(git, inRepository, root)
  const by = `${AUTHOR} ${options.seconds} ${options.zone}`
  const commit = `tree ${root.id}\nauthor ${by}\ncommitter ${by}\n`
  return git.line([...inRepository, 'hash-object', '-w', '-t', 'commit', '--stdin'], [commit])
}

class Scan {
  readonly contents: Node[] = []
  private readonly problems: string[] = []

  constructor(
    private readonly links: string,
    private readonly options: DirectoryOptions,
  ) {}

  check(): void {
    const [first] = this.problems
    if (first === undefined) return
    const more = this.problems.length - 1
    throw new MakeError(
      'UNSUPPORTED_ENTRY',
      `${first}${more > 0 ? `, and ${more} more like it` : ''}. Nothing was made: remove it, or make the image of a repository.`,
    )
  }

  /** @param above real paths of the directories that links have led through. */
  async below(directory: Buffer, above: readonly string[]): Promise<Node[]> {
    const real = (await realpath(directory, { encoding: 'buffer' })).toString('latin1')
    if (above.includes(real)) {
      this.problems.push(`${directory} is a link that leads back to a directory above it`)
      return []
    }
    const names = await readdir(directory, { encoding: 'buffer' })
    const nodes: Node[] = []
    for (const name of names.sort(Buffer.compare)) {
      const node = await this.node(Buffer.concat([directory, SLASH, name]), name, [...above, real])
      if (node !== undefined) nodes.push(node)
    }
    return nodes
  }

  private async node(
    path: Buffer,
    name: Buffer,
    above: readonly string[],
  ): Promise<Node | undefined> {
    if (name.toString().toLowerCase() === '.git') {
      this.options.onLeftOut(path.toString(), "it is git's own")
      return undefined
    }
    const stats = await this.look(path)
    if (stats === undefined) return undefined
    if (stats.isDirectory()) return { name, mode: '040000', below: await this.below(path, above) }
    if (stats.isSymbolicLink()) return this.add(name, '120000', await this.linkFile(path))
    if (stats.isFile())
      return this.add(name, (stats.mode & 0o100) === 0 ? '100644' : '100755', path)
    this.problems.push(`${path} is neither a file, a directory nor a link`)
    return undefined
  }

  private async look(path: Buffer): Promise<Stats | undefined> {
    if (!this.options.follow) return lstat(path)
    try {
      return await stat(path)
    } catch (error) {
      this.problems.push(
        `${path} is a link that cannot be followed (${(error as NodeJS.ErrnoException).code})`,
      )
      return undefined
    }
  }

  private add(name: Buffer, mode: Node['mode'], content: Buffer): Node {
    const node: Node = { name, mode, below: [], content }
    this.contents.push(node)
    return node
  }

  /** Git hashes files: a link's target is put into one. */
  private async linkFile(path: Buffer): Promise<Buffer> {
    const target = await readlink(path, { encoding: 'buffer' })
    const file = join(this.links, createHash('sha1').update(target).digest('hex'))
    await writeFile(file, target)
    return Buffer.from(file)
  }
}

const SLASH = Buffer.from('/')

async function hashContents(
  git: Git,
  inRepository: readonly string[],
  nodes: readonly Node[],
): Promise<void> {
  const lines = nodes.map(({ content }) => quoted(content as Buffer))
  const output = await git.line(
    [...inRepository, 'hash-object', '-w', '--no-filters', '--stdin-paths'],
    lines,
  )
  const ids = output === '' ? [] : output.split('\n')
  for (const [i, node] of nodes.entries()) node.id = ids[i] ?? ''
}

/** A path on a line of its own, as git unquotes it. */
function quoted(path: Buffer): string {
  let text = '"'
  for (const byte of path) {
    text +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(3, '0')}`
  }
  return `${text}"\n`
}

/** The deepest first: a tree names those in it. */
async function makeTrees(git: Git, inRepository: readonly string[], root: Node): Promise<void> {
  const levels: Node[][] = []
  const collect = (nodes: readonly Node[], depth: number): void => {
    const directories = nodes.filter(({ mode }) => mode === '040000')
    if (directories.length === 0) return
    levels[depth] ??= []
    for (const each of directories) {
      ;(levels[depth] as Node[]).push(each)
      collect(each.below, depth + 1)
    }
  }
  collect([root], 0)
  for (const level of levels.reverse()) {
    const pieces = level.flatMap(({ below }) => [
      ...below.flatMap(({ mode, name, id }) => [
        Buffer.from(`${mode} ${mode === '040000' ? 'tree' : 'blob'} ${id}\t`),
        name,
        ZERO,
      ]),
      ZERO,
    ])
    const output = await git.line([...inRepository, 'mktree', '-z', '--batch'], pieces)
    for (const [i, id] of output.split('\n').entries()) (level[i] as Node).id = id
  }
}

const ZERO = Buffer.of(0)
