/**
 * The blocks of a file that is a CTZ skip-list: found by its pointers, remembered once seen.
 *
 * 1. `addresses[i]` is the block of index `i`, or UNKNOWN. The last one is always known: the
 *    directory entry holds it.
 * 2. It is a cache: what it holds can be read again at any time.
 *
 * Source: littlefs DESIGN.md, "CTZ skip-lists".
 */

import { FormatError, type Op, type ReadRequest, type Span } from '@caravan/core'
import { blockCountOf, POINTER_SIZE_BYTES, pointerCount } from './format/ctz-list.js'
import { readWord } from './format/word.js'
import type { MemoryLedger } from './memory-ledger.js'
import type { Layout } from './volume.js'

const UNKNOWN = 0xffffffff

/** Spans of one request while a list is walked; bounds what a walk takes in memory. */
const BATCH_SPANS = 512

/**
 * Pointers that a walk over many blocks reads of each: they lead up to 128 blocks back, which keeps
 * rounds few and reads short.
 */
const POINTERS_READ_MAX = 8

/** As many as a typed array holds without memory of its own outside the heap: 64 bytes. */
const PAGE_BITS = 4

/** A page with what belongs to it, in memory. */
const PAGE_MEMORY_BYTES = 176

export class FileBlocks {
  /** In pages, so that one look into a large file costs little. */
  private pages: (Uint32Array | undefined)[] = []

  constructor(
    head: number,
    /** The index of `head`; -1 for a file without blocks. */
    public lastIndex: number,
    /** Where the memory that it takes is counted. */
    private readonly ledger: MemoryLedger,
  ) {
    if (lastIndex >= 0) this.set(lastIndex, head)
  }

  /** Those of a file as its directory entry has it. */
  static of(head: number, sizeBytes: number, { blockSize, ledger }: Layout): FileBlocks {
    return new FileBlocks(head, blockCountOf(sizeBytes, blockSize) - 1, ledger)
  }

  /** Keeps the head only. Of a version that is whole on the device, where all is found again. */
  forget(): void {
    const head = this.get(this.lastIndex)
    this.pages = []
    if (head !== undefined) this.set(this.lastIndex, head)
  }

  /**
   * The blocks below an index, for a new version that keeps them. What either learns of them holds
   * for both, so whole pages are shared.
   */
  prefix(end: number): FileBlocks {
    const copy = new FileBlocks(0, -1, this.ledger)
    const whole = end >>> PAGE_BITS
    for (let key = 0; key < whole; key++) {
      // A page made later would be known to one of the two only.
      let page = this.pages[key]
      if (page === undefined) {
        page = this.newPage()
        this.pages[key] = page
      }
      copy.pages[key] = page
    }
    const part = this.pages[whole]?.slice()
    if (part !== undefined) copy.pages[whole] = part.fill(UNKNOWN, end - (whole << PAGE_BITS))
    copy.lastIndex = end - 1
    return copy
  }

  /** `undefined` where it has to be looked up. */
  get(index: number): number | undefined {
    const address = this.pages[index >>> PAGE_BITS]?.[index & ((1 << PAGE_BITS) - 1)]
    return address === UNKNOWN ? undefined : address
  }

  set(index: number, address: number): void {
    const key = index >>> PAGE_BITS
    let page = this.pages[key]
    if (page === undefined) {
      page = this.newPage()
      this.pages[key] = page
    }
    page[index & ((1 << PAGE_BITS) - 1)] = address
  }

  /** The nearest known index above one: the last is known. */
  nextKnown(index: number): number {
    let at = index + 1
    while (at < this.lastIndex) {
      const page = this.pages[at >>> PAGE_BITS]
      if (page === undefined) at = ((at >>> PAGE_BITS) + 1) << PAGE_BITS
      else if (page[at & ((1 << PAGE_BITS) - 1)] === UNKNOWN) at++
      else return at
    }
    return this.lastIndex
  }

  private newPage(): Uint32Array {
    this.ledger.bytes += PAGE_MEMORY_BYTES
    return new Uint32Array(1 << PAGE_BITS).fill(UNKNOWN)
  }
}

/** Finds the block of one index: O(log n) reads at worst, none where it is known. */
export function* findBlock(layout: Layout, blocks: FileBlocks, index: number): Op<number> {
  let at = index
  if (blocks.get(at) === undefined) at = blocks.nextKnown(at)
  let address = blocks.get(at) as number
  while (at > index) {
    // The longest pointer that does not lead past the index.
    let jump = pointerCount(at) - 1
    while (2 ** jump > at - index) jump--
    const starts = new BlockStarts(layout, 1, jump + 1)
    starts.add(address)
    yield starts.request
    for (let k = 0; k <= jump; k++) {
      blocks.set(at - 2 ** k, checkedPointer(layout, starts.pointer(0, k), address))
    }
    at -= 2 ** jump
    address = blocks.get(at) as number
  }
  return address
}

/** Indices of one file that shall be known. */
interface BlockRange {
  readonly blocks: FileBlocks
  readonly from: number
  readonly to: number
}

/** A block whose pointers are wanted. */
interface Step {
  readonly range: BlockRange
  readonly index: number
}

/**
 * Makes the blocks of all indices `from..to` known, of any number of files at once: each block read
 * at most once, many in one request, in O(log n) rounds.
 */
export function* findBlocks(layout: Layout, ranges: readonly BlockRange[]): Op<void> {
  let unknown = ranges.filter((range) => !isKnown(range))
  while (unknown.length > 0) {
    let frontier: Step[] = []
    for (const range of unknown) {
      yield* findBlock(layout, range.blocks, range.to)
      for (let index = range.to; index > range.from; index--) {
        if (leadsToUnknown(range, index)) frontier.push({ range, index })
      }
    }
    while (frontier.length > 0) {
      const next: Step[] = []
      for (let start = 0; start < frontier.length; start += BATCH_SPANS) {
        yield* followPointers(layout, frontier.slice(start, start + BATCH_SPANS), next)
      }
      frontier = next.filter(({ range, index }) => leadsToUnknown(range, index))
    }
    // Who looks for the same file's blocks beside this has some of the places that lead on.
    unknown = unknown.filter((range) => !isKnown(range))
  }
}

/** Reads the pointers of many blocks in one request; what they lead to goes to `found`. */
function* followPointers(layout: Layout, steps: readonly Step[], found: Step[]): Op<void> {
  const starts = new BlockStarts(layout, steps.length, POINTERS_READ_MAX)
  for (const { range, index } of steps) starts.add(range.blocks.get(index) as number)
  yield starts.request
  for (let i = 0; i < steps.length; i++) {
    const { range, index } = steps[i] as Step
    const { blocks, from } = range
    const count = Math.min(pointerCount(index), POINTERS_READ_MAX)
    for (let k = 0; k < count; k++) {
      const target = index - 2 ** k
      if (target < from || blocks.get(target) !== undefined) continue
      const block = blocks.get(index) as number
      blocks.set(target, checkedPointer(layout, starts.pointer(i, k), block))
      found.push({ range, index: target })
    }
  }
}

/** True where no pointer has to be read. */
export function isKnown({ blocks, from, to }: BlockRange): boolean {
  for (let index = from; index <= to; index++) if (blocks.get(index) === undefined) return false
  return true
}

function leadsToUnknown({ blocks, from }: BlockRange, index: number): boolean {
  if (blocks.get(index) === undefined) return false
  const count = Math.min(pointerCount(index), POINTERS_READ_MAX)
  for (let k = 0; k < count; k++) {
    const target = index - 2 ** k
    if (target >= from && blocks.get(target) === undefined) return true
  }
  return false
}

export function checkedPointer(layout: Layout, address: number, block: number): number {
  if (address < layout.blockCount) return address
  throw new FormatError(
    'CORRUPT_POINTER',
    `A pointer in block ${block} leads to block ${address}, outside the filesystem of ${layout.blockCount} blocks: the file's list of blocks is damaged.`,
    { structure: 'CTZ skip-list', block, offset: 0 },
  )
}

/** A request for the pointers at the starts of blocks, all in one buffer. */
export class BlockStarts {
  readonly request: ReadRequest
  private readonly spans: Span[] = []
  private readonly bytes: Uint8Array
  /** Bytes read of each block: whole read units. */
  private readonly stride: number

  constructor({ blockSize, readSize }: Layout, count: number, pointers: number) {
    const needed = Math.ceil((POINTER_SIZE_BYTES * pointers) / readSize) * readSize
    this.stride = Math.min(needed, blockSize)
    this.bytes = new Uint8Array(count * this.stride)
    this.request = { kind: 'read', spans: this.spans }
  }

  add(block: number): void {
    const at = this.spans.length * this.stride
    this.spans.push({ block, offset: 0, bytes: this.bytes.subarray(at, at + this.stride) })
  }

  /** Pointer `k` of the block added as number `i`. */
  pointer(i: number, k: number): number {
    return readWord(this.bytes, i * this.stride + POINTER_SIZE_BYTES * k)
  }
}
