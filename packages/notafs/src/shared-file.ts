/**
 * A file as the face of `node:fs` has it open: one for all who opened it, so that what one has written
 * the others read at once.
 *
 * 1. What is written is kept in memory until a sync or the last close, or until it becomes much: then
 *    it is committed.
 * 2. A file that is removed, or replaced by another, while it is open stays readable: its pages are
 *    not reused until it is closed.
 */

import { FsError, type Op, type Span } from '@caravan/core'
import type { EngineFile, EntryInfo } from '@caravan/fs'
import { FileTimes } from '@caravan/fs'
import { nsOf, secondsOfNs } from './format/time.js'
import { contentNow, readRange } from './rope-read.js'
import { Stage } from './stage.js'
import { type FileValue, namesOf, type Slot, type Value, type View } from './tree.js'
import type { Volume } from './volume.js'

export class SharedFile implements EngineFile {
  private useCount = 0
  /** What was written and is not committed. */
  private working: { file: FileValue; stage: Stage; changedAt: number | undefined } | undefined
  private unsavedBytes = 0
  /** Of a file that has no name any more. */
  private detached: { file: FileValue; pin: object } | undefined
  private hasFailed = false

  constructor(
    private readonly volume: Volume,
    private readonly base: View,
    private slot: Slot,
    private readonly seconds: () => number,
  ) {}

  use(): this {
    this.useCount++
    return this
  }

  private get file(): FileValue {
    return this.working?.file ?? this.detached?.file ?? (this.slot.value as FileValue)
  }

  get size(): number {
    return this.file.size
  }

  info(): EntryInfo {
    return infoOf(this.file)
  }

  get isUnsettled(): boolean {
    return this.working !== undefined && this.detached === undefined
  }

  closesQuietly(saves: boolean): boolean {
    return !this.isUnsettled || (this.useCount > 1 && !saves)
  }

  readNow(position: number, target: Uint8Array): number | readonly Span[] | undefined {
    const content = contentNow(this.volume.pages, this.file)
    if (content === undefined) return undefined
    const part = content.subarray(position, position + target.length)
    target.set(part)
    return part.length
  }

  *readAt(position: number, target: Uint8Array): Op<number> {
    return yield* readRange(this.volume.pages, this.file, position, target)
  }

  *writeAt(position: number, data: Uint8Array): Op<void> {
    const stage = yield* this.begin(Math.max(0, position - this.size) + data.length)
    const seconds = this.seconds()
    // A copy: the caller's buffer is the caller's again when this returns.
    const file = yield* stage.written(this.file, position, data.slice(), seconds)
    yield* this.changed(stage, file, seconds, data.length)
  }

  *truncate(size: number): Op<void> {
    const stage = yield* this.begin(Math.max(0, size - this.size))
    const seconds = this.seconds()
    const file = yield* stage.cut(this.file, size, seconds)
    yield* this.changed(stage, file, seconds, Math.max(0, size - this.size))
  }

  *setTimes(_atimeNs: bigint, mtimeNs: bigint): Op<void> {
    const stage = yield* this.begin(0)
    const file = this.file.withTime(secondsOfNs(mtimeNs))
    this.working = { file, stage, changedAt: this.working?.changedAt }
    yield* this.sync()
  }

  /** @param bytes that are to be written: what does not fit is told first. */
  private *begin(bytes: number): Op<Stage> {
    yield* this.volume.begin()
    if (this.volume.isInTransaction) {
      throw new FsError('EBUSY', {
        hint: 'a transaction is open: make the change through it, or after it',
      })
    }
    // It may save what was written before: what follows is another change.
    if (bytes > 0) yield* this.checkSpace(bytes)
    if (this.working !== undefined) return this.working.stage
    return new Stage(this.volume, this.base)
  }

  /** What does not fit is told at once, not when it is saved. */
  private *checkSpace(bytes: number): Op<void> {
    const { space, reuseLimit, reserveCount, layout } = this.volume
    const pages = (this.unsavedBytes + bytes) / layout.ropeLeafBytes
    if (space.availableCount(reuseLimit) - reserveCount > pages + 8) return
    if (this.isUnsettled) yield* this.sync()
    if (space.freeCount - reserveCount > bytes / layout.ropeLeafBytes) return
    throw new FsError('ENOSPC', { hint: 'the disk is full: remove something' })
  }

  private *changed(stage: Stage, file: FileValue, seconds: number, bytes: number): Op<void> {
    this.working = { file, stage, changedAt: seconds }
    this.unsavedBytes += bytes + this.volume.layout.pageBytes
    if (this.isUnsettled && this.unsavedBytes > this.volume.options.transactionBytes) {
      yield* this.sync()
    }
  }

  *sync(): Op<void> {
    const { working } = this
    if (working === undefined || this.detached !== undefined) return
    const { stage, file, changedAt } = working
    this.working = undefined
    this.unsavedBytes = 0
    try {
      stage.bind(namesOf(this.slot), file, changedAt)
      yield* stage.commit()
    } catch (error) {
      this.hasFailed = true
      throw error
    }
  }

  *close(saves: boolean): Op<void> {
    const isLast = --this.useCount === 0
    try {
      if (this.isUnsettled && (isLast || saves)) yield* this.sync()
    } finally {
      if (isLast) this.end()
    }
    if (!isLast || !this.hasFailed) return
    throw new FsError('EIO', {
      syscall: 'close',
      hint: 'an earlier write failed, so nothing since the last sync was saved',
    })
  }

  private end(): void {
    this.working?.stage.drop()
    this.working = undefined
    if (this.detached !== undefined) this.volume.unpin(this.detached.pin)
    else this.volume.openFiles.delete(this.slot)
  }

  /** The file has lost its name; what it was is still read. */
  detach(file: FileValue): void {
    this.detached = { file, pin: this.volume.pin() }
  }

  /** It has another name, or its old one back. */
  moveTo(slot: Slot): void {
    if (this.detached !== undefined) this.volume.unpin(this.detached.pin)
    this.detached = undefined
    this.slot = slot
  }
}

/** What `stat` tells; the size of a file must be known. */
export function infoOf(value: Value): EntryInfo {
  const times = new FileTimes(nsOf(value.mtime))
  if (value.kind === 'directory') return { type: 'directory', size: 0, times }
  return { type: 'file', size: value.size, times }
}
