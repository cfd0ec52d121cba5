/**
 * What runs the engine's operations for a program: in its order, and beside each other where that
 * is right.
 *
 * 1. Changes go one at a time, in the order in which they were asked for. Reading goes beside them
 *    and sees each wholly or not at all.
 * 2. A block that a running read may need is not reused before the read has ended.
 */

import { type BlockDevice, FsError, MisuseError, type Op, run, runSync } from '@caravan/core'
import type { Volume } from './volume.js'

export class Face {
  private mounted = true
  /** Ends when the changes asked for so far have ended. */
  private changes: Promise<unknown> = Promise.resolve()
  private changeCount = 0
  private readCount = 0

  constructor(
    /** The device, in blocks of the filesystem's size. */
    readonly device: BlockDevice,
    protected readonly volume: Volume,
  ) {}

  protected async run<T>(op: Op<T>): Promise<T> {
    this.enter()
    const reader = this.volume.allocator.beginRead()
    this.readCount++
    try {
      return await run(op, this.device)
    } finally {
      this.readCount--
      this.volume.allocator.endRead(reader)
    }
  }

  protected runSync<T>(op: Op<T>): T {
    this.enter()
    return runSync(op, this.device)
  }

  protected change<T>(makeOp: () => Op<T>): Promise<T> {
    return this.exclusive(() => run(makeOp(), this.device))
  }

  /** Runs what takes several operations, with no other change between them. */
  protected exclusive<T>(start: () => Promise<T>): Promise<T> {
    this.enter()
    const isFirst = this.changeCount++ === 0
    const result = isFirst ? start() : this.changes.then(start)
    const ended = () => {
      this.changeCount--
    }
    this.changes = result.then(ended, ended)
    return result
  }

  protected changeSync<T>(makeOp: () => Op<T>): T {
    this.enter()
    if (this.changeCount > 0) {
      throw new FsError('EBUSY', {
        hint: 'a change asked for with a promise is under way: await it before a synchronous one',
      })
    }
    return runSync(makeOp(), this.device)
  }

  /** Waits for the changes asked for so far. */
  protected settled(): Promise<unknown> {
    return this.changes
  }

  protected leave(): void {
    this.checkMounted()
    this.mounted = false
    this.volume.dropCaches()
  }

  protected enter(): void {
    this.checkMounted()
    if (this.changeCount === 0 && this.readCount === 0) this.volume.trimCaches()
  }

  private checkMounted(): void {
    if (this.mounted) return
    throw new MisuseError(
      'UNMOUNTED',
      'This filesystem was unmounted. Mount the device again to use it.',
    )
  }
}
