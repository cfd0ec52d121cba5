/** notafs as the face of `node:fs` asks for it: see `FsEngine`. */

import { type Errno, FsError, type Op } from '@caravan/core'
import type {
  EngineFile,
  EngineOpenOptions,
  EntryInfo,
  FsChanges,
  FsEngine,
  FsLimits,
  ListedName,
  Path,
  SpaceInfo,
} from '@caravan/fs'
import { secondsOfMs, secondsOfNs } from './format/time.js'
import { readRange, readSize } from './rope-read.js'
import { infoOf, SharedFile } from './shared-file.js'
import {
  change,
  changeNow,
  FILE_BYTES_MAX,
  isBelowFile,
  NAME_BYTES_MAX,
  type Stage,
} from './stage.js'
import type { FileValue, Value, View } from './tree.js'
import type { Volume } from './volume.js'

/** "NOTA", as the kernel's numbers of filesystems are: there is none of notafs' own. */
const MAGIC = 0x41544f4e

/** Bytes read between two looks at whether the call was aborted. */
const READ_PIECE_BYTES = 4 * 1024 * 1024

export class NotafsEngine implements FsEngine {
  readonly changes: FsChanges | undefined
  readonly magic = MAGIC
  readonly limits: FsLimits = { nameMax: NAME_BYTES_MAX, fileMax: FILE_BYTES_MAX }
  private readonly readers = new Map<number, object>()
  private readerCount = 0

  constructor(
    private readonly volume: Volume,
    private readonly now: () => number,
  ) {
    this.changes = volume.options.readOnly ? undefined : this.makeChanges()
  }

  get blockSize(): number {
    return this.volume.layout.pageBytes
  }

  private seconds(): number {
    return secondsOfMs(this.now())
  }

  *lookUp(path: Path): Op<EntryInfo> {
    const value = required(yield* this.volume.tree(), path)
    if (value.kind === 'file') yield* readSize(this.volume.pages, value)
    return this.info(value)
  }

  lookUpNow(path: Path): EntryInfo | undefined {
    const value = this.volume.view?.find(path.names)
    if (
      value === undefined ||
      (value.kind === 'file' && (value.size < 0 || path.mustBeDirectory))
    ) {
      return undefined
    }
    return this.info(value)
  }

  private info(value: Value): EntryInfo {
    if (this.volume.openFiles.size === 0 || value.kind !== 'file') return infoOf(value)
    for (const [slot, file] of this.volume.openFiles) if (slot.value === value) return file.info()
    return infoOf(value)
  }

  *list(path: Path, recursive: boolean): Op<readonly ListedName[]> {
    const view = yield* this.volume.tree()
    const value = required(view, path)
    if (value.kind !== 'directory') throw new FsError('ENOTDIR', { path: path.text })
    const listed: ListedName[] = []
    const pending: { parent: string; directory: typeof value.directory }[] = [
      { parent: '', directory: value.directory },
    ]
    for (let each = pending.shift(); each !== undefined; each = pending.shift()) {
      const { parent, directory } = each
      for (const [name, child] of view.list(directory)) {
        listed.push({ name, parent, type: child.kind })
        if (!recursive || child.kind !== 'directory') continue
        pending.push({
          parent: parent === '' ? name : `${parent}/${name}`,
          directory: child.directory,
        })
      }
    }
    return listed
  }

  *open(path: Path, { create, exclusive }: EngineOpenOptions): Op<EngineFile> {
    const view = yield* this.volume.tree()
    const value = found(view, path)
    if (value === undefined) {
      if (create !== true) throw missing(view, path)
      yield* change(this.volume, (stage) => this.create(stage, path, new Uint8Array(0)))
    } else {
      if (exclusive === true) throw new FsError('EEXIST', { path: path.text })
      checkIsFile(value, path)
      yield* readSize(this.volume.pages, value)
    }
    return this.share(view, path)
  }

  private *create(stage: Stage, path: Path, data: Uint8Array): Op<void> {
    if (path.mustBeDirectory) throw new FsError('ENOTDIR', { path: path.text })
    stage.directoryAt(path.names.slice(0, -1), 'open')
    yield* stage.setContent(path.names, data, this.seconds())
  }

  private share(view: View, path: Path): SharedFile {
    const { openFiles } = this.volume
    const parent = view.find(path.names.slice(0, -1))
    const name = path.names[path.names.length - 1] as string
    const slot = parent?.kind === 'directory' ? parent.directory.slots.get(name) : undefined
    if (slot === undefined) throw missing(view, path)
    let shared = openFiles.get(slot)
    if (shared === undefined) {
      shared = new SharedFile(this.volume, view, slot, () => this.seconds())
      openFiles.set(slot, shared)
    }
    return shared.use()
  }

  *readFile(path: Path, checkAborted: () => void): Op<Uint8Array | undefined> {
    const { pages } = this.volume
    const value = required(yield* this.volume.tree(), path)
    checkIsFile(value, path)
    if (this.openedAs(value)?.isUnsettled) return undefined
    const bytes = new Uint8Array(yield* readSize(pages, value))
    for (let at = 0; at < bytes.length; at += READ_PIECE_BYTES) {
      checkAborted()
      yield* readRange(pages, value, at, bytes.subarray(at, at + READ_PIECE_BYTES))
    }
    return bytes
  }

  private openedAs(value: Value): SharedFile | undefined {
    for (const [slot, file] of this.volume.openFiles) if (slot.value === value) return file
    return undefined
  }

  *space(): Op<SpaceInfo> {
    const { layout } = this.volume
    const freeBlocks = (yield* this.volume.freeSpaceOf()).freeCount
    return { blockSize: layout.pageBytes, blockCount: layout.pageCount, freeBlocks }
  }

  /** Saves what was written to open files and not synced. */
  *settleFiles(): Op<void> {
    for (const file of [...this.volume.openFiles.values()]) if (file.isUnsettled) yield* file.sync()
  }

  private makeChanges(): FsChanges {
    return {
      writeFile: (path, data, options) => this.writeFile(path, data, options),
      makeDirectory: (path) => this.makeDirectory(path),
      remove: (path) => this.remove(path),
      rename: (from, to) => this.rename(from, to),
      setTimes: (path, _atimeNs, mtimeNs) => this.setTimes(path, mtimeNs),
    }
  }

  private *writeFile(path: Path, data: Uint8Array, options: EngineOpenOptions): Op<void> {
    const value = found(yield* this.volume.begin(), path)
    if (value !== undefined) {
      if (options.exclusive === true) throw new FsError('EEXIST', { path: path.text })
      checkIsFile(value, path)
      const file = this.openedAs(value)
      // This comes after what somebody who has it open has written.
      if (file?.isUnsettled) yield* file.sync()
    }
    // The caller may change its bytes once this has returned; where commits are grouped they are kept.
    const own = this.volume.options.commitEvery > 1 ? data.slice() : data
    yield* change(this.volume, (stage) => this.create(stage, path, own))
  }

  private *makeDirectory(path: Path): Op<void> {
    const seconds = this.seconds()
    yield* changeNow(this.volume, (stage) => {
      if (stage.view.find(path.names) !== undefined) {
        throw new FsError('EEXIST', { path: path.text })
      }
      stage.directoryAt(path.names.slice(0, -1), 'mkdir')
      stage.makeDirectory(path.names, seconds)
    })
  }

  private *remove(path: Path): Op<void> {
    yield* this.removal(path, this.seconds())
  }

  private *removal(path: Path, seconds: number): Op<void> {
    yield* freeing(this.volume, seconds, function* (stage, above) {
      const value = required(stage.view, path)
      if (path.names.length === 0) throw new FsError('EINVAL', { hint: 'the root directory stays' })
      if (value.kind === 'directory' && !stage.view.isEmpty(value.directory)) {
        throw new FsError('ENOTEMPTY', { path: path.text })
      }
      yield* stage.remove(path.names, above)
    })
  }

  private *rename(from: Path, to: Path): Op<void> {
    const refuse = (code: Errno, hint: string) =>
      new FsError(code, { path: from.text, dest: to.text, hint })
    const seconds = this.seconds()
    yield* change(this.volume, function* (stage: Stage): Op<void> {
      const value = required(stage.view, from)
      if (from.names.length === 0) throw refuse('EINVAL', 'the root directory cannot be renamed')
      if (to.names.length === 0)
        throw refuse('EINVAL', 'nothing can be renamed to the root directory')
      stage.directoryAt(to.names.slice(0, -1), 'rename')
      const replaced = stage.view.find(to.names)
      if (replaced === undefined) {
        if (to.mustBeDirectory && value.kind === 'file')
          throw refuse('ENOTDIR', 'what is renamed is a file')
      } else if (replaced.kind !== value.kind) {
        throw value.kind === 'directory'
          ? refuse('ENOTDIR', 'a file cannot be replaced by a directory')
          : refuse('EISDIR', 'a directory cannot be replaced by a file')
      }
      if (value === replaced) return
      if (from.names.every((name, i) => name === to.names[i])) {
        throw refuse('EINVAL', 'a directory cannot be moved into itself')
      }
      if (replaced?.kind === 'directory' && !stage.view.isEmpty(replaced.directory)) {
        throw refuse('ENOTEMPTY', 'the directory that it would replace is not empty')
      }
      yield* stage.move(from.names, to.names, seconds)
    })
  }

  private *setTimes(path: Path, mtimeNs: bigint): Op<void> {
    const value = required(yield* this.volume.begin(), path)
    const file = this.openedAs(value)
    if (file?.isUnsettled) yield* file.sync()
    // The top has no time.
    if (path.names.length === 0) return
    yield* change(this.volume, (stage) => stage.touch(path.names, secondsOfNs(mtimeNs), undefined))
  }

  // The scheduler's hooks

  beginRead(): number {
    const reader = this.readerCount++
    this.readers.set(reader, this.volume.pin())
    return reader
  }

  endRead(reader: number): void {
    const pin = this.readers.get(reader)
    if (pin !== undefined) this.volume.unpin(pin)
    this.readers.delete(reader)
  }

  trim(): void {}

  leave(): void {
    this.volume.leave()
  }
}

/**
 * A change that gives back space: on a full disk too. Where even the reserve is short, the times of the
 * directories above stay as they are, so that no more pages change than must.
 */
export function* freeing<T>(
  volume: Volume,
  seconds: number,
  make: (stage: Stage, above: number | undefined) => Op<T>,
): Op<T> {
  try {
    return yield* change(volume, (stage) => make(stage, seconds), { usesReserve: true })
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'ENOSPC') throw error
    return yield* change(volume, (stage) => make(stage, undefined), { usesReserve: true })
  }
}

/** @throws FsError `ENOTDIR` for a path that leads through a file, or asks for a directory. */
function found(view: View, path: Path): Value | undefined {
  const value = view.find(path.names)
  if (value === undefined) {
    if (isBelowFile(view, path.names)) throw new FsError('ENOTDIR', { path: path.text })
    if (path.mustExist) throw new FsError('ENOENT', { path: path.text })
    return undefined
  }
  if (path.mustBeDirectory && value.kind === 'file')
    throw new FsError('ENOTDIR', { path: path.text })
  return value
}

function required(view: View, path: Path): Value {
  const value = found(view, path)
  if (value === undefined) throw missing(view, path)
  return value
}

function missing(view: View, path: Path): FsError {
  return new FsError(isBelowFile(view, path.names) ? 'ENOTDIR' : 'ENOENT', { path: path.text })
}

function checkIsFile(value: Value, path: Path): asserts value is FileValue {
  if (value.kind === 'directory') throw new FsError('EISDIR', { path: path.text })
}
