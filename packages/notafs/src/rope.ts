/**
 * Rope: a file's content as a tree of pages; here its nodes that are in memory, not yet written.
 *
 * 1. A node is changed by its owner alone, the change that made it; others make a copy.
 * 2. What is appended fills the last leaf and grows the right edge, so that appending costs the same
 *    however long the rope is; nodes are at most as high as the logarithm of what is below.
 * 3. Pages and nodes that a change leaves are told to it, once each. A node of content that is not
 *    committed yet may be given a page while the change goes on: then the page is left with it.
 */

import { assert, type Op } from '@caravan/core'
import { HEIGHT_MAX, type Layout, type Pointer } from './format/layout.js'
import { decodeRopeBranch, ropeError, ropeHeight, ropeLeafContent } from './format/rope-node.js'
import type { Pages } from './pages.js'
import type { Ref } from './tree.js'

export class RopeNode implements Pointer {
  /** Sector that it was given, once it is being written. */
  id = 0
  checksum = 0
  /** It is on the device: whoever still has it here need not write it. */
  isStored = false

  constructor(
    readonly owner: object,
    readonly height: number,
    /** Of a leaf. */
    public bytes: Uint8Array,
    /** Of a branch: where each child ends, in bytes from its beginning. */
    readonly keys: number[],
    readonly children: Ref[],
  ) {}

  get size(): number {
    return this.height === 0 ? this.bytes.length : (this.keys.at(-1) ?? 0)
  }
}

const NO_BYTES = new Uint8Array(0)

/** What a change of a rope works with. */
export interface RopeChange {
  readonly pages: Pages
  readonly layout: Layout
  readonly owner: object
  /** Takes note of a page that is left. */
  free(id: number): void
  /** Takes note of a node that is left. */
  leave(node: RopeNode): void
}

/**
 * The same content with no node that is another's and in memory alone: so that pages can be written for
 * it while the other may still need pages of its own.
 */
export function takeOver(change: RopeChange, ref: Ref): Ref {
  if (!isUnstored(ref)) return ref
  let node = ref
  if (ref.owner !== change.owner) {
    change.leave(ref)
    node = new RopeNode(change.owner, ref.height, ref.bytes, [...ref.keys], [...ref.children])
  }
  node.children.forEach((child, i) => {
    node.children[i] = takeOver(change, child)
  })
  return node
}

/** True for a node that is in memory alone. */
export function isUnstored(ref: Ref): ref is RopeNode {
  return ref instanceof RopeNode && !ref.isStored
}

function newLeaf(owner: object, bytes: Uint8Array): RopeNode {
  return new RopeNode(owner, 0, bytes, [], [])
}

function newBranch(owner: object, height: number, children: readonly RopeNode[]): RopeNode {
  let end = 0
  const keys = children.map((child) => {
    end += child.size
    return end
  })
  return new RopeNode(owner, height, NO_BYTES, keys, [...children])
}

/** A balanced rope over these bytes, which are not copied. */
export function buildRope(layout: Layout, owner: object, bytes: Uint8Array): RopeNode {
  let level: RopeNode[] = []
  for (let at = 0; at < bytes.length; at += layout.ropeLeafBytes) {
    level.push(newLeaf(owner, bytes.subarray(at, at + layout.ropeLeafBytes)))
  }
  if (level.length === 0) return newLeaf(owner, NO_BYTES)
  for (let height = 1; level.length > 1; height++) {
    const above: RopeNode[] = []
    for (let i = 0; i < level.length; i += layout.ropeBranchChildren) {
      above.push(newBranch(owner, height, level.slice(i, i + layout.ropeBranchChildren)))
    }
    level = above
  }
  return level[0] as RopeNode
}

/** Nodes under a reference that are in memory alone, children before their parent. */
export function* dirtyNodes(ref: Ref): Generator<RopeNode, void, void> {
  if (!isUnstored(ref)) return
  for (const child of ref.children) if (isUnstored(child)) yield* dirtyNodes(child)
  yield ref
}

export function countDirty(ref: Ref): number {
  if (!isUnstored(ref)) return 0
  let count = 1
  for (const child of ref.children) if (isUnstored(child)) count += countDirty(child)
  return count
}

/** The child that the byte at `offset` is in: the first that ends behind it. */
export function childAt(keys: readonly number[], offset: number): number {
  let low = 0
  let high = keys.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as number) > offset) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * The node of a reference, as the change's own.
 *
 * @param size what the node above says of it; `undefined` for the top.
 * @throws FormatError where it is another.
 */
function* editable(
  change: RopeChange,
  ref: Ref,
  below: number,
  size: number | undefined,
): Op<RopeNode> {
  const { owner, layout } = change
  if (ref instanceof RopeNode) {
    if (ref.owner === owner && !ref.isStored) return ref
    change.leave(ref)
    return new RopeNode(owner, ref.height, ref.bytes, [...ref.keys], [...ref.children])
  }
  const page = yield* change.pages.read(ref)
  const height = ropeHeight(page)
  checkHeight(ref.id, height, below)
  let node: RopeNode
  if (height === 0) node = newLeaf(owner, ropeLeafContent(page, layout, ref.id))
  else {
    const { keys, children } = decodeRopeBranch(page, layout, ref.id)
    node = new RopeNode(owner, height, NO_BYTES, keys, children)
  }
  if (size !== undefined && node.size !== size) {
    throw ropeError(ref.id, `${node.size} bytes, where the node above says ${size}`)
  }
  change.free(ref.id)
  return node
}

/** What a branch says of a child's size. */
function sizeOfChild({ keys }: RopeNode, index: number): number {
  return (keys[index] as number) - (index === 0 ? 0 : (keys[index - 1] as number))
}

/** Nodes get lower on the way down: so no rope leads into itself. */
export function checkHeight(id: number, height: number, below: number): void {
  if (height < below) return
  throw ropeError(id, `height ${height} below a node of height ${below}`)
}

/** What the height of a whole rope is below. */
const TOP = HEIGHT_MAX + 1

/** Replaces bytes that are there. */
export function* overwrite(
  change: RopeChange,
  ref: Ref,
  offset: number,
  data: Uint8Array,
): Op<RopeNode> {
  return yield* overwriteUnder(change, ref, offset, data, TOP, undefined)
}

function* overwriteUnder(
  change: RopeChange,
  ref: Ref,
  offset: number,
  data: Uint8Array,
  below: number,
  size: number | undefined,
): Op<RopeNode> {
  const node = yield* editable(change, ref, below, size)
  if (node.height === 0) {
    // The bytes may be those of a page in memory, or of another owner: they are never changed.
    const bytes = node.bytes.slice()
    bytes.set(data, offset)
    node.bytes = bytes
    return node
  }
  for (let done = 0; done < data.length; ) {
    const index = childAt(node.keys, offset + done)
    const start = index === 0 ? 0 : (node.keys[index - 1] as number)
    const end = node.keys[index] as number
    const from = offset + done - start
    const part = data.subarray(done, done + end - start - from)
    assert(part.length > 0, 'what is overwritten is there')
    const child = node.children[index] as Ref
    if (node.height === 1 && part.length === end - start) {
      if (child instanceof RopeNode) change.leave(child)
      else change.free(child.id)
      node.children[index] = newLeaf(change.owner, part.slice())
    } else {
      const size = end - start
      node.children[index] = yield* overwriteUnder(change, child, from, part, node.height, size)
    }
    done += part.length
  }
  return node
}

/** Puts bytes behind the end. */
export function* append(change: RopeChange, ref: Ref, data: Uint8Array): Op<RopeNode> {
  const { layout, owner } = change
  const spine: RopeNode[] = [yield* editable(change, ref, TOP, undefined)]
  for (;;) {
    const last = spine[spine.length - 1] as RopeNode
    if (last.height === 0) break
    const index = last.children.length - 1
    const size = sizeOfChild(last, index)
    const child = yield* editable(change, last.children[index] as Ref, last.height, size)
    last.children[index] = child
    spine.push(child)
  }
  const leaf = spine.pop() as RopeNode
  const room = Math.min(layout.ropeLeafBytes - leaf.bytes.length, data.length)
  if (room > 0) {
    const bytes = new Uint8Array(leaf.bytes.length + room)
    bytes.set(leaf.bytes)
    bytes.set(data.subarray(0, room), leaf.bytes.length)
    leaf.bytes = bytes
    for (const branch of spine) grow(branch, room)
  }
  if (spine.length === 0 && room === data.length) return leaf
  if (spine.length === 0) spine.push(newBranch(owner, 1, [leaf]))
  for (let at = room; at < data.length; at += layout.ropeLeafBytes) {
    appendLeaf(layout, owner, spine, data.slice(at, at + layout.ropeLeafBytes))
  }
  return spine[0] as RopeNode
}

function grow(branch: RopeNode, bytes: number): void {
  const last = branch.keys.length - 1
  branch.keys[last] = (branch.keys[last] as number) + bytes
}

/** `spine`: the branches of the right edge, from the top; it goes on with the new leaf's. */
function appendLeaf(layout: Layout, owner: object, spine: RopeNode[], bytes: Uint8Array): void {
  let depth = spine.length - 1
  while (depth >= 0 && (spine[depth] as RopeNode).children.length >= layout.ropeBranchChildren) {
    depth--
  }
  if (depth < 0) {
    const top = spine[0] as RopeNode
    spine.unshift(newBranch(owner, top.height + 1, [top]))
    depth = 0
  }
  const branch = spine[depth] as RopeNode
  // As high as the sibling before it: the original leaves lower children at the end, and heights never
  // ascend from left to right.
  const height = spine[depth + 1]?.height ?? 0
  spine.length = depth + 1
  let child = newLeaf(owner, bytes)
  const added: RopeNode[] = []
  for (let h = 1; h <= height; h++) {
    child = newBranch(owner, h, [child])
    added.unshift(child)
  }
  branch.keys.push(branch.size + bytes.length)
  branch.children.push(child)
  for (let above = 0; above < depth; above++) grow(spine[above] as RopeNode, bytes.length)
  spine.push(...added)
}

/** Cuts a rope: `size` bytes of it stay. */
export function* cutRope(change: RopeChange, ref: Ref, size: number): Op<RopeNode> {
  let node = yield* cutUnder(change, ref, size, TOP, undefined)
  while (node.height > 0 && node.children.length === 1) {
    const [only] = node.children as [Ref]
    node = yield* editable(change, only, node.height, node.size)
  }
  return node
}

function* cutUnder(
  change: RopeChange,
  ref: Ref,
  size: number,
  below: number,
  before: number | undefined,
): Op<RopeNode> {
  if (size === 0 && below === TOP) {
    yield* freeRope(change, ref)
    return newLeaf(change.owner, NO_BYTES)
  }
  const node = yield* editable(change, ref, below, before)
  if (node.height === 0) {
    node.bytes = node.bytes.slice(0, size)
    return node
  }
  const index = childAt(node.keys, size - 1)
  for (const gone of node.children.splice(index + 1)) {
    yield* freeUnder(change, gone, node.height)
  }
  node.keys.length = index + 1
  const start = index === 0 ? 0 : (node.keys[index - 1] as number)
  if (node.keys[index] !== size) {
    node.children[index] = yield* cutUnder(
      change,
      node.children[index] as Ref,
      size - start,
      node.height,
      sizeOfChild(node, index),
    )
    node.keys[index] = size
  }
  return node
}

/** Gives back all pages of a rope. */
export function* freeRope(change: RopeChange, ref: Ref): Op<void> {
  yield* freeUnder(change, ref, TOP)
}

function* freeUnder(change: RopeChange, top: Ref, below: number): Op<void> {
  const { layout, pages } = change
  let level: { ref: Ref; below: number }[] = [{ ref: top, below }]
  let count = 0
  while (level.length > 0) {
    const stored = level.filter((each) => !(each.ref instanceof RopeNode))
    // Below a branch of height 1 are leaves: nothing of them needs to be read.
    const branches = stored.filter((each) => each.below > 1)
    const read = yield* pages.readAll(
      branches.map((each) => each.ref as Pointer),
      false,
    )
    const next: { ref: Ref; below: number }[] = []
    for (const each of stored) {
      change.free(each.ref.id)
      count++
    }
    if (count > layout.pageCount) throw ropeError(top.id, 'a rope of more pages than there are')
    branches.forEach(({ ref, below: limit }, i) => {
      const page = read[i] as Uint8Array
      const height = ropeHeight(page)
      checkHeight(ref.id, height, limit)
      if (height === 0) return
      const { children } = decodeRopeBranch(page, layout, ref.id)
      for (const child of children) next.push({ ref: child, below: height })
    })
    for (const { ref } of level) {
      if (!(ref instanceof RopeNode)) continue
      change.leave(ref)
      for (const child of ref.children) next.push({ ref: child, below: ref.height })
    }
    level = next
  }
}
