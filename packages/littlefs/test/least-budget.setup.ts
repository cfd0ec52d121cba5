/**
 * Mounts with as little memory for caches as can be, for all tests of a run that say nothing else:
 * `CARAVAN_MEMORY_BUDGET=0 npm test -- packages/littlefs`.
 */

import { vi } from 'vitest'

vi.mock(import('../src/mount.js'), async (importOriginal) => {
  const original = await importOriginal()
  const memoryBudget = Number(process.env.CARAVAN_MEMORY_BUDGET)
  return {
    ...original,
    mountVolume: (geometry, options, times) =>
      original.mountVolume(geometry, { memoryBudget, ...options }, times),
  }
})
