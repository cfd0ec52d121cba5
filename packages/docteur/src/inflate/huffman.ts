/**
 * Huffman: the prefix codes of DEFLATE as tables that are looked up by the next bits of the stream.
 *
 * A table has a first part of `2 ** bits` entries; codes longer than `bits` go on in a second part,
 * behind it. An entry is `value << 4 | length`; one that leads to a second part has bit 30 set, the
 * place of that part from bit 8 on, and below it how many more bits choose in it. 0 is no code.
 *
 * Source: RFC 1951, sections 3.2.1 to 3.2.7.
 */

export const LENGTH_MASK = 15
export const VALUE_SHIFT = 4
/** Set in an entry that leads to a second part. */
export const LINK = 1 << 30
export const LINK_SHIFT = 8
export const LINK_BITS_MASK = 0xff

const CODE_LENGTH_MAX = 15

export interface Huffman {
  readonly table: Int32Array
  /** The next bits that choose in the first part. */
  bits: number
}

/** Room for the table of so many symbols, whatever their code lengths are. */
export function huffmanRoom(symbolCount: number, bits: number): Huffman {
  // A second part has at most 2 ** (15 - bits) entries, and there are fewer of them than symbols.
  const second = Math.min(symbolCount, 1 << bits) << (CODE_LENGTH_MAX - bits)
  return { table: new Int32Array((1 << bits) + second), bits }
}

const counts = new Int32Array(CODE_LENGTH_MAX + 1)
const nextCodes = new Int32Array(CODE_LENGTH_MAX + 1)

/**
 * Fills a table from code lengths (0: the symbol has no code).
 *
 * @returns false where no prefix code has these lengths. One code alone, or none, may leave the code
 *   incomplete, as zlib writes it for a single distance.
 */
export function buildHuffman(
  huffman: Huffman,
  firstBits: number,
  lengths: Uint8Array,
  start: number,
  count: number,
): boolean {
  const { table } = huffman
  counts.fill(0)
  for (let i = 0; i < count; i++) counts[lengths[start + i] as number]++
  counts[0] = 0
  let longest = CODE_LENGTH_MAX
  while (longest > 0 && counts[longest] === 0) longest--
  const bits = Math.min(firstBits, Math.max(longest, 1))
  huffman.bits = bits
  let left = 1
  let code = 0
  for (let length = 1; length <= CODE_LENGTH_MAX; length++) {
    code = (code + (counts[length - 1] as number)) << 1
    nextCodes[length] = code
    left = (left << 1) - (counts[length] as number)
    if (left < 0) return false
  }
  if (left > 0 && longest > 1) return false
  const firstSize = 1 << bits
  // A complete code fills every entry by itself.
  if (left > 0) table.fill(0, 0, firstSize)
  if (longest > bits) table.fill(0, 0, firstSize)
  let end = firstSize
  for (let symbol = 0; symbol < count; symbol++) {
    const length = lengths[start + symbol] as number
    if (length === 0) continue
    const reversed = reverse(nextCodes[length]++, length)
    const entry = (symbol << VALUE_SHIFT) | length
    if (length <= bits) {
      for (let at = reversed; at < firstSize; at += 1 << length) table[at] = entry
      continue
    }
    const first = reversed & (firstSize - 1)
    let link = table[first] as number
    if (link === 0) {
      const more = longest - bits
      link = LINK | (end << LINK_SHIFT) | more
      table[first] = link
      table.fill(0, end, end + (1 << more))
      end += 1 << more
    }
    const second = (link & ~LINK) >>> LINK_SHIFT
    const size = 1 << (link & LINK_BITS_MASK)
    for (let at = reversed >>> bits; at < size; at += 1 << (length - bits))
      table[second + at] = entry
  }
  return true
}

function reverse(code: number, length: number): number {
  let reversed = 0
  for (let i = 0; i < length; i++) {
    reversed = (reversed << 1) | (code & 1)
    code >>>= 1
  }
  return reversed
}
