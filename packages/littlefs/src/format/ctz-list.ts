/**
 * CTZ skip-list: the blocks of a file that is not inline.
 *
 * Block 0 holds data alone. Block `n` begins with `ctz(n) + 1` pointers (ctz: trailing zero bits of
 * n), pointer `k` leading to block `n - 2^k`, then data. The directory entry holds the *last* block
 * and the size, so appending rewrites nothing, and any block is found in O(log n) steps back.
 *
 * Source: littlefs SPEC.md, "0x202 LFS_TYPE_CTZSTRUCT"; DESIGN.md, "CTZ skip-lists".
 */

export const POINTER_SIZE_BYTES = 4

/** Trailing zero bits of a positive 32-bit number. */
function countTrailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value)
}

function popcount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}

/** Pointers at the start of the block of that index. */
export function pointerCount(index: number): number {
  return index === 0 ? 0 : countTrailingZeros(index) + 1
}

/** Bytes of the block of that index before its data. */
export function dataOffset(index: number): number {
  return POINTER_SIZE_BYTES * pointerCount(index)
}

/** The file position of the first data byte of the block of that index. */
export function dataStart(index: number, blockSizeBytes: number): number {
  if (index === 0) return 0
  // Blocks 1..m hold 2m - popcount(m) pointers together.
  const before = index - 1
  return index * blockSizeBytes - POINTER_SIZE_BYTES * (2 * before - popcount(before))
}

/** The index of the block that holds the byte at `position`. */
export function blockIndexAt(position: number, blockSizeBytes: number): number {
  // A block loses less than two pointers on average, so this guess is never too low.
  let index = Math.floor(position / (blockSizeBytes - 2 * POINTER_SIZE_BYTES))
  while (dataStart(index, blockSizeBytes) > position) index--
  return index
}

/** Blocks of a file of that size. */
export function blockCountOf(sizeBytes: number, blockSizeBytes: number): number {
  return sizeBytes === 0 ? 0 : blockIndexAt(sizeBytes - 1, blockSizeBytes) + 1
}
