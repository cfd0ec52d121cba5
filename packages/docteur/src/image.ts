/**
 * Image: an open image, its commit and its objects.
 *
 * 1. Opening reads the header, the head of the IDX and the commit, however many objects there are.
 * 2. Commits and trees are checked against their ids when they are read: what leads to the content
 *    is right. Content is checked as `checkContent` says; its Adler-32 always is.
 */

import { type BlockDevice, FormatError, type Op } from '@caravan/core'
import { type Analysis, analyse, analysedIndex } from './analysis.js'
import { Cache, type Shelf } from './cache.js'
import { type Commit, decodeCommit, tagTarget } from './format/commit.js'
import {
  decodeHeader,
  HEADER_READ_BYTES,
  type ImageHeader,
  packOffsetOf,
} from './format/image-header.js'
import { hexToId, idToHex } from './format/object-id.js'
import type { ObjectKind } from './format/pack-entry.js'
import { decodePackHeader, PACK_HEADER_BYTES } from './format/pack-header.js'
import { ImageBytes, viewImage } from './image-bytes.js'
import { type ObjectIndex, PackIndex } from './object-index.js'
import { Pack, type PackObject } from './pack.js'
import { hashObject, type Platform, platformFor, type WholePlatform } from './platform.js'
import { Tree } from './tree.js'

export interface ImageOptions {
  /**
   * What is kept in memory of pages, objects and trees, together, in bytes. Default 16 MiB.
   */
  readonly cacheBytes?: number
  /**
   * The largest object that is made whole in memory, in bytes; larger ones are read in pieces.
   * Default 256 MiB.
   */
  readonly objectMaxBytes?: number
  /**
   * Where objects are found: by the IDX, or by an analysis of the whole PACK, which reads all of it.
   * `'auto'` analyses where the IDX is missing or shows its damage when it is opened. Default
   * `'auto'`.
   */
  readonly analyze?: boolean | 'auto'
  /** Check the content of files against their ids too, each time it is read. Default false. */
  readonly checkContent?: boolean
  /**
   * Which commit is shown: its id, or the first digits of it (4 or more), or that of a tag; `~N` and
   * `^N` behind it lead to its parents. `HEAD` is the one that the header names. Default `HEAD`.
   */
  readonly at?: string
  /** What the platform does faster than plain JavaScript. */
  readonly platform?: Platform
}

const CACHE_BYTES = 16 * 2 ** 20
const OBJECT_MAX_BYTES = 256 * 2 ** 20

/** How an image finds its objects. */
export type IndexSource = 'idx' | 'analysis'

export class Image {
  readonly pack: Pack
  readonly cache: Cache
  readonly objectMaxBytes: number
  private readonly trees: Shelf<Tree>
  private index: ObjectIndex | undefined
  /** How objects are found, once it is open. */
  indexSource: IndexSource = 'idx'
  /** Why the IDX is not used, where it was tried. */
  indexProblem: FormatError | undefined

  constructor(
    readonly bytes: ImageBytes,
    readonly header: ImageHeader,
    readonly objectCount: number,
    readonly platform: WholePlatform,
    readonly options: ImageOptions,
    cache: Cache,
  ) {
    this.cache = cache
    this.trees = cache.shelf()
    this.objectMaxBytes = options.objectMaxBytes ?? OBJECT_MAX_BYTES
    const begin = packOffsetOf(header.idSize)
    const isInside = header.indexOffset > begin && header.indexOffset <= bytes.sizeBytes
    const settings = {
      idSize: header.idSize,
      begin,
      end: isInside ? header.indexOffset : bytes.sizeBytes,
      inflate: platform.inflate,
      objectMaxBytes: this.objectMaxBytes,
      wholeMaxBytes: Math.floor(cache.budgetBytes / 8),
    }
    this.pack = new Pack(bytes, cache, settings, () => this.objects)
  }

  get objects(): ObjectIndex {
    if (this.index === undefined) throw notOpen()
    return this.index
  }

  *openIndex(): Op<void> {
    const { analyze = 'auto' } = this.options
    const { header, pack, bytes, objectCount } = this
    if (analyze !== true) {
      try {
        const { begin } = pack.settings
        this.index = yield* PackIndex.open(
          bytes,
          header.indexOffset,
          begin,
          objectCount,
          header.idSize,
        )
        return
      } catch (error) {
        if (!(error instanceof FormatError) || analyze === false) throw error
        this.indexProblem = error
      }
    }
    this.indexSource = 'analysis'
    this.index = analysedIndex(yield* analyse(this), this.header.idSize)
  }

  /** Objects are found as an analysis has found them. */
  useAnalysis(analysis: Analysis): void {
    this.indexSource = 'analysis'
    this.index = analysedIndex(analysis, this.header.idSize)
  }

  /** The offset of an object. @throws FormatError `MISSING_OBJECT`. */
  *locate(id: Uint8Array, what: string): Op<number> {
    const offset = yield* this.objects.find(id)
    if (offset !== undefined) return offset
    throw new FormatError(
      'MISSING_OBJECT',
      `${what} ${idToHex(id)} is not in the image. ${this.indexSource === 'idx' ? 'Where the IDX is damaged, mount with analyze: true.' : 'The image is not whole: make it anew.'}`,
      { structure: 'object' },
    )
  }

  /** An object that must be of that kind, checked against its id. */
  *readChecked(offset: number, id: Uint8Array, kind: ObjectKind): Op<PackObject> {
    const object = yield* this.pack.readObject(offset)
    this.checkId(object, id, kind)
    return object
  }

  /** @throws FormatError `WRONG_KIND`, `WRONG_ID`. */
  checkId(object: PackObject, id: Uint8Array, kind: ObjectKind): void {
    if (object.kind !== kind) throw this.wrongKind(id, object.kind, kind)
    this.checkHash(hashObject(this.platform.hash, object.kind, object.bytes), id, kind)
  }

  /** @throws FormatError `WRONG_ID`. */
  checkHash(actual: Uint8Array, id: Uint8Array, kind: ObjectKind): void {
    if (actual.every((byte, i) => byte === id[i])) return
    throw new FormatError(
      'WRONG_ID',
      `The ${kind} ${idToHex(id)} has another content than its id: it is damaged, or the IDX leads to another object. Mount with analyze: true to read the image without its IDX.`,
      { structure: kind },
    )
  }

  wrongKind(id: Uint8Array, kind: ObjectKind, expected: ObjectKind): FormatError {
    return new FormatError(
      'WRONG_KIND',
      `The object ${idToHex(id)} is a ${kind}, where a ${expected} must be.`,
      { structure: 'object' },
    )
  }

  *readCommit(id: Uint8Array): Op<Commit> {
    const offset = yield* this.locate(id, 'The commit')
    const { bytes } = yield* this.readChecked(offset, id, 'commit')
    return decodeCommit(bytes, idToHex(id))
  }

  /** The tree at an offset, where it is in memory. */
  peekTree(offset: number): Tree | undefined {
    return this.trees.get(offset)
  }

  *readTree(offset: number, id: Uint8Array): Op<Tree> {
    const kept = this.trees.get(offset)
    if (kept !== undefined) return kept
    const { bytes } = yield* this.readChecked(offset, id, 'tree')
    const tree = new Tree(bytes, this.header.idSize, idToHex(id))
    this.trees.keep(offset, tree, tree.costBytes)
    return tree
  }

  /** The commit that {@link ImageOptions.at} names. */
  *resolveRevision(revision: string): Op<Uint8Array> {
    const [, name = '', steps = ''] = /^([^~^]*)((?:[~^]\d*)*)$/.exec(revision) ?? []
    let id = yield* this.peel(yield* this.findRevision(name, revision))
    for (const [, kind, digits] of steps.matchAll(/([~^])(\d*)/g)) {
      const count = digits === '' ? 1 : Number(digits)
      for (let i = 0; i < (kind === '~' ? count : Math.min(count, 1)); i++) {
        const { parents } = yield* this.readCommit(id)
        const parent = parents[kind === '~' ? 0 : count - 1]
        const parentId = parent === undefined ? undefined : hexToId(parent, this.header.idSize)
        if (parentId === undefined)
          throw noRevision(revision, 'a commit on the way has no such parent')
        if ((yield* this.objects.find(parentId)) === undefined) {
          throw noRevision(revision, 'the image holds no history so far back')
        }
        id = parentId
      }
    }
    return id
  }

  private *findRevision(name: string, revision: string): Op<Uint8Array> {
    if (name === 'HEAD' || name === '@') return this.header.commit
    if (!/^[0-9a-f]{4,64}$/i.test(name)) {
      throw noRevision(
        revision,
        'an image keeps no names of branches: give HEAD or an id, 4 digits or more',
      )
    }
    const hex = name.toLowerCase()
    const whole = hexToId(hex, this.header.idSize)
    if (whole !== undefined && (yield* this.objects.find(whole)) !== undefined) return whole
    const found: Uint8Array[] = []
    for (const each of yield* this.objects.withPrefix(hex, PREFIX_MAX)) {
      const id = hexToId(each, this.header.idSize) as Uint8Array
      const { kind } = yield* this.pack.measure(yield* this.locate(id, 'The object'))
      if (kind === 'commit' || kind === 'tag') found.push(id)
    }
    if (found.length === 1) return found[0] as Uint8Array
    if (found.length === 0) throw noRevision(revision, 'the image holds no commit of that id')
    throw noRevision(revision, `${found.length} commits begin so: give more digits`)
  }

  /** The commit that a tag, or a tag of a tag, points to. */
  private *peel(id: Uint8Array): Op<Uint8Array> {
    for (let depth = 0; depth < TAG_DEPTH_MAX; depth++) {
      const { kind, bytes } = yield* this.pack.readObject(yield* this.locate(id, 'The object'))
      if (kind === 'commit') return id
      const target = kind === 'tag' ? tagTarget(bytes) : undefined
      const next = target === undefined ? undefined : hexToId(target, this.header.idSize)
      if (next === undefined) throw this.wrongKind(id, kind, 'commit')
      id = next
    }
    throw noRevision(idToHex(id), 'its tags point to each other')
  }
}

const PREFIX_MAX = 64
const TAG_DEPTH_MAX = 16

function noRevision(revision: string, why: string): FormatError {
  return new FormatError('NO_REVISION', `'${revision}' is no commit of this image: ${why}.`, {
    structure: 'commit',
  })
}

function notOpen(): FormatError {
  // An analysis resolves bases before there is an index: it never comes here.
  return new FormatError('BAD_INDEX', 'The objects of the image are not known yet.', {})
}

/**
 * Opens an image: the header, the head of the IDX. The commit is the caller's to read.
 *
 * @param withIndex false where the caller is to find out where objects are.
 */
export function* openImage(
  device: BlockDevice,
  options: ImageOptions,
  withIndex = true,
): Op<Image> {
  const cache = new Cache(options.cacheBytes ?? CACHE_BYTES)
  const bytes = new ImageBytes(viewImage(device), cache)
  const head = yield* bytes.read(0, HEADER_READ_BYTES)
  const header = decodeHeader(head)
  const begin = packOffsetOf(header.idSize)
  const objectCount = decodePackHeader(yield* bytes.read(begin, PACK_HEADER_BYTES))
  const platform = platformFor(options.platform ?? {}, header.idSize)
  const image = new Image(bytes, header, objectCount, platform, options, cache)
  if (withIndex) yield* image.openIndex()
  return image
}
