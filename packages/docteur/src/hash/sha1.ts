/**
 * SHA-1 in plain JavaScript, for platforms whose own is not handed in.
 *
 * Source: FIPS 180-4, sections 4.1.1, 4.2.1, 5.1.1, 5.3.1, 6.1.
 */

import type { Hasher, HashFunction } from '@caravan/core'

const BLOCK_SIZE_BYTES = 64
const LENGTH_SIZE_BYTES = 8

export const sha1: HashFunction = () => new Sha1()

/** The message schedule: used within one call only. */
const SCHEDULE = new Int32Array(80)

class Sha1 implements Hasher {
  private readonly state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
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
    const digest = new Uint8Array(20)
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
    for (let i = 16; i < 80; i++) {
      const x =
        (w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number)
      w[i] = (x << 1) | (x >>> 31)
    }
    let a = state[0] as number
    let b = state[1] as number
    let c = state[2] as number
    let d = state[3] as number
    let e = state[4] as number
    for (let i = 0; i < 80; i++) {
      const mixed =
        i < 20
          ? ((b & c) | (~b & d)) + 0x5a827999
          : i < 40
            ? (b ^ c ^ d) + 0x6ed9eba1
            : i < 60
              ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
              : (b ^ c ^ d) + 0xca62c1d6
      const next = (((a << 5) | (a >>> 27)) + mixed + e + (w[i] as number)) | 0
      e = d
      d = c
      c = (b << 30) | (b >>> 2)
      b = a
      a = next
    }
    state[0] = ((state[0] as number) + a) | 0
    state[1] = ((state[1] as number) + b) | 0
    state[2] = ((state[2] as number) + c) | 0
    state[3] = ((state[3] as number) + d) | 0
    state[4] = ((state[4] as number) + e) | 0
  }
}
