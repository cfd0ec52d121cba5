/**
 * The codes of DEFLATE that are the same for every stream: lengths, distances, the fixed Huffman codes.
 *
 * Source: RFC 1951, sections 3.2.5 to 3.2.7.
 */

import { buildHuffman, type Huffman, huffmanRoom } from './huffman.js'

export const LITERAL_BITS = 10
export const DISTANCE_BITS = 9
export const LENGTH_CODE_BITS = 7

export const END_OF_BLOCK = 256
export const LITERAL_SYMBOLS = 288
export const DISTANCE_SYMBOLS = 32

/** By length symbol - 257: the shortest length, and how many bits are added. */
export const LENGTH_BASE = new Uint16Array(31)
export const LENGTH_EXTRA = new Uint8Array(31)
export const DISTANCE_BASE = new Uint16Array(30)
export const DISTANCE_EXTRA = new Uint8Array(30)
for (let i = 0, base = 3; i < 28; i++) {
  LENGTH_EXTRA[i] = i < 8 ? 0 : (i >> 2) - 1
  LENGTH_BASE[i] = base
  base += 1 << (LENGTH_EXTRA[i] as number)
}
LENGTH_BASE[28] = 258
for (let i = 0, base = 1; i < 30; i++) {
  DISTANCE_EXTRA[i] = i < 4 ? 0 : (i >> 1) - 1
  DISTANCE_BASE[i] = base
  base += 1 << (DISTANCE_EXTRA[i] as number)
}

/** The order in which a dynamic block gives the lengths of the code for code lengths. */
export const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

function fixedCodes(): { literals: Huffman; distances: Huffman } {
  const lengths = new Uint8Array(LITERAL_SYMBOLS).fill(8, 0, 144).fill(9, 144, 256)
  lengths.fill(7, 256, 280).fill(8, 280)
  const literals = huffmanRoom(LITERAL_SYMBOLS, LITERAL_BITS)
  buildHuffman(literals, LITERAL_BITS, lengths, 0, LITERAL_SYMBOLS)
  const distances = huffmanRoom(DISTANCE_SYMBOLS, DISTANCE_BITS)
  buildHuffman(distances, DISTANCE_BITS, new Uint8Array(DISTANCE_SYMBOLS).fill(5), 0, 32)
  return { literals, distances }
}

export const FIXED = fixedCodes()

/** Copies what lies `distance` back, which may overlap. */
export function copyMatch(output: Uint8Array, at: number, distance: number, count: number): void {
  let from = at - distance
  // The native copies pay off only for long matches that do not overlap.
  if (count > 48 && distance >= count) {
    output.copyWithin(at, from, from + count)
    return
  }
  const end = at + count
  while (at < end) output[at++] = output[from++] as number
}
