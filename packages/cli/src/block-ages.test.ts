import { expect, test } from 'vitest'
import { ageClassOf, BlockAges } from './block-ages.js'

const use = (block: number, look = 'data') => ({ block, look, path: undefined, json: {} })

test('a block is as old as its bytes and its use', () => {
  const ages = new BlockAges()
  const sums = [1, 2, 3, 4]
  const agesOf = (uses: ReturnType<typeof use>[]) =>
    ages.advance(uses, 4, (block) => sums[block] ?? 0).map(({ age }) => age)
  const old = Number.POSITIVE_INFINITY
  expect(agesOf([use(0), use(1)])).toEqual([old, old, old, old])
  sums[1] = 9
  expect(agesOf([use(0), use(1)])).toEqual([old, 0, old, old])
  // What nobody uses may hold anything.
  sums[3] = 9
  expect(agesOf([use(0, 'metadata'), use(1)])).toEqual([0, 1, old, old])
  expect(agesOf([use(0, 'metadata'), use(2)])).toEqual([1, 0, 0, old])
  expect(ages.advance([use(2)], 4, () => 3)[0]).toEqual({ look: 'free', age: 0 })
})

test('the classes of age', () => {
  expect([0, 1, 6, 7, Number.POSITIVE_INFINITY].map(ageClassOf)).toEqual([
    'new',
    'recent',
    'recent',
    'old',
    'old',
  ])
})
