/** What commands work on: a filesystem that may be unmounted, and a directory in it. */

import { posix } from 'node:path'
import type { LittleFS, ReferenceFS } from '@caravan/littlefs'
import { type Folder, readImageTree } from '../../image-tree.js'
import { resolveFrom, type Surroundings } from '../../program.js'
import { Failure } from '../failure.js'
import type { FilenameEncoding } from '../filename-encoding.js'
import { type NamedEntry, namedIn } from '../image.js'

export class Session {
  /** In the filesystem; relative paths are seen from it. */
  directory = '/'
  /** Set by the command that ends it. */
  isOver = false
  private fs: LittleFS | undefined

  constructor(
    fs: LittleFS,
    private readonly mountAgain: () => Promise<LittleFS>,
    readonly encoding: FilenameEncoding,
    private readonly around: Surroundings,
  ) {
    this.fs = fs
  }

  /** @throws Failure while it is unmounted. */
  get mounted(): ReferenceFS {
    if (this.fs === undefined) throw notMounted()
    return this.fs.reference
  }

  /** A directory, and all below it. @throws Failure where there is none. */
  async folderAt(path: string): Promise<Folder> {
    if (this.fs === undefined) throw notMounted()
    let folder: Folder | undefined = await readImageTree(this.fs)
    for (const part of path.split('/').filter((each) => each !== '')) {
      const named: NamedEntry[] = folder === undefined ? [] : namedIn(folder, '', this.encoding)
      folder = named.find(({ name }) => name === part)?.folder
    }
    if (folder === undefined) throw new Failure('USAGE', `'${path}' is no directory.`)
    return folder
  }

  async mount(): Promise<void> {
    if (this.fs !== undefined) throw new Failure('USAGE', 'already mounted.')
    this.fs = await this.mountAgain()
    this.directory = '/'
  }

  async unmount(): Promise<void> {
    if (this.fs === undefined) throw new Failure('USAGE', 'already unmounted.')
    await this.end()
    this.directory = '/'
  }

  async end(): Promise<void> {
    await this.fs?.unmount()
    this.fs = undefined
  }

  /** A path in the filesystem, absolute; the directory itself where nothing is given. */
  resolve(path: string): string {
    return posix.resolve('/', this.directory, path.trim())
  }

  /** As the filesystem takes it. */
  encoded(path: string): Uint8Array {
    return this.encoding.encode(path)
  }

  /** A path of this computer. */
  host(path: string): string {
    const home = this.around.env.HOME
    const isBelowHome = home !== undefined && /^~(?=\/|$)/.test(path)
    return resolveFrom(this.around.cwd, isBelowHome ? home + path.slice(1) : path)
  }

  print(piece: string | Uint8Array): void {
    this.around.stdout.write(piece)
  }

  get signal(): AbortSignal {
    return this.around.signal
  }
}

function notMounted(): Failure {
  return new Failure('USAGE', 'not mounted. Use mount first.')
}
