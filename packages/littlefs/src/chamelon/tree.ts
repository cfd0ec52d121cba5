/** What a chamelon volume holds, as a tree; and which of its values are no longer what was set. */

import { keyOf, type Op, type Timestamp } from '@caravan/core'
import type { Layout } from '../volume.js'
import type { ChamelonEntry } from './entries.js'
import type { ChamelonProblem, FoundDictionary, Recovery } from './recovery.js'
import { findValueBlocks } from './skip-list.js'

export interface ChamelonValue {
  readonly kind: 'value'
  readonly size: number
  readonly time: Timestamp | undefined
  /** When the content was set: later than `time` where the key stands twice. */
  readonly setAt: Timestamp | undefined
  /** Where it is in its dictionary. */
  readonly inline: Uint8Array | undefined
  /** Where it is not. */
  readonly blocks: readonly number[]
}

export interface ChamelonDictionary {
  readonly kind: 'dictionary'
  /** By byte string, in byte order. */
  readonly children: Map<string, ChamelonNode>
}

export type ChamelonNode = ChamelonValue | ChamelonDictionary

interface Claim {
  readonly path: readonly string[]
  readonly value: ChamelonValue
  readonly holder: ChamelonDictionary
}

/** @returns the tree; what is wrong with it goes to `problems`. */
export function* buildTree(
  layout: Layout,
  recovery: Recovery,
  problems: ChamelonProblem[],
): Op<ChamelonDictionary> {
  const builder = new TreeBuilder(layout, recovery, problems)
  const root = yield* builder.build(recovery.root, [])
  builder.dropOverwritten()
  builder.reportUnplaced()
  return root
}

class TreeBuilder {
  private readonly claims = new Map<number, Claim[]>()
  /** When a block was last taken by a value that was replaced since. */
  private readonly staleHeads = new Map<number, Timestamp>()
  private readonly names = new Set<string>()

  constructor(
    private readonly layout: Layout,
    private readonly recovery: Recovery,
    private readonly problems: ChamelonProblem[],
  ) {}

  *build(found: FoundDictionary, path: readonly string[]): Op<ChamelonDictionary> {
    for (const { superseded } of found.logs) for (const entry of superseded) this.noteStale(entry)
    const dictionary: ChamelonDictionary = { kind: 'dictionary', children: new Map() }
    for (const name of [...found.names.keys()].sort()) {
      this.names.add(name)
      const below = [...path, name]
      if (name === '.' || name === '..') {
        this.tell('lost', below, 'no key may have that name: it cannot be asked for')
        continue
      }
      const all = found.names.get(name) as ChamelonEntry[]
      const inner = found.inner.get(name)
      const newest = all[all.length - 1] as ChamelonEntry
      if (newest.isDictionary && inner !== undefined) {
        dictionary.children.set(name, yield* this.build(inner, below))
        continue
      }
      for (const entry of all.slice(0, -1)) this.noteStale(entry)
      const newestValue = yield* this.readable(
        all.filter((entry) => !entry.isDictionary),
        below,
      )
      if (newestValue === undefined) continue
      const value = this.withTimeOf(newestValue, found.firsts.get(name) ?? newest, below)
      dictionary.children.set(name, value)
      for (const block of value.blocks) {
        const claims = this.claims.get(block) ?? []
        claims.push({ path: below, value, holder: dictionary })
        this.claims.set(block, claims)
      }
    }
    for (const { name } of found.logs.flatMap(({ undone }) => undone)) {
      if (found.names.has(name)) continue
      const what =
        'it was set again as it was and removed, as chamelon does to a key renamed to itself'
      this.tell('lost', [...path, name], what)
    }
    for (const { dictionary: of, name } of this.recovery.missing) {
      if (of === found) {
        this.tell('lost', [...path, name], 'what the dictionary held is no longer on the device')
      }
    }
    return dictionary
  }

  /** The newest content of a name that is there at all. */
  private *readable(
    all: readonly ChamelonEntry[],
    path: readonly string[],
  ): Op<ChamelonValue | undefined> {
    for (const entry of [...all].reverse()) {
      const isNewest = entry === all[all.length - 1]
      const older = isNewest ? '' : ' (an older one)'
      try {
        const value = yield* this.valueOf(entry)
        if (value === undefined) {
          this.tell('lost', path, `its name is there, its content is not${older}`)
          continue
        }
        if (!entry.isSound) {
          this.tell('doubtful', path, `the checksum of the commit that holds it is wrong${older}`)
        }
        return value
      } catch (error) {
        if (!(error instanceof Error)) throw error
        this.tell('lost', path, `${error.message}${older}`)
      }
    }
    return undefined
  }

  /**
   * A key that chamelon overwrote in a later pair stands twice. It tells the time of the first, and
   * so do we, since that is what was seen of the volume so far; the other is reported.
   */
  private withTimeOf(
    value: ChamelonValue,
    { time }: ChamelonEntry,
    path: readonly string[],
  ): ChamelonValue {
    if (time === undefined || value.time === undefined || time.compare(value.time) === 0) {
      return value
    }
    const at = `${value.time.toDate().toISOString()} (${value.time.days} days, ${value.time.picoseconds} ps)`
    this.tell(
      'doubtful',
      path,
      `it stands twice: its content was set at ${at}, its time is that of the older one, as chamelon tells it`,
    )
    return { ...value, time }
  }

  private *valueOf({ struct, time }: ChamelonEntry): Op<ChamelonValue | undefined> {
    const common = { kind: 'value', time, setAt: time } as const
    if (struct?.kind === 'inline') {
      return { ...common, size: struct.bytes.length, inline: struct.bytes, blocks: [] }
    }
    if (struct?.kind !== 'ctz') return undefined
    const blocks = yield* findValueBlocks(this.layout, struct.head, struct.size)
    return { ...common, size: struct.size, inline: undefined, blocks }
  }

  private noteStale({ struct, time }: ChamelonEntry): void {
    if (struct?.kind !== 'ctz' || time === undefined) return
    const known = this.staleHeads.get(struct.head)
    if (known === undefined || known.compare(time) < 0) this.staleHeads.set(struct.head, time)
  }

  /**
   * chamelon takes the first block of a longer value for free after a mount: of several values with
   * the same block only the last one that was written is whole.
   */
  dropOverwritten(): void {
    for (const [block, claims] of this.claims) {
      const isMetadata = this.recovery.metadataBlocks.has(block)
      const times = claims.map(({ value }) => value.setAt)
      const last = times.reduce((a, b) => (a === undefined || (b && b.compare(a) > 0) ? b : a))
      const stale = this.staleHeads.get(block)
      for (const { path, value, holder } of claims) {
        const { setAt: time } = value
        const isEarlier = time !== undefined && last !== undefined && time.compare(last) < 0
        const isBeforeStale = time !== undefined && stale !== undefined && time.compare(stale) < 0
        if (!isMetadata && !isEarlier && !isBeforeStale) continue
        const name = path[path.length - 1] as string
        if (!holder.children.delete(name)) continue
        const by = isMetadata ? 'a dictionary' : 'a later value'
        this.tell('lost', path, `${by} was written over its block ${block}`)
      }
    }
  }

  reportUnplaced(): void {
    const told = new Set<string>()
    for (const { entries, blocks } of this.recovery.unplaced) {
      for (const { name } of entries) {
        if (this.names.has(name) || told.has(name)) continue
        told.add(name)
        const where = `in block ${blocks[0]}, and nothing tells which dictionary it was in`
        this.problems.push({
          kind: 'unplaced',
          key: keyOf([name]).slice(1),
          message: `found ${where}`,
        })
      }
    }
  }

  private tell(kind: ChamelonProblem['kind'], path: readonly string[], message: string): void {
    this.problems.push({ kind, key: keyOf(path), message })
  }
}
