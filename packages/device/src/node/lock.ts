/**
 * The lock of a writer on a file: `PATH.lock` beside it.
 *
 * 1. Whoever makes the lock file (a link, else O_EXCL) has the lock; nobody else writes to the locked
 *    file. It is there with its content or not at all, where the filesystem has links.
 * 2. A lock is stale when its process is gone for certain: on this host, no process of that id and
 *    start time. A lock of another host, or one that cannot be read, is never stale.
 * 3. A stale lock is removed only by who holds the guard `PATH.lock.takeover` (O_EXCL too), and
 *    judged once more under it: of two that found it stale, the later must not remove the fresh
 *    lock of the earlier.
 * 4. A lock is removed only where the file still holds what was written into it.
 *
 * All of it is synchronous, in both modes of a file device: it must also run while the process
 * exits, and nothing of this process may come between.
 */

import { randomUUID } from 'node:crypto'
import { closeSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { DeviceError } from '@caravan/core'

/** What a lock file holds, as JSON. */
interface LockHolder {
  readonly pid: number
  readonly host: string
  /**
   * When the process started, so that another one with its number is not taken for it: on Linux
   * the boot's id and the process's start in clock ticks after it, elsewhere a time.
   */
  readonly started: string
  /** When the lock was taken, for people. */
  readonly since: string
  /** Tells two locks of one process apart. */
  readonly id: string
}

/** A lock that is held. */
export interface FileLock {
  readonly path: string
  /** Removes the lock file. A second call does nothing. */
  release(): void
}

/** Those to remove when the process exits. */
const held = new Set<FileLock>()

/**
 * Takes the lock of a file.
 *
 * @param path The file's real path: two names of a file must have one lock.
 * @throws DeviceError `LOCKED` naming who holds it; `IO` where no lock file can be made.
 */
export function takeLock(path: string): FileLock {
  const lockPath = `${path}.lock`
  const text = `${JSON.stringify(myself())}\n`
  if (!createExclusively(lockPath, text)) {
    const content = readLock(lockPath)
    if (content !== undefined && !isStale(content)) throw lockedError(path, lockPath, content)
    removeStale(path, lockPath)
    if (!createExclusively(lockPath, text)) {
      throw lockedError(path, lockPath, readLock(lockPath) ?? '')
    }
  }
  return hold(lockPath, text)
}

function hold(lockPath: string, text: string): FileLock {
  const lock: FileLock = {
    path: lockPath,
    release() {
      if (!held.delete(lock)) return
      if (held.size === 0) process.off('exit', releaseAll)
      if (readLock(lockPath) === text) removeIfThere(lockPath)
    },
  }
  if (held.size === 0) process.on('exit', releaseAll)
  held.add(lock)
  return lock
}

function releaseAll(): void {
  for (const lock of held) {
    try {
      lock.release()
    } catch {
      // The process is ending and nobody can be told; the next writer finds the lock stale.
    }
  }
}

/** Removes the lock where it is (still) stale, under the guard. */
function removeStale(path: string, lockPath: string): void {
  const guard = `${lockPath}.takeover`
  if (!createExclusively(guard, `${JSON.stringify(myself())}\n`)) {
    throw new DeviceError(
      'LOCKED',
      `Another program is just taking over the stale lock ${lockPath} of ${path}. Try again; if no such program runs, delete ${guard}.`,
      { request: 'open', path },
    )
  }
  try {
    const content = readLock(lockPath)
    if (content !== undefined && !isStale(content)) throw lockedError(path, lockPath, content)
    removeIfThere(lockPath)
  } finally {
    removeIfThere(guard)
  }
}

/** Makes a file with that text; false where there is one. */
function createExclusively(path: string, text: string): boolean {
  try {
    if (!linkWhole(path, text)) writeExclusively(path, text)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    if (error instanceof DeviceError) throw error
    throw new DeviceError(
      'IO',
      `The lock file ${path} cannot be made: ${(error as Error).message}. Make its directory writable; or, where nothing else writes to the file, open it with lock: false (--no-lock).`,
      { request: 'open', path, cause: error },
    )
  }
}

/**
 * Makes the file in one step, with its text: a process that is killed between making and writing it
 * would leave a lock without a name in it, which nobody could ever tell to be stale.
 *
 * @returns false where that cannot be done (no hard links, no room for a longer name).
 * @throws where there is a file of that name, with the code `EEXIST`.
 */
function linkWhole(path: string, text: string): boolean {
  const draft = `${path}.${randomUUID()}`
  try {
    writeExclusively(draft, text)
  } catch {
    // Whatever the reason: making the file itself will say it, or succeed.
    return false
  }
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw error
    return false
  } finally {
    removeIfThere(draft)
  }
}

/** @throws where there is a file of that name, with the code `EEXIST`. */
function writeExclusively(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o644)
  try {
    writeSync(fd, text)
  } catch (error) {
    removeIfThere(path)
    throw error
  } finally {
    closeSync(fd)
  }
}

/** The text of a lock file; `undefined` where there is none (any more). */
function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw new DeviceError(
      'IO',
      `The lock file ${path} cannot be read: ${(error as Error).message}. Make it readable, or delete it if no program writes to the file that it locks.`,
      { request: 'open', path, cause: error },
    )
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw new DeviceError(
      'IO',
      `The lock file ${path} cannot be removed: ${(error as Error).message}. Delete it by hand.`,
      { request: 'close', path, cause: error },
    )
  }
}

/** `undefined` for a text that is no lock's: a program's that has not yet written it, or a crash's. */
function parseHolder(content: string): LockHolder | undefined {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, host, started, since, id } = value as Record<string, unknown>
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (typeof host !== 'string' || typeof started !== 'string') return undefined
  return { pid, host, started, since: String(since ?? started), id: String(id ?? '') }
}

function isStale(content: string): boolean {
  const holder = parseHolder(content)
  if (holder === undefined || holder.host !== hostname()) return false
  const boot = holder.started.split('/')[0]
  // Where it was not written on Linux it cannot be compared: the number alone decides.
  if (bootId !== undefined && boot !== holder.started) {
    if (boot !== bootId) return true
    const found = findProcess(holder.pid)
    if (found !== undefined) return found.isZombie || found.started !== holder.started
  }
  return !isRunning(holder.pid)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: there, but somebody else's.
    return !isErrno(error, 'ESRCH')
  }
}

const bootId = readIfThere('/proc/sys/kernel/random/boot_id')?.trim()

/** What /proc knows of a process; `undefined` where it is gone or hidden, or this is not Linux. */
function findProcess(pid: number): { started: string; isZombie: boolean } | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  if (stat === undefined || bootId === undefined) return undefined
  // proc(5): the 2nd field is the name in parentheses and may hold anything; the 3rd is the state,
  // the 22nd the start in clock ticks after the boot.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie writes no more, though it stays until its parent asks for it.
  return { started: `${bootId}/${fields[22 - 3]}`, isZombie: fields[0] === 'Z' }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Whatever the reason, /proc knows nothing then, and the signal of isRunning() decides.
    return undefined
  }
}

function myself(): LockHolder {
  const started =
    findProcess(process.pid)?.started ??
    new Date(Date.now() - process.uptime() * 1000).toISOString()
  return {
    pid: process.pid,
    host: hostname(),
    started,
    since: new Date().toISOString(),
    id: randomUUID(),
  }
}

function lockedError(path: string, lockPath: string, content: string): DeviceError {
  const holder = parseHolder(content)
  const who =
    holder === undefined
      ? 'by a program that has not written its name into the lock'
      : `by process ${holder.pid}${holder.pid === process.pid && holder.host === hostname() ? ' (this one)' : ''} on host ${holder.host}, since ${holder.since} (started ${holder.started})`
  return new DeviceError(
    'LOCKED',
    `${path} is open for writing ${who}. Wait until it is closed, or open it read-only. If that program no longer runs, delete ${lockPath}, or open the file with lock: false (--no-lock).`,
    { request: 'open', path },
  )
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code
}
