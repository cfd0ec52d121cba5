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

/** The byte that everything from `at` on is made of; `undefined` where that is not one, or nothing. */
export function uniformByte(bytes: Uint8Array, at: number): number | undefined {
  const byte = bytes[at]
  if (byte === undefined) return undefined
  const begin = bytes.byteOffset + at
  // By words from the first whole one on: what is erased is most of a block.
  const lead = Math.min(bytes.length, at + (-begin & 3))
  for (let i = at; i < lead; i++) if (bytes[i] !== byte) return undefined
  if (lead === bytes.length) return byte
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + lead, (bytes.length - lead) >>> 2)
  const word = (byte * 0x01010101) | 0
  for (let i = 0; i < words.length; i++) if (words[i] !== word) return undefined
  for (let i = lead + 4 * words.length; i < bytes.length; i++) {
    if (bytes[i] !== byte) return undefined
  }
  return byte
}
