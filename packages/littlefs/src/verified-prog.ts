/** Erasing and programming blocks so that a bad one is noticed at once. */

import type { Op, SeriesRequest, SingleRequest, Span } from '@caravan/core'
import { isBadBlock } from './metadata-pair.js'
import type { Volume } from './volume.js'

/** Bytes of a block, from any place, on a device that reads in units. */
export function* readBytesOf(
  volume: Volume,
  block: number,
  at: number,
  length: number,
): Op<Uint8Array> {
  const { readSize } = volume.layout
  const start = at - (at % readSize)
  const bytes = new Uint8Array(Math.ceil((at + length - start) / readSize) * readSize)
  yield { kind: 'read', spans: [{ block, offset: start, bytes }] }
  return bytes.subarray(at - start, at - start + length)
}

/** False where the block is bad. */
export function* eraseBlock(block: number): Op<boolean> {
  try {
    yield { kind: 'erase', blocks: [block] }
    return true
  } catch (error) {
    if (isBadBlock(error)) return false
    throw error
  }
}

/**
 * Programs bytes, makes them durable, and reads them back where the device might have taken
 * something else.
 *
 * @returns what now stands from `at` up to `readTo`, or `bytes` where nothing is read back;
 *   `undefined` where the block did not take it.
 */
export function* progVerified(
  volume: Volume,
  block: number,
  at: number,
  bytes: Uint8Array,
  readTo: number,
): Op<Uint8Array | undefined> {
  const { verifiedProg } = volume
  try {
    yield verifiedProg.plan(block, at, bytes, readTo)
    return verifiedProg.back()
  } catch (error) {
    if (isBadBlock(error)) return undefined
    throw error
  }
}

/**
 * The request of {@link progVerified}, for who yields it itself. There is one of a volume, used again
 * for each: only changes program, and those go one at a time.
 */
export class VerifiedProg {
  private readonly unit: number
  private readonly scratch: Uint8Array
  private bytes: Uint8Array
  private read: Uint8Array
  /** Bytes read before those that were programmed. */
  private lead = 0
  private readonly progSpans: Span[] = []
  private readonly readSpans: Span[] = []
  /** By whether it syncs first, and whether it reads back. */
  private readonly series: readonly SeriesRequest[] = [0, 1, 2, 3].map((which) => ({
    kind: 'series',
    requests: this.steps((which & 1) !== 0, (which & 2) !== 0),
  }))
  /** False on a device that holds what it takes. */
  readsBack = true

  constructor({ blockSize, readSize }: { readonly blockSize: number; readonly readSize: number }) {
    this.unit = readSize
    this.scratch = new Uint8Array(blockSize)
    this.bytes = this.scratch
    this.read = this.scratch
  }

  private steps(syncsFirst: boolean, readsBack: boolean): SingleRequest[] {
    const sync: SingleRequest = { kind: 'sync' }
    const prog: SingleRequest = { kind: 'prog', spans: this.progSpans }
    const steps = syncsFirst ? [sync, prog, sync] : [prog, sync]
    return readsBack ? [...steps, { kind: 'read', spans: this.readSpans }] : steps
  }

  /** @param syncsFirst makes durable, before it, what was programmed elsewhere. */
  plan(
    block: number,
    at: number,
    bytes: Uint8Array,
    readTo: number,
    syncsFirst = false,
  ): SeriesRequest {
    this.bytes = bytes
    this.progSpans[0] = { block, offset: at, bytes }
    if (this.readsBack) this.planBack(block, at, readTo)
    return this.series[(syncsFirst ? 1 : 0) | (this.readsBack ? 2 : 0)] as SeriesRequest
  }

  private planBack(block: number, at: number, readTo: number): void {
    const { unit } = this
    this.lead = at % unit
    const start = at - this.lead
    this.read = this.scratch.subarray(0, Math.ceil((readTo - start) / unit) * unit)
    this.readSpans[0] = { block, offset: start, bytes: this.read }
  }

  /**
   * What was read back, once answered; `undefined` where it is not what was programmed. Good until
   * the next plan. What was programmed, where nothing is read back.
   */
  back(): Uint8Array | undefined {
    const { bytes, read, lead } = this
    if (!this.readsBack) return bytes
    for (let i = 0; i < bytes.length; i++) if (read[lead + i] !== bytes[i]) return undefined
    return lead === 0 ? read : read.subarray(lead)
  }
}
