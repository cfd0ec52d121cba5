/**
 * BlockHasher: what SHA-1 and SHA-256 have in common: blocks of 64 bytes, and what stands behind the
 * last byte.
 *
 * Source: FIPS 180-4, sections 5.1.1, 5.2.1.
 */

import type { Hasher } from './hash.js'

const BLOCK_SIZE_BYTES = 64
const LENGTH_SIZE_BYTES = 8

export abstract class BlockHasher implements Hasher {
  private readonly block = new Uint8Array(BLOCK_SIZE_BYTES)
  private filled = 0
  private lengthBytes = 0

  /** @param state the initial one; when all has been compressed, the digest. */
  constructor(protected readonly state: Int32Array) {}

  /** Takes one block, from `start` on, into the state. */
  protected abstract compress(bytes: Uint8Array, start: number): void

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
    const { block, filled, state } = this
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
    const digest = new Uint8Array(4 * state.length)
    const out = new DataView(digest.buffer)
    state.forEach((word, i) => {
      out.setInt32(4 * i, word)
    })
    return digest
  }
}
