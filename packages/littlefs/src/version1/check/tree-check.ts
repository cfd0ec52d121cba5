/** Tree check: every directory that paths lead to, and every entry in it. */

import { byteStringToText, FormatError, type Op } from '@caravan/core'
import type { BlockOwners } from '../../check/block-owners.js'
import type { BlockPair } from '../../format/metadata-log.js'
import { PairSet } from '../../pair-set.js'
import type { Layout } from '../../volume.js'
import { type DiskEntry, EntryType, isNullPair, moveKey } from '../format/directory-block.js'
import { chooseHalf, entriesOf, type Half, type Pair, readHalves } from '../pair.js'
import { placedKeys, readThread } from '../thread.js'
import type { Version1Report } from './findings.js'

interface CheckedFile {
  readonly path: string
  readonly head: number
  readonly size: number
}

interface Step {
  readonly path: string
  readonly pair: BlockPair
}

export class TreeCheck {
  pairCount = 0
  directoryCount = 0
  fileCount = 0
  readonly files: CheckedFile[] = []
  /** Every pair that the tree leads to, with its directory. */
  readonly pairs: { readonly blocks: BlockPair; readonly path: string }[] = []
  private readonly met = new PairSet()
  private placed: ReadonlySet<string> | undefined

  constructor(
    private readonly layout: Layout,
    private readonly owners: BlockOwners,
    private readonly report: Version1Report,
  ) {}

  *run(root: BlockPair): Op<void> {
    for (const block of [0, 1]) this.owners.take(block, this.owners.owner('the superblock'))
    const pending: Step[] = [{ path: '/', pair: root }]
    for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
      yield* this.checkDirectory(step, pending)
    }
  }

  private *checkDirectory({ path, pair: first }: Step, pending: Step[]): Op<void> {
    this.directoryCount++
    const names = new Set<string>()
    for (let blocks = first; ; ) {
      const pair = yield* this.checkPair(blocks, path)
      if (pair === undefined) return
      const { entries, damage } = entriesOf(pair)
      const block = pair.blocks[pair.active]
      if (damage !== undefined) this.report('ENTRY_OVERRUN', damage.message, { block, path })
      for (const entry of entries) yield* this.checkEntry(entry, { path, block, names }, pending)
      if (!pair.header.isContinued) return
      blocks = pair.header.tail
    }
  }

  /** `undefined` where it cannot be read. */
  private *checkPair(blocks: BlockPair, path: string): Op<Pair | undefined> {
    const named = `{${blocks[0]}, ${blocks[1]}}`
    const most = this.layout.blockCount
    if (isNullPair(blocks) || blocks[0] >= most || blocks[1] >= most) {
      const what = `A pointer leads to ${named}, and there are ${most} blocks.`
      this.report('PAIR_OUT_OF_RANGE', what, { path })
      return undefined
    }
    if (!this.met.add(blocks)) {
      const what = `The pair ${named} is that of a directory met before.`
      this.report('DIRECTORY_SHARED', what, { block: blocks[0], path })
      return undefined
    }
    const halves = yield* readHalves(this.layout, blocks)
    this.pairCount++
    this.pairs.push({ blocks, path })
    const owner = this.owners.owner(path)
    for (const { block, isReadable } of halves) {
      if (!isReadable) {
        this.report('BLOCK_UNREADABLE', `The device cannot read block ${block}.`, { block, path })
      }
      const other = this.owners.take(block, owner)
      if (other === undefined) continue
      const what = `Block ${block} is also in use by ${other}.`
      this.report('BLOCK_USED_TWICE', what, { block, path })
    }
    try {
      const pair = chooseHalf(blocks, halves)
      this.checkOther(pair, halves, path)
      return pair
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.report('PAIR_LOST', error.message, { block: blocks[0], path })
      return undefined
    }
  }

  /** A half that was never written holds anything: only one that counts on from the other is a trace. */
  private checkOther(pair: Pair, halves: readonly [Half, Half], path: string): void {
    const other = halves[1 - pair.active] as Half
    const { revision } = pair.header
    if (other.header !== undefined) {
      if (other.header.revision !== revision) return
      const what = `Both blocks of {${pair.blocks[0]}, ${pair.blocks[1]}} have revision ${revision}.`
      this.report('REVISIONS_EQUAL', what, { block: other.block, path })
      return
    }
    const view = new DataView(other.bytes.buffer, other.bytes.byteOffset)
    if (!other.isReadable || view.getUint32(0, true) !== (revision + 1) >>> 0) return
    const what = `Block ${other.block} has revision ${(revision + 1) >>> 0} and no good checksum; block ${pair.blocks[pair.active]} of revision ${revision} is in force.`
    this.report('NEWER_HALF_LOST', what, { block: other.block, path })
  }

  private *checkEntry(
    entry: DiskEntry,
    at: { readonly path: string; readonly block: number; readonly names: Set<string> },
    pending: Step[],
  ): Op<void> {
    const { type, name, data } = entry
    const text = byteStringToText(name)
    const path = at.path === '/' ? `/${text}` : `${at.path}/${text}`
    const place = { block: at.block, path }
    if (type !== EntryType.FILE && type !== EntryType.DIRECTORY) {
      const what = `The entry is of type 0x${type.toString(16)}, which no library writes.`
      this.report('UNKNOWN_ENTRY_TYPE', what, place)
      return
    }
    if (entry.isMoved) {
      if (yield* this.isPlaced(entry)) {
        this.report('MOVE_PENDING', 'It is marked as moved, and is elsewhere already.', place)
        at.names.add(name)
        return
      }
      this.report('MOVE_BEGUN', 'It is marked as moved, and is nowhere else.', place)
    }
    this.checkName(name, at.names, place)
    if (type === EntryType.DIRECTORY) pending.push({ path, pair: data })
    else {
      this.fileCount++
      if (data[1] > 0) this.files.push({ path, head: data[0], size: data[1] })
    }
  }

  private checkName(
    name: string,
    names: Set<string>,
    place: { block: number; path: string },
  ): void {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      const what = 'The name is empty, a dot or two, or holds a slash or NUL.'
      this.report('NAME_INVALID', what, place)
    }
    if (names.has(name)) {
      this.report('NAME_DUPLICATE', 'Another entry of the directory has the same name.', place)
    }
    names.add(name)
  }

  /** Where the list cannot be followed the entry is taken for what it says. */
  private *isPlaced(entry: DiskEntry): Op<boolean> {
    if (this.placed === undefined) {
      try {
        this.placed = placedKeys(yield* readThread(this.layout))
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        this.placed = new Set()
      }
    }
    return this.placed.has(moveKey(entry))
  }
}
