/**
 * Free space: the sectors that no page of the last generation is in.
 *
 * 1. On the device they are the runs of the free queue and all sectors from `freeStart` on; in memory
 *    the queue is the same, leaf by leaf, so that a commit writes only the leaves that it changed.
 * 2. What generation G gave back may hold pages of generation G - 1, or of a snapshot. It is taken for
 *    a new page only once a generation after G is durable and nobody looks at an older one. So the
 *    last two generations are whole at every moment, also on a full disk.
 * 3. Runs are taken from the front and put to the back, so their generations ascend: what may not be
 *    taken yet is behind all that may.
 */

import { AssertionError, assert } from '@caravan/core'
import {
  encodeFreeQueueBranch,
  encodeFreeQueueLeaf,
  type FreeRun,
  RUN_SECTORS_MAX,
} from './format/free-queue-node.js'
import type { Layout } from './format/layout.js'
import { Branch, PageTree, TreePage } from './page-tree.js'

interface TimedRun extends FreeRun {
  readonly start: number
  readonly length: number
  /** The generation that gave it back. */
  readonly freedAt: number
}

export class QueueLeaf extends TreePage {
  runs: TimedRun[] = []
}

/** Places left in a leaf for pages that turn out not to be needed. */
const SPARE_RUNS = 4
/** Leaves at the front that are searched for a place: what was put there last is found in the first two. */
const GAP_LEAVES = 4
/** So many sectors are enough for a few small commits. */
const LONG_RUN = 24
/** Queues of fewer leaves are never put in order. */
const ORDERED_LEAVES_MIN = 4

export class FreeSpace {
  readonly tree: PageTree<QueueLeaf>
  /** Pages of queue nodes that were left: they are free with the generation in the making. */
  private leftIds: number[] = []
  /** Sectors in the queue. */
  private queuedCount = 0
  /** Sectors by the generation that gave them back, of those that may be too young. */
  private readonly young = new Map<number, number>()
  private oldLimit = 0
  /** The generation that put the queue in order. */
  private orderedAt = 0

  constructor(
    private readonly layout: Layout,
    public freeStart: number,
  ) {
    this.tree = new PageTree<QueueLeaf>(layout.queueBranchChildren, (id) => this.leftIds.push(id))
  }

  /** Takes over the queue that is on the device. */
  adopt(root: TreePage): void {
    this.tree.adopt(root)
    for (const leaf of this.tree.leaves()) for (const run of leaf.runs) this.count(run, 1)
  }

  private count({ length, freedAt }: TimedRun, sign: 1 | -1): void {
    this.queuedCount += sign * length
    if (freedAt <= this.oldLimit) return
    this.young.set(freedAt, (this.young.get(freedAt) ?? 0) + sign * length)
  }

  /** Nothing that was given back up to this generation is too young any more. */
  grewOld(limit: number): void {
    this.oldLimit = Math.max(this.oldLimit, limit)
    for (const generation of this.young.keys()) {
      if (generation <= limit) this.young.delete(generation)
    }
  }

  /** All free sectors. */
  get freeCount(): number {
    return this.queuedCount + this.layout.pageCount - this.freeStart
  }

  /** Those that may be taken, where what was given back after generation `limit` may not. */
  availableCount(limit: number): number {
    let tooYoung = 0
    for (const [generation, count] of this.young) if (generation > limit) tooYoung += count
    return this.freeCount - tooYoung
  }

  /**
   * Takes sectors, consecutive ones where there are. The caller has made sure that there are enough.
   *
   * @param behind a sector: those right behind it are taken where all of them are free.
   */
  take(count: number, limit: number, behind = 0): number[] {
    const ids: number[] = []
    if (count === 0 || this.takeBehind(ids, count, limit, behind)) return ids
    const fromTail = Math.min(count, this.layout.pageCount - this.freeStart)
    if (fromTail < count && this.takeWhole(ids, count, limit)) return ids
    for (let i = 0; i < fromTail; i++) ids.push(this.freeStart++)
    while (ids.length < count) {
      const [leaf, index] = this.firstOld(limit)
      const { length } = leaf.runs[index] as TimedRun
      this.takeFrom(leaf, index, Math.min(length, count - ids.length), ids)
    }
    return ids
  }

  private takeBehind(ids: number[], count: number, limit: number, behind: number): boolean {
    const start = behind + 1
    if (start === this.freeStart && count <= this.layout.pageCount - start) {
      for (let i = 0; i < count; i++) ids.push(this.freeStart++)
      return true
    }
    let looked = 0
    for (const leaf of this.tree.leaves()) {
      if (++looked > GAP_LEAVES) return false
      const { runs } = leaf
      for (let i = 0; i < runs.length; i++) {
        const run = runs[i] as TimedRun
        if (run.start !== start) continue
        if (run.length < count || run.freedAt > limit) return false
        this.takeFrom(leaf, i, count, ids)
        return true
      }
    }
    return false
  }

  /**
   * Takes the sectors for the leaves of generations to come, each with free ones behind it: so that
   * the pages of a small commit lie beside its leaf, and are written with it. Where space is short
   * they lie anywhere.
   *
   * @param gap free sectors behind each.
   */
  takeSlots(count: number, gap: number, limit: number): number[] {
    const stride = 1 + gap
    const slots: number[] = []
    const gaps: number[] = []
    const add = (ids: readonly number[]) => {
      ids.forEach((id, i) => {
        if (i % stride === 0) slots.push(id)
        else gaps.push(id)
      })
    }
    if (this.availableCount(limit) > this.layout.pageCount / 8 + 2 * count * stride) {
      if (this.layout.pageCount - this.freeStart >= count * stride) {
        add(this.take(count * stride, limit, this.freeStart - 1))
      }
      for (const run of slots.length < count ? this.longRuns(stride, limit) : []) {
        const missing = Math.min(count - slots.length, Math.floor(run.length / stride))
        if (missing === 0) break
        const ids: number[] = []
        this.takeBehind(ids, missing * stride, limit, run.start - 1)
        add(ids)
      }
    }
    if (slots.length < count) slots.push(...this.take(count - slots.length, limit))
    this.restore(gaps)
    return slots
  }

  /** Runs near the front that are so long. */
  private longRuns(length: number, limit: number): TimedRun[] {
    const found: TimedRun[] = []
    let looked = 0
    for (const leaf of this.tree.leaves()) {
      if (++looked > GAP_LEAVES) break
      found.push(...leaf.runs.filter((run) => run.length >= length && run.freedAt <= limit))
    }
    return found
  }

  private firstOld(limit: number): readonly [leaf: QueueLeaf, index: number] {
    for (const leaf of this.tree.leaves()) {
      const index = leaf.runs.findIndex((run) => run.freedAt <= limit)
      if (index >= 0) return [leaf, index]
    }
    throw new AssertionError('there is as much free space as was counted')
  }

  /** Takes all from one run near the front, where one is long enough. */
  private takeWhole(ids: number[], count: number, limit: number): boolean {
    const leaf = this.tree.end('first')
    const index = leaf?.runs.findIndex((run) => run.length >= count && run.freedAt <= limit) ?? -1
    if (leaf === undefined || index < 0) return false
    this.takeFrom(leaf, index, count, ids)
    return true
  }

  private takeFrom(leaf: QueueLeaf, index: number, count: number, ids: number[]): void {
    this.tree.touch(leaf)
    const run = leaf.runs[index] as TimedRun
    this.count(run, -1)
    for (let i = 0; i < count; i++) ids.push(run.start + i)
    if (count < run.length) {
      const rest = { ...run, start: run.start + count, length: run.length - count }
      leaf.runs[index] = rest
      this.count(rest, 1)
      return
    }
    leaf.runs.splice(index, 1)
    if (leaf.runs.length === 0) this.tree.remove(leaf)
  }

  /** Puts sectors that a generation gave back to the end of the queue. */
  give(ids: readonly number[], freedAt: number, spare = SPARE_RUNS): void {
    for (const run of runsOf(ids, freedAt)) {
      this.count(run, 1)
      let leaf = this.tree.end('last')
      if (leaf !== undefined && joinTo(leaf, run, true)) {
        this.tree.touch(leaf)
        continue
      }
      if (leaf === undefined || leaf.runs.length >= this.layout.queueLeafRuns - spare) {
        const added = new QueueLeaf()
        this.tree.insertAfter(leaf, added)
        leaf = added
      } else this.tree.touch(leaf)
      leaf.runs.push(run)
    }
  }

  /** Takes back sectors that were taken for a change that came to nothing. */
  restore(ids: readonly number[]): void {
    for (const run of runsOf(ids, 0).reverse()) {
      if (run.start + run.length === this.freeStart) {
        this.freeStart = run.start
        continue
      }
      this.count(run, 1)
      const leaf = this.tree.end('first')
      if (leaf !== undefined && leaf.runs.length < this.layout.queueLeafRuns) {
        this.tree.touch(leaf)
        if (!joinTo(leaf, run)) leaf.runs.unshift(run)
        continue
      }
      const added = new QueueLeaf()
      added.runs = [run]
      if (leaf === undefined) this.tree.insertAfter(undefined, added)
      else {
        // In front of the first: what that held goes behind.
        added.runs = leaf.runs
        leaf.runs = [run]
        this.tree.touch(leaf)
        this.tree.insertAfter(leaf, added)
      }
    }
  }

  /**
   * Takes the sectors for the queue's own pages, which itself changes the queue, until both agree.
   *
   * @param behind where they should be, if they can.
   * @returns a sector for each node that is to be written.
   */
  takeForQueue(generation: number, limit: number, behind: number): number[] {
    const ids: number[] = []
    for (;;) {
      while (this.leftIds.length > 0) this.give(this.leftIds.splice(0), generation)
      const missing = this.tree.dirtyCount - ids.length
      if (missing === 0) return ids
      if (missing > 0) ids.push(...this.take(missing, limit, ids.at(-1) ?? behind))
      else {
        // A leaf that was used up needs no page after all.
        assert(this.tree.end('last')?.id === 0, 'the end of the queue is written anyway')
        this.give(ids.splice(ids.length + missing), generation, 0)
      }
    }
  }

  /** An upper bound of the pages that {@link takeForQueue} will ask for. */
  pagesForQueue(givenRuns: number): number {
    const { height } = this.tree
    const perLeaf = this.layout.queueLeafRuns - SPARE_RUNS
    // Its front and its back, and the nodes above both.
    const edges = height === 0 ? 1 : 3 * height + 1
    const room = Math.max(0, perLeaf - (this.tree.end('last')?.runs.length ?? 0))
    const overflow = givenRuns + edges - room
    const added = overflow > 0 ? Math.ceil(overflow / perLeaf) + height + 1 : 0
    return this.tree.dirtyCount + edges + added
  }

  /**
   * Now and then the queue is put in order, so that its runs become long again, and it is short itself:
   * long runs first. Not what is too young, which stays behind.
   *
   * @param generation the one in the making.
   */
  order(generation: number, limit: number): void {
    const { leafCount } = this.tree
    if (leafCount < ORDERED_LEAVES_MIN || generation < this.orderedAt + 2 * leafCount) return
    this.orderedAt = generation
    const old: TimedRun[] = []
    const young: TimedRun[] = []
    for (const leaf of this.tree.leaves()) {
      for (const run of leaf.runs) (run.freedAt <= limit ? old : young).push(run)
    }
    old.sort((a, b) => a.start - b.start)
    const joined: TimedRun[] = []
    for (const run of old) {
      const last = joined.at(-1)
      if (last === undefined || !canJoin(last, run)) joined.push(run)
      else joined[joined.length - 1] = { ...last, length: last.length + run.length, freedAt: 0 }
    }
    if (joined.length > old.length * 0.7) return
    const isLong = (run: TimedRun) => run.length >= LONG_RUN
    const short = joined.filter((run) => !isLong(run))
    this.replace([...joined.filter(isLong), ...short, ...young])
  }

  /** Writes the queue anew, with these runs. */
  replace(runs: readonly TimedRun[]): void {
    const leaves: QueueLeaf[] = []
    const perLeaf = this.layout.queueLeafRuns - SPARE_RUNS
    for (let at = 0; at < runs.length; at += perLeaf) {
      const leaf = new QueueLeaf()
      leaf.runs = runs.slice(at, at + perLeaf)
      leaves.push(leaf)
    }
    this.queuedCount = 0
    this.young.clear()
    for (const run of runs) this.count(run, 1)
    this.tree.rebuild(leaves)
  }

  /** Forgets the queue, damaged as it may be: these are all the free sectors. */
  reset(runs: readonly FreeRun[]): void {
    const last = runs.at(-1)
    const hasTail = last !== undefined && last.start + last.length === this.layout.pageCount
    this.freeStart = hasTail ? last.start : this.layout.pageCount
    const queued: TimedRun[] = []
    for (const { start, length } of hasTail ? runs.slice(0, -1) : runs) {
      for (let done = 0; done < length; done += RUN_SECTORS_MAX) {
        const part = Math.min(length - done, RUN_SECTORS_MAX)
        queued.push({ start: start + done, length: part, freedAt: 0 })
      }
    }
    // Pages of the old queue are used as it stands, and given back with it.
    this.replace(queued)
  }

  encode(node: TreePage, page: Uint8Array): void {
    if (node instanceof Branch) {
      encodeFreeQueueBranch(page, this.layout, node.height, node.children)
    } else encodeFreeQueueLeaf(page, this.layout, (node as QueueLeaf).runs)
  }
}

/** True where the second lies behind the first, and both together can be written as one. */
function canJoin(first: TimedRun, second: TimedRun): boolean {
  return (
    first.start + first.length === second.start && first.length + second.length <= RUN_SECTORS_MAX
  )
}

/** Sectors as runs, in ascending order. */
export function runsOf(ids: readonly number[], freedAt: number): TimedRun[] {
  const sorted = Float64Array.from(ids).sort()
  const runs: TimedRun[] = []
  for (let i = 0; i < sorted.length; ) {
    const start = sorted[i] as number
    let length = 1
    while (sorted[i + length] === start + length) length++
    runs.push({ start, length, freedAt })
    i += length
  }
  return runs
}

/**
 * Joins a run to one of the same generation that it lies beside.
 *
 * @param isAtEnd where all of that generation stand at the end.
 */
function joinTo(leaf: QueueLeaf, run: TimedRun, isAtEnd = false): boolean {
  for (let i = leaf.runs.length - 1; i >= 0; i--) {
    const other = leaf.runs[i] as TimedRun
    if (other.freedAt !== run.freedAt) {
      if (isAtEnd) return false
      continue
    }
    if (canJoin(other, run)) {
      leaf.runs[i] = { ...other, length: other.length + run.length }
      return true
    }
    if (canJoin(run, other)) {
      leaf.runs[i] = { ...run, length: other.length + run.length }
      return true
    }
  }
  return false
}
