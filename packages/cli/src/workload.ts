/**
 * A workload for looking at: files that are written, grow, change in place, move and go, as a small
 * program would have it. The same seed gives the same operations on every machine.
 */

import { isErrno } from '@caravan/core'
import type { FileSystem } from '@caravan/fs'

const NAMES = ['boot', 'config.json', 'log', 'state', 'cache', 'index', 'page', 'session']
const DIRECTORIES = ['/var', '/www', '/etc']

export class Workload {
  private readonly random: () => number
  private readonly sizes = new Map<string, number>()

  constructor(
    private readonly fs: FileSystem,
    /** Bytes that a large file may have. */
    private readonly sizeMax: number,
    seed: number,
  ) {
    this.random = randomFrom(seed)
  }

  /**
   * Does one thing, and says what. Where there is no space, something is removed.
   *
   * @throws what the filesystem throws, but for `ENOSPC`.
   */
  async step(): Promise<string> {
    try {
      return await this.change()
    } catch (error) {
      if (!isErrno(error, 'ENOSPC')) throw error
      return `no space left; ${await this.remove()}`
    }
  }

  private async change(): Promise<string> {
    const dice = this.random()
    if (dice < 0.45 || this.sizes.size === 0) return this.write()
    if (dice < 0.65) return this.append()
    if (dice < 0.8) return this.patch()
    return dice < 0.9 ? this.move() : this.remove()
  }

  private async write(): Promise<string> {
    const path = await this.newPath()
    const size = this.drawSize()
    await this.fs.promises.writeFile(path, this.bytes(size))
    this.sizes.set(path, size)
    return `write ${path}`
  }

  private async append(): Promise<string> {
    const path = this.anyPath()
    const size = 1 + this.below(200)
    await this.fs.promises.appendFile(path, this.bytes(size))
    this.sizes.set(path, (this.sizes.get(path) ?? 0) + size)
    return `append to ${path}`
  }

  private async patch(): Promise<string> {
    const path = this.anyPath()
    const at = this.below(1 + (this.sizes.get(path) ?? 0))
    const bytes = this.bytes(1 + this.below(64))
    const handle = await this.fs.promises.open(path, 'r+')
    try {
      await handle.write(bytes, 0, bytes.length, at)
    } finally {
      await handle.close()
    }
    this.sizes.set(path, Math.max(this.sizes.get(path) ?? 0, at + bytes.length))
    return `change ${path} in place`
  }

  private async move(): Promise<string> {
    const from = this.anyPath()
    const to = await this.newPath()
    await this.fs.promises.rename(from, to)
    const size = this.sizes.get(from) ?? 0
    this.sizes.delete(from)
    this.sizes.set(to, size)
    return `rename ${from} to ${to}`
  }

  private async remove(): Promise<string> {
    if (this.sizes.size === 0) return 'nothing of its own to remove'
    const path = this.anyPath()
    await this.fs.promises.unlink(path)
    this.sizes.delete(path)
    return `remove ${path}`
  }

  private async newPath(): Promise<string> {
    const directory = this.pick(DIRECTORIES)
    await this.fs.promises.mkdir(directory, { recursive: true })
    return `${directory}/${this.pick(NAMES)}.${this.below(4)}`
  }

  private anyPath(): string {
    return this.pick([...this.sizes.keys()])
  }

  /** Mostly small, as files on such devices are. */
  private drawSize(): number {
    return this.below(this.random() < 0.3 ? this.sizeMax : 300)
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  private below(end: number): number {
    return Math.floor(this.random() * Math.max(1, end))
  }

  private bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size)
    for (let i = 0; i < size; i++) bytes[i] = this.below(256)
    return bytes
  }
}

/** mulberry32: 0 to below 1, from a seed alone. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
