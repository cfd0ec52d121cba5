/** Reading ropes: what is asked for is planned level by level, each level in one request. */

import type { Op } from '@caravan/core'
import { FormatError } from '@caravan/core'
import { HEIGHT_MAX, type Layout, type Pointer } from './format/layout.js'
import { decodeRopeBranch, ropeHeight, ropeLeafContent, ropeNodeBytes } from './format/rope-node.js'
import type { Pages } from './pages.js'
import { checkHeight, childAt, RopeNode } from './rope.js'
import type { FileValue, Ref } from './tree.js'

/** @throws FormatError. */
export function* readSize(pages: Pages, file: FileValue): Op<number> {
  if (file.size >= 0) return file.size
  const { rope } = file
  if (rope instanceof RopeNode) {
    file.size = rope.size
    file.isLeaf = rope.height === 0
    return file.size
  }
  learn(pages.layout, file, rope, yield* pages.read(rope))
  return file.size
}

/** Looks at the sizes of many files, in few requests. */
export function* readSizes(pages: Pages, files: Iterable<FileValue>): Op<void> {
  const unknown: FileValue[] = []
  for (const file of files) {
    if (file.size >= 0) continue
    if (file.rope instanceof RopeNode) yield* readSize(pages, file)
    else unknown.push(file)
  }
  const read = yield* pages.readAll(
    unknown.map((file) => file.rope as Pointer),
    true,
  )
  unknown.forEach((file, i) => {
    learn(pages.layout, file, file.rope as Pointer, read[i] as Uint8Array)
  })
}

function learn(layout: Layout, file: FileValue, pointer: Pointer, page: Uint8Array): void {
  const size = ropeNodeBytes(page, layout, pointer.id)
  if (size > layout.pageCount * layout.ropeLeafBytes || size >= 2 ** 31) {
    throw new FormatError(
      'BAD_ROPE',
      `The rope in sector ${pointer.id} says ${size} bytes, more than its disk of ${layout.pageCount} sectors can hold.`,
      { structure: 'rope node', block: pointer.id },
    )
  }
  file.isLeaf = ropeHeight(page) === 0
  file.size = size
}

/** The content of a small file that is in memory; `undefined` where it is not, or not small. */
export function contentNow(pages: Pages, file: FileValue): Uint8Array | undefined {
  const { rope } = file
  if (rope instanceof RopeNode) return rope.height === 0 ? rope.bytes : undefined
  const page = pages.find(rope.id)
  if (page === undefined || ropeHeight(page) !== 0) return undefined
  return ropeLeafContent(page, pages.layout, rope.id)
}

/** A copy of it. */
export function copyNow(pages: Pages, file: FileValue): Uint8Array | undefined {
  const { rope } = file
  if (rope instanceof RopeNode) return rope.height === 0 ? rope.bytes.slice() : undefined
  const page = pages.find(rope.id)
  if (page === undefined || ropeHeight(page) !== 0) return undefined
  return page.slice(4, 4 + ropeNodeBytes(page, pages.layout, rope.id))
}

/** Bytes of leaves that are read at once. */
const PIECE_BYTES = 2 * 1024 * 1024

/**
 * Copies what of a file's bytes from `offset` on fits into `target`.
 *
 * @returns bytes copied: fewer where the file ends.
 * @throws FormatError.
 */
export function* readRange(
  pages: Pages,
  file: FileValue,
  offset: number,
  target: Uint8Array,
): Op<number> {
  const size = yield* readSize(pages, file)
  const length = Math.max(0, Math.min(target.length, size - offset))
  for (let done = 0; done < length; done += PIECE_BYTES) {
    const part = target.subarray(done, Math.min(done + PIECE_BYTES, length))
    yield* readPiece(pages, file.rope, offset + done, part)
  }
  return length
}

/** A node, and what is wanted of it. */
interface Wanted {
  readonly ref: Ref
  /** Less than the height of the node above. */
  readonly below: number
  /** Where in it the wanted bytes begin, and where they go. */
  readonly from: number
  readonly target: Uint8Array
}

/** What the height of a whole rope is below. */
const TOP = HEIGHT_MAX + 1

function* readPiece(pages: Pages, rope: Ref, offset: number, target: Uint8Array): Op<void> {
  const { layout } = pages
  let level: Wanted[] = [{ ref: rope, below: TOP, from: offset, target }]
  while (level.length > 0) {
    const next: Wanted[] = []
    const stored: Wanted[] = []
    for (const wanted of level) {
      const { ref, from } = wanted
      if (!(ref instanceof RopeNode)) stored.push(wanted)
      else if (ref.height === 0) {
        wanted.target.set(ref.bytes.subarray(from, from + wanted.target.length))
      } else descend(next, ref, wanted)
    }
    // Few pages are worth keeping: those of a large read are seldom wanted twice.
    const keeps = stored.length <= 8
    const use = (i: number, page: Uint8Array) => {
      const wanted = stored[i] as Wanted
      const { id } = wanted.ref
      const height = ropeHeight(page)
      checkHeight(id, height, wanted.below)
      if (height > 0) {
        if (!keeps) pages.keep(id, page)
        descend(next, decodeRopeBranch(page, layout, id), wanted)
        return
      }
      const content = ropeLeafContent(page, layout, id)
      if (content.length < wanted.from + wanted.target.length) throw shortLeaf(id, content.length)
      wanted.target.set(content.subarray(wanted.from, wanted.from + wanted.target.length))
    }
    const pointers = stored.map(({ ref }) => ref)
    if (keeps) {
      for (const [i, page] of (yield* pages.readAll(pointers, true)).entries()) use(i, page)
    } else yield* pages.readEach(pointers, use)
    level = next
  }
}

function descend(
  next: Wanted[],
  { height, keys, children }: { height: number; keys: readonly number[]; children: readonly Ref[] },
  { ref, from, target }: Wanted,
): void {
  if (keys.length === 0 || (keys[keys.length - 1] as number) < from + target.length) {
    throw shortLeaf(ref.id, keys[keys.length - 1] ?? 0)
  }
  for (let done = 0, i = childAt(keys, from); done < target.length; i++) {
    const start = i === 0 ? 0 : (keys[i - 1] as number)
    const inner = from + done - start
    const part = target.subarray(done, done + (keys[i] as number) - start - inner)
    if (part.length === 0) continue
    next.push({ ref: children[i] as Ref, below: height, from: inner, target: part })
    done += part.length
  }
}

function shortLeaf(id: number, found: number): FormatError {
  return new FormatError(
    'BAD_ROPE',
    `The rope node in sector ${id} holds ${found} bytes, fewer than the node above says.`,
    { structure: 'rope node', block: id },
  )
}
