/**
 * The story: the power fails while a volume is made smaller, and it comes up with a directory that the
 * list no longer leads to, a file whose middle is beyond the end, or a size that its pairs do not lie in.
 */

import { nextTurn, Random, seedFromEnvironment } from '@caravan/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import type { CrashCounts } from './crash-run.js'
import { drawNarrowSetup, drawSmallSetup } from './model-run.js'
import { cutCase, drawCase, type Rearrangement } from './sizes-run.js'

const { seed, runs } = seedFromEnvironment(1)
const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }

afterAll(() => {
  console.log(`${counts.states} states cut, ${counts.doubleCuts} of them again`)
})

describe('cut at every request the tree is whole, and once more finishes', () => {
  const wanted: readonly Rearrangement[] = ['shrink', 'defrag']
  it.each(wanted)('%s', { timeout: 1_200_000 }, async (what) => {
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = random.oneIn(3) ? drawNarrowSetup(random) : drawSmallSetup(random)
      const each = drawCase(random, setup, what, 6 + random.int(12))
      const wrong = cutCase(each, random, counts, { cutAgain: 10 })
      expect(wrong, `CARAVAN_SEED=${seed + run} ${JSON.stringify(setup)}`).toBeUndefined()
    }
  })
})
