/**
 * ADLER-32 (RFC 1950, section 8): two sums modulo 65521.
 *
 * Four bytes are taken as one word, and two 16-bit lanes of it are summed at once: the lanes hold
 * the even and the odd bytes, and what each byte weighs in the second sum is made up for once a batch.
 */

const MODULUS = 65521
/** What no bytes sum to; the format's "initial value". */
export const ADLER32_INITIAL = 1

/** Words of a batch: the lane of a second sum is at most 255 * n(n+1)/2, which must fit 16 bits. */
const BATCH_WORDS = 20
const BATCH_BYTES = BATCH_WORDS * 4
const STEP_WORDS = 10
/** Of the bytes of a word, every second one. */
const LANES = 0x00ff00ff

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** @param sum that of the bytes before these. */
export function adler32(bytes: Uint8Array, sum: number = ADLER32_INITIAL): number {
  let first = sum & 0xffff
  let second = sum >>> 16
  let at = 0
  const { length } = bytes
  const isAligned = (bytes.byteOffset & 3) === 0
  if (IS_LITTLE_ENDIAN && isAligned && length >= BATCH_BYTES) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, length >>> 2)
    const batchedWords = words.length - (words.length % BATCH_WORDS)
    for (let word = 0; word < batchedWords; ) {
      let even = 0
      let odd = 0
      let evenSums = 0
      let oddSums = 0
      let value: number
      // One word a turn, the loop takes a third of the time.
      for (const end = word + BATCH_WORDS; word < end; word += STEP_WORDS) {
        value = words[word] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 1] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 2] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 3] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 4] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 5] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 6] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 7] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 8] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
        value = words[word + 9] as number
        even = (even + (value & LANES)) | 0
        odd = (odd + ((value >>> 8) & LANES)) | 0
        evenSums = (evenSums + even) | 0
        oddSums = (oddSums + odd) | 0
      }
      // Lanes hold bytes 0 and 2, 1 and 3 of each word: a byte k of a word weighs 4 for each word
      // from its own to the last, less k.
      const sum0 = even & 0xffff
      const sum2 = even >>> 16
      const sum1 = odd & 0xffff
      const sum3 = odd >>> 16
      const weights =
        4 * ((evenSums & 0xffff) + (evenSums >>> 16) + (oddSums & 0xffff) + (oddSums >>> 16)) -
        sum1 -
        2 * sum2 -
        3 * sum3
      second = (second + first * BATCH_BYTES + weights) % MODULUS
      first = (first + sum0 + sum1 + sum2 + sum3) % MODULUS
    }
    at = batchedWords * 4
  }
  while (at < length) {
    // 3,000 bytes keep both sums in 31 bits.
    const end = Math.min(at + 3000, length)
    for (; at < end; at++) {
      first += bytes[at] as number
      second += first
    }
    first %= MODULUS
    second %= MODULUS
  }
  return ((second << 16) | first) >>> 0
}
