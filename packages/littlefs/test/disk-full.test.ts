/**
 * The story: a device is full, a change fails half way, and what it was to replace is gone; or
 * nothing can be removed any more, because removing needs a block. Every kind of operation is tried
 * with every number of free blocks.
 */

import { Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { KIND_NAMES, place, places } from './crash-kinds.js'
import { type FullCounts, tryWithoutSpace } from './disk-full-run.js'
import { nextTurn } from './next-turn.js'

describe('with 0, 1, 2... free blocks: done, or refused and nothing changed', () => {
  const { seed, runs } = seedFromEnvironment(1)
  const counts: FullCounts = { tried: 0, refused: 0 }

  it.each(KIND_NAMES)('%s', { timeout: 600_000 }, async (name) => {
    const random = new Random(seed)
    const small = places().filter(({ setup }) => setup.blockSize <= 4096)
    const drawn = Array.from({ length: runs }, () => random.pick(small))
    const usual = [1, -1].map((blockCycles) => place(512, 16, { blockCycles }))
    for (const each of [...usual, ...drawn]) {
      await nextTurn()
      const wrong = tryWithoutSpace(name, each, counts)
      expect(wrong, JSON.stringify(each.setup)).toBeUndefined()
    }
  })

  it('some were refused, most were done', () => {
    expect(counts.refused).toBeGreaterThan(0)
    expect(counts.tried).toBeGreaterThan(counts.refused)
  })
})
