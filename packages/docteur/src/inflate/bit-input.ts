/** BitInput: the bits of a stream, the lowest of each byte first, loaded a few bytes ahead. */

export class BitInput {
  /** Where in the input it goes on. */
  inputEnd = 0
  /** Bits that were loaded and not taken, and how many there are. */
  protected hold = 0
  protected held = 0

  /** Makes sure of so many bits (at most 25). */
  protected load(input: Uint8Array, limit: number, bits: number): boolean {
    while (this.held < bits) {
      if (this.inputEnd >= limit) return false
      this.hold |= (input[this.inputEnd++] as number) << this.held
      this.held += 8
    }
    return true
  }

  protected take(bits: number): number {
    const value = this.hold & ((1 << bits) - 1)
    this.hold >>>= bits
    this.held -= bits
    return value
  }
}
