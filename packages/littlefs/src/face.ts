/** How a face runs the engine's operations: through the scheduler of its mount. */

import type { BlockDevice, Op } from '@caravan/core'
import { Scheduler } from '@caravan/fs'
import type { Volume } from './volume.js'

/** What the scheduler tells a volume. */
export function schedulerHooks(volume: Volume) {
  return {
    beginRead: () => volume.allocator.beginRead(),
    endRead: (reader: number) => volume.allocator.endRead(reader),
    beginChange: () => volume.caches.beginChange(),
    endChange: () => volume.caches.endChange(),
    trim: () => volume.caches.trim(),
    leave: () => volume.dropCaches(),
  }
}

export class Face {
  constructor(
    /** The device, in blocks of the filesystem's size. */
    readonly device: BlockDevice,
    protected readonly volume: Volume,
    private readonly scheduler = new Scheduler(device, schedulerHooks(volume)),
  ) {}

  protected run<T>(op: Op<T>): Promise<T> {
    return this.scheduler.read(op)
  }

  protected runSync<T>(op: Op<T>): T {
    return this.scheduler.readSync(op)
  }

  protected async change<T>(makeOp: () => Op<T>): Promise<T> {
    return this.scheduler.change(makeOp)
  }

  /** Runs what takes several operations, with no other change between them. */
  protected exclusive<T>(start: () => Promise<T>): Promise<T> {
    return this.scheduler.exclusive(start)
  }

  protected changeSync<T>(makeOp: () => Op<T>): T {
    return this.scheduler.changeSync(makeOp)
  }

  protected get isChanging(): boolean {
    return this.scheduler.isChanging
  }

  /** Waits for the calls made so far. */
  protected settled(): Promise<void> {
    return this.scheduler.settled()
  }

  protected leave(): void {
    this.scheduler.leave()
  }

  /** What every call begins with: says where it was unmounted. */
  protected enter(): void {
    this.scheduler.enter()
  }
}
