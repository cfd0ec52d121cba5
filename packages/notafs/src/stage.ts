/**
 * Stage: what a change has made and not yet committed. It is seen through its own view; others see
 * the base.
 *
 * 1. Nothing of the base is changed: names go into an overlay, content into nodes of its own.
 * 2. Dropped, it leaves nothing but the sectors that it has written ahead, which are given back.
 */

import { type Errno, FsError, type Op } from '@caravan/core'
import { type CommitOptions, commitChange } from './apply.js'
import { writeAhead } from './commit.js'
import type { Layout } from './format/layout.js'
import type { Pages } from './pages.js'
import {
  append,
  buildRope,
  countDirty,
  cutRope,
  freeRope,
  overwrite,
  type RopeChange,
  type RopeNode,
  takeOver,
} from './rope.js'
import { readSize } from './rope-read.js'
import {
  Directory,
  DirectoryValue,
  FileValue,
  filesUnder,
  Overlay,
  type Value,
  View,
} from './tree.js'
import type { Volume } from './volume.js'

/** The largest file: positions are 32 bits with a sign in the original. */
export const FILE_BYTES_MAX = 2 ** 31 - 1
/** The longest name that is written, in bytes; longer ones are read. */
export const NAME_BYTES_MAX = 255

const NO_BYTES = new Uint8Array(0)

export class Stage implements RopeChange {
  readonly overlay = new Overlay()
  readonly view: View
  readonly owner: object = this
  readonly pages: Pages
  readonly layout: Layout
  readonly freed: number[] = []
  readonly left: RopeNode[] = []
  readonly fresh = new Set<number>()
  /** Files whose content is in memory, and their bytes. */
  private readonly unwritten = new Map<FileValue, number>()
  private unwrittenBytes = 0
  private isChanged = false
  /** True where nothing was bound, only unbound. */
  onlyFrees = true

  constructor(
    private readonly volume: Volume,
    base: View,
  ) {
    this.pages = volume.pages
    this.layout = volume.layout
    const overlays = [this.overlay]
    this.view = new View(base.top, () => overlays)
  }

  free(id: number): void {
    if (this.fresh.delete(id)) this.volume.space.restore([id])
    else this.freed.push(id)
  }

  leave(node: RopeNode): void {
    this.left.push(node)
  }

  // Names

  /** @throws FsError `ENOENT`, `ENOTDIR`. */
  directoryAt(names: readonly string[], syscall: string): Directory {
    const value = this.view.find(names)
    if (value === undefined)
      throw this.failure(isBelowFile(this.view, names) ? 'ENOTDIR' : 'ENOENT', syscall)
    if (value.kind !== 'directory') throw this.failure('ENOTDIR', syscall)
    return value.directory
  }

  /**
   * Binds a name in a directory that is there; the directories above get the time of the change.
   *
   * @param seconds `undefined` leaves the times above as they are.
   */
  bind(names: readonly string[], value: Value, seconds: number | undefined): void {
    this.onlyFrees = false
    this.put(names, value)
    this.touchAbove(names, seconds)
  }

  unbind(names: readonly string[], seconds: number | undefined): void {
    this.put(names, undefined)
    this.touchAbove(names, seconds)
  }

  private put(names: readonly string[], value: Value | undefined): void {
    const parent = this.view.find(names.slice(0, -1)) as DirectoryValue
    this.overlay.put(parent.directory, names[names.length - 1] as string, value)
    this.isChanged = true
  }

  private touchAbove(names: readonly string[], seconds: number | undefined): void {
    if (seconds === undefined || names.length < 2) return
    let { directory } = this.view.top
    for (const name of names.slice(0, -1)) {
      const value = this.view.child(directory, name) as DirectoryValue
      if (value.mtime !== seconds) this.overlay.put(directory, name, value.withTime(seconds))
      directory = value.directory
    }
  }

  /** Makes the directories that are missing. @returns the last. @throws FsError `ENOTDIR`. */
  makeDirectories(names: readonly string[], seconds: number, syscall: string): Directory {
    let { directory } = this.view.top
    for (let depth = 1; depth <= names.length; depth++) {
      const value = this.view.child(directory, names[depth - 1] as string)
      if (value === undefined) directory = this.makeDirectory(names.slice(0, depth), seconds)
      else if (value.kind === 'file') throw this.failure('ENOTDIR', syscall)
      else directory = value.directory
    }
    return directory
  }

  makeDirectory(names: readonly string[], seconds: number): Directory {
    this.checkName(names, 'mkdir')
    const directory = new Directory()
    this.bind(names, new DirectoryValue(seconds, directory), seconds)
    return directory
  }

  /** Moves what is there; its time is kept. What has the new name is given back. */
  *move(from: readonly string[], to: readonly string[], seconds: number | undefined): Op<void> {
    const value = this.view.find(from) as Value
    this.checkName(to, 'rename')
    const replaced = this.view.find(to)
    if (replaced !== undefined) yield* this.freeAll(replaced)
    this.unbind(from, seconds)
    this.bind(to, value, seconds)
  }

  /** Removes what is there, with all below it. */
  *remove(names: readonly string[], seconds: number | undefined): Op<void> {
    yield* this.freeAll(this.view.find(names) as Value)
    this.unbind(names, seconds)
  }

  private *freeAll(value: Value): Op<void> {
    const large: FileValue[] = []
    for (const file of filesUnder(this.view, value)) {
      this.forgetUnwritten(file)
      if (file.isLeaf && !file.isDirty) this.free(file.rope.id)
      else large.push(file)
    }
    for (const file of large) yield* freeRope(this, file.rope)
  }

  // Content

  /** Gives a name its whole content. */
  *setContent(names: readonly string[], data: Uint8Array, seconds: number): Op<void> {
    this.checkSize(data.length)
    const old = this.view.find(names)
    if (old === undefined) this.checkName(names, 'open')
    else yield* this.freeAll(old)
    yield* this.bindContent(names, data, seconds)
  }

  /** The bytes are taken over: whoever gives them does not change them. */
  private *bindContent(names: readonly string[], data: Uint8Array, seconds: number): Op<void> {
    const rope = buildRope(this.layout, this, data)
    const file = new FileValue(seconds, rope, data.length, rope.height === 0)
    this.bind(names, file, seconds)
    yield* this.note(file)
  }

  /** Replaces bytes from an offset on, and makes the file longer where they go beyond its end. */
  *write(names: readonly string[], offset: number, data: Uint8Array, seconds: number): Op<void> {
    const file = this.view.find(names) as FileValue
    // Nothing written makes nothing longer.
    const start = data.length === 0 ? 0 : offset
    const changed = yield* this.written(file, start, data, seconds)
    this.bind(names, changed, seconds)
    yield* this.note(changed)
  }

  /** A file's content with bytes replaced; a gap before them reads as zeros. */
  *written(file: FileValue, offset: number, data: Uint8Array, seconds: number): Op<FileValue> {
    const size = yield* readSize(this.pages, file)
    this.checkSize(Math.max(size, offset + data.length))
    this.forgetUnwritten(file)
    let { rope } = file
    const inside = data.subarray(0, Math.max(0, size - offset))
    if (inside.length > 0) rope = yield* overwrite(this, rope, offset, inside)
    for (let gap = offset - size; gap > 0; gap -= ZEROS_BYTES) {
      rope = yield* append(this, rope, new Uint8Array(Math.min(gap, ZEROS_BYTES)))
    }
    const behind = data.subarray(inside.length)
    if (behind.length > 0) rope = yield* append(this, rope, behind)
    return new FileValue(seconds, rope, Math.max(size, offset + data.length), false)
  }

  *truncate(names: readonly string[], size: number, seconds: number): Op<void> {
    const file = this.view.find(names) as FileValue
    const changed = yield* this.cut(file, size, seconds)
    this.bind(names, changed, seconds)
    yield* this.note(changed)
  }

  /** Gives a file or directory another time; those above keep theirs unless told. */
  *touch(names: readonly string[], seconds: number, secondsAbove: number | undefined): Op<void> {
    const value = this.view.find(names) as Value
    if (value.kind === 'file') this.forgetUnwritten(value)
    const changed = value.withTime(seconds)
    this.bind(names, changed, secondsAbove)
    if (changed.kind === 'file') yield* this.note(changed)
  }

  *cut(file: FileValue, size: number, seconds: number): Op<FileValue> {
    const before = yield* readSize(this.pages, file)
    if (size > before) return yield* this.written(file, size, NO_BYTES, seconds)
    this.forgetUnwritten(file)
    if (size === before) return file.withTime(seconds)
    const rope = yield* cutRope(this, file.rope, size)
    return new FileValue(seconds, rope, size, false)
  }

  /** Keeps count of what is in memory, and writes it ahead where it becomes too much. */
  *note(file: FileValue): Op<void> {
    if (!file.isDirty) return
    const bytes = countDirty(file.rope) * this.layout.pageBytes
    this.unwritten.set(file, bytes)
    this.unwrittenBytes += bytes
    if (this.unwrittenBytes > this.volume.options.transactionBytes) yield* this.writeAhead()
  }

  private forgetUnwritten(file: FileValue): void {
    this.unwrittenBytes -= this.unwritten.get(file) ?? 0
    this.unwritten.delete(file)
  }

  private *writeAhead(): Op<void> {
    const { volume } = this
    const { space, reuseLimit, reserveCount, pending } = volume
    const files: FileValue[] = []
    let left = space.availableCount(reuseLimit) - reserveCount - pending.pageCount
    for (const file of this.unwritten.keys()) {
      left -= countDirty(file.rope)
      // Where space is short it stays in memory: the commit will tell whether there is enough.
      if (left < 0) break
      files.push(file)
    }
    if (files.length === 0) return
    for (const file of files) {
      this.forgetUnwritten(file)
      file.rope = takeOver(this, file.rope)
    }
    for (const id of yield* writeAhead(volume, files)) this.fresh.add(id)
  }

  // The end

  /** @throws FsError `ENOSPC`, `EIO`: then nothing of it was done. */
  *commit(options?: CommitOptions): Op<void> {
    if (!this.isChanged) return
    try {
      yield* commitChange(this.volume, this, options)
    } catch (error) {
      this.drop()
      throw error
    }
  }

  /** Gives back what was written ahead. */
  drop(): void {
    this.volume.space.restore([...this.fresh])
    this.fresh.clear()
  }

  checkName(names: readonly string[], syscall: string): void {
    const name = names[names.length - 1] ?? ''
    if (name.length <= NAME_BYTES_MAX) return
    throw new FsError('ENAMETOOLONG', {
      syscall,
      hint: `a name may have ${NAME_BYTES_MAX} bytes, and this has ${name.length}`,
    })
  }

  checkSize(size: number): void {
    if (size <= FILE_BYTES_MAX) return
    throw new FsError('EFBIG', { hint: `a file may have ${FILE_BYTES_MAX} bytes` })
  }

  private failure(code: Errno, syscall: string): FsError {
    return new FsError(code, { syscall })
  }
}

const ZEROS_BYTES = 1024 * 1024

/** True where a path leads through a file. */
export function isBelowFile(view: View, names: readonly string[]): boolean {
  for (let depth = 1; depth < names.length; depth++) {
    const value = view.find(names.slice(0, depth))
    if (value === undefined) return false
    if (value.kind === 'file') return true
  }
  return false
}

/** Makes a change of one step: all of it, or nothing. */
export function* change<T>(
  volume: Volume,
  make: (stage: Stage) => Op<T>,
  options?: CommitOptions,
): Op<T> {
  const stage = yield* stageOf(volume)
  let result: T
  try {
    result = yield* make(stage)
  } catch (error) {
    stage.drop()
    throw error
  }
  yield* stage.commit(options)
  return result
}

/** {@link change} for what needs no device until the commit. */
export function* changeNow<T>(volume: Volume, make: (stage: Stage) => T): Op<T> {
  const stage = yield* stageOf(volume)
  const result = make(stage)
  yield* stage.commit()
  return result
}

/** @throws FsError `EBUSY` in a transaction, `EROFS`, `EIO`. */
function* stageOf(volume: Volume): Op<Stage> {
  const base = yield* volume.begin()
  if (!volume.isInTransaction) return new Stage(volume, base)
  throw new FsError('EBUSY', {
    hint: 'a transaction is open: make the change through it, or after it',
  })
}
