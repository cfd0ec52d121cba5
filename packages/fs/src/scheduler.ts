/**
 * What runs an engine's operations for a program: in its order, and beside each other where that is
 * right.
 *
 * 1. Changes go one at a time, in the order in which they were asked for. Reading goes beside them
 *    and sees each wholly or not at all.
 * 2. A block that a running read may need is not reused before the read has ended.
 * 3. After unmounting every call says so.
 */

import { type BlockDevice, FsError, MisuseError, type Op, run, runSync } from '@caravan/core'
import type { FsEngine } from './engine.js'
import { asFailureOf, type CallName } from './errors.js'

/** Changes that were asked for with a promise and have not ended: what follows goes behind them. */
export interface CallOrder {
  pendingChanges: number
}

/** An operation and how it goes: beside others, or alone. */
export interface Call<T> extends CallName {
  readonly kind: 'read' | 'change'
  /** Of calls on an open file: they keep the order in which they were made. */
  readonly handle?: CallOrder | undefined
  /**
   * @param mayChange false for a read. A read that finds that it has to write throws
   *   `NEEDS_CHANGE`, and is run again, alone.
   */
  op(mayChange: boolean): Op<T>
}

/**
 * A call of an operation with its arguments.
 *
 * The operation is a function of its module, not a generator made for the call: each of those has
 * a prototype and a hidden class of its own, which costs more than most calls do (2 µs).
 */
export function callOf<A extends readonly unknown[], T>(
  kind: 'read' | 'change',
  { syscall, path, dest }: CallName,
  op: (mayChange: boolean, ...args: A) => Op<T>,
  ...args: A
): Call<T> {
  return { kind, syscall, path, dest, op: (mayChange) => op(mayChange, ...args) }
}

/** Thrown inside the face by a read that has to go as a change; it never leaves it. */
export const NEEDS_CHANGE: unique symbol = Symbol('needs to go as a change')

/** What an engine is told of the calls that run. */
export type SchedulerHooks = Pick<
  FsEngine,
  'beginRead' | 'endRead' | 'beginChange' | 'endChange' | 'trim' | 'leave'
>

export class Scheduler {
  private mounted = true
  /** Ends when the changes asked for so far have ended. */
  private changes: Promise<unknown> = Promise.resolve()
  private changeCount = 0
  private readCount = 0
  private whenIdle: (() => void)[] = []

  constructor(
    /** In blocks of the filesystem's size. */
    readonly device: BlockDevice,
    private readonly engine: SchedulerHooks,
  ) {}

  async run<T>(call: Call<T>): Promise<T> {
    const { handle } = call
    try {
      if (call.kind === 'read' && (handle === undefined || handle.pendingChanges === 0)) {
        try {
          return await this.read(call.op(false))
        } catch (error) {
          if (error !== NEEDS_CHANGE) throw error
        }
      }
      if (handle !== undefined) handle.pendingChanges++
      try {
        return await this.change(() => call.op(true))
      } finally {
        if (handle !== undefined) handle.pendingChanges--
      }
    } catch (error) {
      throw asFailureOf(call, error)
    }
  }

  runSync<T>(call: Call<T>): T {
    try {
      if (call.kind === 'change') return this.changeSync(() => call.op(true))
      try {
        return this.readSync(call.op(false))
      } catch (error) {
        if (error !== NEEDS_CHANGE) throw error
      }
      return this.changeSync(() => call.op(true))
    } catch (error) {
      throw asFailureOf(call, error)
    }
  }

  async read<T>(op: Op<T>): Promise<T> {
    this.enter()
    const reader = this.engine.beginRead()
    this.readCount++
    try {
      return await run(op, this.device)
    } finally {
      this.readCount--
      this.engine.endRead(reader)
      this.checkIdle()
    }
  }

  readSync<T>(op: Op<T>): T {
    this.enter()
    return runSync(op, this.device)
  }

  change<T>(makeOp: () => Op<T>): Promise<T> {
    return this.exclusive(async () => run(makeOp(), this.device))
  }

  /** Runs what takes several operations, with no other change between them. */
  exclusive<T>(start: () => Promise<T>): Promise<T> {
    this.enter()
    const isFirst = this.changeCount++ === 0
    const begin = () => {
      this.engine.beginChange?.()
      return start()
    }
    const result = isFirst ? begin() : this.changes.then(begin)
    const ended = () => {
      this.engine.endChange?.()
      this.changeCount--
      this.checkIdle()
    }
    this.changes = result.then(ended, ended)
    return result
  }

  changeSync<T>(makeOp: () => Op<T>): T {
    this.enter()
    if (this.changeCount > 0) {
      throw new FsError('EBUSY', {
        hint: 'a change asked for with a promise is under way: await it before a synchronous one',
      })
    }
    return runSync(makeOp(), this.device)
  }

  /** True while a change that was asked for has not ended. */
  get isChanging(): boolean {
    return this.changeCount > 0
  }

  get isIdle(): boolean {
    return this.changeCount === 0 && this.readCount === 0
  }

  /** Waits for all calls made so far, and for those that they are waiting behind. */
  settled(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.whenIdle.push(resolve))
  }

  /** Ends the use of the filesystem. */
  leave(): void {
    this.checkMounted()
    this.mounted = false
    this.engine.leave()
  }

  /** @throws MisuseError `UNMOUNTED`. */
  checkMounted(): void {
    if (this.mounted) return
    throw new MisuseError(
      'UNMOUNTED',
      'This filesystem was unmounted. Mount the device again to use it.',
    )
  }

  /**
   * What every call begins with.
   *
   * @throws MisuseError `UNMOUNTED`.
   */
  enter(): void {
    this.checkMounted()
    if (this.changeCount === 0 && this.readCount === 0) this.engine.trim()
  }

  private checkIdle(): void {
    if (this.whenIdle.length === 0 || !this.isIdle) return
    const waiting = this.whenIdle
    this.whenIdle = []
    for (const wake of waiting) wake()
  }
}
