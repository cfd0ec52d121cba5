/**
 * The story: a device is full, a change fails half way, and what it was to replace is gone; or
 * nothing can be removed any more, because removing needs a block. Every kind of operation is tried
 * with every number of free blocks.
 */

import { nextTurn, type Operation, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { KIND_NAMES, place, places } from './crash-kinds.js'
import { type FullCounts, tryStoryWithoutSpace, tryWithoutSpace } from './disk-full-run.js'

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

  // The list got the new directory, the tree had no room for it, and it stayed on the list.
  it.each([0, 15])('a new directory among many names, before number %i', (index) => {
    const name = (i: number) => `/dir/${String(i).padStart(3, '0')}-${'n'.repeat(20)}`
    const preparation: Operation[] = [{ do: 'mkdir', path: '/dir' }]
    for (let i = 0; i < 24; i++) {
      preparation.push({
        do: 'writeFile',
        path: name(2 * i + 1),
        content: { seed: i, size: i % 9 },
      })
    }
    for (const blockCycles of [1, -1]) {
      const { setup } = place(256, 16, { blockCycles })
      const made: Operation[] = [{ do: 'mkdir', path: name(2 * index) }]
      expect(tryStoryWithoutSpace(preparation, made, setup, counts)).toBeUndefined()
    }
  })

  it('some were refused, most were done', () => {
    expect(counts.refused).toBeGreaterThan(0)
    expect(counts.tried).toBeGreaterThan(counts.refused)
  })
})
