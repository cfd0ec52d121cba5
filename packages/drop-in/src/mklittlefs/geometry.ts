/**
 * Which geometries littlefs can have. The original leaves this to the C library's assertions, which end
 * the process, in this order.
 */

import type { Arguments } from './arguments.js'

const BLOCK_SIZE_MIN_BYTES = 128

/** Why there is no littlefs of that geometry; `undefined` where there is one. */
export function geometryProblem(
  { read, memory, block, erase, prefetch, size, action }: Arguments,
  blockSize = block,
): string | undefined {
  const sizes = { '-r': read, '-m': memory, '-b': blockSize, '-t': prefetch } as const
  for (const [option, value] of Object.entries(sizes)) {
    if (value <= 0) return `${option} is ${value}, and must be at least 1`
  }
  if (memory % read !== 0) {
    return `the cache (-m) of ${memory} bytes is no multiple of the read size (-r) of ${read}`
  }
  if (blockSize % memory !== 0) {
    return `the block size (-b) of ${blockSize} bytes is no multiple of the cache (-m) of ${memory}`
  }
  if (blockSize < BLOCK_SIZE_MIN_BYTES) {
    return `the block size (-b) is ${blockSize} bytes, and must be at least ${BLOCK_SIZE_MIN_BYTES}`
  }
  if (erase === 0) return '-e is 0: give a number of erase cycles, or -1 for blocks that never move'
  if (size < 0) return `-s is ${size}, and must be a number of bytes`
  if (action === 'create' && size < 2 * blockSize) {
    return `littlefs needs at least 2 blocks, and ${size} bytes (-s) are ${Math.floor(size / blockSize)} of ${blockSize} (-b)`
  }
  return undefined
}
