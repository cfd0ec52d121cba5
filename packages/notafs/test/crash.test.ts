import { seedFromEnvironment } from '@caravan/testkit'
import { expect, test } from 'vitest'
import { crashLife } from './crash-run.js'
test('lives', () => {
  const { seed, runs } = seedFromEnvironment(10)
  let n = 0
  for (let i = 0; i < runs; i++) n += crashLife(seed + i)
  console.log('judged', n)
  expect(n).toBeGreaterThan(0)
}, 300_000)
