/**
 * InflatedStream: the content of one PACK entry at any position, without holding it.
 *
 * 1. It inflates forward through a window. Places are remembered on the way (the state of the
 *    decoder, and the last 32 KiB): going back starts at the nearest, not at the beginning.
 * 2. It takes 3 MiB of memory at most, however large the content is: a place with its decoder and its
 *    window is 100 KB, and there are {@link PLACES_MAX}.
 */

import { assert, type Op } from '@caravan/core'
import { Inflater, WINDOW_BYTES } from './inflate/inflater.js'
import type { Pack } from './pack.js'
import { badStream, checkPossible } from './pack-errors.js'

const OUTPUT_BYTES = 131_072
const INPUT_BYTES = 65_536
/** Places are this far apart at least, and there are at most so many. */
const PLACE_BYTES_MIN = 1 << 20
const PLACES_MAX = 24
interface Place {
  /** Within the content. */
  readonly position: number
  /** Within the PACK. */
  readonly input: number
  readonly inflater: Inflater
  readonly window: Uint8Array
}

export class InflatedStream {
  private inflater = new Inflater()
  private readonly buffer = new Uint8Array(WINDOW_BYTES + OUTPUT_BYTES)
  /** `buffer[0..filled)` is content, the last byte of it at `position - 1`. */
  private filled = 0
  private position = 0
  private input: Uint8Array = new Uint8Array(0)
  /** Where `input` begins within the PACK, and where in it the decoder goes on. */
  private inputOffset: number
  private at = 0
  private readonly places: Place[] = []
  private readonly placeBytes: number

  constructor(
    private readonly pack: Pack,
    /** Of the entry, for messages. */
    private readonly offset: number,
    /** Where its zlib stream begins within the PACK. */
    private readonly start: number,
    readonly size: number,
  ) {
    const { begin, end } = pack.settings
    checkPossible(offset, size, end - begin - start)
    this.inputOffset = start
    this.placeBytes = Math.max(PLACE_BYTES_MIN, Math.ceil(size / PLACES_MAX))
  }

  /** Fills `target` from a position on; all of it must be there. */
  *readAt(position: number, target: Uint8Array): Op<void> {
    assert(position + target.length <= this.size, 'a read lies within its stream')
    if (position < this.position - this.filled) this.goBack(position)
    for (let done = 0; done < target.length; ) {
      const wanted = position + done
      while (this.position <= wanted) yield* this.advance()
      const from = this.filled - (this.position - wanted)
      const part = this.buffer.subarray(from, Math.min(this.filled, from + target.length - done))
      target.set(part, done)
      done += part.length
    }
  }

  private goBack(position: number): void {
    const place = this.places.filter((each) => each.position <= position).at(-1)
    this.input = new Uint8Array(0)
    this.at = 0
    if (place === undefined) {
      this.inflater = new Inflater()
      this.inputOffset = this.start
      this.position = 0
      this.filled = 0
      return
    }
    this.inflater = place.inflater.copy()
    this.inputOffset = place.input
    this.position = place.position
    this.buffer.set(place.window)
    this.filled = place.window.length
  }

  private *advance(): Op<void> {
    const { buffer } = this
    if (this.filled > WINDOW_BYTES) {
      buffer.copyWithin(0, this.filled - WINDOW_BYTES, this.filled)
      this.filled = WINDOW_BYTES
    }
    const begin = this.filled
    const limit = Math.min(buffer.length, begin + this.size - this.position)
    for (;;) {
      const { inflater } = this
      const status = inflater.run(
        this.input,
        this.at,
        this.input.length,
        buffer,
        this.filled,
        limit,
      )
      this.at = inflater.inputEnd
      this.position += inflater.outputEnd - this.filled
      this.filled = inflater.outputEnd
      if (status === 'damaged') throw badStream(this.offset, inflater.damage)
      if (status === 'needs input') yield* this.loadInput()
      else if (status === 'needs room') {
        // A repetition that is longer than what is left would never find room.
        if (limit === buffer.length || this.position === this.size) break
        throw badStream(this.offset, `it holds more than ${this.size} bytes`)
      } else if (this.position < this.size) {
        throw badStream(this.offset, `it ends after ${this.position} of ${this.size} bytes`)
      } else break
    }
    this.remember()
  }

  private remember(): void {
    const last = this.places.at(-1)?.position ?? 0
    if (this.position < last + this.placeBytes || this.position >= this.size) return
    this.places.push({
      position: this.position,
      input: this.inputOffset + this.at,
      inflater: this.inflater.copy(),
      window: this.buffer.slice(Math.max(0, this.filled - WINDOW_BYTES), this.filled),
    })
  }

  private *loadInput(): Op<void> {
    const left = this.input.subarray(this.at)
    const bytes = yield* this.pack.readStream(this.inputOffset + this.input.length, INPUT_BYTES)
    if (bytes.length === 0) throw badStream(this.offset, 'the PACK ends within it')
    const input = new Uint8Array(left.length + bytes.length)
    input.set(left)
    input.set(bytes, left.length)
    this.inputOffset += this.at
    this.input = input
    this.at = 0
  }
}
