/** Random numbers that a seed and an index give again: every mutation can be made alone. */
export class Random {
  private state: number

  constructor(seed: number, index: number) {
    // Neighbouring indexes must not give neighbouring numbers.
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
    for (let i = 0; i < 4; i++) this.word()
  }

  /** 32 bits: mulberry32. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    return Math.floor((this.word() / 2 ** 32) * end)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }
}
