/**
 * A file as the face of `node:fs` has it open: one handle of the engine for all who opened it, so
 * that what one has written the others read at once.
 */

import { FsError, type Op } from '@caravan/core'
import type { EngineFile, EntryInfo } from '@caravan/fs'
import { changeTimes } from './change-times.js'
import { entryType } from './directory.js'
import type { Entry } from './metadata-pair.js'
import { OpenFile } from './open-file.js'
import type { ReadPlan } from './read-plan.js'
import type { Volume } from './volume.js'

export class SharedFile implements EngineFile {
  readonly file: OpenFile
  private useCount = 0

  constructor(
    private readonly volume: Volume,
    readonly entry: Entry,
    path: string,
    private readonly onLastClose: () => void,
  ) {
    this.file = new OpenFile(volume, entry, { read: true, write: true, append: false }, path)
  }

  /** One more has opened it. */
  use(): this {
    this.useCount++
    this.file.refresh()
    return this
  }

  get size(): number {
    return this.file.size
  }

  info(): EntryInfo {
    return infoOf(this.volume, this.entry, this.file.size)
  }

  get isUnsettled(): boolean {
    return this.file.isUnsettled
  }

  closesQuietly(saves: boolean): boolean {
    return this.useCount > 1 ? !(saves && this.file.isUnsettled) : this.file.closesQuietly
  }

  readNow(position: number, target: Uint8Array): number | ReadPlan | undefined {
    this.file.refresh()
    return this.file.readNow(position, target)
  }

  *readAt(position: number, target: Uint8Array): Op<number> {
    if (!this.file.isUnsettled) {
      this.file.refresh()
      return yield* this.file.readAt(position, target)
    }
    return yield* this.volume.change('read', () => this.file.readAt(position, target))
  }

  *writeAt(position: number, data: Uint8Array): Op<void> {
    yield* this.volume.change('write', () => this.writeNow(position, data))
    this.volume.times.touch(this.entry)
  }

  private writeNow(position: number, data: Uint8Array): Op<number> {
    this.file.refresh()
    this.file.position = position
    return this.file.write(data)
  }

  *truncate(size: number): Op<void> {
    yield* this.volume.change('ftruncate', () => this.truncateNow(size))
    this.volume.times.touch(this.entry)
  }

  private truncateNow(size: number): Op<void> {
    this.file.refresh()
    return this.file.truncate(size)
  }

  *sync(): Op<void> {
    yield* this.volume.change('fsync', () => this.file.sync())
  }

  *setTimes(atimeNs: bigint, mtimeNs: bigint): Op<void> {
    // What is not saved yet would be given the time of its saving.
    if (this.isUnsettled) yield* this.sync()
    yield* changeTimes(this.volume, this.entry, atimeNs, mtimeNs)
  }

  *close(saves: boolean): Op<void> {
    const { file, volume } = this
    const isQuiet = this.closesQuietly(saves)
    const isLast = --this.useCount === 0
    const hadFailed = file.hasFailed
    try {
      if (isLast) yield* isQuiet ? file.close() : volume.change('close', () => file.close())
      else if (!isQuiet) yield* volume.change('fsync', () => file.sync())
    } catch (error) {
      if (isLast) file.abandon()
      throw error
    } finally {
      if (isLast) this.onLastClose()
    }
    if (hadFailed && isLast) {
      const hint = 'an earlier write failed, so nothing since the last sync was saved'
      throw new FsError('EIO', { syscall: 'close', hint })
    }
  }
}

/** What `stat` tells of an entry. */
export function infoOf(volume: Volume, entry: Entry, size: number): EntryInfo {
  const owner = volume.times.ownerOf(entry)
  const times = volume.times.timesOf(entry)
  const type = entryType(entry)
  if (owner === undefined) return { type, size, times }
  return { type, size, times, mode: owner.mode & 0o7777, uid: owner.uid, gid: owner.gid }
}
