/** An open file as a program uses it: each call as a promise and as `...Sync`. */

import { MisuseError, type Op, type ReadRequest } from '@caravan/core'
import type { OpenFile } from './open-file.js'
import type { ReadPlan } from './read-plan.js'

/** How a handle's operations are run: see `Face`. */
export interface HandleRunner {
  /** What every call begins with: says where the filesystem was unmounted. */
  enter(): void
  /** True where no change is under way, and none has to be mended first. */
  isReadyToChange(): boolean
  read<T>(op: () => Op<T>): Promise<T>
  readSync<T>(op: () => Op<T>): T
  /** A read that was planned already. */
  askSync(request: ReadRequest): void
  change<T>(syscall: string, op: () => Op<T>): Promise<T>
  changeSync<T>(syscall: string, op: () => Op<T>): T
}

/** What a seek counts from. */
export type SeekOrigin = 'start' | 'current' | 'end'

export class FileHandle {
  constructor(
    private readonly runner: HandleRunner,
    private readonly file: OpenFile,
  ) {}

  /** Changes that were asked for with a promise and have not ended: what follows waits for them. */
  private pending = 0

  private get mayChange(): boolean {
    return this.pending > 0 || this.file.isUnsettled
  }

  private async change<T>(syscall: string, op: () => Op<T>): Promise<T> {
    this.pending++
    try {
      return await this.runner.change(syscall, op)
    } finally {
      this.pending--
    }
  }

  /** Bytes, with what was written through this handle. */
  get size(): number {
    return this.file.size
  }

  /** Where the next read or write begins. */
  get position(): number {
    return this.file.position
  }

  /**
   * Moves the position; beyond the end is fine, and a write there leaves zeros between.
   *
   * @returns the new position.
   * @throws FsError `EINVAL` before the beginning, or beyond what a file may have.
   */
  seek(offset: number, origin: SeekOrigin = 'start'): number {
    return this.file.seek(offset, origin)
  }

  /** Fills a buffer from the position on. @returns bytes read, 0 at the end. */
  async read(target: Uint8Array): Promise<number> {
    if (this.pending === 0) {
      this.runner.enter()
      const found = this.file.readOn(target)
      if (typeof found === 'number') return this.moveBy(found)
      if (found !== undefined) {
        return this.moveBy(await this.runner.read(() => readPlanned(found)))
      }
    }
    const op = () => this.file.read(target)
    return this.mayChange ? this.change('read', op) : this.runner.read(op)
  }

  readSync(target: Uint8Array): number {
    if (this.pending === 0) {
      this.runner.enter()
      const found = this.file.readOn(target)
      if (typeof found === 'number') return this.moveBy(found)
      if (found !== undefined) {
        this.runner.askSync({ kind: 'read', spans: found.spans })
        found.finish()
        return this.moveBy(found.length)
      }
    }
    const op = () => this.file.read(target)
    return this.file.isUnsettled ? this.runner.changeSync('read', op) : this.runner.readSync(op)
  }

  private moveBy(count: number): number {
    this.file.position += count
    return count
  }

  /** Writes at the position. Saved by `sync` and `close`. @returns bytes written: all. */
  async write(data: Uint8Array): Promise<number> {
    checkBytes(data)
    return this.writeNow(data) ?? this.change('write', () => this.file.write(data))
  }

  writeSync(data: Uint8Array): number {
    checkBytes(data)
    return this.writeNow(data) ?? this.runner.changeSync('write', () => this.file.write(data))
  }

  /** A write that only fills a buffer is no operation. */
  private writeNow(data: Uint8Array): number | undefined {
    this.runner.enter()
    if (this.pending > 0 || !this.runner.isReadyToChange()) return undefined
    return this.file.writeOn(data)
  }

  /** Cuts the file off at a size in bytes, or fills it up with zeros. The position stays. */
  async truncate(size = 0): Promise<void> {
    return this.change('ftruncate', () => this.file.truncate(size))
  }

  truncateSync(size = 0): void {
    this.runner.changeSync('ftruncate', () => this.file.truncate(size))
  }

  /** Saves what was written: durable when done, and seen by whoever opens the file then. */
  async sync(): Promise<void> {
    if (this.mayChange) await this.change('fsync', () => this.file.sync())
  }

  syncSync(): void {
    if (this.file.isUnsettled) this.runner.changeSync('fsync', () => this.file.sync())
  }

  /** Saves what was written and ends the use of the handle, also where saving fails. */
  async close(): Promise<void> {
    try {
      const isQuiet = this.pending === 0 && this.file.closesQuietly
      if (isQuiet) await this.runner.read(() => this.file.close())
      else await this.change('close', () => this.file.close())
    } catch (error) {
      this.file.abandon()
      throw error
    }
  }

  closeSync(): void {
    try {
      this.runner.enter()
      if (this.file.closesQuietly) this.file.closeNow()
      else this.runner.changeSync('close', () => this.file.close())
    } catch (error) {
      this.file.abandon()
      throw error
    }
  }
}

function* readPlanned(plan: ReadPlan): Op<number> {
  yield { kind: 'read', spans: plan.spans }
  plan.finish()
  return plan.length
}

function checkBytes(data: unknown): void {
  if (data instanceof Uint8Array) return
  throw new MisuseError('INVALID_ARGUMENT', 'A handle writes bytes: give a Uint8Array.')
}
