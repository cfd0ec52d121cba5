/**
 * Rope node: a page of a file's content, or of the directory payload.
 *
 *     0  height, 0 for a leaf    2  leaf: bytes; branch: children    4  bytes, or {u32 key, pointer}...
 *
 * The key of a child is where it ends, in bytes from the beginning of this node. Nodes of a rope
 * need not be balanced: a child may be lower than its siblings before it.
 */

import { FormatError } from '@caravan/core'
import { type Layout, type Pointer, readU16, readU32, writeU16, writeU32 } from './layout.js'

const CONTENT_AT = 4

export interface RopeLeaf {
  readonly height: 0
  readonly bytes: Uint8Array
}

export interface RopeBranch {
  readonly height: number
  /** Where each child ends; never descending. */
  readonly keys: number[]
  readonly children: Pointer[]
}

/** @throws FormatError `BAD_ROPE`. */
export function ropeHeight(page: Uint8Array): number {
  return readU16(page, 0)
}

/** Bytes of what is under a node. @throws FormatError `BAD_ROPE`. */
export function ropeNodeBytes(page: Uint8Array, layout: Layout, id: number): number {
  const count = readU16(page, 2)
  if (readU16(page, 0) === 0) {
    if (count > layout.ropeLeafBytes) throw ropeError(id, `a leaf of ${count} bytes`)
    return count
  }
  checkChildCount(count, layout, id)
  return readU32(page, CONTENT_AT + (count - 1) * (4 + layout.pointerBytes))
}

/** The content of a leaf, in the page's own memory. @throws FormatError `BAD_ROPE`. */
export function ropeLeafContent(page: Uint8Array, layout: Layout, id: number): Uint8Array {
  return page.subarray(CONTENT_AT, CONTENT_AT + ropeNodeBytes(page, layout, id))
}

/** @throws FormatError `BAD_ROPE`. */
export function decodeRopeBranch(page: Uint8Array, layout: Layout, id: number): RopeBranch {
  const height = readU16(page, 0)
  const count = readU16(page, 2)
  checkChildCount(count, layout, id)
  const keys: number[] = new Array(count)
  const children: Pointer[] = new Array(count)
  let last = 0
  for (let i = 0, at = CONTENT_AT; i < count; i++, at += 4 + layout.pointerBytes) {
    const key = readU32(page, at)
    const child = layout.readPointer(page, at + 4)
    if (key < last) throw ropeError(id, `key ${key} after ${last}`)
    checkPage(child.id, layout, id)
    keys[i] = last = key
    children[i] = child
  }
  return { height, keys, children }
}

export function encodeRopeLeaf(page: Uint8Array, bytes: Uint8Array): void {
  writeU16(page, 0, 0)
  writeU16(page, 2, bytes.length)
  page.set(bytes, CONTENT_AT)
  page.fill(0, CONTENT_AT + bytes.length)
}

/** `pointerOf(i)` of each child, its key in `keys`. */
export function encodeRopeBranch(
  page: Uint8Array,
  layout: Layout,
  height: number,
  keys: readonly number[],
  pointerOf: (index: number) => Pointer,
): void {
  writeU16(page, 0, height)
  writeU16(page, 2, keys.length)
  let at = CONTENT_AT
  for (let i = 0; i < keys.length; i++, at += 4 + layout.pointerBytes) {
    const { id, checksum } = pointerOf(i)
    writeU32(page, at, keys[i] as number)
    layout.writePointer(page, at + 4, id, checksum)
  }
  page.fill(0, at)
}

function checkChildCount(count: number, layout: Layout, id: number): void {
  if (count >= 1 && count <= layout.ropeBranchChildren) return
  throw ropeError(id, `a branch of ${count} children`)
}

function checkPage(child: number, layout: Layout, id: number): void {
  if (child >= 5 && child < layout.pageCount) return
  throw ropeError(id, `a child in sector ${child}, on a disk of ${layout.pageCount}`)
}

export function ropeError(id: number, found: string): FormatError {
  return new FormatError('BAD_ROPE', `The rope node in sector ${id} cannot be: ${found}.`, {
    structure: 'rope node',
    block: id,
  })
}
