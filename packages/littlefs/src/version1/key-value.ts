/** LittleFS1KeyValue: the key-value contract on a littlefs 1, for reading; changes are refused. */

import {
  checkRange,
  digestDictionary,
  type EntryKind,
  type HashFunction,
  KeyValueError,
  keyOf,
  type Op,
  type PartialRange,
  plain,
  ReadOnlyStore,
  type ReadRunner,
  type StoredEntry,
  segmentToBytes,
} from '@caravan/core'
import { type Above, Descent, type Node } from './directory.js'
import { readFileAt } from './file.js'
import type { Volume } from './volume.js'

const WORDS = {
  whenChanged:
    'a littlefs of version 1 is never changed: make a littlefs 2 of it first, with `caravan migrate IMAGE NEW`',
  whenDisconnected: 'This store was disconnected. Make another with keyValue() to go on.',
}

/** Bytes hashed at once. */
const PIECE_SIZE_BYTES = 64 * 1024

/** Bytes that are asked of a damaged file before room is made for all of it. */
const PROBE_SIZE_BYTES = 1

export class LittleFS1KeyValue extends ReadOnlyStore {
  /** @internal */
  constructor(
    private readonly volume: Volume,
    runner: ReadRunner,
    private readonly hash: HashFunction,
  ) {
    super(runner, WORDS)
  }

  protected *kindAt(segments: readonly string[]): Op<EntryKind | undefined> {
    const node = yield* this.find(segments)
    return node && kindOf(node)
  }

  protected *partAt(
    segments: readonly string[],
    { offset = 0, length = Number.POSITIVE_INFINITY }: PartialRange,
  ): Op<Uint8Array> {
    checkRange(offset, length)
    const node = yield* this.requireValue(segments)
    const end = Math.min(node.size, offset + length)
    if (offset >= end) return new Uint8Array(0)
    yield* readFileAt(this.volume, node, offset, new Uint8Array(PROBE_SIZE_BYTES))
    const bytes = new Uint8Array(end - offset)
    yield* readFileAt(this.volume, node, offset, bytes)
    return bytes
  }

  protected *intoAt(segments: readonly string[], target: Uint8Array): Op<number> {
    return yield* readFileAt(this.volume, yield* this.requireValue(segments), 0, target)
  }

  protected *sizeAt(segments: readonly string[]): Op<number> {
    const descent = new Descent(this.volume)
    const pending: { node: Node; above: Above | undefined }[] = [
      { node: yield* this.require(segments), above: undefined },
    ]
    let sum = 0
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { node, above } = next
      sum += node.size
      if (node.type === 'file') continue
      const { directory, here } = yield* descent.enter(node.pair, above)
      for (const child of directory.checkWhole().nodes) pending.push({ node: child, above: here })
    }
    return sum
  }

  protected *entriesAt(segments: readonly string[]): Op<readonly StoredEntry[]> {
    const node = yield* this.require(segments)
    if (node.type === 'file') throw new KeyValueError('DictionaryExpected', keyOf(segments))
    const directory = yield* this.volume.readDirectory(node.pair)
    return directory
      .checkWhole()
      .sorted()
      .map((child) => ({ name: child.name, kind: kindOf(child) }))
  }

  /** The format holds no times. */
  protected *timeAt(segments: readonly string[]): Op<undefined> {
    yield* this.require(segments)
    return undefined
  }

  protected *digestAt(segments: readonly string[]): Op<Uint8Array> {
    return yield* this.digestOf(yield* this.require(segments), new Descent(this.volume), undefined)
  }

  /** As that of the same tree in a littlefs 2. */
  private *digestOf(node: Node, descent: Descent, above: Above | undefined): Op<Uint8Array> {
    if (node.type === 'file') return yield* this.digestOfFile(node)
    const { directory, here } = yield* descent.enter(node.pair, above)
    const parts = []
    for (const child of directory.checkWhole().sorted()) {
      const digest = yield* this.digestOf(child, descent, here)
      parts.push({ name: segmentToBytes(child.name), kind: kindOf(child), digest })
    }
    return digestDictionary(this.hash, parts)
  }

  private *digestOfFile(node: Node): Op<Uint8Array> {
    const hasher = this.hash()
    const piece = new Uint8Array(PIECE_SIZE_BYTES)
    for (let position = 0; position < node.size; ) {
      const length = yield* readFileAt(this.volume, node, position, piece)
      hasher.update(piece.subarray(0, length))
      position += length
    }
    return plain(hasher.digest())
  }

  /** `undefined` where there is nothing, or something on the way is a value. */
  private *find(segments: readonly string[]): Op<Node | undefined> {
    let node: Node | undefined = this.volume.root
    for (const segment of segments) {
      if (node?.type !== 'directory') return undefined
      node = (yield* this.volume.readDirectory(node.pair)).find(segment)
    }
    return node
  }

  private *require(segments: readonly string[]): Op<Node> {
    const node = yield* this.find(segments)
    if (node !== undefined) return node
    throw new KeyValueError('NotFound', keyOf(segments))
  }

  private *requireValue(segments: readonly string[]): Op<Node> {
    const node = yield* this.require(segments)
    if (node.type === 'file') return node
    throw new KeyValueError('ValueExpected', keyOf(segments))
  }
}

function kindOf({ type }: Node): EntryKind {
  return type === 'directory' ? 'dictionary' : 'value'
}
