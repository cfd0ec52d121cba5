/**
 * Which geometries littlefs can have. The original leaves this to the C library's assertions, which end
 * the process.
 */

import type { Arguments } from './arguments.js'

const BLOCK_SIZE_MIN_BYTES = 128

/** Why there is no littlefs of that geometry; `undefined` where there is one. */
export function geometryProblem(given: Arguments): string | undefined {
  return cacheProblem(given) ?? blockProblem(given) ?? sizeProblem(given)
}

/** What the caches alone cannot be, whatever the block size. */
export function cacheProblem({ read, memory, prefetch, erase }: Arguments): string | undefined {
  for (const [option, value] of Object.entries({ '-r': read, '-m': memory, '-t': prefetch })) {
    if (value <= 0) return `${option} is ${value}, and must be at least 1`
  }
  if (memory % read !== 0) {
    return `the cache (-m) of ${memory} bytes is no multiple of the read size (-r) of ${read}`
  }
  if (erase === 0) return '-e is 0: give a number of erase cycles, or -1 for blocks that never move'
  return undefined
}

function blockProblem({ block, memory }: Arguments): string | undefined {
  if (block < BLOCK_SIZE_MIN_BYTES) {
    return `the block size (-b) is ${block} bytes, and must be at least ${BLOCK_SIZE_MIN_BYTES}`
  }
  if (block % memory !== 0) {
    return `the block size (-b) of ${block} bytes is no multiple of the cache (-m) of ${memory}`
  }
  return undefined
}

function sizeProblem({ action, size, block }: Arguments): string | undefined {
  if (size < 0) return `-s is ${size}, and must be a number of bytes`
  if (action === 'create' && size < 2 * block) {
    return `littlefs needs at least 2 blocks, and ${size} bytes (-s) are ${Math.floor(size / block)} of ${block} (-b)`
  }
  return undefined
}
