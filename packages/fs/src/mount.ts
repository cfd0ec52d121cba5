/** One mounted filesystem, as all of its faces share it. */

import { type BlockDevice, isErrno, MisuseError, type Op } from '@caravan/core'
import { FsContext } from './context.js'
import type { FsEngine } from './engine.js'
import { closeCall } from './file-calls.js'
import { parseLinkedPath, parsePosixPath, rememberingParser } from './path.js'
import { Scheduler } from './scheduler.js'

export interface FaceOptions {
  /** The clock: milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** From 0 to 1, for the names of `mkdtemp`. Default `Math.random`. */
  readonly random?: () => number
  /**
   * What `chmod` and `chown` do where the format holds no owners and permissions: `'refuse'` with
   * `ENOSYS`, or `'ignore'`. Default `'refuse'`.
   */
  readonly permissions?: 'refuse' | 'ignore'
}

export interface UnmountOptions {
  /** What becomes of files that are open: unmounting is refused, or they are closed. Default refuse. */
  readonly openHandles?: 'refuse' | 'close'
}

/** Handles that an engine gives out past the face. */
export interface OtherHandles {
  readonly otherHandles: number
  /** Closes them all, as one change. */
  closeOthers(): Op<void>
}

export class Mount {
  readonly context: FsContext
  readonly scheduler: Scheduler

  constructor(device: BlockDevice, engine: FsEngine, options: FaceOptions = {}) {
    this.context = new FsContext(
      engine,
      rememberingParser(engine.links === undefined ? parsePosixPath : parseLinkedPath),
      options.now ?? Date.now,
      options.random ?? Math.random,
      options.permissions ?? 'refuse',
    )
    this.scheduler = new Scheduler(device, engine)
  }

  /** Waits for all calls under way. @throws MisuseError `OPEN_HANDLES`, `UNMOUNTED`. */
  async unmount({ openHandles }: UnmountOptions, others?: OtherHandles): Promise<void> {
    this.scheduler.checkMounted()
    await this.scheduler.settled()
    if (openHandles === 'close') {
      for (const handle of this.context.handles.all()) {
        await this.scheduler.run(closeCall(this.context, handle)).catch(unlessClosed)
      }
      if (others) await this.scheduler.change(() => others.closeOthers())
    }
    this.leave(others?.otherHandles ?? 0)
  }

  unmountSync({ openHandles }: UnmountOptions, others?: OtherHandles): void {
    this.scheduler.checkMounted()
    if (!this.scheduler.isIdle) {
      throw new MisuseError(
        'OPEN_HANDLES',
        'Calls with promises are under way: await them, or use unmount() instead of unmountSync().',
      )
    }
    if (openHandles === 'close') {
      for (const handle of this.context.handles.all()) {
        this.scheduler.runSync(closeCall(this.context, handle))
      }
      if (others) this.scheduler.changeSync(() => others.closeOthers())
    }
    this.leave(others?.otherHandles ?? 0)
  }

  private leave(otherHandles: number): void {
    const open = this.context.handles.size + otherHandles
    if (open > 0) {
      throw new MisuseError(
        'OPEN_HANDLES',
        `${open} file${open === 1 ? ' is' : 's are'} still open: close the handles before unmounting, or unmount with openHandles: 'close'.`,
      )
    }
    this.scheduler.leave()
  }
}

/** A handle that its own program closed meanwhile is closed. */
function unlessClosed(error: unknown): void {
  if (!isErrno(error, 'EBADF')) throw error
}
