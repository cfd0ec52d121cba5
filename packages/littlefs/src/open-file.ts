/**
 * An open file: a position, and a view of the file that becomes the file's own at `sync` or `close`.
 *
 * 1. What is written through a handle is its own until synced; another handle goes on seeing what
 *    it saw when it was opened, until it is opened again.
 * 2. Nothing is committed of a handle whose last write failed, or took earlier ones with it.
 * 3. The handle follows its file through a rename. A removed file stays usable until its last
 *    handle closes; nothing of it is committed then.
 */

import { FsError, type Op } from '@caravan/core'
import type { BlockSet } from './block-set.js'
import { CtzWriter, type Tail } from './ctz-writer.js'
import { findBlock } from './file-blocks.js'
import { copyInline, planKnown, readBlocksAt } from './file-read.js'
import { type OpenFlags, type View, viewOf } from './file-view.js'
import { blocksToGiveBack } from './file-write.js'
import { blockCountOf } from './format/ctz-list.js'
import type { Struct } from './format/metadata-log.js'
import { FILE_MAX_DEFAULT } from './format/superblock.js'
import { KeptBlocks } from './kept-blocks.js'
import type { Entry } from './metadata-pair.js'
import { OwnBlocks } from './own-blocks.js'
import type { ReadPlan } from './read-plan.js'
import { giveBackReplaced, setContent, takeBackRetained } from './tree-change.js'
import type { Volume } from './volume.js'

export class OpenFile {
  position = 0
  /** True for a handle that must not go over to newer content, also where space is short. */
  keepsVersion = false
  private view: View
  private writer: CtzWriter | undefined
  /** Where the version of the view ends, if this handle wrote it last. */
  private tail: Tail | undefined
  private kept: KeptBlocks | undefined
  private dirty = false
  private failed = false
  /** True once a write that had succeeded was lost with a later one: then no write makes it good. */
  private lostWrites = false
  private isOpen = true
  /** True while an operation of this handle goes on, which must not have its view changed. */
  private isBusy = false
  private readonly own: OwnBlocks
  /** The committed struct that the view came from, and the first block index where it differs. */
  private base: Struct | undefined
  private divergedFrom = Number.POSITIVE_INFINITY

  constructor(
    private readonly volume: Volume,
    readonly entry: Entry,
    readonly flags: OpenFlags,
    /** As it was opened, for messages. */
    private readonly path: string,
  ) {
    this.base = entry.content.struct
    this.view = viewOf(volume, entry)
    this.own = new OwnBlocks(volume)
    entry.openHandles++
    volume.openFiles.add(this)
  }

  /** Made with the first read of a block: handles on small files have no use for it. */
  private get keptBlocks(): KeptBlocks {
    this.kept ??= new KeptBlocks(this.volume)
    return this.kept
  }

  /** Empties the view; the file itself with the next sync. */
  empty(): void {
    this.view = { kind: 'inline', bytes: new Uint8Array(0) }
    this.divergedFrom = 0
    this.dirty = true
  }

  /** Bytes, with what was written and not yet synced. */
  get size(): number {
    const size = this.view.kind === 'inline' ? this.view.bytes.length : this.view.size
    return this.writer === undefined ? size : Math.max(size, this.writer.position)
  }

  /** Adds the blocks that this handle needs whatever the tree says. */
  addNeededTo(used: BlockSet): Op<void> {
    return this.own.addTo(used, this.view)
  }

  /** Lets go of what can be read again. */
  forgetCaches(): void {
    this.kept = undefined
    if (this.isUnsettled || this.isBusy || this.view.kind === 'inline') return
    this.view.blocks.forget()
    // Who goes on behind it takes the places of the blocks before it for known.
    this.tail = undefined
  }

  /** @throws FsError `EINVAL` for a position that no file can have. */
  seek(offset: number, origin: 'start' | 'current' | 'end'): number {
    this.check(true, 'lseek', '')
    const from = origin === 'start' ? 0 : origin === 'current' ? this.position : this.size
    const position = from + offset
    if (!Number.isInteger(position) || position < 0 || position > this.volume.limits.fileMax) {
      const hint = `position ${position}`
      throw new FsError('EINVAL', { syscall: 'lseek', path: this.path, hint })
    }
    this.position = position
    return position
  }

  /**
   * Goes over to the file's newest content, where this handle has written nothing of its own.
   *
   * @returns false where it sees that already, or has.
   */
  refresh(): boolean {
    const isNewer = this.entry.content.struct !== this.base
    if (!isNewer || this.keepsVersion || !this.seesOnly(this.base)) return false
    this.follow()
    return true
  }

  /** True where it sees that content of its file, as it is committed, and nothing else. */
  seesOnly(content: Struct | undefined): boolean {
    return !this.isUnsettled && !this.isBusy && !this.entry.removed && this.base === content
  }

  /** Goes over to the file's content as it is committed: newer, or moved to other blocks. */
  follow(): void {
    this.base = this.entry.content.struct
    this.view = viewOf(this.volume, this.entry)
    this.divergedFrom = Number.POSITIVE_INFINITY
    this.tail = undefined
  }

  /** True where a write failed, and what was written is not saved. */
  get hasFailed(): boolean {
    return this.failed
  }

  /** A read from memory (a count of bytes), or a plan of it; else `undefined`. */
  readNow(position: number, target: Uint8Array): number | ReadPlan | undefined {
    if (!this.isOpen || this.isUnsettled || this.isBusy) return undefined
    const { view } = this
    if (view.kind === 'inline') return copyInline(view.bytes, position, target)
    const { blocks, size } = view
    if (position >= size || target.length === 0) return 0
    const { layout } = this.volume
    const length = Math.min(target.length, size - position)
    const copied = this.kept?.readNow(blocks, size, position, target)
    if (copied !== undefined) return copied
    // Who takes all of a file wants nothing to be kept of it.
    if (length === size) return planKnown(layout, blocks, position, target, length)
    const { keptBlocks } = this
    // Reads that follow each other, and small ones, leave in memory what the next one wants.
    const isLong = length * 4 >= layout.blockSize && !keptBlocks.follows(position)
    if (!isLong && keptBlocks.takes(target.length)) return undefined
    keptBlocks.passed(position + length)
    return planKnown(layout, blocks, position, target, length)
  }

  /** True where closing changes nothing at all. */
  get closesQuietly(): boolean {
    const { entry } = this
    return !this.isUnsettled && entry.retained.length === 0 && !entry.removed
  }

  /** {@link readNow} at the position of a handle that is open for reading. */
  readOn(target: Uint8Array): number | ReadPlan | undefined {
    return this.flags.read ? this.readNow(this.position, target) : undefined
  }

  /** Reads from the position on. @returns bytes read, 0 at the end. */
  *read(target: Uint8Array): Op<number> {
    const count = yield* this.readAt(this.position, target)
    this.position += count
    return count
  }

  *readAt(position: number, target: Uint8Array): Op<number> {
    this.check(this.flags.read, 'read', 'it was not opened for reading')
    if (this.writer !== undefined) yield* this.guarded(this.flush())
    if (this.view.kind === 'inline') return copyInline(this.view.bytes, position, target)
    const { blocks, size } = this.view
    const { layout } = this.volume
    // Small reads one after the other take their bytes from the blocks that the last one read.
    const isWhole = position === 0 && target.length >= size
    if (!isWhole && this.keptBlocks.takes(target.length)) {
      return yield* this.keptBlocks.read(blocks, size, position, target)
    }
    return yield* readBlocksAt(layout, blocks, size, position, target)
  }

  /** {@link write} where it asks nothing of the device yet; `undefined`, and no change, where it does. */
  writeOn(data: Uint8Array): number | undefined {
    if (!this.isOpen || this.isBusy || this.failed || !this.flags.write) return undefined
    const position = this.flags.append && this.position < this.size ? this.size : this.position
    if (position + data.length > this.volume.limits.fileMax) return undefined
    if (!this.putNow(position, data)) return undefined
    this.position = position + data.length
    return data.length
  }

  /**
   * Writes at the position, or at the end of a file opened to append; a gap reads as zeros.
   *
   * @throws FsError `EFBIG`, `ENOSPC`: then nothing of this handle is committed.
   */
  *write(data: Uint8Array): Op<number> {
    this.check(this.flags.write, 'write', 'it was not opened for writing')
    if (this.flags.append && this.position < this.size) this.position = this.size
    const { fileMax } = this.volume.limits
    if (this.position + data.length > fileMax) {
      const hint = `a file may have ${fileMax} bytes`
      throw new FsError('EFBIG', { syscall: 'write', path: this.path, hint })
    }
    yield* this.guarded(this.put(this.position, data))
    this.position += data.length
    this.failed = this.lostWrites
    return data.length
  }

  /**
   * Cuts the file off, or fills it up with zeros. The position stays.
   *
   * @throws FsError `EINVAL` beyond 2 GiB, `ENOSPC`.
   */
  *truncate(size: number): Op<void> {
    this.check(this.flags.write, 'ftruncate', 'it was not opened for writing')
    if (!Number.isInteger(size) || size < 0 || size > FILE_MAX_DEFAULT) {
      const hint = `a size is a whole number from 0 to ${FILE_MAX_DEFAULT}`
      throw new FsError('EINVAL', { syscall: 'ftruncate', path: this.path, hint })
    }
    if (size > this.size) {
      // Beyond the limit it fills up to it and says so, as the reference does.
      const { fileMax } = this.volume.limits
      const most = Math.min(size, fileMax)
      if (most > this.size) yield* this.guarded(this.put(most, new Uint8Array(0)))
      if (size > fileMax) {
        const hint = `a file may have ${fileMax} bytes`
        throw new FsError('EFBIG', { syscall: 'ftruncate', path: this.path, hint })
      }
    } else if (size < this.size) {
      yield* this.guarded(this.cut(size))
    }
  }

  /** Commits what was written: durable when done. */
  *sync(): Op<void> {
    this.check(true, 'fsync', '')
    if (this.failed) {
      const hint = 'an earlier write failed, so nothing since the last sync was saved'
      throw new FsError('EIO', { syscall: 'fsync', path: this.path, hint })
    }
    yield* this.guarded(this.flush())
    if (!this.dirty || this.entry.removed) return
    yield* this.commitView()
  }

  /** True where reading or closing would write. */
  get isUnsettled(): boolean {
    return this.writer !== undefined || this.dirty || this.failed || !this.own.isEmpty
  }

  /** Ends the use of the handle: nothing is saved that was not synced. */
  abandon(): void {
    if (!this.isOpen) return
    this.failed = true
    this.isOpen = false
    this.volume.openFiles.delete(this)
    this.entry.openHandles--
    // What it held counts as used until the next scan.
    if (this.entry.openHandles === 0) this.entry.retained = []
    this.volume.allocator.invalidate()
  }

  /** Syncs, and ends the use of the handle. After a failed write it ends it without saving. */
  *close(): Op<void> {
    this.check(true, 'close', '')
    try {
      if (!this.failed) yield* this.sync()
    } catch (error) {
      this.abandon()
      throw error
    }
    this.end()
  }

  /** {@link close} without an operation, where it {@link closesQuietly}. */
  closeNow(): void {
    this.check(true, 'close', '')
    this.end()
  }

  private end(): void {
    this.isOpen = false
    this.volume.openFiles.delete(this)
    this.entry.openHandles--
    this.own.giveBackAll()
    if (this.entry.openHandles === 0) {
      for (const block of this.entry.retained) this.volume.giveBackBlock(block)
      this.entry.retained = []
    }
  }

  private check(allowed: boolean, syscall: string, hint: string): void {
    if (!this.isOpen) {
      throw new FsError('EBADF', { syscall, path: this.path, hint: 'the handle was closed' })
    }
    if (!allowed) throw new FsError('EBADF', { syscall, path: this.path, hint })
  }

  /** An operation that, failing, leaves the handle as one from which nothing is committed. */
  private *guarded(op: Op<void>): Op<void> {
    const { view, divergedFrom } = this
    const hadWritten = this.writer !== undefined
    this.own.begin()
    this.isBusy = true
    try {
      yield* op
      this.isBusy = false
    } catch (error) {
      this.isBusy = false
      this.failed = true
      this.lostWrites ||= hadWritten
      this.writer = undefined
      this.tail = undefined
      this.view = view
      this.divergedFrom = divergedFrom
      this.own.undo()
      throw error
    }
  }

  /** False where the device has to be asked: then nothing has changed. */
  private putNow(position: number, data: Uint8Array): boolean {
    const { view, tail } = this
    if (this.writer === undefined) {
      if (view.kind === 'inline') return this.putInline(view.bytes, position, data)
      if (tail === undefined || tail.blocks !== view.blocks || position !== view.size) return false
      if (data.length > tail.bytes.length - tail.fill) return false
      this.tail = undefined
      this.writer = CtzWriter.behind(this.volume, tail, this.own.blocks)
    }
    const { writer } = this
    if (writer?.position !== position || !writer.writeNow(data)) return false
    this.dirty = true
    return true
  }

  private putInline(before: Uint8Array, position: number, data: Uint8Array): boolean {
    const length = Math.max(position + data.length, before.length)
    if (length > this.volume.inlineMax) return false
    const bytes = new Uint8Array(length)
    bytes.set(before)
    bytes.set(data, position)
    this.view = { kind: 'inline', bytes }
    this.dirty = true
    return true
  }

  private *put(position: number, data: Uint8Array): Op<void> {
    if (this.putNow(position, data)) return
    if (this.view.kind === 'inline' && this.writer === undefined) yield* this.outline()
    if (this.writer !== undefined && this.writer.position !== position) yield* this.flush()
    const writer = this.writer ?? (yield* this.begin(position))
    this.dirty = true
    yield* writer.write(data)
  }

  /** Begins a new version at a position; a gap before it is filled with zeros. */
  private *begin(position: number): Op<CtzWriter> {
    const { volume, tail, own } = this
    const { blocks, size } = this.view as Extract<View, { kind: 'ctz' }>
    const start = Math.min(position, size)
    this.tail = undefined
    const writer =
      start === size && tail?.blocks === blocks
        ? CtzWriter.behind(volume, tail, own.blocks)
        : yield* CtzWriter.from(volume, blocks, size, start, own.blocks)
    this.writer = writer
    yield* writer.writeZeros(position - start)
    return writer
  }

  /** Turns an inline view into one with blocks, to be written from its beginning. */
  private *outline(): Op<void> {
    const { bytes } = this.view as Extract<View, { kind: 'inline' }>
    const writer = CtzWriter.fresh(this.volume, this.own.blocks)
    yield* writer.write(bytes)
    yield* writer.finish(true)
    this.tail = writer.tail
    this.view = { kind: 'ctz', blocks: writer.blocks, size: bytes.length }
    this.divergedFrom = 0
    this.dirty = true
  }

  private *cut(size: number): Op<void> {
    yield* this.flush()
    if (this.view.kind === 'inline') {
      const bytes = new Uint8Array(size)
      copyInline(this.view.bytes, 0, bytes)
      this.view = { kind: 'inline', bytes }
      this.divergedFrom = 0
      // Another writer's settings may have kept more inline than these do.
      if (size > this.volume.inlineMax) yield* this.outline()
    } else if (size <= this.volume.inlineMax) {
      const bytes = new Uint8Array(size)
      yield* readBlocksAt(this.volume.layout, this.view.blocks, this.view.size, 0, bytes)
      this.own.giveBackFrom(this.view.blocks, 0)
      this.view = { kind: 'inline', bytes }
      this.divergedFrom = 0
    } else {
      const { blocks } = this.view
      const end = blockCountOf(size, this.volume.layout.blockSize)
      yield* findBlock(this.volume.layout, blocks, end - 1)
      this.own.giveBackFrom(blocks, end)
      this.view = { kind: 'ctz', blocks: blocks.prefix(end), size }
      this.divergedFrom = Math.min(this.divergedFrom, end)
    }
    this.dirty = true
  }

  /** Completes the version being written: what the old one has behind it is copied. */
  private *flush(): Op<void> {
    const { writer } = this
    if (writer === undefined) return
    const { blocks, size } = this.view as Extract<View, { kind: 'ctz' }>
    if (writer.position < size) yield* writer.copyRest(blocks, size)
    const newSize = writer.position
    yield* writer.finish(true)
    this.tail = writer.tail
    this.own.giveBackFrom(blocks, writer.firstIndex)
    this.view = { kind: 'ctz', blocks: writer.blocks, size: newSize }
    this.divergedFrom = Math.min(this.divergedFrom, writer.firstIndex)
    this.writer = undefined
  }

  private *commitView(): Op<void> {
    const { entry, volume, view } = this
    const before = entry.content.struct
    const beforeBlocks = blocksToGiveBack(volume, entry)
    const after = view.kind === 'ctz' ? view.blocks : undefined
    const struct: Struct =
      view.kind === 'inline'
        ? view
        : { kind: 'ctz', head: view.blocks.get(view.blocks.lastIndex) as number, size: view.size }
    const attributes = volume.times.stamped(entry.content.attributes, 'old')
    const { nameType, name, others } = entry.content
    yield* setContent(volume, entry, { nameType, name, struct, attributes, others })
    volume.times.committed(entry)
    this.own.committed()
    if (after !== undefined) {
      if (entry.retained.length > 0) yield* takeBackRetained(volume, entry, after)
      entry.fileBlocks = after
      entry.blocksOf = struct
    }
    if (beforeBlocks !== undefined) {
      const from = before === this.base ? this.divergedFrom : undefined
      yield* giveBackReplaced(volume, entry, beforeBlocks, after, from)
    }
    this.base = struct
    this.divergedFrom = Number.POSITIVE_INFINITY
    this.dirty = false
  }
}
