/**
 * Adler-32: the checksum behind a zlib stream.
 *
 * Source: RFC 1950, section 8.2.
 */

const MODULUS = 65_521
/** Bytes that can be summed before the sums leave 32 bits: zlib's NMAX, cut to a multiple of 8. */
const RUN_BYTES = 5552

/** Goes on from `adler` (1 to begin with) over `bytes[start..end)`. */
export function adler32(adler: number, bytes: Uint8Array, start: number, end: number): number {
  let low = adler & 0xffff
  let high = adler >>> 16
  for (let at = start; at < end; ) {
    const stop = Math.min(at + RUN_BYTES, end)
    for (; at + 4 <= stop; at += 4) {
      low += bytes[at] as number
      high += low
      low += bytes[at + 1] as number
      high += low
      low += bytes[at + 2] as number
      high += low
      low += bytes[at + 3] as number
      high += low
    }
    for (; at < stop; at++) {
      low += bytes[at] as number
      high += low
    }
    low %= MODULUS
    high %= MODULUS
  }
  return ((high << 16) | low) >>> 0
}
