/**
 * The dictionaries of a chamelon volume, with what chamelon itself no longer finds.
 *
 * chamelon loses the rest of a dictionary's chain when it compacts a pair that has a hard tail: the
 * later pairs stay on the device, and nothing leads to them. Ids count on along a chain, so such a
 * pair tells by its first id behind which one it belongs; where several fit, the times of the
 * values do. A pair that begins with id 1 is the first of a dictionary that was removed: it stays
 * removed.
 */

import type { Timestamp } from '@caravan/core'
import type { BlockPair } from '../format/metadata-log.js'
import { isNewerRevision } from '../metadata-pair.js'
import { type ChamelonEntry, entriesOf, type LogEntries, pairOf } from './entries.js'
import type { ChamelonLog } from './log.js'

/** Something that is wrong with a volume, in words. */
export interface ChamelonProblem {
  /**
   * - `lost`: the content is no longer on the device, or another's stands in its place;
   * - `doubtful`: there, with something about it in doubt: a checksum, the time;
   * - `unplaced`: found on the device, and nothing tells in which dictionary it was.
   */
  readonly kind: 'lost' | 'doubtful' | 'unplaced'
  /** As text; of what is unplaced, the name alone. */
  readonly key: string
  readonly message: string
}

/** A log on the device, with the blocks that hold it. */
interface FoundLog extends LogEntries {
  readonly log: ChamelonLog
  readonly blocks: number[]
}

/** A dictionary as its logs have it, in the order of its chain. */
export interface FoundDictionary {
  readonly logs: FoundLog[]
  /** Every entry of a name; the one in force last. */
  readonly names: Map<string, ChamelonEntry[]>
  /** The entry of each name that chamelon comes to first: the one whose time it tells. */
  readonly firsts: Map<string, ChamelonEntry>
  /** The dictionaries in it. */
  readonly inner: Map<string, FoundDictionary>
}

export interface Recovery {
  readonly root: FoundDictionary
  /** Blocks of all logs that the tree is made of. */
  readonly metadataBlocks: ReadonlySet<number>
  /** Logs that belong to nothing that is left. */
  readonly unplaced: readonly FoundLog[]
  /** Names of dictionaries whose pair is not there, by their dictionary. */
  readonly missing: readonly { readonly dictionary: FoundDictionary; readonly name: string }[]
}

/** @param logs every log of the device by its block. */
export function recoverTree(logs: ReadonlyMap<number, ChamelonLog>): Recovery {
  return new Recoverer(logs).recover()
}

class Recoverer {
  private readonly used = new Set<number>()
  private readonly missing: { dictionary: FoundDictionary; name: string }[] = []
  private readonly dictionaries: FoundDictionary[] = []

  /** Sound logs by their blocks; both halves of a pair are one. */
  private readonly found = new Map<number, FoundLog>()

  constructor(private readonly logs: ReadonlyMap<number, ChamelonLog>) {
    const distinct = new Map<string, FoundLog[]>()
    for (const [block, log] of logs) {
      if (!log.isSound) continue
      const key = `${log.revision} ${log.commits.map(({ tags }) => tags.length).join()}`
      const alike = distinct.get(key) ?? []
      distinct.set(key, alike)
      let one = alike.find((other) => isSameLog(other.log, log))
      if (one === undefined) {
        one = { log, blocks: [], ...entriesOf(log) }
        alike.push(one)
      }
      one.blocks.push(block)
      this.found.set(block, one)
    }
  }

  recover(): Recovery {
    const root = newDictionary()
    this.dictionaries.push(root)
    this.takeChain(root, [0, 1])
    let lost = this.lostChains()
    for (let placed = true; placed; ) {
      placed = false
      for (const chain of lost) {
        const owner = this.ownerOf(chain, lost)?.dictionary
        if (owner === undefined) continue
        for (const found of chain) this.take(owner, found)
        placed = true
        break
      }
      if (placed) lost = this.lostChains()
    }
    const unplaced = lost
      .filter((chain) => (chain[0] as FoundLog).firstId > 1 && !this.ownerOf(chain, lost))
      .flat()
    for (const { names } of this.dictionaries) for (const all of names.values()) all.sort(byAge)
    return { root, metadataBlocks: this.used, unplaced, missing: this.missing }
  }

  /** The pair's log, from the better of its blocks. */
  private logAt(pair: BlockPair): FoundLog | undefined {
    const [first, second] = pair.map((block) => this.logs.get(block))
    const log = betterOf(first, second)
    return log && { log, blocks: [...pair], ...entriesOf(log) }
  }

  private takeChain(dictionary: FoundDictionary, head: BlockPair): boolean {
    let next: BlockPair | undefined = head
    let count = 0
    while (next !== undefined && !next.every((block) => this.used.has(block))) {
      const found: FoundLog | undefined = this.logAt(next)
      if (found === undefined) break
      this.take(dictionary, found)
      count++
      next = found.log.tail
    }
    return count > 0
  }

  private take(dictionary: FoundDictionary, found: FoundLog): void {
    for (const block of found.blocks) this.used.add(block)
    dictionary.logs.push(found)
    const known = new Set(dictionary.names.keys())
    for (const entry of found.entries) {
      const all = dictionary.names.get(entry.name) ?? []
      all.push(entry)
      dictionary.names.set(entry.name, all)
      // Within one pair the last id counts.
      if (!known.has(entry.name)) dictionary.firsts.set(entry.name, entry)
      if (!entry.isDictionary) continue
      const pair = pairOf(entry)
      let inner = dictionary.inner.get(entry.name)
      if (inner === undefined) {
        inner = newDictionary()
        dictionary.inner.set(entry.name, inner)
        this.dictionaries.push(inner)
      }
      if (pair === undefined || !this.takeChain(inner, pair)) {
        this.missing.push({ dictionary, name: entry.name })
      }
    }
  }

  /** Chains of sound logs that nothing leads to, each from its first log on. */
  private lostChains(): FoundLog[][] {
    const { found } = this
    const distinct = [...new Set(found.values())].filter(
      ({ blocks }) => !blocks.some((block) => this.used.has(block)),
    )
    const followed = new Set<FoundLog>()
    const tailOf = ({ log }: FoundLog) => {
      const next = log.tail && (found.get(log.tail[0]) ?? found.get(log.tail[1]))
      if (next === undefined || !(next.firstId > 1)) return undefined
      return distinct.includes(next) ? next : undefined
    }
    for (const each of distinct) {
      const next = tailOf(each)
      if (next !== undefined && next !== each) followed.add(next)
    }
    return distinct
      .filter((each) => !followed.has(each))
      .map((first) => {
        const chain: FoundLog[] = []
        let next: FoundLog | undefined = first
        while (next !== undefined && !chain.includes(next)) {
          chain.push(next)
          next = tailOf(next)
        }
        return chain
      })
  }

  /**
   * What a lost chain is the rest of: a dictionary, or nothing that is left where that was removed.
   * `undefined` where nothing tells.
   */
  private ownerOf(
    chain: readonly FoundLog[],
    lost: readonly (readonly FoundLog[])[],
  ): { readonly dictionary: FoundDictionary | undefined } | undefined {
    const [first] = chain as [FoundLog]
    if (!(first.firstId > 1) || first.firstId === Number.POSITIVE_INFINITY) return undefined
    const before = first.firstId - 1
    const lastTime = timesOf(chain.flatMap(({ entries }) => entries)).at(-1)
    let best: { dictionary: FoundDictionary | undefined; age: bigint } | undefined
    const consider = (log: FoundLog, dictionary: FoundDictionary | undefined) => {
      // Ids are never forgotten: what came before is there, if only as deleted.
      if (!log.ids.has(before) || this.isFollowed(log, lastTime)) return
      const age = ageBetween(log, first)
      if (age === undefined || (best !== undefined && age >= best.age)) return
      best = { dictionary, age }
    }
    for (const owner of this.dictionaries) for (const log of owner.logs) consider(log, owner)
    for (const other of lost) {
      if (other !== chain) for (const log of other) consider(log, undefined)
    }
    return best
  }

  /** True where a log has its own next pair: one made after the loss holds only what is later. */
  private isFollowed({ log }: FoundLog, lastTime: bigint | undefined): boolean {
    const next = log.tail && this.logAt(log.tail)
    const firstTime = next && timesOf([...next.entries, ...next.superseded])[0]
    return firstTime !== undefined && lastTime !== undefined && firstTime < lastTime
  }
}

function newDictionary(): FoundDictionary {
  return { logs: [], names: new Map(), firsts: new Map(), inner: new Map() }
}

/** Picoseconds from the last value before to the first one of the rest; none where it goes back. */
function ageBetween(before: FoundLog, rest: FoundLog): bigint | undefined {
  const first = timesOf(rest.entries)[0]
  const earlier = timesOf(
    [...before.entries, ...before.superseded].filter(({ id }) => id < rest.firstId),
  )
  const last = earlier.at(-1)
  if (first === undefined || last === undefined) return 0n
  // What was overwritten since has a later time: any earlier one will do.
  const fitting = earlier.filter((time) => time <= first).at(-1)
  return fitting === undefined ? undefined : first - fitting
}

const PS_PER_DAY = 86_400_000_000_000_000n

/** Ascending. */
function timesOf(entries: readonly ChamelonEntry[]): bigint[] {
  return entries
    .flatMap(({ time }) => (time === undefined ? [] : [linear(time)]))
    .sort((a, b) => (a < b ? -1 : 1))
}

function linear({ days, picoseconds }: Timestamp): bigint {
  return BigInt(days) * PS_PER_DAY + picoseconds
}

/** Oldest first; what has no time keeps its place. */
function byAge(a: ChamelonEntry, b: ChamelonEntry): number {
  if (a.time === undefined || b.time === undefined) return 0
  return a.time.compare(b.time)
}

/** Both blocks are written at once: a cut may leave one of them torn. */
function betterOf(
  first: ChamelonLog | undefined,
  second: ChamelonLog | undefined,
): ChamelonLog | undefined {
  if (first === undefined || second === undefined) return first ?? second
  if (first.isSound !== second.isSound) return first.isSound ? first : second
  if (first.revision !== second.revision) {
    return isNewerRevision(second.revision, first.revision) ? second : first
  }
  const count = ({ commits }: ChamelonLog) => commits.filter(({ isSound }) => isSound).length
  return count(second) > count(first) ? second : first
}

function isSameLog(a: ChamelonLog, b: ChamelonLog): boolean {
  const isSameBytes = (x: Uint8Array, y: Uint8Array) =>
    x.length === y.length && x.every((byte, i) => byte === y[i])
  return (
    a.revision === b.revision &&
    a.commits.length === b.commits.length &&
    a.commits.every(({ tags }, i) => {
      const others = b.commits[i]?.tags ?? []
      return (
        tags.length === others.length &&
        tags.every((tag, k) => {
          const other = others[k] as (typeof others)[number]
          return tag.type === other.type && tag.id === other.id && isSameBytes(tag.data, other.data)
        })
      )
    })
  )
}
