/** Little-endian 32-bit words: all numbers of littlefs but its tags. */

export function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** The words of `bytes[at..at + 4 * count)`; what lies beyond `length` reads as zero. */
export function readWords(bytes: Uint8Array, at: number, length: number, count: number): number[] {
  const padded = new Uint8Array(4 * count)
  padded.set(bytes.subarray(at, at + Math.min(length, padded.length)))
  return Array.from({ length: count }, (_, i) => readWord(padded, 4 * i))
}
