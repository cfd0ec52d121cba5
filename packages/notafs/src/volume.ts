/**
 * Volume: a mounted notafs: the last durable generation, the tree of names in memory, and what was
 * changed since.
 *
 * 1. Nothing is written but by a commit (or ahead of one, to free sectors); a commit begins only once
 *    the one before is durable.
 * 2. The base view is the state last committed; with grouped commits it is ahead of the device by
 *    whole transactions, never by a part of one.
 * 3. After a failed write nothing more is written: what the device holds is no longer known.
 */

import { FormatError, FsError, type Op } from '@caravan/core'
import { decodeFreeQueueNode, type FreeRun } from './format/free-queue-node.js'
import type { Header } from './format/header.js'
import {
  HEIGHT_MAX,
  type Layout,
  type Pointer,
  ROOT_COUNT,
  SLOTS_PER_ROOT,
} from './format/layout.js'
import { FreeSpace, QueueLeaf } from './free-space.js'
import { type Generation, type Generations, needsRoot } from './generations.js'
import { Branch, type TreePage } from './page-tree.js'
import { Pages } from './pages.js'
import type { Payload } from './payload.js'
import { loadPayload } from './payload-load.js'
import type { SharedFile } from './shared-file.js'
import { type DirectoryValue, Overlay, type Slot, View } from './tree.js'
import type { GenerationWalk } from './walk.js'

interface VolumeOptions {
  /** Changes that one commit may hold. */
  readonly commitEvery: number
  /** Memory for pages that were read, in bytes. */
  readonly cacheBytes: number
  /** Memory for what a transaction wrote, beyond which its pages go to the device ahead of it. */
  readonly transactionBytes: number
  /** Erase sectors before they are written. */
  readonly erases: boolean
  readonly readOnly: boolean
}

/** What was changed since the last commit. */
class Pending {
  /** Files with pages in memory, and how many. */
  readonly files = new Map<Slot, number>()
  pageCount = 0
  /** Sectors that are no longer used. */
  freed: number[] = []
  /** Sectors that were written ahead of the commit. */
  readonly fresh = new Set<number>()
  changeCount = 0
}

export class Volume {
  readonly layout: Layout
  readonly pages: Pages
  pending = new Pending()
  /** Why nothing more is written. */
  failure: unknown
  /** False until what an interrupted commit left has been overwritten. */
  isClean = false
  readonly openFiles = new Map<Slot, SharedFile>()
  /** Pages of content that the last commit of this mount wrote: so many the next mount will verify. */
  lastCommitPages = 0
  /** Pages of the last small commits of this mount, the leaf not counted. */
  readonly commitSizes: number[] = []
  /** True while a transaction is open: others do not change anything. */
  isInTransaction = false
  private loaded: { payload: Payload; view: View } | undefined
  private freeSpace: FreeSpace | undefined
  /** Who looks at an older generation, and at which. */
  private readonly pins = new Map<object, number>()
  /** What open snapshots had, the oldest first. */
  private readonly snapshots: { overlay: Overlay; view: View }[] = []

  constructor(
    readonly header: Header,
    readonly options: VolumeOptions,
    readonly found: Generations,
    public current: Generation,
    /** Sectors that the current generation gave back. */
    private readonly protectedRuns: readonly FreeRun[],
  ) {
    this.layout = header.layout
    this.pages = new Pages(header.layout, options.cacheBytes)
  }

  get generation(): number {
    return this.current.leaf.generation
  }

  /** The tree of names, once it was loaded. */
  get view(): View | undefined {
    return this.loaded?.view
  }

  get payload(): Payload {
    if (this.loaded === undefined) throw this.notLoaded()
    return this.loaded.payload
  }

  /** @throws FsError `EIO` after a failed write. */
  get space(): FreeSpace {
    if (this.freeSpace === undefined) throw this.notLoaded()
    return this.freeSpace
  }

  private notLoaded(): FsError {
    return new FsError('EIO', { hint: 'the filesystem was left' })
  }

  /** The tree of names, read when it is first asked for. */
  *tree(): Op<View> {
    if (this.loaded !== undefined) return this.loaded.view
    const payload = yield* loadPayload(this.pages, this.current.leaf, (id) =>
      this.pending.freed.push(id),
    )
    // Another reader may have been faster: there is one tree.
    if (this.loaded === undefined) {
      this.loaded = {
        payload,
        view: new View(payload.top.value as DirectoryValue, () => NO_OVERLAYS),
      }
    }
    return (this.loaded as { view: View }).view
  }

  /** What every change begins with. @throws FsError `EROFS`, `EIO`. */
  *begin(): Op<View> {
    this.checkWritable()
    yield* this.freeSpaceOf()
    return yield* this.tree()
  }

  checkWritable(): void {
    if (this.options.readOnly) throw new FsError('EROFS', { hint: 'it was mounted read-only' })
    if (this.failure === undefined) return
    throw new FsError('EIO', {
      cause: this.failure,
      hint: 'an earlier write failed, so nothing more is written: mount the device again',
    })
  }

  /** What is free; read when it is first asked for. */
  *freeSpaceOf(): Op<FreeSpace> {
    if (this.freeSpace === undefined) {
      const loaded = yield* this.loadFreeSpace()
      this.freeSpace ??= loaded
    }
    return this.freeSpace
  }

  private *loadFreeSpace(): Op<FreeSpace> {
    const { leaf } = this.current
    const space = new FreeSpace(this.layout, leaf.freeStart)
    if (leaf.freeQueue.id !== 0) {
      const count = { pages: 0 }
      space.adopt(yield* this.loadQueueNode(leaf.freeQueue, HEIGHT_MAX + 1, count))
    }
    this.checkFreeSpace(space)
    return space
  }

  /** Forgets the free queue: what a walk did not meet is free, and the old queue's pages will be. */
  resetFreeSpace(walk: GenerationWalk): void {
    this.freeSpace = new FreeSpace(this.layout, this.layout.pageCount)
    this.freeSpace.reset(walk.unusedRuns())
    for (const { page, kind } of walk.uses) if (kind === 'queue') this.pending.freed.push(page)
  }

  /** What the queue says is held against itself and against the fixed places, before it is used. */
  private checkFreeSpace(space: FreeSpace): void {
    const { root, slot, leaf } = this.current
    const runs = [...space.tree.leaves()].flatMap((each) => each.runs)
    runs.push(...root.slots.slice(slot).map((start) => ({ start, length: 1, freedAt: 0 })))
    runs.sort((a, b) => a.start - b.start)
    let end = 1 + ROOT_COUNT
    for (const { start, length } of runs) {
      if (start < end || start + length > leaf.freeStart) {
        throw new FormatError(
          'BAD_FREE_QUEUE',
          `The free queue gives out sector ${start} twice, or one that is in use: nothing is written. caravan repair puts the free space right.`,
          { structure: 'free queue', block: start },
        )
      }
      end = start + length
    }
    if (leaf.freeStart >= end && leaf.freeStart <= this.layout.pageCount) return
    throw new FormatError(
      'BAD_FREE_QUEUE',
      `The first sector that was never used is said to be ${leaf.freeStart}, on a disk of ${this.layout.pageCount}: nothing is written. caravan repair puts the free space right.`,
      { structure: 'free queue' },
    )
  }

  private *loadQueueNode(pointer: Pointer, below: number, count: { pages: number }): Op<TreePage> {
    const page = yield* this.pages.read(pointer)
    const node = decodeFreeQueueNode(page, this.layout, pointer.id)
    if (node.height >= below || ++count.pages > this.layout.pageCount) {
      throw new FormatError(
        'BAD_FREE_QUEUE',
        `The free queue leads into itself, or below its leaves, in sector ${pointer.id}.`,
        {
          structure: 'free queue',
          block: pointer.id,
        },
      )
    }
    let tree: TreePage
    if ('runs' in node) {
      const leaf = new QueueLeaf()
      leaf.runs = node.runs.map((run) => ({ ...run, freedAt: this.freedAt(run) }))
      tree = leaf
    } else {
      const children: TreePage[] = []
      for (const child of node.children) {
        children.push(yield* this.loadQueueNode(child, node.height, count))
      }
      tree = new Branch(node.height, children)
    }
    tree.id = pointer.id
    tree.checksum = pointer.checksum
    return tree
  }

  /** What the newest generation gave back may still be a page of the one before. */
  private freedAt({ start, length }: FreeRun): number {
    const isYoung = this.protectedRuns.some(
      (run) => run.start < start + length && start < run.start + run.length,
    )
    return isYoung ? this.generation : 0
  }

  // Space

  /** Sectors given back after this generation may not be taken for the next one. */
  get reuseLimit(): number {
    let limit = this.generation - 1
    for (const generation of this.pins.values()) limit = Math.min(limit, generation)
    return limit
  }

  /** Keeps what the state now has from being reused, until {@link unpin}. */
  pin(): object {
    const token = {}
    this.pins.set(token, this.generation)
    return token
  }

  get isPinned(): boolean {
    return this.pins.size > 0
  }

  unpin(token: object): void {
    this.pins.delete(token)
  }

  /**
   * Sectors that only a deletion may take: it writes a few pages before what it gives back can be
   * used, two commits later.
   */
  get reserveCount(): number {
    const { layout } = this
    const { payload, space } = this
    const perCommit = 2 * payload.tree.height + 3 + Math.max(3, 3 * space.tree.height + 1)
    // The queue itself grows by as much as all that is deleted lies apart.
    const queuePages = Math.ceil(layout.pageCount / (2 * (layout.queueLeafRuns - 4)))
    return 3 * perCommit + SLOTS_PER_ROOT + queuePages
  }

  /** True where what is pending can be written, and a reserve is left where one is asked for. */
  hasRoom(moreFreed: number, usesReserve: boolean): boolean {
    const { space, payload, pending } = this
    const slots = needsRoot(this.current) ? SLOTS_PER_ROOT : 0
    const needed =
      pending.pageCount +
      payload.tree.dirtyCount +
      space.pagesForQueue(pending.freed.length + moreFreed + 2) +
      slots
    const left = space.availableCount(this.reuseLimit) - needed
    return left >= (usesReserve ? 0 : this.reserveCount)
  }

  // Snapshots

  /** A view that stays as the base is now. */
  openSnapshot(): { readonly view: View; close(): void } {
    const top = (this.loaded as { payload: Payload }).payload.top.value as DirectoryValue
    const overlay = new Overlay()
    const overlays = () => {
      const index = this.snapshots.findIndex((each) => each.overlay === overlay)
      return this.snapshots.slice(index).map((each) => each.overlay)
    }
    const view = new View(top, overlays)
    const snapshot = { overlay, view }
    this.snapshots.push(snapshot)
    const pin = this.pin()
    return {
      view,
      close: () => {
        this.unpin(pin)
        const index = this.snapshots.indexOf(snapshot)
        if (index < 0) return
        // What it knew of the time before a change, the one before it goes on needing.
        const before = this.snapshots[index - 1]
        if (before !== undefined) inherit(before.overlay, overlay)
        this.snapshots.splice(index, 1)
      },
    }
  }

  /** The overlay of the newest snapshot: what is about to be changed is noted there first. */
  get newestSnapshot(): Overlay | undefined {
    return this.snapshots.at(-1)?.overlay
  }

  /** Gives back what is in memory; the volume is not used any more. */
  leave(): void {
    this.pages.clear()
    this.loaded = undefined
    this.freeSpace = undefined
    this.snapshots.length = 0
  }

  startPending(): void {
    this.pending = new Pending()
  }
}

const NO_OVERLAYS: readonly Overlay[] = []

function inherit(older: Overlay, newer: Overlay): void {
  for (const [directory, names] of newer.changes) {
    for (const [name, value] of names) {
      if (!older.has(directory, name)) older.put(directory, name, value)
    }
  }
}
