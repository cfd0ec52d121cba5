/**
 * The story behind it: at a power cut the newest generation's leaf was there, and a page under it was
 * not. The disk mounted, and showed half of a transaction; or the page was filled by the next commit,
 * and a transaction that had been seen not to happen came back.
 */

import { nextTurn, seedFromEnvironment } from '@caravan/testkit'
import { expect, test } from 'vitest'
import { crashLife, type LifeOptions } from './crash-run.js'

const LIVES: readonly (readonly [what: string, runs: number, options: LifeOptions])[] = [
  ['random lives, cut at every request and cut again', 3, { secondCuts: 1 }],
  ['the same on a disk that is full', 2, { fills: true, changes: 6, secondCuts: 1 }],
  [
    'one change, every unit torn, every subset of few',
    2,
    { changes: 1, thorough: true, secondCuts: 0 },
  ],
]

test.each(LIVES)(
  '%s: the last durable state or a later one',
  async (_, count, options) => {
    const { seed, runs } = seedFromEnvironment(count)
    let judged = 0
    for (let i = 0; i < runs; i++) {
      await nextTurn()
      judged += crashLife(seed + i, options).states
    }
    expect(judged).toBeGreaterThan(runs * 8)
  },
  600_000,
)
