/**
 * Sums over dictionaries: size, last modification, digest.
 *
 * 1. The sum of a dictionary is kept with the version of its directory, and holds while that and
 *    the sums of the dictionaries in it stay.
 * 2. The digest of a value is kept with the struct that it was read through, which every change
 *    replaces: a value is read once, however often it is renamed.
 * So after a change only what changed is read again, and only the way up to it is summed again.
 */

import {
  type DigestedEntry,
  digestDictionary,
  type HashFunction,
  latest,
  type Op,
  plain,
  segmentToBytes,
  type Timestamp,
} from '@caravan/core'
import { checkNoLoop, type Directory, entrySize, openDirectory } from '../directory.js'
import type { Attribute, Struct } from '../format/metadata-log.js'
import { type Entry, pairKey } from '../metadata-pair.js'
import type { Volume } from '../volume.js'
import { isDictionary } from './find.js'
import { sortedEntries, viewValue } from './read.js'
import { timeOf } from './time.js'

/** What is summed: of a value, and of a dictionary from what is in it. */
interface Measure<T> {
  /** What needs no device; `undefined` where it does. */
  ofValueInMemory?(entry: Entry): T | undefined
  ofValue(entry: Entry): Op<T>
  ofDictionary(own: readonly Attribute[], parts: readonly Part<T>[]): T
}

interface Part<T> {
  readonly entry: Entry
  readonly sum: T
}

interface KeptSum<T> {
  readonly version: number
  readonly attributes: readonly Attribute[]
  readonly dictionaries: readonly Part<T>[]
  readonly sum: T
}

class Sums<T> {
  private readonly kept = new WeakMap<Directory, KeptSum<T>>()

  constructor(
    private readonly volume: Volume,
    private readonly measure: Measure<T>,
  ) {}

  *of(entry: Entry, above: readonly number[] = []): Op<T> {
    if (!isDictionary(entry)) return yield* this.measure.ofValue(entry)
    const directory = entry.directory ?? (yield* openDirectory(this.volume, entry))
    checkNoLoop(directory, above)
    const here = [...above, pairKey(directory.head.blocks)]
    const kept = this.kept.get(directory)
    if (kept !== undefined && (yield* this.holds(kept, entry, directory, here))) return kept.sum

    const { version } = directory
    const { attributes } = entry.content
    const parts: Part<T>[] = []
    for (const child of sortedEntries(this.volume, directory)) {
      const known = isDictionary(child) ? undefined : this.measure.ofValueInMemory?.(child)
      parts.push({ entry: child, sum: known ?? (yield* this.of(child, here)) })
    }
    const sum = this.measure.ofDictionary(attributes, parts)
    const dictionaries = parts.filter((part) => isDictionary(part.entry))
    this.kept.set(directory, { version, attributes, dictionaries, sum })
    return sum
  }

  private *holds(
    kept: KeptSum<T>,
    entry: Entry,
    directory: Directory,
    here: readonly number[],
  ): Op<boolean> {
    // A rename that waits for its second commit hides an entry without a commit.
    if (this.volume.state.pendingMove !== undefined) return false
    if (kept.version !== directory.version) return false
    if (kept.attributes !== entry.content.attributes) return false
    for (const part of kept.dictionaries) {
      if ((yield* this.of(part.entry, here)) !== part.sum) return false
    }
    return true
  }
}

/** Bytes hashed at once. */
const PIECE_SIZE_BYTES = 64 * 1024

/** The sums of one volume. */
export class Summary {
  readonly size: Sums<number>
  readonly lastModified: Sums<Timestamp | undefined>
  readonly digest: Sums<Uint8Array>
  private readonly digests = new WeakMap<Struct, Uint8Array>()

  constructor(
    private readonly volume: Volume,
    private readonly hash: HashFunction,
  ) {
    this.size = new Sums<number>(volume, {
      // biome-ignore lint/correctness/useYield: the entry says it.
      *ofValue(entry) {
        return entrySize(entry)
      },
      ofDictionary: (_, parts) => parts.reduce((total, { sum }) => total + sum, 0),
    })
    this.lastModified = new Sums<Timestamp | undefined>(volume, {
      // biome-ignore lint/correctness/useYield: the entry says it.
      *ofValue(entry) {
        return timeOf(entry.content.attributes)
      },
      ofDictionary: (own, parts) =>
        parts.reduce<Timestamp | undefined>((last, { sum }) => latest(last, sum), timeOf(own)),
    })
    this.digest = new Sums<Uint8Array>(volume, {
      ofValueInMemory: (entry) => this.digestInMemory(entry),
      ofValue: (entry) => this.digestValue(entry),
      ofDictionary: (_, parts) => digestDictionary(hash, parts.map(asDigested)),
    })
  }

  private digestInMemory({ content: { struct } }: Entry): Uint8Array | undefined {
    if (struct === undefined) return undefined
    const known = this.digests.get(struct)
    if (known !== undefined || struct.kind !== 'inline') return known
    const hasher = this.hash()
    hasher.update(struct.bytes)
    const digest = plain(hasher.digest())
    this.digests.set(struct, digest)
    return digest
  }

  private *digestValue(entry: Entry): Op<Uint8Array> {
    const known = this.digestInMemory(entry)
    if (known !== undefined) return known
    const { struct } = entry.content
    const hasher = this.hash()
    const view = viewValue(this.volume, entry)
    const piece = new Uint8Array(Math.min(PIECE_SIZE_BYTES, view.size))
    for (let position = 0; position < view.size; position += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, view.size - position))
      yield* view.readAt(position, part)
      hasher.update(part)
    }
    const digest = plain(hasher.digest())
    if (struct !== undefined) this.digests.set(struct, digest)
    return digest
  }
}

function asDigested({ entry, sum }: Part<Uint8Array>): DigestedEntry {
  const kind = isDictionary(entry) ? 'dictionary' : 'value'
  return { name: segmentToBytes(entry.content.name), kind, digest: sum }
}
