/**
 * The states in which a power cut may leave a device: made of a recording, by the variants of
 * docs/crash-model.md.
 *
 * Complete are the cuts between requests (A0) and the loss of all that is unsynced (B0); prefixes
 * (A1) where they are few; of the rest a sample that follows from a seed. `thorough` makes prefixes
 * complete, subsets complete where they are few, and else takes those that the page names.
 */

import type { Geometry, Span } from '@caravan/core'
import {
  copyOfState,
  type DeviceState,
  eraseBlock,
  progSpan,
  type RecordedRequest,
  type Recording,
} from './crash-device.js'
import type { Random } from './model/random.js'

export interface CutState {
  readonly state: DeviceState
  /** Requests that were answered before the cut. */
  readonly answered: number
  /** The variant, and which case of it: for messages. */
  readonly label: string
}

export interface CutOptions {
  readonly geometry: Geometry
  readonly eraseValue: number
  readonly random: Random
  /** Cases drawn for each cut and variant where there are too many. Default 1. */
  readonly samples?: number
  /** Every prefix, every subset where they are few, every unit torn. Default false. */
  readonly thorough?: boolean
  /** Only the cuts after so many answered requests. Default: all. */
  readonly at?: number
}

/** The smallest thing that happens or does not: a program unit, or a block that is erased. */
type Piece =
  | { readonly kind: 'unit'; readonly span: Span }
  | { readonly kind: 'block'; readonly block: number }

/** What becomes of a piece, or of a whole request. */
type Fate = 'whole' | 'torn' | 'not'

/** All subsets of so many pieces are taken, of more only some. */
const FEW_PIECES = 4

/** Variant A: answered requests are there, the one under way in part. */
export function* cutsInOrder(recording: Recording, options: CutOptions): Generator<CutState> {
  const current = copyOfState(recording.before)
  const { requests } = recording
  for (let answered = 0; answered <= requests.length; answered++) {
    const request = requests[answered]
    const pieces = request === undefined ? [] : piecesOf(request, options.geometry)
    if (options.at === undefined || options.at === answered) {
      yield { state: copyOfState(current), answered, label: `A0 after ${answered}` }
      for (const { label, fates } of fatesInOrder(pieces.length, options)) {
        const state = copyOfState(current)
        applyPieces(state, pieces, fates, options)
        yield { state, answered, label: `${label} of ${request?.kind} ${answered}` }
      }
    }
    for (const piece of pieces) apply(current, piece, options)
  }
}

/** Variant B: of the writes since the last answered sync any part is there. */
export function* cutsOutOfOrder(recording: Recording, options: CutOptions): Generator<CutState> {
  const { requests } = recording
  const base = copyOfState(recording.before)
  let pending: Piece[][] = []
  for (let answered = 0; answered <= requests.length; answered++) {
    const request = requests[answered]
    // This one is under way, or answered and not synced: it may be there or not.
    if (request !== undefined && request.kind !== 'sync') {
      pending.push(piecesOf(request, options.geometry))
    }
    const isWanted = options.at === undefined || options.at === answered
    if (isWanted && pending.length > 0) {
      const pieces = pending.flat()
      for (const { label, fates } of fatesOutOfOrder(pending, options)) {
        const state = copyOfState(base)
        applyPieces(state, pieces, fates, options)
        yield { state, answered, label: `${label} at ${request?.kind ?? 'the end'} ${answered}` }
      }
    }
    if (request?.kind === 'sync') {
      for (const piece of pending.flat()) apply(base, piece, options)
      pending = []
    }
  }
}

interface Case {
  readonly label: string
  readonly fates: readonly Fate[]
}

function* fatesInOrder(count: number, options: CutOptions): Generator<Case> {
  const { random, samples = 1, thorough = false } = options
  if (count === 0) return
  const cases = (happens: (index: number) => boolean, torn?: number) =>
    Array.from({ length: count }, (_, i): Fate => {
      return i === torn ? 'torn' : happens(i) ? 'whole' : 'not'
    })
  for (const prefix of prefixes(count, random, thorough ? count : samples)) {
    yield { label: `A1 ${prefix}/${count}`, fates: cases((i) => i < prefix) }
  }
  if (thorough && count > 1) {
    for (const fates of subsets(count)) yield { label: 'A2', fates }
    for (let torn = 0; torn < count; torn++) {
      yield { label: `A3 ${torn}`, fates: cases((i) => i < torn, torn) }
    }
  }
  for (let k = 0; k < samples; k++) {
    if (count > 1) yield { label: 'A2', fates: cases(() => random.oneIn(2)) }
    const torn = random.int(count)
    const inOrder = random.oneIn(2)
    const happens = (i: number) => (inOrder ? i < torn : random.oneIn(2))
    yield { label: `A3 ${torn}`, fates: cases(happens, torn) }
  }
}

function* fatesOutOfOrder(
  pending: readonly (readonly Piece[])[],
  options: CutOptions,
): Generator<Case> {
  const { random, samples = 1, thorough = false } = options
  const count = pending.reduce((sum, pieces) => sum + pieces.length, 0)
  const each = (draw: () => Fate) => Array.from({ length: count }, draw)
  const byRequest = (draw: () => Fate) =>
    pending.flatMap((pieces) => {
      const fate = draw()
      return pieces.map(() => fate)
    })
  yield { label: 'B0', fates: each(() => 'not') }
  if (thorough) {
    for (const chosen of subsets(pending.length)) {
      const left = [...chosen]
      yield { label: 'B1', fates: byRequest(() => left.shift() ?? 'not') }
    }
    if (count > pending.length) for (const fates of subsets(count)) yield { label: 'B2', fates }
    for (let torn = 0; torn < count; torn++) {
      const rest: Fate = random.oneIn(2) ? 'whole' : 'not'
      const fates = Array.from({ length: count }, (_, i): Fate => (i === torn ? 'torn' : rest))
      yield { label: `B3 ${torn}`, fates }
    }
  }
  for (let k = 0; k < samples; k++) {
    yield { label: 'B1', fates: byRequest(() => (random.oneIn(2) ? 'whole' : 'not')) }
    const rare = random.oneIn(2)
    const isIn = () => (rare ? random.oneIn(5) : !random.oneIn(5))
    yield { label: 'B2', fates: each(() => (isIn() ? 'whole' : 'not')) }
    const noisy = () => (random.oneIn(6) ? 'torn' : isIn() ? 'whole' : 'not')
    yield { label: 'B3', fates: each(noisy) }
  }
}

/** All subsets of few; of more: all, all but each one, only each one. */
function* subsets(count: number): Generator<Fate[]> {
  const make = (isIn: (index: number) => boolean) =>
    Array.from({ length: count }, (_, i): Fate => (isIn(i) ? 'whole' : 'not'))
  if (count <= FEW_PIECES) {
    for (let mask = 1; mask < 2 ** count; mask++) yield make((i) => ((mask >> i) & 1) === 1)
    return
  }
  yield make(() => true)
  for (let one = 0; one < count; one++) {
    yield make((i) => i !== one)
    yield make((i) => i === one)
  }
}

function applyPieces(
  state: DeviceState,
  pieces: readonly Piece[],
  fates: readonly Fate[],
  options: CutOptions,
): void {
  pieces.forEach((piece, i) => {
    const fate = fates[i]
    if (fate === 'torn') tear(state, piece, options)
    else if (fate === 'whole') apply(state, piece, options)
    forgetWhatLooksErased(state, piece, options)
  })
}

function piecesOf(request: RecordedRequest, { progSize }: Geometry): Piece[] {
  if (request.kind === 'erase') return request.blocks.map((block) => ({ kind: 'block', block }))
  if (request.kind === 'sync') return []
  return request.spans.flatMap(({ block, offset, bytes }) => {
    const units: Piece[] = []
    for (let at = 0; at < bytes.length; at += progSize) {
      const unit = bytes.subarray(at, at + progSize)
      units.push({ kind: 'unit', span: { block, offset: offset + at, bytes: unit } })
    }
    return units
  })
}

/** All from 1 to one less than whole where they are few, else the first, the last and a sample. */
function prefixes(length: number, random: Random, samples: number): number[] {
  if (length <= 2 + samples) return Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  const counts = new Set([1, length - 1])
  while (counts.size < 2 + samples) counts.add(1 + random.int(length - 1))
  return [...counts]
}

function apply(state: DeviceState, piece: Piece, { geometry, eraseValue }: CutOptions): void {
  if (piece.kind === 'unit') progSpan(state, geometry, piece.span)
  else eraseBlock(state, geometry, piece.block, eraseValue)
}

/** Leaves a unit or a block with arbitrary bits. */
function tear(state: DeviceState, piece: Piece, options: CutOptions): void {
  const { geometry, eraseValue, random } = options
  const { blockSize, progSize } = geometry
  const isUnit = piece.kind === 'unit'
  const begin = isUnit ? piece.span.block * blockSize + piece.span.offset : piece.block * blockSize
  const length = isUnit ? progSize : blockSize
  const before = state.bytes.slice(begin, begin + length)
  const after = isUnit ? piece.span.bytes : new Uint8Array(length).fill(eraseValue)
  const noise = random.int(5)
  const border = random.int(length + 1)
  for (let i = 0; i < length; i++) {
    const old = before[i] as number
    const bits = random.int(256)
    const mixed = (old & bits) | ((after[i] as number) & ~bits)
    const firstPart = i < border ? (after[i] as number) : old
    const lastPart = i < border ? old : (after[i] as number)
    state.bytes[begin + i] = [bits, mixed, firstPart, lastPart, bits & 1 ? 0x00 : 0xff][
      noise
    ] as number
  }
  state.erased.fill(0, begin / progSize, (begin + length) / progSize)
}

/** Nobody can tell a unit that was programmed with the erased value: it may be programmed again. */
function forgetWhatLooksErased(state: DeviceState, piece: Piece, options: CutOptions): void {
  const { geometry, eraseValue } = options
  const { blockSize, progSize } = geometry
  const isUnit = piece.kind === 'unit'
  const begin = isUnit ? piece.span.block * blockSize + piece.span.offset : piece.block * blockSize
  const end = begin + (isUnit ? progSize : blockSize)
  for (let at = begin; at < end; at += progSize) {
    const looksErased = state.bytes.subarray(at, at + progSize).every((byte) => byte === eraseValue)
    if (looksErased) state.erased[at / progSize] = 1
  }
}
