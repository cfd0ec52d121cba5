/**
 * SHA-256 in plain JavaScript, for platforms whose own is not handed in.
 *
 * Source: FIPS 180-4, sections 4.1.2, 5.1.1, 5.3.3, 6.2.
 */

import type { Hasher, HashFunction } from './hash.js'

const BLOCK_SIZE_BYTES = 64
const LENGTH_SIZE_BYTES = 8

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

class Sha256 implements Hasher {
  private readonly state = Int32Array.from(INITIAL_STATE)
  private readonly block = new Uint8Array(BLOCK_SIZE_BYTES)
  private filled = 0
  private lengthBytes = 0

  update(bytes: Uint8Array): void {
    this.lengthBytes += bytes.length
    let at = 0
    if (this.filled > 0) {
      at = Math.min(BLOCK_SIZE_BYTES - this.filled, bytes.length)
      this.block.set(bytes.subarray(0, at), this.filled)
      this.filled += at
      if (this.filled < BLOCK_SIZE_BYTES) return
      this.compress(this.block, 0)
      this.filled = 0
    }
    for (; at + BLOCK_SIZE_BYTES <= bytes.length; at += BLOCK_SIZE_BYTES) this.compress(bytes, at)
    this.block.set(bytes.subarray(at))
    this.filled = bytes.length - at
  }

  digest(): Uint8Array {
    const lengthBits = this.lengthBytes * 8
    const end = BLOCK_SIZE_BYTES - LENGTH_SIZE_BYTES
    const { block, filled } = this
    block[filled] = 0x80
    block.fill(0, filled + 1)
    if (filled + 1 > end) {
      this.compress(block, 0)
      block.fill(0)
    }
    const view = new DataView(block.buffer)
    view.setUint32(end, Math.floor(lengthBits / 2 ** 32))
    view.setUint32(end + 4, lengthBits >>> 0)
    this.compress(block, 0)
    const digest = new Uint8Array(32)
    const out = new DataView(digest.buffer)
    this.state.forEach((word, i) => {
      out.setInt32(4 * i, word)
    })
    return digest
  }

  private compress(bytes: Uint8Array, start: number): void {
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
