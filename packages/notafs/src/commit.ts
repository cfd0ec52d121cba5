/**
 * Commit: makes a generation of what is pending, durable when it returns.
 *
 * What a commit writes goes to sectors that neither of the last two generations uses, so until the
 * leaf is there, whole, and all under it is, the disk is what it was (docs/notafs.md, "Barriers").
 * With checksums one barrier is enough: a mount tells whether all of it is there. Without, the pages
 * are made durable before the leaf is written.
 */

import { assert, type Op, type Span } from '@caravan/core'
import {
  couldBecomeLeaf,
  encodeGenerationLeaf,
  type GenerationLeaf,
} from './format/generation-leaf.js'
import { type Pointer, SLOTS_PER_ROOT } from './format/layout.js'
import { encodeRoot, type Root } from './format/root.js'
import { encodeRopeBranch, encodeRopeLeaf } from './format/rope-node.js'
import { type Generation, needsRoot, sectorOf, twinsOf } from './generations.js'
import type { TreePage } from './page-tree.js'
import { dirtyNodes, isUnstored, RopeNode } from './rope.js'
import type { FileValue } from './tree.js'
import type { Volume } from './volume.js'

/** Pages are written in portions of so many bytes, in a buffer that is kept. */
const PORTION_BYTES = 256 * 1024
/** The leaf, two roots, and slots that are made empty: in one portion. */
const FIXED_PAGES = 3 + SLOTS_PER_ROOT
/** The most pages of one commit for which room is left beside its leaf. */
const GAP_MAX = 48

/** Stands where a leaf was: in no part of a leaf, so that a part of it makes none whole. */
const OVERWRITTEN = 0xff

const buffers = new WeakMap<Volume, Uint8Array>()

/**
 * @param always makes a generation also where nothing changed.
 * @throws DeviceError: then the volume takes no more changes.
 */
export function* flush(volume: Volume, always = false): Op<void> {
  volume.checkWritable()
  const { pending } = volume
  if (pending.changeCount === 0 && !always) return
  try {
    if (!volume.isClean) yield* forgetInterrupted(volume)
    yield* writeGeneration(volume)
  } catch (error) {
    volume.failure = error
    keepContents(volume)
    throw error
  }
}

/** Content that did not get to the device is still read; whoever gave it may change its bytes now. */
function keepContents({ pending }: Volume): void {
  for (const { value } of pending.files.keys()) {
    for (const node of dirtyNodes((value as FileValue).rope)) node.bytes = node.bytes.slice()
  }
}

function* writeGeneration(volume: Volume): Op<void> {
  const { layout, space, payload, pending, current } = volume
  const generation = volume.generation + 1
  const limit = volume.reuseLimit
  space.grewOld(limit)
  payload.settle()
  const ropes: RopeNode[] = []
  for (const slot of pending.files.keys()) {
    const { rope } = slot.value as FileValue
    // Most files are small: a single node.
    if (isUnstored(rope) && rope.height === 0) ropes.push(rope)
    else for (const node of dirtyNodes(rope)) ropes.push(node)
  }
  const payloadNodes = payload.tree.dirtyNodes()
  const isRollover = needsRoot(current)

  space.give(pending.freed, generation)
  space.give([sectorOf(current)], generation)
  let { root, rootSector } = current
  if (isRollover) {
    if (space.availableCount(limit) > layout.pageCount / 8) space.order(generation, limit)
    root = {
      firstGeneration: generation,
      slots: space.takeSlots(SLOTS_PER_ROOT, gapOf(volume), limit),
    }
    rootSector = rootSector <= 2 ? 3 : 1
  }
  const slot = generation - root.firstGeneration
  const leafSector = sectorOf({ root, slot })
  if (isRollover && layout.isChecked) yield* emptySlots(volume, root)
  const dataIds = space.take(ropes.length + payloadNodes.length, limit, leafSector)
  const queueIds = space.takeForQueue(generation, limit, dataIds.at(-1) ?? leafSector)
  const queueNodes = space.tree.dirtyNodes()
  assert(queueNodes.length === queueIds.length, 'each node of the queue has a sector')
  notePages(volume, dataIds.length + queueIds.length)

  const batch = new PageBatch(volume, dataIds.length + queueIds.length + FIXED_PAGES)
  const leafPage = batch.hold(leafSector)
  let next = 0
  for (const node of ropes) {
    if (batch.isFull) yield* batch.write()
    encodeRopeNode(batch, node, dataIds[next++] as number)
  }
  payload.fillPlain()
  for (const node of payloadNodes) {
    if (batch.isFull) yield* batch.write()
    const page = batch.add(dataIds[next++] as number)
    payload.encode(node, page)
    batch.seal(node, page)
  }
  next = 0
  for (const node of queueNodes) {
    if (batch.isFull) yield* batch.write()
    const page = batch.add(queueIds[next++] as number)
    space.encode(node, page)
    batch.seal(node, page)
  }
  const leaf: GenerationLeaf = {
    generation,
    freeStart: space.freeStart,
    freeQueue: pointerTo(volume, space.tree.root),
    freeSectors: space.freeCount,
    payload: pointerTo(volume, payload.tree.root),
    isAligned: payload.isAligned,
  }
  const made: Generation = { rootSector, root, slot, leaf }
  // The leaf has its place already.
  if (batch.left < FIXED_PAGES - 1) yield* batch.write()
  if (!layout.isChecked) {
    // A slot must not look like a leaf before it is one.
    if (isRollover) for (const slot of root.slots) batch.add(slot).fill(0)
    yield* batch.write()
    yield { kind: 'sync' }
  }
  if (isRollover) {
    for (const sector of twinsOf(rootSector)) encodeRoot(batch.add(sector), layout, root)
  }
  encodeGenerationLeaf(leafPage, layout, volume.header.formatId, leaf)
  batch.addHeld()
  yield* batch.write()
  yield { kind: 'sync' }

  for (const node of ropes) node.isStored = true
  for (const slot of pending.files.keys()) settleFile(volume, slot.value as FileValue)
  payload.tree.settled()
  space.tree.settled()
  volume.current = made
  volume.lastCommitPages = dataIds.length + volume.pending.fresh.size
  volume.startPending()
}

/**
 * Makes the slots of a root to come empty where a commit that did not come to be has left a leaf in
 * one, whole or torn: with a root that leads to it, it would be a generation.
 */
function* emptySlots(volume: Volume, root: Root): Op<void> {
  const { layout, header } = volume
  const spans = root.slots.map((block) => {
    return { block, offset: 0, bytes: new Uint8Array(layout.pageBytes) }
  })
  yield { kind: 'read', spans }
  const leaves = spans.filter(({ bytes }, slot) =>
    couldBecomeLeaf(bytes, layout, header.formatId, root.firstGeneration + slot),
  )
  if (leaves.length === 0) return
  for (const { bytes } of leaves) bytes.fill(OVERWRITTEN)
  yield* writeSectors(volume, leaves)
  yield { kind: 'sync' }
}

/** Room for a commit like the last ones. */
function gapOf({ commitSizes }: Volume): number {
  const sum = commitSizes.reduce((total, pages) => total + pages, 0)
  return commitSizes.length === 0 ? 8 : Math.ceil(sum / commitSizes.length) + 1
}

function notePages({ commitSizes }: Volume, pages: number): void {
  if (pages > GAP_MAX) return
  commitSizes.push(pages)
  if (commitSizes.length > SLOTS_PER_ROOT) commitSizes.shift()
}

function pointerTo(volume: Volume, node: TreePage | undefined): Pointer {
  return node === undefined ? volume.layout.nullPointer : { id: node.id, checksum: node.checksum }
}

/**
 * Writes the content of files ahead of the commit that will refer to it.
 *
 * @returns the sectors that it was given.
 */
export function* writeAhead(volume: Volume, files: readonly FileValue[]): Op<number[]> {
  try {
    // First: what it overwrites is free, and could be given out.
    if (!volume.isClean) yield* forgetInterrupted(volume)
    const nodes = files.flatMap(({ rope }) => [...dirtyNodes(rope)])
    const ids = volume.space.take(nodes.length, volume.reuseLimit)
    const batch = new PageBatch(volume, nodes.length)
    let next = 0
    for (const node of nodes) {
      if (batch.isFull) yield* batch.write()
      encodeRopeNode(batch, node, ids[next++] as number)
    }
    yield* batch.write()
    for (const node of nodes) node.isStored = true
    for (const file of files) settleFile(volume, file)
    return ids
  } catch (error) {
    volume.failure = error
    throw error
  }
}

function encodeRopeNode(batch: PageBatch, node: RopeNode, id: number): void {
  const page = batch.add(id)
  if (node.height === 0) encodeRopeLeaf(page, node.bytes)
  else {
    encodeRopeBranch(
      page,
      batch.volume.layout,
      node.height,
      node.keys,
      (i) => node.children[i] as Pointer,
    )
  }
  batch.seal(node, page)
}

/** From now on a file's content is on the device. */
function settleFile(volume: Volume, file: FileValue): void {
  const { rope } = file
  if (!(rope instanceof RopeNode)) return
  file.size = rope.size
  file.isLeaf = rope.height === 0
  if (file.isLeaf) {
    const page = volume.pages.keepNew(rope.id, 4 + rope.bytes.length)
    if (page !== undefined) encodeRopeLeaf(page, rope.bytes)
  }
  file.rope = { id: rope.id, checksum: rope.checksum }
}

/** Pages on their way to the device: a portion of them, which is written when it is full. */
class PageBatch {
  private readonly buffer: Uint8Array
  private readonly capacity: number
  private held: Span | undefined
  private spans: Span[] = []
  private count = 0

  constructor(
    readonly volume: Volume,
    pageCount: number,
  ) {
    const { pageBytes } = volume.layout
    const portion = Math.max(2 * FIXED_PAGES, Math.floor(PORTION_BYTES / pageBytes))
    this.capacity = Math.min(pageCount, portion)
    let buffer = buffers.get(volume)
    if (buffer === undefined || buffer.length < this.capacity * pageBytes) {
      buffer = new Uint8Array(this.capacity * pageBytes)
      buffers.set(volume, buffer)
    }
    this.buffer = buffer
  }

  get isFull(): boolean {
    return this.count === this.capacity
  }

  /** Pages that still fit. */
  get left(): number {
    return this.capacity - this.count
  }

  /**
   * The bytes of a page that is written last and lies first: before those that are added, as its sector
   * lies before theirs.
   */
  hold(id: number): Uint8Array {
    this.held = this.next(id)
    return this.held.bytes
  }

  /** Now it is written with the rest. */
  addHeld(): void {
    if (this.held !== undefined) this.spans.push(this.held)
  }

  /** The bytes of a page that goes to a sector; what they hold is left over from another. */
  add(id: number): Uint8Array {
    const span = this.next(id)
    this.spans.push(span)
    return span.bytes
  }

  private next(id: number): Span {
    const { pageBytes } = this.volume.layout
    const bytes = this.buffer.subarray(this.count * pageBytes, (this.count + 1) * pageBytes)
    this.count++
    this.volume.pages.forget(id)
    return { block: id, offset: 0, bytes }
  }

  /** Notes where a node is, once its page is complete. */
  seal(node: { id: number; checksum: number }, page: Uint8Array): void {
    node.checksum = this.volume.layout.checksum(page)
    node.id = (this.spans[this.spans.length - 1] as Span).block
  }

  /** Writes what was added; consecutive sectors in one piece. */
  *write(): Op<void> {
    const { spans } = this
    if (spans.length === 0) return
    this.spans = []
    this.count = this.held === undefined ? 0 : 1
    let isAscending = true
    for (let i = 1; i < spans.length && isAscending; i++) {
      isAscending = (spans[i - 1] as Span).block < (spans[i] as Span).block
    }
    if (!isAscending) spans.sort((a, b) => a.block - b.block)
    yield* writeSectors(this.volume, spans)
  }
}

function* writeSectors(volume: Volume, spans: readonly Span[]): Op<void> {
  if (volume.options.erases) yield { kind: 'erase', blocks: spans.map(({ block }) => block) }
  yield { kind: 'prog', spans }
}

/**
 * Overwrites what a commit that did not come to be has left: leaves that are newer than the current
 * generation, and what stands where the next leaf or root will be. Left there, a part of it could
 * make a whole with a part of the next commit, and come back. Roots that are damaged are written
 * anew, as a copy of the current one or empty, so that the original opens the disk again.
 */
function* forgetInterrupted(volume: Volume): Op<void> {
  const { current, found, layout } = volume
  const stale = new Set<number>()
  for (const each of found.all) {
    if (each.leaf.generation > volume.generation) stale.add(sectorOf(each))
  }
  const nextSlot = current.root.slots[current.slot + 1]
  if (nextSlot !== undefined && !found.blankSlots.has(nextSlot)) stale.add(nextSlot)
  stale.delete(sectorOf(current))
  const roots = new Map<number, Root>()
  const copies = twinsOf(current.rootSector)
  const isRootThere = found.roots[current.rootSector - 1]?.firstGeneration
  found.roots.forEach((root, i) => {
    const isNewer = root !== undefined && root.firstGeneration > current.root.firstGeneration
    if (root !== undefined && !isNewer) return
    const isCopy = copies.includes(1 + i) && isRootThere === current.root.firstGeneration
    roots.set(1 + i, isCopy ? current.root : { firstGeneration: 0, slots: [] })
  })
  if (stale.size > 0 || roots.size > 0) {
    const pages = (sectors: readonly number[], fill: (page: Uint8Array) => void): Span[] =>
      sectors.map((block) => {
        const bytes = new Uint8Array(layout.pageBytes)
        fill(bytes)
        return { block, offset: 0, bytes }
      })
    yield* writeSectors(volume, [
      ...[...roots].flatMap(([sector, root]) =>
        pages([sector], (page) => encodeRoot(page, layout, root)),
      ),
      ...pages([...stale], (page) => page.fill(OVERWRITTEN)),
    ])
    yield { kind: 'sync' }
  }
  volume.isClean = true
}
