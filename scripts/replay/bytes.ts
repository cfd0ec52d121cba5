/** The bytes that recorded operations write: a generator that anyone can rebuild from a seed. */

/**
 * `length` bytes of xorshift32, one step a byte; a write starts again from its seed, and seed 0
 * gives zeros.
 */
export function generateBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed >>> 0
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state & 0xff
  }
  return bytes
}
