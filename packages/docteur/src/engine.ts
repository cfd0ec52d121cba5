/** docteur as the face of `node:fs` asks for it: see `FsEngine`. Read-only. */

import { FsError, type Op } from '@caravan/core'
import {
  type EngineFile,
  type EntryInfo,
  type EntryType,
  FileTimes,
  type FsEngine,
  type FsLinks,
  type ListedName,
  type Path,
  ReadOnlyFile,
  type SpaceInfo,
} from '@caravan/fs'
import { copyBlob, openContent, sizeOf } from './content.js'
import type { TreeEntryType } from './format/tree-object.js'
import type { MountedCommit } from './mounted-commit.js'
import {
  ENTRIES_MAX,
  notDirectory,
  notFile,
  readTarget,
  resolveNow,
  resolvePath,
  treeOfEntry,
  treeTooLarge,
} from './resolve.js'
import type { Entry } from './tree.js'

/** "doct", as the kernel's numbers of filesystems are: there is none of docteur's own. */
const MAGIC = 0x74636f64

/** What the original reads an image in. */
const BLOCK_SIZE = 512

/** Directories in each other, beyond which a tree is taken to have no end. */
const DEPTH_MAX = 1000

export const ENTRY_TYPES: Readonly<Record<TreeEntryType, EntryType>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  submodule: 'submodule',
  unknown: 'other',
}

export class DocteurEngine implements FsEngine {
  readonly changes = undefined
  readonly magic = MAGIC
  readonly blockSize = BLOCK_SIZE
  readonly limits = { nameMax: Number.MAX_SAFE_INTEGER, fileMax: Number.MAX_SAFE_INTEGER }
  readonly links: FsLinks
  private readonly times: FileTimes

  constructor(private readonly mounted: MountedCommit) {
    this.times = new FileTimes(BigInt(mounted.commit.committer.seconds) * 1_000_000_000n)
    this.links = {
      lookUp: (path) => this.infoAt(path, path.mustBeDirectory),
      readLink: (path) => this.readLink(path),
      realPath: (path) => this.realPath(path),
    }
  }

  lookUp(path: Path): Op<EntryInfo> {
    return this.infoAt(path, true)
  }

  lookUpNow(path: Path): EntryInfo | undefined {
    const { image, root } = this.mounted
    const entry = resolveNow(image, root, path.names)
    if (entry === undefined || entry.type === 'symlink' || path.mustBeDirectory) return undefined
    if (entry.type === 'file' && entry.size === -1) return undefined
    return this.infoOf(entry)
  }

  private *infoAt(path: Path, followsLast: boolean): Op<EntryInfo> {
    const entry = yield* this.find(path, followsLast)
    if (entry.type === 'file' || entry.type === 'symlink') yield* sizeOf(this.mounted.image, entry)
    return this.infoOf(entry)
  }

  private infoOf({ type, mode, size }: Entry): EntryInfo {
    return {
      type: ENTRY_TYPES[type],
      size: Math.max(size, 0),
      times: this.times,
      mode: type === 'file' ? mode & 0o7777 : type === 'directory' ? 0o755 : 0o777,
    }
  }

  private *find(path: Path, followsLast: boolean): Op<Entry> {
    const { image, root } = this.mounted
    const now = resolveNow(image, root, path.names)
    const isThere = now !== undefined && (now.type !== 'symlink' || !followsLast)
    const entry = isThere ? now : (yield* resolvePath(image, root, path.names, followsLast)).entry
    if (path.mustBeDirectory && entry.type !== 'directory') throw notDirectory(entry)
    return entry
  }

  private *readLink(path: Path): Op<string> {
    const entry = yield* this.find(path, path.mustBeDirectory)
    return yield* readTarget(this.mounted.image, entry)
  }

  private *realPath(path: Path): Op<readonly string[]> {
    const { image, root } = this.mounted
    const { entry, names } = yield* resolvePath(image, root, path.names, true)
    if (path.mustBeDirectory && entry.type !== 'directory') throw notDirectory(entry)
    return names
  }

  *list(path: Path, recursive: boolean): Op<readonly ListedName[]> {
    const { image } = this.mounted
    const listed: ListedName[] = []
    const top = yield* this.find(path, true)
    if (top.type !== 'directory') throw notDirectory(top)
    const pending = [{ entry: top, parent: '', depth: 0 }]
    // As Node lists: a directory's own entries first, then those of the directories in it.
    for (let at = 0; at < pending.length; at++) {
      const { entry, parent, depth } = pending[at] as (typeof pending)[number]
      if (depth > DEPTH_MAX) throw new FsError('ELOOP')
      for (const each of (yield* treeOfEntry(image, entry)).entries) {
        if (listed.length >= ENTRIES_MAX) throw treeTooLarge()
        listed.push({ name: each.name, parent, type: ENTRY_TYPES[each.type] })
        if (!recursive || each.type !== 'directory') continue
        const below = parent === '' ? each.name : `${parent}/${each.name}`
        pending.push({ entry: each, parent: below, depth: depth + 1 })
      }
    }
    return listed
  }

  *open(path: Path): Op<EngineFile> {
    const entry = yield* this.find(path, true)
    if (entry.type !== 'file') throw notFile(entry)
    const content = yield* openContent(this.mounted.image, entry)
    return new ReadOnlyFile(this.infoOf(entry), content)
  }

  *readFile(path: Path, checkAborted: () => void): Op<Uint8Array | undefined> {
    const entry = yield* this.find(path, true)
    if (entry.type !== 'file') throw notFile(entry)
    checkAborted()
    return yield* copyBlob(this.mounted.image, entry)
  }

  // biome-ignore lint/correctness/useYield: the size is known.
  *space(): Op<SpaceInfo> {
    const blockCount = Math.ceil(this.mounted.image.bytes.sizeBytes / BLOCK_SIZE)
    return { blockSize: BLOCK_SIZE, blockCount, freeBlocks: 0 }
  }

  /** Nothing is ever reused. */
  beginRead(): number {
    return 0
  }

  endRead(): void {}

  trim(): void {}

  leave(): void {
    this.mounted.image.cache.clear()
  }
}
