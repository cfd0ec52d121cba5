/** What the caches of a mount may take in memory between operations: docs/memory.md. */

import { MisuseError } from '@caravan/core'

const DEFAULT_BYTES = 64 * 1024 * 1024

/** Bytes. @throws MisuseError `INVALID_ARGUMENT` for what is no number of bytes. */
export function memoryBudgetOf({
  memoryBudget = DEFAULT_BYTES,
}: {
  readonly memoryBudget?: number
}): number {
  if (memoryBudget >= 0) return memoryBudget
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `memoryBudget is ${memoryBudget}: give a number of bytes, 0 for the least.`,
  )
}
