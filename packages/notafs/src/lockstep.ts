/**
 * Lockstep: what one generation holds and the one before does not, and whether it is whole.
 *
 * A commit is one barrier, so after a power cut the newest leaf may be there while a page under it is
 * not. Pages that the generation before holds too were durable before the commit began: so only those
 * that are the newest's alone are read and held against their checksums.
 *
 * 1. The same pointer leads to the same page, and to the same under it: it is not followed.
 * 2. What cannot be read of the older generation is taken as absent: then more is verified, not less.
 */

import { DeviceError, FormatError, type Op } from '@caravan/core'
import { PayloadReader } from './format/directory-payload.js'
import { decodeFreeQueueNode, type FreeRun } from './format/free-queue-node.js'
import type { GenerationLeaf } from './format/generation-leaf.js'
import { HEIGHT_MAX, type Layout, type Pointer } from './format/layout.js'
import { decodeRopeBranch, ropeHeight, ropeLeafContent } from './format/rope-node.js'
import type { Pages } from './pages.js'

/** A leaf of one side alone. */
interface OwnLeaf {
  readonly id: number
  readonly page: Uint8Array
}

interface Difference {
  readonly newer: OwnLeaf[]
  readonly older: OwnLeaf[]
}

interface Shape {
  heightOf(page: Uint8Array): number
  childrenOf(page: Uint8Array, id: number): readonly Pointer[]
}

function ropeShape(layout: Layout): Shape {
  return {
    heightOf: ropeHeight,
    childrenOf: (page, id) => decodeRopeBranch(page, layout, id).children,
  }
}

function queueShape(layout: Layout): Shape {
  return {
    heightOf: (page) => page[0] as number,
    childrenOf(page, id) {
      const node = decodeFreeQueueNode(page, layout, id)
      return 'children' in node ? node.children : []
    },
  }
}

/**
 * Verifies what a generation alone holds.
 *
 * @returns the sectors that it gave back: they may hold the generation before.
 * @throws FormatError for what is damaged.
 */
export function* verifyNewest(
  pages: Pages,
  newest: GenerationLeaf,
  before: GenerationLeaf | undefined,
): Op<FreeRun[]> {
  const { layout } = pages
  const payloads = yield* differing(
    pages,
    ropeShape(layout),
    [newest.payload],
    pointersOf(before?.payload),
    true,
  )
  let newFiles: Pointer[]
  let oldFiles: Pointer[]
  if (newest.isAligned && before?.isAligned !== false) {
    newFiles = payloads.newer.flatMap((leaf) => filesInLeaf(layout, leaf))
    oldFiles = payloads.older.flatMap((leaf) => tolerated(() => filesInLeaf(layout, leaf)) ?? [])
  } else {
    newFiles = filesInPayload(layout, yield* readPayloadBytes(pages, newest.payload))
    oldFiles = []
    try {
      if (before !== undefined) {
        oldFiles = filesInPayload(layout, yield* readPayloadBytes(pages, before.payload))
      }
    } catch (error) {
      if (!isDamage(error)) throw error
    }
  }
  yield* differing(pages, ropeShape(layout), newFiles, oldFiles, false)
  const queues = yield* differing(
    pages,
    queueShape(layout),
    [newest.freeQueue],
    pointersOf(before?.freeQueue),
    true,
  )
  const newRuns = queues.newer.flatMap((leaf) => runsIn(layout, leaf))
  if (before === undefined) return []
  const oldRuns = queues.older.flatMap((leaf) => tolerated(() => runsIn(layout, leaf)) ?? [])
  const tail = { start: before.freeStart, length: layout.pageCount - before.freeStart }
  return without(newRuns, [...oldRuns, tail])
}

function pointersOf(pointer: Pointer | undefined): Pointer[] {
  return pointer === undefined ? [] : [pointer]
}

/** True for what is wrong with the bytes, or with the sector that holds them. */
export function isDamage(error: unknown): boolean {
  return (
    error instanceof FormatError || (error instanceof DeviceError && error.code === 'BAD_BLOCK')
  )
}

function tolerated<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}

/** A node of one side alone that was read and not yet followed. */
interface OpenNode extends OwnLeaf {
  readonly height: number
}

/** Leaves that are verified in one go, where nobody wants what is in them. */
const VERIFIED_AT_ONCE = 512

/**
 * Walks two sets of trees, the highest nodes first.
 *
 * @param wantsLeaves whether the leaves of each side alone are given; else those of the newer are
 *   verified and those of the older not read.
 * @throws FormatError for a damaged page of the newer.
 */
function* differing(
  pages: Pages,
  shape: Shape,
  newer: readonly Pointer[],
  older: readonly Pointer[],
  wantsLeaves: boolean,
): Op<Difference> {
  const result: Difference = { newer: [], older: [] }
  const seenNewer = new Map<number, number>()
  const seenOlder = new Map<number, number>()
  let openNewer: OpenNode[] = []
  let openOlder: OpenNode[] = []
  let nextNewer: Found[] = newer.map((pointer) => ({ pointer, below: HEIGHT_MAX + 1 }))
  let nextOlder: Found[] = older.map((pointer) => ({ pointer, below: HEIGHT_MAX + 1 }))
  for (;;) {
    const freshNewer = note(seenNewer, nextNewer)
    const freshOlder = note(seenOlder, nextOlder)
    const onlyNewer = freshNewer.filter(({ pointer: p }) => seenOlder.get(p.id) !== p.checksum)
    const onlyOlder = freshOlder.filter(({ pointer: p }) => seenNewer.get(p.id) !== p.checksum)
    openNewer.push(...(yield* readNewer(pages, shape, onlyNewer, wantsLeaves, result.newer)))
    openOlder.push(...(yield* readOlder(pages, shape, onlyOlder, wantsLeaves, result.older)))
    const height = Math.max(0, ...[...openNewer, ...openOlder].map((node) => node.height))
    if (height === 0 || (openNewer.length === 0 && !wantsLeaves)) return result
    nextNewer = childrenAt(shape, openNewer, height)
    nextOlder = childrenAt(shape, openOlder, height, true)
    openNewer = openNewer.filter((node) => node.height < height)
    openOlder = openOlder.filter((node) => node.height < height)
  }
}

interface Found {
  readonly pointer: Pointer
  /** Less than this is the height of a sound node. */
  readonly below: number
}

/** Those that were not seen, which now they are. */
function note(seen: Map<number, number>, found: readonly Found[]): Found[] {
  return found.filter(({ pointer: { id, checksum } }) => {
    if (id === 0 || seen.has(id)) return false
    seen.set(id, checksum)
    return true
  })
}

function childrenAt(
  shape: Shape,
  nodes: readonly OpenNode[],
  height: number,
  tolerates = false,
): Found[] {
  return nodes
    .filter((node) => node.height === height)
    .flatMap(({ page, id }) => {
      const children = tolerates
        ? (tolerated(() => shape.childrenOf(page, id)) ?? [])
        : shape.childrenOf(page, id)
      return children.map((pointer) => ({ pointer, below: height }))
    })
}

function* readNewer(
  pages: Pages,
  shape: Shape,
  found: readonly Found[],
  wantsLeaves: boolean,
  leaves: OwnLeaf[],
): Op<OpenNode[]> {
  const open: OpenNode[] = []
  for (let at = 0; at < found.length; at += VERIFIED_AT_ONCE) {
    const part = found.slice(at, at + VERIFIED_AT_ONCE)
    const read = yield* pages.readAll(
      part.map(({ pointer }) => pointer),
      false,
    )
    part.forEach(({ pointer: { id }, below }, i) => {
      const page = read[i] as Uint8Array
      const height = shape.heightOf(page)
      if (height >= below) throw tooHigh(id, height)
      if (height > 0) open.push({ id, page, height })
      else if (wantsLeaves) leaves.push({ id, page })
    })
  }
  return open
}

function* readOlder(
  pages: Pages,
  shape: Shape,
  found: readonly Found[],
  wantsLeaves: boolean,
  leaves: OwnLeaf[],
): Op<OpenNode[]> {
  const open: OpenNode[] = []
  for (const { pointer, below } of found) {
    if (!wantsLeaves && below === 1) continue
    try {
      const page = yield* pages.read(pointer)
      const height = shape.heightOf(page)
      if (height >= below) continue
      if (height > 0) open.push({ id: pointer.id, page, height })
      else if (wantsLeaves) leaves.push({ id: pointer.id, page })
    } catch (error) {
      if (!isDamage(error)) throw error
    }
  }
  return open
}

function tooHigh(id: number, height: number): FormatError {
  return new FormatError(
    'BAD_ROPE',
    `The node in sector ${id} says height ${height}, and is below one that is no higher.`,
    {
      structure: 'page',
      block: id,
    },
  )
}

/** The files that are named in a leaf of an aligned payload. */
function filesInLeaf(layout: Layout, { id, page }: OwnLeaf): Pointer[] {
  const bytes = ropeLeafContent(page, layout, id)
  const files: Pointer[] = []
  // The top alone begins with a zero: names of no bytes are refused.
  const isFirst = bytes[0] === 0
  new PayloadReader(bytes, layout).walkLeaf(isFirst, {
    directory() {},
    file: (_start, _name, _mtime, pointer) => files.push(pointer),
  })
  return files
}

function filesInPayload(layout: Layout, bytes: Uint8Array): Pointer[] {
  const files: Pointer[] = []
  if (bytes.length === 0) return files
  new PayloadReader(bytes, layout).walk({
    top() {},
    directory() {},
    file: (_start, _name, _mtime, pointer) => files.push(pointer),
    end() {},
  })
  return files
}

/** All bytes of a rope that is read whole; none for the null pointer. */
function* readPayloadBytes(pages: Pages, pointer: Pointer): Op<Uint8Array> {
  if (pointer.id === 0) return new Uint8Array(0)
  const { leaves } = yield* readRopePages(pages, pointer)
  return joinLeaves(leaves.map(({ id, page }) => ropeLeafContent(page, pages.layout, id)))
}

export function joinLeaves(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A node of a rope that was read whole. */
export interface ReadNode {
  readonly pointer: Pointer
  readonly page: Uint8Array
  readonly height: number
  /** Where each child ends, as the page says. */
  readonly keys: readonly number[]
  readonly children: readonly ReadNode[]
}

interface ReadRope {
  readonly top: ReadNode
  readonly leaves: readonly { id: number; page: Uint8Array; node: ReadNode }[]
}

const NO_BRANCH = { keys: [], children: [] }

/** Reads all pages of a rope, level by level. @throws FormatError. */
export function* readRopePages(pages: Pages, pointer: Pointer): Op<ReadRope> {
  const { layout } = pages
  let count = 0
  interface Open {
    readonly pointer: Pointer
    readonly below: number
    readonly into: ReadNode[]
  }
  const tops: ReadNode[] = []
  let level: Open[] = [{ pointer, below: HEIGHT_MAX + 1, into: tops }]
  while (level.length > 0) {
    count += level.length
    if (count > layout.pageCount) {
      throw new FormatError(
        'BAD_ROPE',
        `The rope in sector ${pointer.id} has more pages than its disk.`,
        {
          structure: 'rope node',
          block: pointer.id,
        },
      )
    }
    const read = yield* pages.readAll(
      level.map((each) => each.pointer),
      false,
    )
    const next: Open[] = []
    level.forEach((each, i) => {
      const page = read[i] as Uint8Array
      const height = ropeHeight(page)
      if (height >= each.below) throw tooHigh(each.pointer.id, height)
      const children: ReadNode[] = []
      const branch = height > 0 ? decodeRopeBranch(page, layout, each.pointer.id) : NO_BRANCH
      each.into.push({ pointer: each.pointer, page, height, keys: branch.keys, children })
      for (const child of branch.children) {
        next.push({ pointer: child, below: height, into: children })
      }
    })
    level = next
  }
  const [top] = tops as [ReadNode]
  return { top, leaves: leavesUnder(top) }
}

function leavesUnder(top: ReadNode): { id: number; page: Uint8Array; node: ReadNode }[] {
  const leaves: { id: number; page: Uint8Array; node: ReadNode }[] = []
  const pending = [top]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.height === 0) leaves.push({ id: node.pointer.id, page: node.page, node })
    else
      for (let i = node.children.length - 1; i >= 0; i--) pending.push(node.children[i] as ReadNode)
  }
  return leaves
}

function runsIn(layout: Layout, { id, page }: OwnLeaf): readonly FreeRun[] {
  const node = decodeFreeQueueNode(page, layout, id)
  return 'runs' in node ? node.runs : []
}

/** What of some runs lies in none of others. */
function without(runs: readonly FreeRun[], others: readonly FreeRun[]): FreeRun[] {
  const sorted = [...others].sort((a, b) => a.start - b.start)
  const left: FreeRun[] = []
  for (const run of runs) {
    let start = run.start
    const end = run.start + run.length
    for (const other of sorted) {
      if (other.start >= end || start >= end) break
      if (other.start + other.length <= start) continue
      if (other.start > start) left.push({ start, length: other.start - start })
      start = other.start + other.length
    }
    if (start < end) left.push({ start, length: end - start })
  }
  return left
}
