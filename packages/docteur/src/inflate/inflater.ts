/**
 * Inflater: decodes a zlib stream piece by piece, into a buffer that is there already.
 *
 * 1. It stops where its input or its room is used up, and goes on with more of either: whole objects
 *    and large ones, whose input or output comes in pieces, take the same way.
 * 2. A match reaches back into the buffer: whoever moves the buffer on keeps the last
 *    {@link WINDOW_BYTES} before the place where it goes on.
 * 3. Nothing is written behind the room that it was given, whatever the stream says.
 *
 * Source: RFC 1950 (the header and the checksum around it), RFC 1951.
 */

import { adler32 } from './adler32.js'
import {
  buildHuffman,
  type Huffman,
  huffmanRoom,
  LENGTH_MASK,
  LINK,
  LINK_BITS_MASK,
  LINK_SHIFT,
  VALUE_SHIFT,
} from './huffman.js'

/** How far back a match may reach. */
export const WINDOW_BYTES = 32_768

/** Why {@link Inflater.run} came back. */
type InflateStatus = 'needs input' | 'needs room' | 'done' | 'damaged'

const LITERAL_BITS = 10
const DISTANCE_BITS = 9
const LENGTH_CODE_BITS = 7

const END_OF_BLOCK = 256
const LITERAL_SYMBOLS = 288
const DISTANCE_SYMBOLS = 32

/** By length symbol - 257: the shortest length, and how many bits are added. */
const LENGTH_BASE = new Uint16Array(31)
const LENGTH_EXTRA = new Uint8Array(31)
const DISTANCE_BASE = new Uint16Array(30)
const DISTANCE_EXTRA = new Uint8Array(30)
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
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

const MATCH_MAX = 258
/** Input that the longest symbol with its distance takes, and what is loaded beyond it. */
const INPUT_MARGIN = 10

function fixedCodes(): { literals: Huffman; distances: Huffman } {
  const lengths = new Uint8Array(LITERAL_SYMBOLS).fill(8, 0, 144).fill(9, 144, 256)
  lengths.fill(7, 256, 280).fill(8, 280)
  const literals = huffmanRoom(LITERAL_SYMBOLS, LITERAL_BITS)
  buildHuffman(literals, LITERAL_BITS, lengths, 0, LITERAL_SYMBOLS)
  const distances = huffmanRoom(DISTANCE_SYMBOLS, DISTANCE_BITS)
  buildHuffman(distances, DISTANCE_BITS, new Uint8Array(DISTANCE_SYMBOLS).fill(5), 0, 32)
  return { literals, distances }
}

const FIXED = fixedCodes()

type Step = 'header' | 'block' | 'stored' | 'codes' | 'trailer' | 'done'

export class Inflater {
  /** Where in the input it goes on, after {@link run}. */
  inputEnd = 0
  /** Where in the output it goes on, after {@link run}. */
  outputEnd = 0
  /** What is wrong, once it is `damaged`. */
  damage = ''
  private step: Step = 'header'
  private hold = 0
  private held = 0
  private isLastBlock = false
  private storedLeft = 0
  private adler = 1
  /** Bytes given out so far: a match cannot reach before the first. */
  private given = 0
  private literals: Huffman = FIXED.literals
  private distances: Huffman = FIXED.distances
  private readonly ownLiterals = huffmanRoom(LITERAL_SYMBOLS, LITERAL_BITS)
  private readonly ownDistances = huffmanRoom(DISTANCE_SYMBOLS, DISTANCE_BITS)
  private readonly lengthCode = huffmanRoom(19, LENGTH_CODE_BITS)
  private readonly lengths = new Uint8Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS)

  /** Begins another stream. */
  reset(): void {
    this.step = 'header'
    this.hold = 0
    this.held = 0
    this.isLastBlock = false
    this.adler = 1
    this.given = 0
    this.damage = ''
  }

  /** Another one, in the same state: both go on from here. */
  copy(): Inflater {
    const other = new Inflater()
    other.step = this.step
    other.hold = this.hold
    other.held = this.held
    other.isLastBlock = this.isLastBlock
    other.storedLeft = this.storedLeft
    other.adler = this.adler
    other.given = this.given
    if (this.literals !== FIXED.literals) {
      other.ownLiterals.table.set(this.literals.table)
      other.ownLiterals.bits = this.literals.bits
      other.ownDistances.table.set(this.distances.table)
      other.ownDistances.bits = this.distances.bits
      other.literals = other.ownLiterals
      other.distances = other.ownDistances
    }
    return other
  }

  /**
   * Decodes from `input[inputStart..inputLimit)` into `output[outputStart..outputLimit)`.
   *
   * `needs input` leaves some bytes behind `inputEnd` that must be given again, before those that
   * follow them.
   */
  run(
    input: Uint8Array,
    inputStart: number,
    inputLimit: number,
    output: Uint8Array,
    outputStart: number,
    outputLimit: number,
  ): InflateStatus {
    this.inputEnd = inputStart
    this.outputEnd = outputStart
    let status: InflateStatus | undefined
    while (status === undefined) {
      switch (this.step) {
        case 'header':
          status = this.readHeader(input, inputLimit)
          break
        case 'block':
          status = this.readBlockHeader(input, inputLimit)
          break
        case 'stored':
          status = this.copyStored(input, inputLimit, output, outputLimit)
          break
        case 'codes':
          status = this.decodeCodes(input, inputLimit, output, outputLimit)
          break
        case 'trailer':
          // Also what this run has given out belongs to the checksum.
          this.sumUp(output, outputStart)
          outputStart = this.outputEnd
          status = this.readTrailer(input, inputLimit)
          break
        case 'done':
          status = 'done'
      }
    }
    this.sumUp(output, outputStart)
    return status
  }

  private sumUp(output: Uint8Array, from: number): void {
    if (this.outputEnd > from) this.adler = adler32(this.adler, output, from, this.outputEnd)
  }

  private fail(damage: string): InflateStatus {
    this.damage = damage
    return 'damaged'
  }

  private readHeader(input: Uint8Array, limit: number): InflateStatus | undefined {
    const at = this.inputEnd
    if (limit - at < 2) return 'needs input'
    const method = input[at] as number
    const flags = input[at + 1] as number
    if ((method & 15) !== 8 || method >> 4 > 7 || ((method << 8) | flags) % 31 !== 0) {
      return this.fail('it does not begin as a zlib stream does')
    }
    if ((flags & 0x20) !== 0) return this.fail('it asks for a preset dictionary')
    this.inputEnd = at + 2
    this.step = 'block'
    return undefined
  }

  private readBlockHeader(input: Uint8Array, limit: number): InflateStatus | undefined {
    const { hold, held, inputEnd } = this
    const status = this.tryBlockHeader(input, limit)
    if (status === 'needs input') {
      this.hold = hold
      this.held = held
      this.inputEnd = inputEnd
    }
    return status
  }

  private tryBlockHeader(input: Uint8Array, limit: number): InflateStatus | undefined {
    if (!this.load(input, limit, 3)) return 'needs input'
    this.isLastBlock = this.take(1) === 1
    switch (this.take(2)) {
      case 0:
        return this.readStoredHeader(input, limit)
      case 1:
        this.literals = FIXED.literals
        this.distances = FIXED.distances
        this.step = 'codes'
        return undefined
      case 2:
        return this.readCodes(input, limit)
      default:
        return this.fail('it has a block of a kind that there is not')
    }
  }

  private readStoredHeader(input: Uint8Array, limit: number): InflateStatus | undefined {
    this.take(this.held & 7)
    if (!this.load(input, limit, 16)) return 'needs input'
    const length = this.take(16)
    if (!this.load(input, limit, 16)) return 'needs input'
    if ((length ^ this.take(16)) !== 0xffff) {
      return this.fail('the length of a stored block is damaged')
    }
    this.storedLeft = length
    this.step = 'stored'
    return undefined
  }

  private copyStored(
    input: Uint8Array,
    inputLimit: number,
    output: Uint8Array,
    outputLimit: number,
  ): InflateStatus | undefined {
    // Whole bytes that were loaded ahead come first.
    while (this.held > 0 && this.storedLeft > 0 && this.outputEnd < outputLimit) {
      output[this.outputEnd++] = this.take(8)
      this.given++
      this.storedLeft--
    }
    const at = this.inputEnd
    const room = outputLimit - this.outputEnd
    const count = Math.min(this.storedLeft, inputLimit - at, room)
    output.set(input.subarray(at, at + count), this.outputEnd)
    this.inputEnd = at + count
    this.outputEnd += count
    this.given += count
    this.storedLeft -= count
    if (this.storedLeft === 0) {
      this.step = this.isLastBlock ? 'trailer' : 'block'
      return undefined
    }
    return count === room ? 'needs room' : 'needs input'
  }

  /** The codes of a dynamic block. RFC 1951, section 3.2.7. */
  private readCodes(input: Uint8Array, limit: number): InflateStatus | undefined {
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
    this.step = 'codes'
    return undefined
  }

  /** Makes sure of so many bits (at most 25). */
  private load(input: Uint8Array, limit: number, bits: number): boolean {
    while (this.held < bits) {
      if (this.inputEnd >= limit) return false
      this.hold |= (input[this.inputEnd++] as number) << this.held
      this.held += 8
    }
    return true
  }

  private take(bits: number): number {
    const value = this.hold & ((1 << bits) - 1)
    this.hold >>>= bits
    this.held -= bits
    return value
  }

  private decodeCodes(
    input: Uint8Array,
    inputLimit: number,
    output: Uint8Array,
    outputLimit: number,
  ): InflateStatus | undefined {
    const { literals, distances } = this
    const literalTable = literals.table
    const distanceTable = distances.table
    const literalMask = (1 << literals.bits) - 1
    const distanceMask = (1 << distances.bits) - 1
    const begin = this.outputEnd
    const reach = this.given - begin
    const inputSafe = inputLimit - INPUT_MARGIN
    const outputSafe = outputLimit - MATCH_MAX
    let hold = this.hold
    let held = this.held
    let at = this.inputEnd
    let out = begin
    let status: InflateStatus | undefined
    let isEnded = false
    while (at <= inputSafe && out <= outputSafe) {
      while (held <= 24) {
        hold |= (input[at++] as number) << held
        held += 8
      }
      let entry = literalTable[hold & literalMask] as number
      if ((entry & LINK) !== 0) {
        const more = (1 << (entry & LINK_BITS_MASK)) - 1
        entry = literalTable[
          ((entry & ~LINK) >>> LINK_SHIFT) + ((hold >>> literals.bits) & more)
        ] as number
      }
      let length = entry & LENGTH_MASK
      hold >>>= length
      held -= length
      let symbol = entry >> VALUE_SHIFT
      if (symbol < END_OF_BLOCK) {
        if (length === 0) {
          status = this.fail('it has bits that are no code')
          break
        }
        output[out++] = symbol
        continue
      }
      if (symbol === END_OF_BLOCK) {
        isEnded = true
        break
      }
      symbol -= 257
      if (symbol > 28) {
        status = this.fail('it has a length that there is not')
        break
      }
      let extra = LENGTH_EXTRA[symbol] as number
      const count = (LENGTH_BASE[symbol] as number) + (hold & ((1 << extra) - 1))
      hold >>>= extra
      held -= extra
      while (held <= 24) {
        hold |= (input[at++] as number) << held
        held += 8
      }
      entry = distanceTable[hold & distanceMask] as number
      if ((entry & LINK) !== 0) {
        const more = (1 << (entry & LINK_BITS_MASK)) - 1
        entry = distanceTable[
          ((entry & ~LINK) >>> LINK_SHIFT) + ((hold >>> distances.bits) & more)
        ] as number
      }
      length = entry & LENGTH_MASK
      symbol = entry >> VALUE_SHIFT
      if (length === 0 || symbol > 29) {
        status = this.fail('it has a distance that there is not')
        break
      }
      hold >>>= length
      held -= length
      extra = DISTANCE_EXTRA[symbol] as number
      if (held < extra) {
        hold |= (input[at++] as number) << held
        held += 8
      }
      const distance = (DISTANCE_BASE[symbol] as number) + (hold & ((1 << extra) - 1))
      hold >>>= extra
      held -= extra
      if (distance > out + reach) {
        status = this.fail('it repeats what lies before its beginning')
        break
      }
      copyMatch(output, out, distance, count)
      out += count
    }
    this.hold = hold
    this.held = held
    this.inputEnd = at
    this.outputEnd = out
    this.given += out - begin
    if (status !== undefined) return status
    if (isEnded) return this.endBlock()
    return this.decodeNearEnd(input, inputLimit, output, outputLimit)
  }

  private endBlock(): undefined {
    this.step = this.isLastBlock ? 'trailer' : 'block'
  }

  /** Symbol by symbol, each only where all of it is there and has room. */
  private decodeNearEnd(
    input: Uint8Array,
    inputLimit: number,
    output: Uint8Array,
    outputLimit: number,
  ): InflateStatus | undefined {
    for (;;) {
      const { hold, held, inputEnd } = this
      const status = this.decodeOne(input, inputLimit, output, outputLimit)
      if (status === 'ended') return this.endBlock()
      if (status === 'needs input' || status === 'needs room') {
        this.hold = hold
        this.held = held
        this.inputEnd = inputEnd
      }
      if (status !== undefined) return status
    }
  }

  private decodeOne(
    input: Uint8Array,
    inputLimit: number,
    output: Uint8Array,
    outputLimit: number,
  ): InflateStatus | 'ended' | undefined {
    const out = this.outputEnd
    let symbol = this.decodeSymbol(this.literals, input, inputLimit)
    if (symbol < 0) return symbol === -1 ? 'needs input' : this.fail('it has bits that are no code')
    if (symbol === END_OF_BLOCK) return 'ended'
    if (symbol < END_OF_BLOCK) {
      if (out >= outputLimit) return 'needs room'
      output[out] = symbol
      this.outputEnd = out + 1
      this.given++
      return undefined
    }
    symbol -= 257
    if (symbol > 28) return this.fail('it has a length that there is not')
    const extra = LENGTH_EXTRA[symbol] as number
    if (!this.load(input, inputLimit, extra)) return 'needs input'
    const count = (LENGTH_BASE[symbol] as number) + this.take(extra)
    const code = this.decodeSymbol(this.distances, input, inputLimit)
    if (code === -1) return 'needs input'
    if (code < 0 || code > 29) return this.fail('it has a distance that there is not')
    const distanceExtra = DISTANCE_EXTRA[code] as number
    if (!this.load(input, inputLimit, distanceExtra)) return 'needs input'
    const distance = (DISTANCE_BASE[code] as number) + this.take(distanceExtra)
    if (distance > this.given) return this.fail('it repeats what lies before its beginning')
    if (out + count > outputLimit) return 'needs room'
    copyMatch(output, out, distance, count)
    this.outputEnd = out + count
    this.given += count
    return undefined
  }

  /** @returns -1 where the input ends before it, -2 where the bits are no code. */
  private decodeSymbol({ table, bits }: Huffman, input: Uint8Array, limit: number): number {
    this.load(input, limit, 15)
    let entry = table[this.hold & ((1 << bits) - 1)] as number
    if ((entry & LINK) !== 0) {
      const more = (1 << (entry & LINK_BITS_MASK)) - 1
      entry = table[((entry & ~LINK) >>> LINK_SHIFT) + ((this.hold >>> bits) & more)] as number
    }
    const length = entry & LENGTH_MASK
    if (length > this.held) return -1
    if (length === 0) return this.held < 15 ? -1 : -2
    this.take(length)
    return entry >> VALUE_SHIFT
  }

  private readTrailer(input: Uint8Array, limit: number): InflateStatus | undefined {
    const { hold, held, inputEnd } = this
    this.take(this.held & 7)
    let stored = 0
    for (let i = 0; i < 4; i++) {
      if (!this.load(input, limit, 8)) {
        this.hold = hold
        this.held = held
        this.inputEnd = inputEnd
        return 'needs input'
      }
      stored = (stored << 8) | this.take(8)
    }
    if (stored !== (this.adler | 0)) return this.fail('its checksum (Adler-32) does not match')
    // What was loaded ahead belongs to whoever comes behind this stream.
    this.inputEnd -= this.held >> 3
    this.step = 'done'
    return undefined
  }
}

function copyMatch(output: Uint8Array, at: number, distance: number, count: number): void {
  let from = at - distance
  // The native copies pay off only for long matches that do not overlap.
  if (count > 48 && distance >= count) {
    output.copyWithin(at, from, from + count)
    return
  }
  const end = at + count
  while (at < end) output[at++] = output[from++] as number
}
