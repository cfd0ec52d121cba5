import { seedFromEnvironment } from '@caravan/testkit'
import { expect, test } from 'vitest'
import { hostileCase } from './hostile-run.js'

test('damaged disks: an answer or an error of ours, and some of them mount', () => {
  const { seed, runs } = seedFromEnvironment(150)
  const outcomes = Array.from({ length: runs }, (_, i) => hostileCase(seed + i))
  expect(outcomes.filter(({ isMounted }) => isMounted).length).toBeGreaterThan(runs / 4)
  expect(outcomes.filter(({ errorCount }) => errorCount > 0).length).toBeGreaterThan(runs / 4)
}, 120_000)

// A leaf of fewer bytes than the branch above it says was overwritten beyond its end.
test.each([1093050679])('seed %i, which once ended in an error of nobody', (seed) => {
  expect(hostileCase(seed)).toMatchObject({ isMounted: true })
})
