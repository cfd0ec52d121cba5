/**
 * Docteur: a mounted image as a program uses it: `node:fs` for reading (see `FileSystem` of
 * `@caravan/fs`), and beside it what a Git tree alone has.
 *
 * Readers run side by side: nothing is ever written.
 */

import { type BlockDevice, MisuseError, type Op, run, runSync } from '@caravan/core'
import {
  type FaceOptions,
  FileSystem,
  Mount,
  type PathLike,
  type UnmountOptions,
} from '@caravan/fs'
import { Cache } from './cache.js'
import { offsetOf, openContent, sizeOf } from './content.js'
import { DocteurEngine } from './engine.js'
import { type Commit, decodeCommit } from './format/commit.js'
import { HEADER_READ_BYTES, recogniseHeader } from './format/image-header.js'
import { hexToId } from './format/object-id.js'
import type { ObjectKind } from './format/pack-entry.js'
import type { Image, ImageOptions, IndexSource } from './image.js'
import { ImageBytes, viewImage } from './image-bytes.js'
import { DocteurKeyValue } from './key-value.js'
import { type MountedCommit, mountCommit } from './mounted-commit.js'
import { FilesInPackOrder, type GitFile } from './pack-order.js'
import { notDirectory, resolvePath, treeOfEntry } from './resolve.js'
import { type Entry, entryFor } from './tree.js'
import { type GitEntry, gitEntry, Walk, walkedEntry } from './walk.js'

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

  /** True where a device begins as an image of docteur does. Nothing is thrown for what does not. */
  static async recognises(device: BlockDevice): Promise<boolean> {
    const view = viewImage(device)
    const bytes = new ImageBytes(view, new Cache(0))
    return recogniseHeader(await run(bytes.read(0, HEADER_READ_BYTES), view.device)) !== undefined
  }

  /**
   * Ends the use of the image; the device stays open.
   *
   * @throws MisuseError `OPEN_HANDLES`, unless told to close them; `UNMOUNTED`.
   */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    await this.mount.unmount(options)
  }

  unmountSync(options: UnmountOptions = {}): void {
    this.mount.unmountSync(options)
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
        const followsLast = parsed.mustBeDirectory
        const { entry, names } = yield* resolvePath(image, root, parsed.names, followsLast)
        return gitEntry(`/${names.join('/')}`, entry)
      },
    }
  }

  /** What stands in a directory, in byte order of the names. A link to a directory is followed. */
  async list(path: PathLike = '/'): Promise<GitEntry[]> {
    const parsed = this.mount.context.parse(path)
    const { image, root } = this.mounted
    return this.mount.scheduler.run({
      kind: 'read',
      syscall: 'scandir',
      path: parsed.text,
      *op() {
        const { entry, names } = yield* resolvePath(image, root, parsed.names, true)
        if (entry.type !== 'directory') throw notDirectory(entry)
        const { entries } = yield* treeOfEntry(image, entry)
        const above = names.map((name) => `/${name}`).join('')
        return [...entries]
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map((each) => gitEntry(`${above}/${each.name}`, each))
      },
    })
  }

  /**
   * Everything below a path, the path itself first, a directory before what is in it, in byte order
   * of the names. Links are not followed: each entry is met once, where it lies.
   */
  async *walk(path: PathLike = '/'): AsyncGenerator<GitEntry, void, void> {
    const walk = new Walk(this.mounted, this.mount.context.parse(path))
    for (;;) {
      const walked = await this.mount.scheduler.read(walk.next())
      if (walked === undefined) return
      yield walkedEntry(walked)
    }
  }

  *walkSync(path: PathLike = '/'): Generator<GitEntry, void, void> {
    const walk = new Walk(this.mounted, this.mount.context.parse(path))
    for (;;) {
      const walked = this.mount.scheduler.readSync(walk.next())
      if (walked === undefined) return
      yield walkedEntry(walked)
    }
  }

  /**
   * The files below a path with their content, in the order in which they lie in the PACK: the
   * quickest way to read many, since what a file is a difference to was read shortly before it.
   * Links and submodules, which {@link walk} shows, are left out.
   *
   * @throws FormatError for what cannot be read; `OBJECT_TOO_LARGE`.
   */
  async *files(path: PathLike = '/'): AsyncGenerator<GitFile, void, void> {
    const files = new FilesInPackOrder(this.mounted, this.mount.context.parse(path))
    for (;;) {
      const file = await this.mount.scheduler.read(files.next())
      if (file === undefined) return
      yield file
    }
  }

  *filesSync(path: PathLike = '/'): Generator<GitFile, void, void> {
    const files = new FilesInPackOrder(this.mounted, this.mount.context.parse(path))
    for (;;) {
      const file = this.mount.scheduler.readSync(files.next())
      if (file === undefined) return
      yield file
    }
  }

  /** An object of the image by its id, whatever it is. @throws FormatError `MISSING_OBJECT`. */
  async readObject(id: string): Promise<{ kind: ObjectKind; bytes: Uint8Array }> {
    return this.mount.scheduler.read(objectOp(this.mounted, id))
  }

  readObjectSync(id: string): { kind: ObjectKind; bytes: Uint8Array } {
    return this.mount.scheduler.readSync(objectOp(this.mounted, id))
  }

  /** Bytes of an object's content, without making it. @throws FormatError `MISSING_OBJECT`. */
  async objectSize(id: string): Promise<number> {
    const { image } = this.mounted
    return this.mount.scheduler.read(sizeOf(image, entryOf(image, id)))
  }

  /**
   * A blob by its id in pieces of at most `pieceSize` bytes (64 KiB where not said), one at a time in
   * memory.
   */
  async *readBlobInPieces(
    id: string,
    pieceSize = PIECE_BYTES,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { image } = this.mounted
    const content = await this.mount.scheduler.read(openContent(image, entryOf(image, id)))
    for (let at = 0; at < content.size; at += pieceSize) {
      const piece = new Uint8Array(Math.min(pieceSize, content.size - at))
      await this.mount.scheduler.read(content.readAt(at, piece))
      yield piece
    }
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

const PIECE_BYTES = 65_536

/** An object as if a tree named it. @throws MisuseError for what is no id. */
function entryOf(image: Image, id: string): Entry {
  const bytes = hexToId(id, image.header.idSize)
  if (bytes !== undefined) return entryFor(id, 0o100644, bytes)
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `'${id}' is no id: give ${2 * image.header.idSize} hexadecimal digits.`,
  )
}

function* objectOp(
  { image }: MountedCommit,
  id: string,
): Op<{ kind: ObjectKind; bytes: Uint8Array }> {
  const object = yield* image.pack.readObject(yield* offsetOf(image, entryOf(image, id)))
  return { kind: object.kind, bytes: object.bytes.slice() }
}
