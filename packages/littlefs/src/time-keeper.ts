/**
 * When files were changed: what their attributes say, and what this mount has seen.
 *
 * 1. An attribute of the mount's dialect is written in the commit that changes the content.
 * 2. Where nothing is written, a file shows the mount's time, or that of its last change in it.
 *    Those live with the entries in memory, and where entries go, here: so many of them. Where there
 *    are more, or a failure has dropped the caches, all show the last change.
 */

import { FileTimes } from '@caravan/fs'
import { type Attribute, withAttribute } from './format/metadata-log.js'
import { TagType } from './format/tag.js'
import {
  CREATION_ATTRIBUTE,
  decodeCreation,
  decodeTimes,
  dialectOf,
  encodeCreation,
  encodeTimes,
  type HeldTimes,
  newOwner,
  type Owner,
  type TimeDialect,
  timeAttributeType,
  timesAmong,
} from './format/time-attribute.js'
import type { EntryTimes } from './image-entry.js'
import type { Entry } from './metadata-pair.js'

const NS_PER_MS = 1_000_000n

/** Files whose times are kept while their entries are not in memory. */
const SAVED_MAX = 4096

/** What an entry shows: its times, and the owner that NuttX' attribute holds. */
interface Shown {
  readonly times: FileTimes
  readonly owner: Owner | undefined
}

export class TimeKeeper {
  private unchanged: FileTimes
  private lastChange: FileTimes
  /** Decoded attributes: an entry's list is replaced, never changed. */
  private readonly decoded = new WeakMap<readonly Attribute[], Shown | null>()
  private rootTimes: FileTimes | undefined
  /** Of entries that are not in memory: by their pair, then by name. */
  private readonly saved = new Map<number, Map<string, FileTimes>>()
  private savedCount = 0

  constructor(
    /** Milliseconds since 1970. */
    private readonly now: () => number,
    /** `undefined`: times are not written. */
    readonly dialect: TimeDialect | undefined,
    /** Bytes of a creation time, where the image keeps them; else 0. */
    private readonly creationBytes: 0 | 4 | 8,
    private readonly attrMax: number,
  ) {
    this.unchanged = new FileTimes(this.nowNs())
    this.lastChange = this.unchanged
  }

  /** How the times of entries that are added with theirs are written. */
  get ofEntries(): EntryTimes {
    const { dialect = 't8', creationBytes } = this
    return { times: dialect, creationBytes }
  }

  nowNs(): bigint {
    return BigInt(Math.floor(this.now())) * NS_PER_MS
  }

  timesOf(entry: Entry): FileTimes {
    if (entry.content.nameType === TagType.SUPERBLOCK && this.rootTimes) return this.rootTimes
    return entry.times ?? this.held(entry)?.times ?? this.unchanged
  }

  /** `undefined` where no attribute holds one. */
  ownerOf(entry: Entry): Owner | undefined {
    return this.held(entry)?.owner
  }

  private held(entry: Entry): Shown | null {
    const { attributes } = entry.content
    if (attributes.length === 0) return null
    let shown = this.decoded.get(attributes)
    if (shown === undefined) {
      shown = this.decode(attributes)
      this.decoded.set(attributes, shown)
    }
    return shown
  }

  private decode(attributes: readonly Attribute[]): Shown | null {
    const found = timesAmong(attributes, this.dialect)
    if (found === undefined) return null
    const { mtimeNs, atimeNs = mtimeNs, ctimeNs = mtimeNs, owner } = found
    const made = attributes.find(({ type }) => type === CREATION_ATTRIBUTE)
    const birthtimeNs = (made && decodeCreation(made.bytes)) ?? mtimeNs
    return { times: new FileTimes(mtimeNs, atimeNs, ctimeNs, birthtimeNs), owner }
  }

  /** The attributes of an entry whose content changes now, or that is new. */
  stamped(attributes: readonly Attribute[], kind: 'new' | 'old'): readonly Attribute[] {
    if (this.dialect === undefined && this.creationBytes === 0) return attributes
    const stamped = this.withTimes(attributes, { mtimeNs: this.nowNs() })
    if (kind === 'old' || this.creationBytes === 0) return stamped
    const made = encodeCreation(this.nowNs(), this.creationBytes)
    return withAttribute(stamped, CREATION_ATTRIBUTE, made)
  }

  /** The attributes of a new directory: only NuttX gives it times. */
  stampedDirectory(): readonly Attribute[] {
    if (this.dialect !== 'nuttx') return []
    return this.withTimes([], { mtimeNs: this.nowNs(), owner: newOwner(false) })
  }

  /** Attributes with times in the mount's dialect; what else its attribute holds stays. */
  withTimes(attributes: readonly Attribute[], times: HeldTimes): readonly Attribute[] {
    const { dialect } = this
    if (dialect === undefined) return attributes
    const type = timeAttributeType(dialect)
    const before = attributes.find((each) => each.type === type)
    const owner =
      before !== undefined && dialectOf(type, before.bytes.length) === dialect
        ? decodeTimes(dialect, before.bytes)?.owner
        : undefined
    const bytes = encodeTimes(dialect, owner === undefined ? times : { ...times, owner })
    return bytes.length > this.attrMax ? attributes : withAttribute(attributes, type, bytes)
  }

  /** An entry was changed, and what its attributes say is older. `undefined`: the root. */
  touch(entry: Entry | undefined): void {
    const times = new FileTimes(this.nowNs())
    this.lastChange = times
    if (entry === undefined) this.rootTimes = times
    else entry.times = times
  }

  /** An entry's attributes were written with its times, if there is a dialect to write them in. */
  committed(entry: Entry): void {
    if (this.dialect === undefined || this.held(entry) === null) this.touch(entry)
    else entry.times = undefined
  }

  /** The entries of a pair go: what they knew stays here. */
  save(pairKey: number, entries: readonly Entry[]): void {
    const times = new Map<string, FileTimes>()
    for (const entry of entries) {
      if (entry.times !== undefined) times.set(entry.content.name, entry.times)
    }
    if (times.size === 0) return
    this.saved.set(pairKey, times)
    this.savedCount += times.size
    if (this.savedCount > SAVED_MAX) this.forget()
  }

  /** They have come into being anew. */
  restore(pairKey: number, entries: readonly Entry[]): void {
    const times = this.saved.get(pairKey)
    if (times === undefined) return
    this.saved.delete(pairKey)
    this.savedCount -= times.size
    for (const entry of entries) entry.times = times.get(entry.content.name)
  }

  /** What entries knew is gone: everything may have changed with the last change. */
  forget(): void {
    this.unchanged = this.lastChange
    this.saved.clear()
    this.savedCount = 0
  }
}
