/**
 * The story behind it: at a power cut the newest generation's leaf was there, and a page under it was
 * not. The disk mounted, and showed half of a transaction; or the page was filled by the next commit,
 * and a transaction that had been seen not to happen came back.
 */

import { seedFromEnvironment } from '@caravan/testkit'
import { expect, test } from 'vitest'
import { crashLife } from './crash-run.js'

test('random lives, cut at every request and cut again: the last durable state or a later one', () => {
  const { seed, runs } = seedFromEnvironment(3)
  let judged = 0
  for (let i = 0; i < runs; i++) judged += crashLife(seed + i, { secondCuts: 1 })
  expect(judged).toBeGreaterThan(runs * 10)
}, 600_000)

test('the same on a disk that is full', () => {
  const { seed, runs } = seedFromEnvironment(2)
  let judged = 0
  for (let i = 0; i < runs; i++) {
    judged += crashLife(seed + i, { fills: true, changes: 6, secondCuts: 1 })
  }
  expect(judged).toBeGreaterThan(runs * 8)
}, 600_000)
