/**
 * The states in which a power cut may leave a device: made of a recording, by the variants of
 * docs/crash-model.md.
 *
 * Complete are the cuts between requests (A0) and the loss of all that is unsynced (B0); prefixes
 * (A1) where they are few; of the rest a sample that follows from a seed.
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
}

/** The smallest thing that happens or does not: a program unit, or a block that is erased. */
type Piece =
  | { readonly kind: 'unit'; readonly span: Span }
  | { readonly kind: 'block'; readonly block: number }

/** Variant A: answered requests are there, the one under way in part. */
export function* cutsInOrder(recording: Recording, options: CutOptions): Generator<CutState> {
  const { random, samples = 1 } = options
  const current = copyOfState(recording.before)
  const { requests } = recording
  for (let answered = 0; answered <= requests.length; answered++) {
    yield { state: copyOfState(current), answered, label: `A0 after ${answered}` }
    const request = requests[answered]
    if (request === undefined) return
    const pieces = piecesOf(request, options.geometry)
    const partly = (label: string, happens: (index: number) => boolean, torn?: number) => {
      const state = copyOfState(current)
      pieces.forEach((piece, i) => {
        if (i === torn) tear(state, piece, options)
        else if (happens(i)) apply(state, piece, options)
        forgetWhatLooksErased(state, piece, options)
      })
      return { state, answered, label: `${label} of ${request.kind} ${answered}` }
    }
    for (const count of prefixes(pieces.length, random, samples)) {
      yield partly(`A1 ${count}/${pieces.length}`, (i) => i < count)
    }
    for (let k = 0; k < samples && pieces.length > 0; k++) {
      if (pieces.length > 1) yield partly('A2', () => random.oneIn(2))
      const torn = random.int(pieces.length)
      const inOrder = random.oneIn(2)
      yield partly(`A3 ${torn}`, (i) => (inOrder ? i < torn : random.oneIn(2)), torn)
    }
    for (const piece of pieces) apply(current, piece, options)
  }
}

/** Variant B: of the writes since the last answered sync any part is there. */
export function* cutsOutOfOrder(recording: Recording, options: CutOptions): Generator<CutState> {
  const { random, samples = 1 } = options
  const { requests } = recording
  let base = copyOfState(recording.before)
  let pending: RecordedRequest[] = []
  for (let answered = 0; answered < requests.length; answered++) {
    const request = requests[answered] as RecordedRequest
    if (request.kind === 'sync') {
      for (const each of pending) {
        for (const piece of piecesOf(each, options.geometry)) apply(base, piece, options)
      }
      base = copyOfState(base)
      pending = []
      continue
    }
    // This one is under way, or answered and not synced: it may be there or not.
    pending.push(request)
    const partly = (label: string, happens: (index: number) => 'whole' | 'torn' | 'not') => {
      const state = copyOfState(base)
      let index = 0
      for (const each of pending) {
        const byRequest = label.startsWith('B1') ? happens(0) : undefined
        for (const piece of piecesOf(each, options.geometry)) {
          const how = byRequest ?? happens(index++)
          if (how === 'torn') tear(state, piece, options)
          else if (how === 'whole') apply(state, piece, options)
          forgetWhatLooksErased(state, piece, options)
        }
      }
      return { state, answered, label: `${label} at ${request.kind} ${answered}` }
    }
    yield partly('B0', () => 'not')
    for (let k = 0; k < samples; k++) {
      yield partly('B1', () => (random.oneIn(2) ? 'whole' : 'not'))
      const rare = random.oneIn(2)
      const isIn = () => (rare ? random.oneIn(5) : !random.oneIn(5))
      yield partly('B2', () => (isIn() ? 'whole' : 'not'))
      yield partly('B3', () => (random.oneIn(6) ? 'torn' : isIn() ? 'whole' : 'not'))
    }
  }
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
