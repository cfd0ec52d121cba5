/**
 * Commit: makes a generation of what is pending, durable when it returns.
 *
 * What a commit writes goes to sectors that neither of the last two generations uses, so until the
 * leaf is there, whole, and all under it is, the disk is what it was (docs/notafs.md, "Barriers").
 * With checksums one barrier is enough: a mount tells whether all of it is there. Without, the pages
 * are made durable before the leaf is written.
 */

import { assert, type Op, type Span } from '@caravan/core'
import { encodeGenerationLeaf, type GenerationLeaf } from './format/generation-leaf.js'
import { type Pointer, ROOT_COUNT, SLOTS_PER_ROOT } from './format/layout.js'
import { encodeRoot, type Root } from './format/root.js'
import { encodeRopeBranch, encodeRopeLeaf } from './format/rope-node.js'
import { type Generation, sectorOf } from './generations.js'
import type { TreePage } from './page-tree.js'
import { countDirty, dirtyNodes, RopeNode } from './rope.js'
import type { FileValue } from './tree.js'
import type { Volume } from './volume.js'

/** Buffers up to this size are kept from one commit to the next. */
const KEPT_BUFFER_BYTES = 256 * 1024
/** Spans in one request. */
const REQUEST_SPANS = 1024

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
    throw error
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
    if (rope instanceof RopeNode && rope.height === 0) ropes.push(rope)
    else for (const node of dirtyNodes(rope)) ropes.push(node)
  }
  const payloadNodes = payload.tree.dirtyNodes()
  const isRollover = current.slot === SLOTS_PER_ROOT - 1

  space.give(pending.freed, generation)
  space.give([sectorOf(current)], generation)
  if (space.availableCount(limit) > layout.pageCount / 8) space.order(limit)
  const dataIds = space.take(ropes.length + payloadNodes.length, limit)
  const root: Root = isRollover
    ? { firstGeneration: generation, slots: space.take(SLOTS_PER_ROOT, limit) }
    : current.root
  const queueIds = space.takeForQueue(generation, limit)
  const queueNodes = space.tree.dirtyNodes()
  assert(queueNodes.length === queueIds.length, 'each node of the queue has a sector')

  const batch = new PageBatch(volume, dataIds.length + queueIds.length + 2 + SLOTS_PER_ROOT)
  let next = 0
  for (const node of ropes) encodeRopeNode(batch, node, dataIds[next++] as number)
  payload.fillPlain()
  for (const node of payloadNodes) {
    const page = batch.add(dataIds[next++] as number)
    payload.encode(node, page)
    batch.seal(node, page)
  }
  queueNodes.forEach((node, i) => {
    const page = batch.add(queueIds[i] as number)
    space.encode(node, page)
    batch.seal(node, page)
  })

  const rootSector = isRollover ? (current.rootSector % ROOT_COUNT) + 1 : current.rootSector
  const leaf: GenerationLeaf = {
    generation,
    freeStart: space.freeStart,
    freeQueue: pointerTo(volume, space.tree.root),
    freeSectors: space.freeCount,
    payload: pointerTo(volume, payload.tree.root),
    isAligned: payload.isAligned,
  }
  const made: Generation = { rootSector, root, slot: generation - root.firstGeneration, leaf }
  if (!layout.isChecked) {
    // A slot must not look like a leaf before it is one.
    if (isRollover) for (const slot of root.slots) batch.add(slot).fill(0)
    yield* batch.write()
    yield { kind: 'sync' }
  }
  if (isRollover) encodeRoot(batch.add(rootSector), layout, root)
  encodeGenerationLeaf(batch.add(sectorOf(made)), layout, volume.header.formatId, leaf)
  yield* batch.write()
  yield { kind: 'sync' }

  for (const slot of pending.files.keys()) settleFile(volume, slot.value as FileValue)
  payload.tree.settled()
  space.tree.settled()
  volume.current = made
  volume.lastCommitPages = dataIds.length + volume.pending.fresh.size
  volume.startPending()
}

function pointerTo(volume: Volume, node: TreePage | undefined): Pointer {
  return node === undefined ? volume.layout.nullPointer : { id: node.id, checksum: node.checksum }
}

/**
 * Writes rope nodes ahead of the commit that will refer to them.
 *
 * @returns the sectors that they were given.
 */
export function* writeAhead(volume: Volume, file: FileValue): Op<number[]> {
  try {
    // First: what it overwrites is free, and could be given out.
    if (!volume.isClean) yield* forgetInterrupted(volume)
    const ids = volume.space.take(countDirty(file.rope), volume.reuseLimit)
    const nodes = [...dirtyNodes(file.rope)]
    const batch = new PageBatch(volume, nodes.length)
    nodes.forEach((node, i) => {
      encodeRopeNode(batch, node, ids[i] as number)
    })
    yield* batch.write()
    settleFile(volume, file)
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
    const page = new Uint8Array(4 + rope.bytes.length)
    encodeRopeLeaf(page, rope.bytes)
    volume.pages.keepOwn(rope.id, page)
  }
  file.rope = { id: rope.id, checksum: rope.checksum }
}

/** Pages on their way to the device. */
class PageBatch {
  private readonly buffer: Uint8Array
  private spans: Span[] = []
  private at = 0

  constructor(
    readonly volume: Volume,
    pageCount: number,
  ) {
    const size = pageCount * volume.layout.pageBytes
    let buffer = buffers.get(volume)
    if (buffer === undefined || buffer.length < size) {
      buffer = new Uint8Array(size)
      if (size <= KEPT_BUFFER_BYTES) buffers.set(volume, buffer)
    }
    this.buffer = buffer
  }

  /** The bytes of a page that goes to a sector; what they hold is left over from another. */
  add(id: number): Uint8Array {
    const { pageBytes } = this.volume.layout
    const bytes = this.buffer.subarray(this.at, this.at + pageBytes)
    this.at += pageBytes
    this.volume.pages.forget(id)
    this.spans.push({ block: id, offset: 0, bytes })
    return bytes
  }

  /** Notes where a node is, once its page is complete. */
  seal(node: { id: number; checksum: number }, page: Uint8Array): void {
    node.checksum = this.volume.layout.checksum(page)
    node.id = (this.spans[this.spans.length - 1] as Span).block
  }

  /** Consecutive sectors go in one request. */
  *write(): Op<void> {
    const spans = this.spans.sort((a, b) => a.block - b.block)
    this.spans = []
    yield* writeSectors(this.volume, spans)
  }
}

function* writeSectors(volume: Volume, spans: readonly Span[]): Op<void> {
  for (let at = 0; at < spans.length; at += REQUEST_SPANS) {
    const part = spans.length <= REQUEST_SPANS ? spans : spans.slice(at, at + REQUEST_SPANS)
    if (volume.options.erases) yield { kind: 'erase', blocks: part.map(({ block }) => block) }
    yield { kind: 'prog', spans: part }
  }
}

/**
 * Overwrites what a commit that did not come to be has left: leaves that are newer than the current
 * generation, and what stands where the next leaf or root will be. Left there, a part of it could
 * make a whole with a part of the next commit, and come back. Roots that are damaged are made empty,
 * so that the original opens the disk again.
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
  const emptyRoots: number[] = []
  found.roots.forEach((root, i) => {
    const isNewer = root !== undefined && root.firstGeneration > current.root.firstGeneration
    if (root === undefined || isNewer) emptyRoots.push(1 + i)
  })
  if (stale.size > 0 || emptyRoots.length > 0) {
    const pages = (sectors: readonly number[], fill: (page: Uint8Array) => void): Span[] =>
      sectors.map((block) => {
        const bytes = new Uint8Array(layout.pageBytes)
        fill(bytes)
        return { block, offset: 0, bytes }
      })
    yield* writeSectors(volume, [
      ...pages(emptyRoots, (page) => encodeRoot(page, layout, { firstGeneration: 0, slots: [] })),
      ...pages([...stale], () => {}),
    ])
    yield { kind: 'sync' }
  }
  volume.isClean = true
}
