/**
 * Files of this computer into a tree, told of as the original tells: a directory scanned, or the paths
 * that a file lists.
 *
 * 1. What a directory holds is taken in the order of the bytes of its names, so that the same directory
 *    gives the same image everywhere.
 * 2. Only files make entries; directories come into being on the way to them.
 * 3. Links are followed to files, never into directories.
 */

import type { Stats } from 'node:fs'
import {
  type FileHandle,
  lstat,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  stat,
} from 'node:fs/promises'
import { checkInterrupted, compareBytes, isErrno } from '@caravan/cli/host'
import { bytesFrom, type Sink } from '../program.js'
import { errorText } from './error-text.js'
import { directoriesOf, type TargetTree } from './target-tree.js'

interface PackingOptions {
  readonly cwd: string
  readonly stdout: Sink
  readonly stderr: Sink
  readonly signal: AbortSignal
  readonly debug: number
  /** Take the names that are left out otherwise. */
  readonly allFiles: boolean
  /** Bytes of the image: a larger file is not read. */
  readonly limitBytes: number
  /** The image that is being made, under both of its names: never a part of itself. */
  readonly isImage: (stats: Stats) => boolean
}

const IGNORED_NAMES = ['.DS_Store', '.git', '.gitignore', '.gitmodules']

/** Links followed before one is given up. */
const LINKS_MAX = 10

const SLASH = Buffer.from('/')

/** What C's ftell() says of a directory. */
const DIRECTORY_SIZE = '9223372036854775807'

export class Packing {
  /** True where something has failed: the tree is not what was asked for. */
  hasFailed = false

  constructor(
    private readonly tree: TargetTree,
    private readonly options: PackingOptions,
  ) {}

  /** Packs what is in a directory. */
  async addDirectory(directory: Buffer): Promise<void> {
    if (directory.length === 0) {
      // With a slash behind it, it would be all of this computer.
      this.tell("warning: can't read source directory\n")
      this.hasFailed = true
    } else if (!(await this.addBelow(directory, SLASH))) this.hasFailed = true
  }

  /** Packs what a file lists, one path a line, each put behind the directory as it is written. */
  async addListed(directory: Buffer, listFile: Buffer): Promise<void> {
    let list: Buffer
    try {
      list = await readFile(this.onHost(listFile))
    } catch (error) {
      if (!isErrno(error)) throw error
      this.tell('error: failed to open ', listFile, ' for reading\n')
      this.hasFailed = true
      return
    }
    for (const name of linesOf(list)) {
      if (await this.addFile(name, Buffer.concat([directory, name]))) continue
      this.tell('error adding file ', name, '\n')
      this.hasFailed = true
      return
    }
  }

  /**
   * @param below from the directory that is packed, with a slash at both ends.
   * @returns false where the rest of the directory is given up.
   */
  private async addBelow(directory: Buffer, below: Buffer): Promise<boolean> {
    const place = Buffer.concat([directory, below])
    let names: Buffer[]
    try {
      names = await readdir(this.onHost(place), { encoding: 'buffer' })
    } catch (error) {
      if (!isErrno(error)) throw error
      this.tell("warning: can't read source directory\n")
      return false
    }
    for (const name of names.sort(compareBytes)) {
      checkInterrupted(this.options.signal)
      if (!(await this.addNamed(directory, below, name))) return false
    }
    return true
  }

  private async addNamed(directory: Buffer, below: Buffer, name: Buffer): Promise<boolean> {
    const host = Buffer.concat([directory, below, name])
    if (!(await this.leadsToFile(Buffer.concat([directory, below]), host))) return true
    if (!this.options.allFiles && IGNORED_NAMES.includes(name.toString('latin1'))) {
      this.tell('skipping ', name, '\n')
      return true
    }
    const stats = await lookAt(this.onHost(host))
    if (stats !== undefined && this.options.isImage(stats)) return true
    const inImage = Buffer.concat([below, name])
    if (stats?.isDirectory() === true) {
      if (!(await this.addBelow(directory, Buffer.concat([inImage, SLASH])))) {
        this.tell('Error for adding content from ', name, '!\n')
        this.hasFailed = true
      }
      return true
    }
    if (stats?.isFile() !== true) {
      this.tell('skipping ', name, '\n')
      return true
    }
    this.options.stdout.write(Buffer.concat([inImage, Buffer.from('\n')]))
    if (await this.addFile(inImage, host)) return true
    this.tell('error adding file!\n')
    if (this.options.debug > 0) this.options.stdout.write('\n')
    return false
  }

  /** False for a link that leads nowhere or to a directory, which is told. */
  private async leadsToFile(place: Buffer, host: Buffer): Promise<boolean> {
    let target = host
    if (!(await this.isLink(target))) return true
    for (let followed = 0; followed < LINKS_MAX; followed++) {
      try {
        const to = await readlink(this.onHost(target), { encoding: 'buffer' })
        target = to[0] === SLASH[0] ? to : Buffer.concat([place, to])
      } catch (error) {
        return this.skipLink('readlink ', target, error)
      }
      try {
        target = await realpath(this.onHost(target), { encoding: 'buffer' })
        const stats = await lstat(target)
        if (!stats.isDirectory()) return true
        this.tell('symlink ', host, ' points to directory ', target, ' - skipping\n')
        return false
      } catch (error) {
        if (isErrno(error, 'ELOOP')) {
          this.tell('symlink ', host, ' loops back to itself - skipping\n')
          return false
        }
        this.skipLink('realpath ', target, error)
      }
    }
    this.tell('symlink ', host, ' - too many redirections, skipping\n')
    return false
  }

  private async isLink(path: Buffer): Promise<boolean> {
    try {
      return (await lstat(this.onHost(path))).isSymbolicLink()
    } catch (error) {
      if (isErrno(error)) return false
      throw error
    }
  }

  private skipLink(call: string, target: Buffer, error: unknown): false {
    if (!isErrno(error)) throw error
    this.tell(call, target, `: ${errorText(error)}\n`)
    return false
  }

  /** @returns false where it could not be packed, which is told. */
  private async addFile(inImage: Buffer, host: Buffer): Promise<boolean> {
    const { tree } = this
    const source = await this.openSource(host)
    if (source === undefined) return false
    try {
      const stats = await source.stat()
      const seconds = Math.floor(stats.mtimeMs / 1000)
      for (const directory of directoriesOf(inImage)) {
        tree.makeDirectory(directory)
        tree.setTime(directory, seconds)
      }
      if (!tree.open(inImage)) {
        this.tell("unable to open '", inImage, '.\n')
        return false
      }
      const isDirectory = stats.isDirectory()
      if (this.options.debug > 0) {
        this.options.stdout.write(`file size: ${isDirectory ? DIRECTORY_SIZE : stats.size}\n`)
      }
      const content = isDirectory ? undefined : await this.contentOf(source, stats.size)
      if (content === undefined) {
        this.tell('fread error!\n')
        return false
      }
      const left = tree.write(content, Math.max(stats.size, content.length))
      if (left > 0) {
        this.tell('lfs_write error(-28): File system is full.\n\n')
        if (this.options.debug > 0) this.options.stdout.write(`data left: ${left}\n`)
        return false
      }
      tree.setTime(inImage, seconds)
      return true
    } finally {
      tree.close()
      await source.close()
    }
  }

  /** All of a file, or as much of one that is too large as does not fit either. */
  private async contentOf(file: FileHandle, size: number): Promise<Uint8Array | undefined> {
    const { limitBytes } = this.options
    if (size > limitBytes) return new Uint8Array(limitBytes + 1)
    try {
      return await file.readFile()
    } catch (error) {
      if (isErrno(error)) return undefined
      throw error
    }
  }

  private async openSource(host: Buffer) {
    try {
      return await open(this.onHost(host), 'r')
    } catch (error) {
      if (!isErrno(error)) throw error
      this.tell('error: failed to open ', host, ' for reading\n')
      return undefined
    }
  }

  private onHost(path: Buffer): Buffer {
    return bytesFrom(this.options.cwd, path)
  }

  private tell(...pieces: readonly (string | Uint8Array)[]): void {
    for (const piece of pieces) this.options.stderr.write(piece)
  }
}

/** `undefined` where it cannot be looked at, or a link leads nowhere. */
async function lookAt(path: Buffer): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isErrno(error)) return undefined
    throw error
  }
}

/** Each ends with LF or CRLF; what has no line break at its end is no line. */
function* linesOf(list: Buffer): Generator<Buffer, void, void> {
  let start = 0
  for (let end = list.indexOf('\n'); end >= 0; end = list.indexOf('\n', start)) {
    const isCrLf = end > start && list[end - 1] === 0x0d
    yield list.subarray(start, isCrLf ? end - 1 : end)
    start = end + 1
  }
}
