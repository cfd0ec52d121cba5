/** Reading the tree of a chamelon volume. */

import {
  checkRange,
  digestDictionary,
  type HashFunction,
  KeyValueError,
  keyOf,
  latest,
  type Op,
  type PartialRange,
  plain,
  segmentToBytes,
  type Timestamp,
} from '@caravan/core'
import type { Layout } from '../volume.js'
import { planRead } from './skip-list.js'
import type { ChamelonDictionary, ChamelonNode, ChamelonValue } from './tree.js'

/** Spans of one read request. */
const REQUEST_SPANS = 64

/** Bytes hashed at once. */
const PIECE_SIZE_BYTES = 64 * 1024

export function findNode(
  root: ChamelonDictionary,
  segments: readonly string[],
): ChamelonNode | undefined {
  let node: ChamelonNode | undefined = root
  for (const segment of segments) {
    if (node?.kind !== 'dictionary') return undefined
    node = node.children.get(segment)
  }
  return node
}

/** @throws KeyValueError `NotFound`. */
export function requireNode(root: ChamelonDictionary, segments: readonly string[]): ChamelonNode {
  const node = findNode(root, segments)
  if (node === undefined) throw new KeyValueError('NotFound', keyOf(segments))
  return node
}

/** @throws KeyValueError `NotFound`, `ValueExpected`. */
export function requireValueAt(
  root: ChamelonDictionary,
  segments: readonly string[],
): ChamelonValue {
  const node = requireNode(root, segments)
  if (node.kind === 'dictionary') throw new KeyValueError('ValueExpected', keyOf(segments))
  return node
}

/** @throws KeyValueError `NotFound`, `DictionaryExpected`. */
export function requireDictionaryAt(
  root: ChamelonDictionary,
  segments: readonly string[],
): ChamelonDictionary {
  const node = requireNode(root, segments)
  if (node.kind === 'value') throw new KeyValueError('DictionaryExpected', keyOf(segments))
  return node
}

export function* readNode(
  layout: Layout,
  { size, inline, blocks }: ChamelonValue,
  { offset = 0, length = Number.POSITIVE_INFINITY }: PartialRange,
): Op<Uint8Array> {
  checkRange(offset, length)
  const end = Math.min(size, offset + length)
  if (offset >= end) return new Uint8Array(0)
  if (inline !== undefined) return inline.slice(offset, end)
  const bytes = new Uint8Array(end - offset)
  const parts = planRead(layout, blocks, size, offset, bytes.length)
  for (let first = 0; first < parts.length; first += REQUEST_SPANS) {
    const request = parts.slice(first, first + REQUEST_SPANS)
    yield { kind: 'read', spans: request.map(({ span }) => span) }
    for (const { span, from, to, at } of request) bytes.set(span.bytes.subarray(from, to), at)
  }
  return bytes
}

export function sizeOf(node: ChamelonNode): number {
  if (node.kind === 'value') return node.size
  let sum = 0
  for (const child of node.children.values()) sum += sizeOf(child)
  return sum
}

export function lastModifiedOf(node: ChamelonNode): Timestamp | undefined {
  if (node.kind === 'value') return node.time
  let last: Timestamp | undefined
  for (const child of node.children.values()) last = latest(last, lastModifiedOf(child))
  return last
}

/** Nothing changes here: what was hashed once is kept. */
export function* digestOf(
  layout: Layout,
  node: ChamelonNode,
  hash: HashFunction,
  known: WeakMap<ChamelonNode, Uint8Array>,
): Op<Uint8Array> {
  let digest = known.get(node)
  if (digest !== undefined) return digest
  if (node.kind === 'value') {
    const hasher = hash()
    for (let offset = 0; offset < node.size; offset += PIECE_SIZE_BYTES) {
      hasher.update(yield* readNode(layout, node, { offset, length: PIECE_SIZE_BYTES }))
    }
    digest = plain(hasher.digest())
  } else {
    const parts = []
    for (const [name, child] of node.children) {
      const part = yield* digestOf(layout, child, hash, known)
      parts.push({ name: segmentToBytes(name), kind: child.kind, digest: part })
    }
    digest = digestDictionary(hash, parts)
  }
  known.set(node, digest)
  return digest
}
