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

/**
 * The word of index `i` of data that begins at `at` and has `length` bytes; what lies beyond its end
 * reads as zero, as the reference has it.
 */
export function readDataWord(bytes: Uint8Array, at: number, length: number, i: number): number {
  const start = 4 * i
  if (start + 4 <= length) return readWord(bytes, at + start)
  let word = 0
  for (let k = 0; k < 4 && start + k < length; k++) {
    word |= (bytes[at + start + k] as number) << (8 * k)
  }
  return word >>> 0
}
