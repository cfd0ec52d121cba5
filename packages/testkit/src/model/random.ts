/** Numbers that look random and follow from a seed alone: the same on every machine. */
export class Random {
  private state: number

  /** @param seed a whole number; its low 32 bits count */
  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** A whole number of 0 to `below - 1`. */
  int(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  /** True once in `times` draws, on average. */
  oneIn(times: number): boolean {
    return this.int(times) === 0
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)] as T
  }

  /** A seed for another one. */
  seed(): number {
    return this.int(2 ** 32)
  }

  /** Fills bytes; the same array, for convenience. */
  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.int(256)
    return bytes
  }

  /** 0 to below 1: mulberry32. */
  private fraction(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Bytes that follow from a seed: what a test writes and knows again. */
export function contentOf(seed: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let word = (seed ^ 0x9e3779b9) | 1
  for (let i = 0; i < sizeBytes; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) | 0
    bytes[i] = word >>> 24
  }
  return bytes
}
