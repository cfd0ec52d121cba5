/**
 * A read of a file's blocks, planned whole before any of it is asked for: spans that fill the target
 * straight, and for what begins or ends inside a read unit that unit aside, to be copied from.
 */

import type { Span } from '@caravan/core'
import type { FileBlocks } from './file-blocks.js'
import { dataOffset, dataStart } from './format/ctz-list.js'
import type { Layout } from './volume.js'

/** Units read aside, kept for the next plan: to make them costs more than to read them. */
class EdgeUnits {
  private static spare: EdgeUnits[] = []
  readonly views: Uint8Array[] = []

  private constructor(readonly sizeBytes: number) {}

  static take(sizeBytes: number): EdgeUnits {
    const last = EdgeUnits.spare.pop()
    return last?.sizeBytes === sizeBytes ? last : new EdgeUnits(sizeBytes)
  }

  give(): void {
    if (EdgeUnits.spare.length < SPARE_MAX) EdgeUnits.spare.push(this)
  }

  view(index: number): Uint8Array {
    let view = this.views[index]
    if (view === undefined) {
      view = new Uint8Array(this.sizeBytes)
      this.views[index] = view
    }
    return view
  }
}

/** As many as there are plans at once, or little more. */
const SPARE_MAX = 4

export class ReadPlan {
  readonly spans: Span[] = []
  private units: EdgeUnits | undefined
  /** Of each unit used: its first byte wanted, where in the target that goes, how many follow. */
  private readonly copies: number[] = []
  private unitCount = 0

  /** For the blocks of indices `from..to`, all of them known, of a read of `length` bytes in all. */
  constructor(
    { blockSize, readSize }: Layout,
    blocks: FileBlocks,
    from: number,
    to: number,
    position: number,
    private readonly target: Uint8Array,
    /** Bytes of the target that it fills, where it is all of the read. */
    readonly length: number,
  ) {
    let start = dataStart(from, blockSize)
    for (let index = from; index <= to; index++) {
      const next = dataStart(index + 1, blockSize)
      const begin = Math.max(start, position)
      const end = Math.min(next, position + length)
      const offset = dataOffset(index) + begin - start
      const block = blocks.get(index) as number
      this.add(block, offset, begin - position, end - begin, readSize)
      start = next
    }
  }

  private add(block: number, offset: number, at: number, length: number, unit: number): void {
    const end = offset + length
    const first = unit === 1 ? offset : Math.ceil(offset / unit) * unit
    const last = unit === 1 ? end : end - (end % unit)
    // Inside one unit, `first` is behind `last` and the one edge serves both ends.
    if (first > offset) this.addEdge(block, first - unit, offset, Math.min(first, end), at, unit)
    if (first < last) {
      const start = at + first - offset
      const bytes = this.target.subarray(start, start + last - first)
      this.spans.push({ block, offset: first, bytes })
    }
    if (last < end && last >= first) {
      this.addEdge(block, last, last, end, at + last - offset, unit)
    }
  }

  private addEdge(
    block: number,
    unitOffset: number,
    begin: number,
    end: number,
    at: number,
    unit: number,
  ): void {
    this.units ??= EdgeUnits.take(unit)
    this.spans.push({ block, offset: unitOffset, bytes: this.units.view(this.unitCount++) })
    this.copies.push(begin - unitOffset, at, end - begin)
  }

  /** True where the spans fill the target by themselves. */
  get isDirect(): boolean {
    return this.unitCount === 0
  }

  /** Once the spans were read: the target is filled. */
  finish(): void {
    const { units, copies, target } = this
    if (units === undefined) return
    for (let i = 0; i < this.unitCount; i++) {
      const view = units.views[i] as Uint8Array
      const from = copies[3 * i] as number
      const at = copies[3 * i + 1] as number
      const length = copies[3 * i + 2] as number
      for (let k = 0; k < length; k++) target[at + k] = view[from + k] as number
    }
    this.units = undefined
    units.give()
  }
}
