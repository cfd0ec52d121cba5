/**
 * The calls on a file that a file device makes, in two forms: answering at once, and with
 * promises. Whoever uses them is a generator that yields each answer, so that it is written once.
 */

import fs from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** An answer, or the promise of it. */
type Soon<T> = T | Promise<T>

/** What is known of an open file. */
interface FileStatus {
  readonly isDirectory: boolean
  readonly sizeBytes: number
}

/** An open file. All positions and lengths in bytes. */
export interface Medium {
  status(): Soon<FileStatus>
  /** Answers with the bytes moved, which may be fewer than asked for. */
  read(buffers: readonly Uint8Array[], position: number): Soon<number>
  /** As {@link read}. */
  write(buffers: readonly Uint8Array[], position: number): Soon<number>
  resize(sizeBytes: number): Soon<void>
  /** Makes the bytes durable, and what of the file's state is needed to read them. */
  syncData(): Soon<void>
  close(): Soon<void>
}

/** Opens a file with the flags of open(2). */
export type OpenMedium = (path: string, flags: number) => Soon<Medium>

export function openAnsweringAtOnce(path: string, flags: number): Medium {
  return new SyncMedium(fs.openSync(path, flags, 0o644))
}

export async function openAnsweringLater(path: string, flags: number): Promise<Medium> {
  return new AsyncMedium(await open(path, flags, 0o644))
}

class SyncMedium implements Medium {
  constructor(private readonly fd: number) {}

  status(): FileStatus {
    return asStatus(fs.fstatSync(this.fd))
  }

  read(buffers: readonly Uint8Array[], position: number): number {
    // One buffer is the usual case, and then the plain call is the faster one.
    const only = buffers.length === 1 ? buffers[0] : undefined
    return only !== undefined
      ? fs.readSync(this.fd, only, 0, only.length, position)
      : fs.readvSync(this.fd, buffers, position)
  }

  write(buffers: readonly Uint8Array[], position: number): number {
    const only = buffers.length === 1 ? buffers[0] : undefined
    return only !== undefined
      ? fs.writeSync(this.fd, only, 0, only.length, position)
      : fs.writevSync(this.fd, buffers, position)
  }

  resize(sizeBytes: number): void {
    fs.ftruncateSync(this.fd, sizeBytes)
  }

  syncData(): void {
    fs.fdatasyncSync(this.fd)
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}

class AsyncMedium implements Medium {
  constructor(private readonly handle: FileHandle) {}

  async status(): Promise<FileStatus> {
    return asStatus(await this.handle.stat())
  }

  async read(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.handle.readv(buffers, position)).bytesRead
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.handle.writev(buffers, position)).bytesWritten
  }

  resize(sizeBytes: number): Promise<void> {
    return this.handle.truncate(sizeBytes)
  }

  syncData(): Promise<void> {
    return this.handle.datasync()
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

function asStatus(stats: fs.Stats): FileStatus {
  return { isDirectory: stats.isDirectory(), sizeBytes: stats.size }
}

/** A program over a medium: yields answers that may be promises, and goes on with their values. */
export type Work<T> = Generator<unknown, T, unknown>

/** The answer of a call on a medium, waited for where it is a promise. */
export function* settle<T>(answer: Soon<T>): Work<T> {
  return (yield answer) as T
}

/** Does the work; a promise only where it met one. */
export function perform<T>(work: Work<T>): Soon<T> {
  let step = work.next()
  while (step.done !== true) {
    if (step.value instanceof Promise) return performLater(work, step.value)
    step = work.next(step.value)
  }
  return step.value
}

async function performLater<T>(work: Work<T>, first: Promise<unknown>): Promise<T> {
  let waiting: unknown = first
  for (;;) {
    let step: IteratorResult<unknown, T>
    let value: unknown
    try {
      value = await waiting
    } catch (error) {
      step = work.throw(error)
      if (step.done === true) return step.value
      waiting = step.value
      continue
    }
    step = work.next(value)
    if (step.done === true) return step.value
    waiting = step.value
  }
}
