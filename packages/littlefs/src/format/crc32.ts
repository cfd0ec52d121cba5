/**
 * The CRC-32 of littlefs: polynomial 0x04c11db7, reflected, no final inversion; a log starts from
 * {@link CRC_INITIAL}.
 *
 * States are signed 32-bit numbers (`| 0`), the form in which JavaScript computes them.
 *
 * Source: littlefs SPEC.md, "CRC".
 */

/** Goes on from state `crc` over `bytes[start..end)`. */
export type Crc32 = (crc: number, bytes: Uint8Array, start: number, end: number) => number

export const CRC_INITIAL = -1

const POLYNOMIAL = 0xedb88320

/** Slicing by 8: `TABLES[k << 8 | b]` is byte `b` followed by `k` zero bytes. */
const TABLES = makeTables()

function makeTables(): Int32Array {
  const tables = new Int32Array(8 << 8)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number)
  }
  return tables
}

/** The portable default. */
export const crc32: Crc32 = (crc, bytes, start, end) => {
  const t = TABLES
  let c = crc
  let i = start
  for (; i + 8 <= end; i += 8) {
    const low =
      c ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24))
    c =
      (t[0x700 | (low & 0xff)] as number) ^
      (t[0x600 | ((low >>> 8) & 0xff)] as number) ^
      (t[0x500 | ((low >>> 16) & 0xff)] as number) ^
      (t[0x400 | (low >>> 24)] as number) ^
      (t[0x300 | (bytes[i + 4] as number)] as number) ^
      (t[0x200 | (bytes[i + 5] as number)] as number) ^
      (t[0x100 | (bytes[i + 6] as number)] as number) ^
      (t[bytes[i + 7] as number] as number)
  }
  for (; i < end; i++) c = (c >>> 8) ^ (t[(c ^ (bytes[i] as number)) & 0xff] as number)
  return c
}
