/** Reading the directory payload of a generation into memory. */

import { FormatError, type Op } from '@caravan/core'
import { PayloadReader } from './format/directory-payload.js'
import type { GenerationLeaf } from './format/generation-leaf.js'
import type { Layout } from './format/layout.js'
import { ropeLeafContent, ropeNodeBytes } from './format/rope-node.js'
import { joinLeaves, type ReadNode, readRopePages } from './lockstep.js'
import { Branch, type TreePage } from './page-tree.js'
import type { Pages } from './pages.js'
import { Chunk, Payload } from './payload.js'
import { Directory, DirectoryValue, FileValue, Slot, type Value } from './tree.js'

/**
 * The tree of names of a generation, each with its place in the payload.
 *
 * @param onFreed told of pages of the payload that a later change leaves.
 * @throws FormatError.
 */
export function* loadPayload(
  pages: Pages,
  leaf: GenerationLeaf,
  onFreed: (id: number) => void,
): Op<Payload> {
  const { layout } = pages
  const directory = new Directory()
  const top = new Slot('', new DirectoryValue(Number.NaN, directory), true)
  directory.header = top
  if (leaf.payload.id === 0) {
    const payload = new Payload(layout, top, true, onFreed)
    const chunk = new Chunk()
    chunk.tokens = [top]
    top.chunk = chunk
    payload.tree.insertAfter(undefined, chunk)
    payload.changed(top)
    return payload
  }
  const rope = yield* readRopePages(pages, leaf.payload)
  const chunks = new Map<ReadNode, Chunk>()
  const parts = rope.leaves.map(({ id, page }) => ropeLeafContent(page, layout, id))
  let start = 0
  const starts: number[] = []
  rope.leaves.forEach(({ node }, i) => {
    const chunk = new Chunk()
    chunk.sizeBytes = (parts[i] as Uint8Array).length
    chunks.set(node, chunk)
    starts.push(start)
    start += chunk.sizeBytes
  })
  const isRegular = isUniform(rope.top) && keysHold(layout, rope.top)
  const ordered = rope.leaves.map(({ node }) => chunks.get(node) as Chunk)
  const builder = new TreeBuilder(top, ordered, starts)
  new PayloadReader(joinLeaves(parts), layout).walk(builder)
  const isAligned = isRegular && builder.isAligned && builder.isAtEnd
  const payload = new Payload(layout, top, isAligned, onFreed)
  payload.tree.adopt(treeOf(rope.top, chunks))
  return payload
}

function isUniform(top: ReadNode): boolean {
  const pending = [top]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const child of node.children) {
      if (child.height !== node.height - 1) return false
      pending.push(child)
    }
  }
  return true
}

/** The original reads by keys. Where one is wrong all is written anew, with the first change. */
function keysHold(layout: Layout, { keys, children }: ReadNode): boolean {
  return children.every((child, i) => {
    const bytes = (keys[i] as number) - (keys[i - 1] ?? 0)
    return bytes === ropeNodeBytes(child.page, layout, child.pointer.id) && keysHold(layout, child)
  })
}

function treeOf(node: ReadNode, chunks: ReadonlyMap<ReadNode, Chunk>): TreePage {
  let page: TreePage | undefined = chunks.get(node)
  if (page === undefined) {
    const branch = new Branch(
      node.height,
      node.children.map((child) => treeOf(child, chunks)),
    )
    branch.sizeBytes = branch.children.reduce(
      (sum, child) => sum + ((child as Branch | Chunk).sizeBytes ?? 0),
      0,
    )
    page = branch
  }
  page.id = node.pointer.id
  page.checksum = node.pointer.checksum
  return page
}

class TreeBuilder {
  /** False once a token was found that begins in one leaf and ends in another. */
  isAligned = true
  private readonly open: Directory[] = []
  private chunkIndex = 0

  constructor(
    private readonly topSlot: Slot,
    private readonly chunks: readonly Chunk[],
    private readonly starts: readonly number[],
  ) {}

  top(start: number): void {
    this.place(this.topSlot, start)
    this.open.push((this.topSlot.value as DirectoryValue).directory)
  }

  directory(start: number, name: string, mtime: number): void {
    const directory = new Directory()
    const slot = this.add(start, name, new DirectoryValue(mtime, directory))
    directory.header = slot
    this.open.push(directory)
  }

  file(
    start: number,
    name: string,
    mtime: number,
    pointer: { id: number; checksum: number },
  ): void {
    this.add(start, name, new FileValue(mtime, pointer, -1, false))
  }

  end(): void {
    this.open.pop()
  }

  /** True where a token begins in the last leaf. */
  get isAtEnd(): boolean {
    return this.chunkIndex === this.chunks.length - 1
  }

  private add(start: number, name: string, value: Value): Slot {
    const directory = this.open[this.open.length - 1] as Directory
    if (name === '' || name.includes('/') || directory.slots.has(name)) {
      const found =
        name === ''
          ? 'an empty name'
          : `the name '${name}' ${name.includes('/') ? 'with a slash' : 'twice'}`
      throw new FormatError(
        'BAD_DIRECTORY',
        `The directory cannot be: ${found}, at byte ${start}.`,
        {
          structure: 'directory payload',
          offset: start,
        },
      )
    }
    const slot = new Slot(name, value)
    directory.slots.set(name, slot)
    slot.parent = directory
    this.place(slot, start)
    return slot
  }

  private place(slot: Slot, start: number): void {
    while (
      this.chunkIndex + 1 < this.starts.length &&
      start >= (this.starts[this.chunkIndex + 1] as number)
    ) {
      this.chunkIndex++
      if (start !== this.starts[this.chunkIndex]) this.isAligned = false
    }
    const chunk = this.chunks[this.chunkIndex] as Chunk
    chunk.tokens.push(slot)
    slot.chunk = chunk
  }
}
