/** littlefs as the face of `node:fs` asks for it: see `FsEngine`. */

import { FsError, type Op } from '@caravan/core'
import type {
  EngineFile,
  EngineOpenOptions,
  EntryInfo,
  FsChanges,
  FsEngine,
  ListedName,
  Path,
  SpaceInfo,
} from '@caravan/fs'
import { changeTimes } from './change-times.js'
import { entrySize, entryType, findEntry, lookUp, requireEntry, UNREAD } from './directory.js'
import { schedulerHooks } from './face.js'
import { checkIsFile, versionOf } from './file-read.js'
import type { Entry } from './metadata-pair.js'
import { df, list } from './read.js'
import { infoOf, SharedFile } from './shared-file.js'
import type { Volume } from './volume.js'
import { createFile, makeDirectory, remove, rename, writeFile } from './write.js'

/** "lfs1", as the kernel's numbers of filesystems are: there is none of littlefs' own. */
export const MAGIC = 0x3173666c

/** Bytes read between two looks at whether the call was aborted. */
const READ_PIECE_BYTES = 1024 * 1024

export class LittlefsEngine implements FsEngine {
  readonly changes: FsChanges | undefined
  readonly magic = MAGIC
  readonly beginRead: () => number
  readonly endRead: (reader: number) => void
  readonly beginChange: () => void
  readonly endChange: () => void
  readonly trim: () => void
  readonly leave: () => void
  private readonly sharedFiles = new Map<Entry, SharedFile>()

  constructor(private readonly volume: Volume) {
    const hooks = schedulerHooks(volume)
    this.beginRead = hooks.beginRead
    this.endRead = hooks.endRead
    this.beginChange = hooks.beginChange
    this.endChange = hooks.endChange
    this.trim = hooks.trim
    this.leave = hooks.leave
    this.changes = volume.readOnly ? undefined : this.makeChanges()
  }

  /** Handles of the library's kind. */
  get otherHandles(): number {
    return this.volume.openFiles.size - this.sharedFiles.size
  }

  /** Closes them: what was written through them is saved. */
  *closeOthers(): Op<void> {
    const shared = new Set([...this.sharedFiles.values()].map(({ file }) => file))
    for (const file of [...this.volume.openFiles]) {
      if (!shared.has(file)) yield* this.volume.change('close', () => file.close())
    }
  }

  get limits() {
    return this.volume.limits
  }

  get blockSize(): number {
    return this.volume.layout.blockSize
  }

  *lookUp(path: Path): Op<EntryInfo> {
    return this.infoOf(yield* requireEntry(this.volume, path, 'stat'))
  }

  lookUpNow(path: Path): EntryInfo | undefined {
    let entry = this.volume.pairs.find(this.volume.root)?.entries[0]
    for (const name of path.names) entry = entry?.directory?.find(name)
    if (entry === undefined) return undefined
    if (path.mustBeDirectory && entryType(entry) !== 'directory') return undefined
    return this.infoOf(entry)
  }

  private infoOf(entry: Entry): EntryInfo {
    const shared = this.sharedFiles.size === 0 ? undefined : this.sharedFiles.get(entry)
    return shared?.info() ?? infoOf(this.volume, entry, entrySize(entry))
  }

  *list(path: Path, recursive: boolean): Op<readonly ListedName[]> {
    return yield* list(this.volume, path, recursive)
  }

  *open(path: Path, { create, exclusive }: EngineOpenOptions): Op<EngineFile> {
    let entry = yield* findEntry(this.volume, path, 'open')
    if (entry === undefined) {
      if (create !== true) throw new FsError('ENOENT', { syscall: 'open', path: path.text })
      entry = yield* createFile(this.volume, path)
    } else if (exclusive === true) {
      throw new FsError('EEXIST', { syscall: 'open', path: path.text })
    }
    return this.share(entry, path)
  }

  private share(entry: Entry, path: Path): SharedFile {
    checkIsFile(entry, 'open', path.text)
    let shared = this.sharedFiles.get(entry)
    if (shared === undefined) {
      const forget = () => this.sharedFiles.delete(entry)
      shared = new SharedFile(this.volume, entry, path.text, forget)
      this.sharedFiles.set(entry, shared)
    }
    return shared.use()
  }

  *readFile(path: Path, checkAborted: () => void): Op<Uint8Array | undefined> {
    const { volume } = this
    const found = lookUp(volume, path, 'open')
    const entry =
      found === UNREAD || found === undefined ? yield* requireEntry(volume, path, 'open') : found
    checkIsFile(entry, 'open', path.text)
    if (this.sharedFiles.size > 0 && this.sharedFiles.get(entry)?.isUnsettled) return undefined
    const { struct } = entry.content
    if (struct?.kind === 'inline') return struct.bytes.slice()
    const version = versionOf(volume.layout, entry)
    // A size that cannot be is told before there is a buffer of that size.
    yield* version.readAt(0, new Uint8Array(Math.min(1, version.size)))
    const bytes = new Uint8Array(version.size)
    for (let at = 0; at < bytes.length; at += READ_PIECE_BYTES) {
      checkAborted()
      yield* version.readAt(at, bytes.subarray(at, at + READ_PIECE_BYTES))
    }
    return bytes
  }

  *space(): Op<SpaceInfo> {
    return yield* df(this.volume)
  }

  private makeChanges(): FsChanges {
    const { volume } = this
    return {
      writeFile: (path, data, options) => this.writeFile(path, data, options),
      makeDirectory: (path) => makeDirectory(volume, path),
      remove: (path) => remove(volume, path),
      rename: (from, to) => rename(volume, from, to),
      setTimes: (path, atimeNs, mtimeNs) => this.setTimes(path, atimeNs, mtimeNs),
    }
  }

  private *setTimes(path: Path, atimeNs: bigint, mtimeNs: bigint): Op<void> {
    const entry = yield* requireEntry(this.volume, path, 'utime')
    const shared = this.sharedFiles.get(entry)
    if (shared !== undefined) yield* shared.setTimes(atimeNs, mtimeNs)
    else yield* changeTimes(this.volume, entry, atimeNs, mtimeNs)
  }

  private *writeFile(path: Path, data: Uint8Array, options: EngineOpenOptions): Op<void> {
    const found = lookUp(this.volume, path, 'open')
    const entry = found === UNREAD ? yield* findEntry(this.volume, path, 'open') : found
    if (entry !== undefined && options.exclusive === true) {
      throw new FsError('EEXIST', { syscall: 'open', path: path.text })
    }
    const shared = entry && this.sharedFiles.get(entry)
    if (shared === undefined || !shared.isUnsettled) {
      yield* writeFile(this.volume, path, data)
      return
    }
    // Somebody has it open and has written to it: this comes after that.
    yield* shared.truncate(0)
    if (data.length > 0) yield* shared.writeAt(0, data)
    yield* shared.sync()
  }
}
