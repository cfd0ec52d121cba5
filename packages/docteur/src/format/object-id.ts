/** Object ids: the hash of an object, as raw bytes on disk and in hexadecimal for people. */

/** The two hash functions that git repositories have, by the length of their ids in bytes. */
export type IdSize = 20 | 32

export function idToHex(bytes: Uint8Array, start = 0, size = bytes.length - start): string {
  // In one call: a concatenation byte by byte leaves a string behind for each.
  const digits: number[] = []
  for (let i = start; i < start + size; i++) {
    const byte = bytes[i] as number
    digits.push(HEX.charCodeAt(byte >> 4), HEX.charCodeAt(byte & 15))
  }
  return String.fromCharCode(...digits)
}

const HEX = '0123456789abcdef'

/** `undefined` where it is no whole id in hexadecimal. */
export function hexToId(hex: string, size: IdSize): Uint8Array | undefined {
  if (hex.length !== 2 * size || !/^[0-9a-f]*$/i.test(hex)) return undefined
  return Uint8Array.from({ length: size }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  )
}

/** Negative where the id at `aStart` sorts before the one at `bStart`. */
export function compareIds(
  a: Uint8Array,
  aStart: number,
  b: Uint8Array,
  bStart: number,
  size: number,
): number {
  for (let i = 0; i < size; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
