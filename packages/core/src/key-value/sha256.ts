/**
 * SHA-256 in plain JavaScript, for platforms whose own is not handed in.
 *
 * Source: FIPS 180-4, sections 4.1.2, 5.3.3, 6.2.
 */

import { BlockHasher } from './block-hasher.js'
import type { HashFunction } from './hash.js'

/** The first 32 bits of the fractional parts of the cube, and square, roots of the first primes. */
const ROUND_CONSTANTS = new Uint32Array(64)
const INITIAL_STATE = new Uint32Array(8)
for (let candidate = 2, found = 0; found < 64; candidate++) {
  let isPrime = true
  for (let i = 2; i * i <= candidate; i++) if (candidate % i === 0) isPrime = false
  if (!isPrime) continue
  ROUND_CONSTANTS[found] = fraction(candidate ** (1 / 3))
  if (found < 8) INITIAL_STATE[found] = fraction(candidate ** (1 / 2))
  found++
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32)
}

export const sha256: HashFunction = () => new Sha256()

/** The message schedule: used within one call only. */
const SCHEDULE = new Int32Array(64)

class Sha256 extends BlockHasher {
  constructor() {
    super(Int32Array.from(INITIAL_STATE))
  }

  protected compress(bytes: Uint8Array, start: number): void {
    const { state } = this
    const w = SCHEDULE
    for (let i = 0, at = start; i < 16; i++, at += 4) {
      w[i] =
        ((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15] as number
      const y = w[i - 2] as number
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0
    }
    let a = state[0] as number
    let b = state[1] as number
    let c = state[2] as number
    let d = state[3] as number
    let e = state[4] as number
    let f = state[5] as number
    let g = state[6] as number
    let h = state[7] as number
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const choice = (e & f) ^ (~e & g)
      const t1 = (h + s1 + choice + (ROUND_CONSTANTS[i] as number) + (w[i] as number)) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const majority = (a & b) ^ (a & c) ^ (b & c)
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + s0 + majority) | 0
    }
    state[0] = (state[0] as number) + a
    state[1] = (state[1] as number) + b
    state[2] = (state[2] as number) + c
    state[3] = (state[3] as number) + d
    state[4] = (state[4] as number) + e
    state[5] = (state[5] as number) + f
    state[6] = (state[6] as number) + g
    state[7] = (state[7] as number) + h
  }
}
