/**
 * Payload: the directory payload in memory, cut into chunks of whole tokens, one leaf of the rope each.
 *
 * 1. The tokens of a directory's entries follow its own, in any order, each with all below it.
 * 2. A new entry is put right behind the token of its directory, which changes with it: so that adding
 *    a name changes one chunk, and changing an entry the chunk that it is in.
 * 3. Where a name is too long for a token to fit a leaf, the payload is plain bytes, cut anywhere and
 *    written whole each time, as the original does.
 */

import { assert } from '@caravan/core'
import { PayloadWriter, tokenBytes, topTokenBytes } from './format/directory-payload.js'
import type { Layout, Pointer } from './format/layout.js'
import { encodeRopeBranch, encodeRopeLeaf } from './format/rope-node.js'
import { Branch, PageTree, TreePage } from './page-tree.js'
import type { Slot } from './tree.js'

export class Chunk extends TreePage {
  tokens: Slot[] = []
  sizeBytes = 0
  /** Where it holds bytes of tokens that do not fit leaves. */
  plain: Uint8Array | undefined
}

export class Payload {
  readonly tree: PageTree<Chunk>
  /** Chunks whose tokens may have become too many, or too few. */
  private readonly unsettled = new Set<Chunk>()
  /** True where it is on the device as chunks, or will be with the next commit. */
  isAligned: boolean

  constructor(
    private readonly layout: Layout,
    readonly top: Slot,
    isAligned: boolean,
    onFreed: (id: number) => void,
  ) {
    this.isAligned = isAligned
    this.tree = new PageTree<Chunk>(layout.ropeBranchChildren, onFreed)
  }

  /** Puts tokens behind another. */
  insertAfter(slot: Slot, added: readonly Slot[]): void {
    const chunk = slot.chunk
    assert(chunk !== undefined, 'what is put into the payload has a place there')
    const place = chunk.tokens.indexOf(slot) + 1
    chunk.tokens = [...chunk.tokens.slice(0, place), ...added, ...chunk.tokens.slice(place)]
    for (const each of added) each.chunk = chunk
    this.touch(chunk)
  }

  /** Takes tokens out, of whatever chunks. */
  remove(slots: readonly Slot[]): void {
    const gone = new Set(slots)
    const chunks = new Set<Chunk>()
    for (const slot of slots) if (slot.chunk !== undefined) chunks.add(slot.chunk)
    for (const chunk of chunks) {
      chunk.tokens = chunk.tokens.filter((token) => !gone.has(token))
      this.touch(chunk)
    }
    for (const slot of slots) slot.chunk = undefined
  }

  /** Says that a token changed. */
  changed(slot: Slot): void {
    if (slot.chunk !== undefined) this.touch(slot.chunk)
  }

  /** Has all of it written anew with the next commit. */
  renew(): void {
    this.isAligned = false
    this.changed(this.top)
  }

  private touch(chunk: Chunk): void {
    this.tree.touch(chunk)
    this.unsettled.add(chunk)
  }

  /** Makes leaves of what changed: none too large, few too small. */
  settle(): void {
    if (!this.isAligned || this.tree.root === undefined) {
      if (this.unsettled.size > 0 || this.tree.root === undefined) this.rebuild()
      return
    }
    for (const chunk of this.unsettled) {
      if (this.fit(chunk)) continue
      this.rebuild()
      return
    }
    this.unsettled.clear()
  }

  /** @returns false where a token is larger than a leaf. */
  private fit(chunk: Chunk): boolean {
    const capacity = this.layout.ropeLeafBytes
    if (chunk.tokens.length === 0) {
      if (!(chunk.parent === undefined && this.tree.root !== chunk)) this.tree.remove(chunk)
      return true
    }
    const parts = cut(this.layout, chunk.tokens, capacity)
    if (parts === undefined) return false
    const [first, ...rest] = parts as [Part, ...Part[]]
    fill(chunk, first)
    let last = chunk
    for (const part of rest) {
      const added = new Chunk()
      fill(added, part)
      this.tree.insertAfter(last, added)
      last = added
    }
    if (rest.length === 0 && first.sizeBytes < capacity / 4) this.joinNext(chunk)
    return true
  }

  /** Joins a small chunk with the one behind it in the same branch, where both are small. */
  private joinNext(chunk: Chunk): void {
    const siblings = chunk.parent?.children
    const next = siblings?.[siblings.indexOf(chunk) + 1]
    if (!(next instanceof Chunk) || this.unsettled.has(next)) return
    if (chunk.sizeBytes + next.sizeBytes > this.layout.ropeLeafBytes / 2) return
    fill(chunk, {
      tokens: [...chunk.tokens, ...next.tokens],
      sizeBytes: chunk.sizeBytes + next.sizeBytes,
    })
    this.tree.remove(next)
  }

  /** Cuts all of it anew. */
  private rebuild(): void {
    this.unsettled.clear()
    const tokens: Slot[] = []
    const pending: Slot[] = [this.top]
    for (let slot = pending.pop(); slot !== undefined; slot = pending.pop()) {
      tokens.push(slot)
      if (slot.value.kind === 'file') continue
      // What is pushed first comes last: the original's order is from the last name to the first.
      const names = [...slot.value.directory.slots.keys()].sort()
      for (const name of names) pending.push(slot.value.directory.slots.get(name) as Slot)
    }
    const parts = cut(this.layout, tokens, this.layout.ropeLeafBytes)
    this.isAligned = parts !== undefined
    const leaves = parts?.map((part) => fill(new Chunk(), part)) ?? this.plainLeaves(tokens)
    this.tree.rebuild(leaves)
  }

  /** Leaves of plain bytes; the pointers in them are filled in by {@link fillPlain}. */
  private plainLeaves(tokens: readonly Slot[]): Chunk[] {
    const total = tokens.reduce((sum, slot) => sum + sizeOf(this.layout, slot), 0)
    const leaves: Chunk[] = []
    for (let at = 0; at < total; at += this.layout.ropeLeafBytes) {
      const leaf = new Chunk()
      leaf.sizeBytes = Math.min(this.layout.ropeLeafBytes, total - at)
      leaves.push(leaf)
    }
    const [first] = leaves as [Chunk]
    first.tokens = [...tokens]
    for (const slot of tokens) slot.chunk = first
    return leaves
  }

  /** Writes the bytes of a plain payload, once all pointers in it are known. */
  fillPlain(): void {
    if (this.isAligned) return
    const leaves = [...this.tree.leaves()]
    const total = leaves.reduce((sum, leaf) => sum + leaf.sizeBytes, 0)
    const bytes = new Uint8Array(total)
    const writer = new PayloadWriter(bytes, this.layout, 0)
    for (const slot of (leaves[0] as Chunk).tokens) writeToken(writer, slot)
    let at = 0
    for (const leaf of leaves) {
      leaf.plain = bytes.subarray(at, at + leaf.sizeBytes)
      at += leaf.sizeBytes
    }
  }

  /** The page of a node: a chunk once the files in it have their places, a branch once its children. */
  encode(node: TreePage, page: Uint8Array): void {
    if (node instanceof Branch) {
      let end = 0
      const keys = node.children.map((child) => {
        end += sizeOfNode(child)
        return end
      })
      node.sizeBytes = end
      encodeRopeBranch(page, this.layout, node.height, keys, (i) => node.children[i] as Pointer)
      return
    }
    const chunk = node as Chunk
    if (chunk.plain !== undefined) {
      encodeRopeLeaf(page, chunk.plain)
      return
    }
    page[0] = 0
    page[1] = 0
    page[2] = chunk.sizeBytes
    page[3] = chunk.sizeBytes >>> 8
    const writer = new PayloadWriter(page, this.layout, 4)
    for (const slot of chunk.tokens) writeToken(writer, slot)
    assert(writer.at === 4 + chunk.sizeBytes, 'a chunk has the size that was counted')
    page.fill(0, writer.at)
  }
}

interface Part {
  readonly tokens: Slot[]
  readonly sizeBytes: number
}

/**
 * Cuts tokens into parts that fit: full ones at the end, what is left over at the beginning, where new
 * entries come. `undefined` where one fits nowhere.
 */
function cut(layout: Layout, tokens: readonly Slot[], capacity: number): Part[] | undefined {
  const parts: Part[] = []
  let end = tokens.length
  let sizeBytes = 0
  for (let i = tokens.length - 1; i >= 0; i--) {
    const size = sizeOf(layout, tokens[i] as Slot)
    if (size > capacity) return undefined
    if (sizeBytes + size > capacity) {
      parts.push({ tokens: tokens.slice(i + 1, end), sizeBytes })
      end = i + 1
      sizeBytes = 0
    }
    sizeBytes += size
  }
  parts.push({ tokens: tokens.slice(0, end), sizeBytes })
  return parts.reverse()
}

function fill(chunk: Chunk, { tokens, sizeBytes }: Part): Chunk {
  chunk.tokens = tokens
  chunk.sizeBytes = sizeBytes
  chunk.plain = undefined
  for (const slot of tokens) slot.chunk = chunk
  return chunk
}

function sizeOf(layout: Layout, { name, value, isTop }: Slot): number {
  if (isTop && value.kind === 'directory') return topTokenBytes(value.directory.slots.size)
  return tokenBytes(layout, name, value.kind === 'file' ? undefined : value.directory.slots.size)
}

function writeToken(writer: PayloadWriter, { name, value, isTop }: Slot): void {
  if (value.kind === 'file') writer.file(name, value.mtime, value.rope as Pointer)
  else if (isTop) writer.top(value.directory.slots.size)
  else writer.directory(name, value.mtime, value.directory.slots.size)
}

/** Bytes of the leaves under a node, of a branch as its page says: children are encoded first. */
function sizeOfNode(node: TreePage): number {
  if (!(node instanceof Branch)) return (node as Chunk).sizeBytes
  assert(node.sizeBytes !== undefined, 'a branch is on a page before the one above it')
  return node.sizeBytes
}
