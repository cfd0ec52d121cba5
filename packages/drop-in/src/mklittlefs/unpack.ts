/**
 * `-u`: the files of an image into a directory.
 *
 * 1. A file is there whole or as it was, however the run ends.
 * 2. Nothing is written outside the directory: a name that means another place is not unpacked.
 * 3. A file that cannot be read is left out. Where one or a directory cannot be made, what lies beside it in the directory is given up, what
 *    lies above goes on, and the exit code says so.
 */

import { mkdir, stat } from 'node:fs/promises'
import { HostError, hostNameProblem, isErrno, writeHostFile } from '@caravan/cli/host'
import { FormatError } from '@caravan/core'
import type { LittleFS, WalkEntry } from '@caravan/littlefs'
import { type Folder, readImageTree } from '../image-tree.js'
import { bytesFrom } from '../program.js'
import { openImage } from './open-image.js'
import { EXIT, type Session } from './session.js'
import { changeTime } from './times.js'

const DIRECTORY_MODE = 0o755

export async function unpack(session: Session): Promise<number> {
  const fs = await openImage(session)
  if (fs === undefined) return EXIT.failed
  let target = session.arguments.directory
  if (!target.includes('/')) target = `./${target}`
  if (!target.endsWith('/')) target = `${target}/`
  const unpacking = new Unpacking(session, fs)
  const isDone = await unpacking.run(Buffer.from(target))
  return isDone ? EXIT.done : EXIT.failed
}

class Unpacking {
  private hasFailed = false

  constructor(
    private readonly session: Session,
    private readonly fs: LittleFS,
  ) {}

  async run(target: Buffer): Promise<boolean> {
    const root = await readImageTree(this.fs)
    if (!(await this.isDirectory(target))) {
      this.session.stdout.write(tellMissing(target))
      if (!(await this.makeDirectory(target))) return false
    }
    await this.unpackFolder(root, target, Buffer.from('/'))
    return !this.hasFailed
  }

  /**
   * @param target where it goes, as the user sees it, with a slash at the end.
   * @param shown its place in the image, as the original writes it.
   */
  private async unpackFolder(folder: Folder, target: Buffer, shown: Buffer): Promise<void> {
    for (const { name, entry, folder: below } of folder.children) {
      const path = Buffer.concat([target, name])
      const isUnpacked =
        below === undefined
          ? await this.unpackFile(name, entry, path, shown)
          : await this.unpackDirectory(name, below, path, shown)
      if (!isUnpacked) {
        this.hasFailed = true
        return
      }
    }
  }

  private async unpackFile(
    name: Uint8Array,
    entry: WalkEntry,
    path: Buffer,
    shown: Buffer,
  ): Promise<boolean> {
    const { stdout, signal } = this.session
    if (hostNameProblem(name) !== undefined) return this.refuse(name)
    try {
      const pieces = this.fs.readEntryInPieces(entry)
      const modified = changeTime(entry.attributes)
      await writeHostFile(this.onHost(path), pieces, { force: true, modified, signal })
    } catch (error) {
      // What cannot be read keeps nothing else from being unpacked.
      if (error instanceof FormatError) {
        this.refuse(name)
        this.hasFailed = true
        return true
      }
      if (!(error instanceof HostError) && !isErrno(error)) throw error
      return this.refuse(name)
    }
    stdout.write(Buffer.concat([shown, name]))
    stdout.write('\t > ')
    stdout.write(path)
    stdout.write(`\tsize: ${entry.size} Bytes\n`)
    return true
  }

  private refuse(name: Uint8Array): false {
    const { stdout } = this.session
    stdout.write('Can not unpack ')
    stdout.write(name)
    stdout.write('!\n')
    return false
  }

  /** False where its own place is none; what fails in it does not stop what is beside it. */
  private async unpackDirectory(
    name: Uint8Array,
    folder: Folder,
    path: Buffer,
    shown: Buffer,
  ): Promise<boolean> {
    if (hostNameProblem(name) !== undefined) return this.refuse(name)
    const target = Buffer.concat([path, Buffer.from('/')])
    if (!(await this.isDirectory(target)) && !(await this.makeDirectory(target))) {
      this.session.stdout.write(tellMissing(target))
      await this.makeDirectory(target)
      this.hasFailed = true
      return true
    }
    const below = Buffer.concat([shown, Buffer.from('/'), name, Buffer.from('/')])
    await this.unpackFolder(folder, target, below)
    return true
  }

  private async isDirectory(path: Buffer): Promise<boolean> {
    try {
      return (await stat(this.onHost(path))).isDirectory()
    } catch (error) {
      if (isErrno(error)) return false
      throw error
    }
  }

  private async makeDirectory(path: Buffer): Promise<boolean> {
    try {
      await mkdir(this.onHost(path), DIRECTORY_MODE)
      return true
    } catch (error) {
      if (!isErrno(error)) throw error
      this.session.stderr.write('Can not create directory!!!\n')
      return false
    }
  }

  private onHost(path: Buffer): Buffer {
    return bytesFrom(this.session.cwd, path)
  }
}

function tellMissing(path: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from('Directory '),
    path,
    Buffer.from(' does not exists. Try to create it.\n'),
  ])
}
