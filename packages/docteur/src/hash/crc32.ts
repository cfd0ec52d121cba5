/**
 * CRC-32 as zlib computes it (reflected, polynomial 0xEDB88320), for the IDX.
 *
 * Source: RFC 1952, section 8.
 */

/** Goes on from `crc` (0 to begin with) over `bytes`: `zlib.crc32` with its arguments turned round. */
export type Crc32 = (crc: number, bytes: Uint8Array) => number

const TABLE = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let word = byte
  for (let bit = 0; bit < 8; bit++) word = (word >>> 1) ^ ((word & 1) === 1 ? 0xedb88320 : 0)
  TABLE[byte] = word
}

/** {@link Crc32} in plain JavaScript. */
export const crc32: Crc32 = (crc, bytes) => {
  let word = ~crc
  for (let i = 0; i < bytes.length; i++) {
    word = (word >>> 8) ^ (TABLE[(word ^ (bytes[i] as number)) & 0xff] as number)
  }
  return ~word >>> 0
}
