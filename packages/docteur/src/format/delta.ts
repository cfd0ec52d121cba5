/**
 * Deltas: an object as instructions that copy from its base, or insert bytes of their own.
 *
 *     [size of the base][size of the result]   7 bits a byte, the lowest first, while bit 7 is set
 *     copy     1oooosss   then the bytes of offset and size whose bits are set, little-endian;
 *                         a size of 0 is 65,536
 *     insert   0nnnnnnn   then so many bytes; 0 itself is no instruction
 *
 * Source: git's Documentation/gitformat-pack, "Deltified representation".
 */

import { FormatError } from '@caravan/core'

/** Both sizes, in any spelling that git writes. */
export const DELTA_SIZES_MAX_BYTES = 20

interface DeltaSizes {
  readonly baseSize: number
  readonly resultSize: number
  /** Where the instructions begin. */
  readonly headerBytes: number
}

/** @throws FormatError `BAD_DELTA`. */
export function decodeDeltaSizes(delta: Uint8Array, offset: number): DeltaSizes {
  let at = 0
  const size = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = delta[at++]
      if (byte === undefined) throw badDelta(offset, 'it ends within its sizes')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    if (!Number.isSafeInteger(value)) throw badDelta(offset, 'its sizes have no end')
    return value
  }
  const baseSize = size()
  return { baseSize, resultSize: size(), headerBytes: at }
}

/** Up to this many bytes a loop is faster than `set` of a `subarray`. */
const LOOP_BYTES = 24

/**
 * The object that a delta makes of its base.
 *
 * @param offset of the entry within the PACK, for messages.
 * @throws FormatError `BAD_DELTA`.
 */
export function applyDelta(base: Uint8Array, delta: Uint8Array, offset: number): Uint8Array {
  const { baseSize, resultSize, headerBytes } = decodeDeltaSizes(delta, offset)
  if (baseSize !== base.length) {
    throw badDelta(offset, `it is for a base of ${baseSize} bytes, and its base has ${base.length}`)
  }
  const result = new Uint8Array(resultSize)
  const end = delta.length
  let at = headerBytes
  let out = 0
  while (at < end) {
    const code = delta[at++] as number
    if (code < 0x80) {
      if (code === 0) throw badDelta(offset, 'it has an instruction 0')
      if (at + code > end || out + code > resultSize) throw tooLong(offset)
      if (code > LOOP_BYTES) result.set(delta.subarray(at, at + code), out)
      else for (let i = 0; i < code; i++) result[out + i] = delta[at + i] as number
      at += code
      out += code
      continue
    }
    let from = 0
    let count = 0
    if ((code & 0x01) !== 0) from = delta[at++] as number
    if ((code & 0x02) !== 0) from |= (delta[at++] as number) << 8
    if ((code & 0x04) !== 0) from |= (delta[at++] as number) << 16
    if ((code & 0x08) !== 0) from += (delta[at++] as number) * 0x1000000
    if ((code & 0x10) !== 0) count = delta[at++] as number
    if ((code & 0x20) !== 0) count |= (delta[at++] as number) << 8
    if ((code & 0x40) !== 0) count |= (delta[at++] as number) << 16
    if (count === 0) count = 0x10000
    if (at > end || from + count > baseSize || out + count > resultSize) throw tooLong(offset)
    if (count > LOOP_BYTES) result.set(base.subarray(from, from + count), out)
    else for (let i = 0; i < count; i++) result[out + i] = base[from + i] as number
    out += count
  }
  if (out !== resultSize) {
    throw badDelta(offset, `it makes ${out} bytes, and says that it makes ${resultSize}`)
  }
  return result
}

/** One piece of what a delta makes. */
interface DeltaPiece {
  /** From the base, or of the delta's own bytes. */
  readonly isCopy: boolean
  /** Within the base, or within the delta. */
  readonly from: number
  readonly size: number
}

/**
 * Reads one instruction, for deltas that are too large to be held.
 *
 * @returns where the next begins, by way of `from + size` for an insert; `undefined` where `delta`
 *   ends within the instruction.
 */
export function decodeInstruction(
  delta: Uint8Array,
  start: number,
  offset: number,
): (DeltaPiece & { readonly next: number }) | undefined {
  let at = start
  const code = delta[at++]
  if (code === undefined) return undefined
  if (code === 0) throw badDelta(offset, 'it has an instruction 0')
  if (code < 0x80) return { isCopy: false, from: at, size: code, next: at + code }
  let from = 0
  let size = 0
  for (let bit = 0; bit < 4; bit++) {
    if ((code & (1 << bit)) !== 0) from += (delta[at++] ?? 0) * 256 ** bit
  }
  for (let bit = 0; bit < 3; bit++) {
    if ((code & (16 << bit)) !== 0) size += (delta[at++] ?? 0) * 256 ** bit
  }
  if (at > delta.length) return undefined
  return { isCopy: true, from, size: size === 0 ? 0x10000 : size, next: at }
}

function tooLong(offset: number): FormatError {
  return badDelta(offset, 'an instruction goes beyond the end of the base, the delta or the result')
}

export function badDelta(offset: number, what: string): FormatError {
  return new FormatError(
    'BAD_DELTA',
    `The delta at byte ${offset} of the PACK is damaged: ${what}.`,
    {
      structure: 'delta',
      offset,
    },
  )
}
