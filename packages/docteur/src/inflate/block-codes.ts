/** BlockCodes: the two codes of the block that is being decoded, fixed or read from its header. */

import { BitInput } from './bit-input.js'
import {
  CODE_LENGTH_ORDER,
  DISTANCE_BITS,
  DISTANCE_SYMBOLS,
  END_OF_BLOCK,
  FIXED,
  LENGTH_CODE_BITS,
  LITERAL_BITS,
  LITERAL_SYMBOLS,
} from './codes.js'
import { buildHuffman, type Huffman, huffmanRoom, LENGTH_MASK, VALUE_SHIFT } from './huffman.js'

/** Why an inflater came back. */
export type InflateStatus = 'needs input' | 'needs room' | 'done' | 'damaged'

export class BlockCodes extends BitInput {
  /** What is wrong, once it is `damaged`. */
  damage = ''
  protected literals: Huffman = FIXED.literals
  protected distances: Huffman = FIXED.distances
  protected readonly ownLiterals = huffmanRoom(LITERAL_SYMBOLS, LITERAL_BITS)
  protected readonly ownDistances = huffmanRoom(DISTANCE_SYMBOLS, DISTANCE_BITS)
  protected readonly lengthCode = huffmanRoom(19, LENGTH_CODE_BITS)
  protected readonly lengths = new Uint8Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS)

  protected fail(damage: string): InflateStatus {
    this.damage = damage
    return 'damaged'
  }

  /** The codes of a dynamic block. RFC 1951, section 3.2.7. */
  protected readCodes(input: Uint8Array, limit: number): InflateStatus | undefined {
    const { lengths, lengthCode } = this
    if (!this.load(input, limit, 14)) return 'needs input'
    const literalCount = this.take(5) + 257
    const distanceCount = this.take(5) + 1
    const codeCount = this.take(4) + 4
    if (literalCount > 286 || distanceCount > 30) return this.fail('a code has too many symbols')
    lengths.fill(0, 0, 19)
    for (let i = 0; i < codeCount; i++) {
      if (!this.load(input, limit, 3)) return 'needs input'
      lengths[CODE_LENGTH_ORDER[i] as number] = this.take(3)
    }
    if (!buildHuffman(lengthCode, LENGTH_CODE_BITS, lengths, 0, 19)) {
      return this.fail('the code for code lengths is none')
    }
    const total = literalCount + distanceCount
    for (let i = 0; i < total; ) {
      // Near the end of the input there may be fewer bits than the longest code has, and enough.
      this.load(input, limit, 14)
      const entry = lengthCode.table[this.hold & ((1 << lengthCode.bits) - 1)] as number
      const length = entry & LENGTH_MASK
      if (length > this.held) return 'needs input'
      if (length === 0) return this.held < 14 ? 'needs input' : this.fail('a code length is none')
      const symbol = entry >> VALUE_SHIFT
      if (symbol < 16) {
        this.take(length)
        lengths[i++] = symbol
        continue
      }
      const extra = symbol === 16 ? 2 : symbol === 17 ? 3 : 7
      if (length + extra > this.held) return 'needs input'
      this.take(length)
      const count = this.take(extra) + (symbol === 18 ? 11 : 3)
      if (symbol === 16 && i === 0) return this.fail('it repeats a code length before the first')
      if (i + count > total) return this.fail('it has more code lengths than symbols')
      lengths.fill(symbol === 16 ? (lengths[i - 1] as number) : 0, i, i + count)
      i += count
    }
    if (lengths[END_OF_BLOCK] === 0) return this.fail('a block has no end')
    if (!buildHuffman(this.ownLiterals, LITERAL_BITS, lengths, 0, literalCount)) {
      return this.fail('the code for literals and lengths is none')
    }
    if (!buildHuffman(this.ownDistances, DISTANCE_BITS, lengths, literalCount, distanceCount)) {
      return this.fail('the code for distances is none')
    }
    this.literals = this.ownLiterals
    this.distances = this.ownDistances
    return undefined
  }
}
