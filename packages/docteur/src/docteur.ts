/**
 * Docteur: a mounted image as a program uses it: `node:fs` for reading (see `FileSystem` of
 * `@caravan/fs`), and beside it what a Git tree alone has.
 *
 * Readers run side by side: nothing is ever written.
 */

import { type BlockDevice, byteStringToBytes, byteStringToText, type Op, run, runSync } from '@caravan/core'
import { type EntryType, type FaceOptions, FileSystem, Mount, type PathLike } from '@caravan/fs'
import { DocteurEngine, ENTRY_TYPES } from './engine.js'
import { type Commit, decodeCommit } from './format/commit.js'
import { hexToId, idToHex } from './format/object-id.js'
import type { ObjectKind } from './format/pack-entry.js'
import type { ImageOptions, IndexSource } from './image.js'
import { viewImage } from './image-bytes.js'
import { DocteurKeyValue } from './key-value.js'
import { type MountedCommit, mountCommit } from './mounted-commit.js'
import { resolvePath, treeOfEntry } from './resolve.js'
import type { Entry } from './tree.js'

export interface DocteurOptions extends ImageOptions, Pick<FaceOptions, 'now'> {}

/** What an image is, as far as opening it tells. */
export interface DocteurInfo {
  /** Bytes. */
  readonly imageBytes: number
  readonly objectFormat: 'sha1' | 'sha256'
  readonly objectCount: number
  /** Where the PACK and the IDX begin in the image. */
  readonly packOffset: number
  readonly indexOffset: number
  /** How objects are found. */
  readonly indexSource: IndexSource
  /** Why not by the IDX, where that was tried. */
  readonly indexProblem: string | undefined
  /** Of the commit that is mounted, in hexadecimal. */
  readonly commitId: string
  readonly commit: Commit
}

/** An entry as it stands in its tree. */
export interface GitEntry {
  /** From the root: `/docs/a.txt`. Bytes that are not UTF-8 are U+FFFD. */
  readonly path: string
  readonly pathBytes: Uint8Array
  readonly type: EntryType
  /** As git has it: `0o100644`, `0o100755`, `0o120000`, `0o40000`, `0o160000`. */
  readonly mode: number
  /** In hexadecimal; of a submodule its commit. */
  readonly id: string
}

export class Docteur extends FileSystem {
  private constructor(
    /** The device, as the image is read through it. */
    readonly device: BlockDevice,
    private readonly mounted: MountedCommit,
    options: DocteurOptions,
  ) {
    super(new Mount(device, new DocteurEngine(mounted), options))
  }

  /**
   * Mounts an image. Reads its header, the head of its IDX and its commit, however large it is.
   *
   * @throws FormatError `NOT_DOCTEUR`, `BAD_INDEX`, `MISSING_OBJECT`, `NO_REVISION`...; DeviceError.
   */
  static async mount(device: BlockDevice, options: DocteurOptions = {}): Promise<Docteur> {
    const view = viewImage(device).device
    return new Docteur(view, await run(mountCommit(view, options), view), options)
  }

  /** @throws as {@link Docteur.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: DocteurOptions = {}): Docteur {
    const view = viewImage(device).device
    return new Docteur(view, runSync(mountCommit(view, options), view), options)
  }

  info(): DocteurInfo {
    const { image, id, commit } = this.mounted
    return {
      imageBytes: image.bytes.sizeBytes,
      objectFormat: image.header.idSize === 20 ? 'sha1' : 'sha256',
      objectCount: image.objectCount,
      packOffset: image.pack.settings.begin,
      indexOffset: image.header.indexOffset,
      indexSource: image.indexSource,
      indexProblem: image.indexProblem?.message,
      commitId: id,
      commit,
    }
  }

  /** Bytes that the caches hold just now. */
  get cachedBytes(): number {
    return this.mounted.image.cache.heldBytes
  }

  /** The tree as a key-value store that refuses changes: files are values, directories dictionaries. */
  keyValue(): DocteurKeyValue {
    const { scheduler } = this.mount
    return new DocteurKeyValue(this.mounted, {
      read: (op) => scheduler.read(op),
      readSync: (op) => scheduler.readSync(op),
    })
  }

  /** What stands in the tree at a path, which is not followed where it is a link. */
  async entry(path: PathLike): Promise<GitEntry> {
    return this.mount.scheduler.run(this.entryCall(path))
  }

  entrySync(path: PathLike): GitEntry {
    return this.mount.scheduler.runSync(this.entryCall(path))
  }

  private entryCall(path: PathLike) {
    const parsed = this.mount.context.parse(path)
    const { image, root } = this.mounted
    return {
      kind: 'read' as const,
      syscall: 'lstat',
      path: parsed.text,
      *op() {
        const { entry, names } = yield* resolvePath(image, root, parsed.names, false)
        return gitEntry(names, entry)
      },
    }
  }

  /**
   * Everything below a path, the path itself first, in git's order. Links are not followed: each
   * entry is met once, where it lies.
   */
  async *walk(path: PathLike = '/'): AsyncGenerator<GitEntry, void, void> {
    const walk = new Walk(this.mounted, this.mount.context.parse(path).names)
    for (;;) {
      const entry = await this.mount.scheduler.read(walk.next())
      if (entry === undefined) return
      yield entry
    }
  }

  *walkSync(path: PathLike = '/'): Generator<GitEntry, void, void> {
    const walk = new Walk(this.mounted, this.mount.context.parse(path).names)
    for (;;) {
      const entry = this.mount.scheduler.readSync(walk.next())
      if (entry === undefined) return
      yield entry
    }
  }

  /** An object of the image by its id, whatever it is. @throws FormatError `MISSING_OBJECT`. */
  async readObject(id: string): Promise<{ kind: ObjectKind; bytes: Uint8Array }> {
    return this.mount.scheduler.read(objectOp(this.mounted, id))
  }

  readObjectSync(id: string): { kind: ObjectKind; bytes: Uint8Array } {
    return this.mount.scheduler.readSync(objectOp(this.mounted, id))
  }

  /** The commits from the mounted one on along first parents, as far back as the image holds them. */
  async *log(): AsyncGenerator<{ id: string; commit: Commit }, void, void> {
    const { image } = this.mounted
    let { id, commit }: { id: string; commit: Commit } = this.mounted
    for (;;) {
      yield { id, commit }
      const parent = commit.parents[0]
      const parentId = parent === undefined ? undefined : hexToId(parent, image.header.idSize)
      if (parent === undefined || parentId === undefined) return
      if ((await this.mount.scheduler.read(image.objects.find(parentId))) === undefined) return
      commit = decodeCommit((await this.readObject(parent)).bytes, parent)
      id = parent
    }
  }
}

function* objectOp(
  { image }: MountedCommit,
  id: string,
): Op<{ kind: ObjectKind; bytes: Uint8Array }> {
  const bytes = hexToId(id, image.header.idSize) ?? new Uint8Array(image.header.idSize)
  const object = yield* image.pack.readObject(yield* image.locate(bytes, 'The object'))
  return { kind: object.kind, bytes: object.bytes.slice() }
}

function gitEntry(names: readonly string[], { type, mode, id }: Entry): GitEntry {
  const path = `/${names.join('/')}`
  return {
    path: byteStringToText(path),
    pathBytes: byteStringToBytes(path),
    type: ENTRY_TYPES[type],
    mode,
    id: idToHex(id),
  }
}

class Walk {
  private readonly pending: { readonly names: readonly string[]; readonly entry: Entry }[] = []
  private isStarted = false

  constructor(
    private readonly mounted: MountedCommit,
    private readonly top: readonly string[],
  ) {}

  *next(): Op<GitEntry | undefined> {
    const { image, root } = this.mounted
    if (!this.isStarted) {
      this.isStarted = true
      this.pending.push(yield* resolvePath(image, root, this.top, false))
    }
    const next = this.pending.pop()
    if (next === undefined) return undefined
    const { names, entry } = next
    if (entry.type === 'directory') {
      const { entries } = yield* treeOfEntry(image, entry)
      for (let i = entries.length - 1; i >= 0; i--) {
        const below = entries[i] as Entry
        this.pending.push({ names: [...names, below.name], entry: below })
      }
    }
    return gitEntry(names, entry)
  }
}
