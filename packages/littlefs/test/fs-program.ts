/** Random programs of `node:fs` calls, and two ways to run one: its synchronous calls, its promises. */

import type * as node from 'node:fs'
import fc from 'fast-check'

type Fs = typeof node

export interface Step {
  readonly call: string
  readonly path: string
  readonly other: string
  readonly slot: number
  readonly flag: string
  readonly size: number
  readonly position: number | null
  readonly recursive: boolean
  readonly force: boolean
}

export const CALLS = [
  'access',
  'appendFile',
  'close',
  'copyFile',
  'cp',
  'exists',
  'fstat',
  'ftruncate',
  'futimes',
  'lstat',
  'mkdir',
  'open',
  'opendir',
  'read',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'truncate',
  'unlink',
  'utimes',
  'write',
  'writeFile',
  'writev',
] as const

/** Calls that change names, of which a program needs more than of others to get anywhere. */
const WEIGHTY = ['mkdir', 'writeFile', 'open', 'write', 'read', 'rename'] as const

const FLAGS = ['r', 'r+', 'rs+', 'w', 'wx', 'w+', 'wx+', 'a', 'ax', 'a+', 'ax+', 'as'] as const

/** Never above the root, which is somewhere else in the two worlds. */
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', 'a', 'b', '.', '..', ''), { minLength: 1, maxLength: 4 })
  .map((parts) => {
    let depth = 0
    const kept = parts.filter((part) => {
      if (part === '..') return depth > 0 && depth-- > 0
      if (part !== '' && part !== '.') depth++
      return true
    })
    return `/${kept.join('/')}`
  })
  // The root itself is a busy mount here, and a plain directory there.
  .filter((text) => depthOf(text) > 0)

function depthOf(text: string): number {
  let depth = 0
  for (const part of text.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
  }
  return depth
}

export const program: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    call: fc.constantFrom(...CALLS, ...WEIGHTY, ...WEIGHTY),
    path,
    other: path,
    slot: fc.nat({ max: 2 }),
    flag: fc.constantFrom(...FLAGS),
    size: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 9000 })),
    position: fc.option(fc.nat({ max: 6000 })),
    recursive: fc.boolean(),
    force: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)

/** Bytes that tell where they come from. */
export function content(step: Step): Buffer {
  return Buffer.from(Array.from({ length: step.size }, (_, i) => (i * 7 + step.size) & 0xff))
}

/** What a step gave, in a form to be compared. */
export type Outcome = unknown

const failed = (error: unknown): Outcome => {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined) throw error
  return { code, syscall }
}

const shape = (stats: node.Stats) => ({
  isFile: stats.isFile(),
  isDirectory: stats.isDirectory(),
  size: stats.isFile() ? stats.size : 0,
})

export class SyncRun {
  private readonly slots = new Map<number, number>()

  constructor(
    private readonly fs: Fs,
    private readonly root: string,
  ) {}

  async step(step: Step): Promise<Outcome> {
    try {
      return this.run(step)
    } catch (error) {
      return failed(error)
    }
  }

  async end(): Promise<void> {
    for (const fd of this.slots.values()) this.fs.closeSync(fd)
  }

  private run(step: Step): Outcome {
    const { fs } = this
    const path = this.root + step.path
    const other = this.root + step.other
    const { flag, size, position, recursive, force } = step
    const fd = this.slots.get(step.slot)
    switch (step.call) {
      case 'access':
        return fs.accessSync(path)
      case 'appendFile':
        return fs.appendFileSync(path, content(step))
      case 'copyFile':
        return fs.copyFileSync(path, other, force ? 0 : fs.constants.COPYFILE_EXCL)
      case 'cp':
        return fs.cpSync(path, other, { recursive, force })
      case 'exists':
        return fs.existsSync(path)
      case 'lstat':
        return shape(fs.lstatSync(path))
      case 'stat':
        return shape(fs.statSync(path))
      case 'mkdir':
        return fs.mkdirSync(path, { recursive }) !== undefined
      case 'opendir': {
        const dir = fs.opendirSync(path)
        const names: string[] = []
        for (let entry = dir.readSync(); entry; entry = dir.readSync()) names.push(entry.name)
        dir.closeSync()
        return names.sort()
      }
      case 'readdir':
        return recursive
          ? fs.readdirSync(path, { recursive }).sort()
          : fs
              .readdirSync(path, { withFileTypes: true })
              .map((entry) => `${entry.name} ${entry.isDirectory()}`)
              .sort()
      case 'readFile':
        return fs.readFileSync(path, { flag }).toString('hex')
      case 'readlink':
        return fs.readlinkSync(path)
      case 'realpath':
        return this.below(fs.realpathSync(path))
      case 'rename':
        return fs.renameSync(path, other)
      case 'rm':
        return fs.rmSync(path, { recursive, force })
      case 'rmdir':
        return fs.rmdirSync(path)
      case 'truncate':
        return fs.truncateSync(path, size)
      case 'unlink':
        return fs.unlinkSync(path)
      case 'utimes':
        fs.utimesSync(path, size, size * 2)
        return fs.statSync(path).mtimeMs
      case 'writeFile':
        return fs.writeFileSync(path, content(step), { flag })
      case 'open':
        if (fd !== undefined) fs.closeSync(fd)
        this.slots.delete(step.slot)
        this.slots.set(step.slot, fs.openSync(path, flag))
        return undefined
    }
    if (fd === undefined) return undefined
    switch (step.call) {
      case 'close':
        this.slots.delete(step.slot)
        return fs.closeSync(fd)
      case 'fstat':
        return shape(fs.fstatSync(fd))
      case 'ftruncate':
        return fs.ftruncateSync(fd, size)
      case 'futimes':
        fs.futimesSync(fd, size, size * 2)
        return fs.fstatSync(fd).isFile() ? fs.fstatSync(fd).mtimeMs : undefined
      case 'read': {
        const buffer = Buffer.alloc(size)
        const count = fs.readSync(fd, buffer, 0, size, position)
        return [count, buffer.toString('hex')]
      }
      case 'write':
        return fs.writeSync(fd, content(step), 0, size, position)
      case 'writev':
        return fs.writevSync(fd, [content(step), content(step)])
    }
    throw new TypeError(`no call ${step.call}`)
  }

  private below(path: string): string {
    return path.slice(this.root.length)
  }
}

export class PromiseRun {
  private readonly slots = new Map<number, node.promises.FileHandle>()

  constructor(
    private readonly fs: Fs,
    private readonly root: string,
  ) {}

  async step(step: Step): Promise<Outcome> {
    try {
      return await this.run(step)
    } catch (error) {
      return failed(error)
    }
  }

  async end(): Promise<void> {
    for (const handle of this.slots.values()) await handle.close()
  }

  private async run(step: Step): Promise<Outcome> {
    const fs = this.fs.promises
    const path = this.root + step.path
    const other = this.root + step.other
    const { flag, size, position, recursive, force } = step
    const handle = this.slots.get(step.slot)
    switch (step.call) {
      case 'access':
        return fs.access(path)
      case 'appendFile':
        return fs.appendFile(path, content(step))
      case 'copyFile':
        return fs.copyFile(path, other, force ? 0 : this.fs.constants.COPYFILE_EXCL)
      case 'cp':
        return fs.cp(path, other, { recursive, force })
      case 'exists':
        return new Promise((resolve) => this.fs.exists(path, resolve))
      case 'lstat':
        return shape(await fs.lstat(path))
      case 'stat':
        return shape(await fs.stat(path))
      case 'mkdir':
        return (await fs.mkdir(path, { recursive })) !== undefined
      case 'opendir': {
        const names: string[] = []
        for await (const entry of await fs.opendir(path)) names.push(entry.name)
        return names.sort()
      }
      case 'readdir':
        return recursive
          ? (await fs.readdir(path, { recursive })).sort()
          : (await fs.readdir(path, { withFileTypes: true }))
              .map((entry) => `${entry.name} ${entry.isDirectory()}`)
              .sort()
      case 'readFile':
        return (await fs.readFile(path, { flag })).toString('hex')
      case 'readlink':
        return fs.readlink(path)
      case 'realpath':
        return (await fs.realpath(path)).slice(this.root.length)
      case 'rename':
        return fs.rename(path, other)
      case 'rm':
        return fs.rm(path, { recursive, force })
      case 'rmdir':
        return fs.rmdir(path)
      case 'truncate':
        return fs.truncate(path, size)
      case 'unlink':
        return fs.unlink(path)
      case 'utimes':
        await fs.utimes(path, size, size * 2)
        return (await fs.stat(path)).mtimeMs
      case 'writeFile':
        return fs.writeFile(path, content(step), { flag })
      case 'open':
        this.slots.delete(step.slot)
        await handle?.close()
        this.slots.set(step.slot, await fs.open(path, flag))
        return undefined
    }
    if (handle === undefined) return undefined
    switch (step.call) {
      case 'close':
        this.slots.delete(step.slot)
        return handle.close()
      case 'fstat':
        return shape(await handle.stat())
      case 'ftruncate':
        return handle.truncate(size)
      case 'futimes':
        await handle.utimes(size, size * 2)
        return (await handle.stat()).isFile() ? (await handle.stat()).mtimeMs : undefined
      case 'read': {
        const buffer = Buffer.alloc(size)
        const { bytesRead } = await handle.read(buffer, 0, size, position)
        return [bytesRead, buffer.toString('hex')]
      }
      case 'write':
        return (await handle.write(content(step), 0, size, position)).bytesWritten
      case 'writev':
        return (await handle.writev([content(step), content(step)])).bytesWritten
    }
    throw new TypeError(`no call ${step.call}`)
  }
}
