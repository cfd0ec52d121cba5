import { expect, test } from 'vitest'
import { PageCache } from './page-cache.js'

const bytes = (length: number) => new Uint8Array(length)
const kept = (cache: PageCache) => [0, 1, 2, 3, 4].filter((page) => cache.has(page))

test('the least recently used page leaves first', () => {
  const cache = new PageCache(30)
  for (const page of [0, 1, 2]) cache.put(page, bytes(10))
  expect(kept(cache)).toEqual([0, 1, 2])
  expect(cache.get(0)).toHaveLength(10)
  cache.put(3, bytes(10))
  expect(kept(cache)).toEqual([0, 2, 3])
  cache.put(4, bytes(15))
  expect(kept(cache)).toEqual([3, 4])
  expect(cache.get(1)).toBeUndefined()
})

test('a page put again is counted once; one beyond the budget is not kept', () => {
  const cache = new PageCache(30)
  for (let i = 0; i < 5; i++) cache.put(0, bytes(20))
  cache.put(1, bytes(10))
  expect(kept(cache)).toEqual([0, 1])
  cache.put(2, bytes(31))
  expect(kept(cache)).toEqual([])
  cache.put(3, bytes(30))
  expect(kept(cache)).toEqual([3])
  cache.clear()
  cache.put(4, bytes(30))
  expect(kept(cache)).toEqual([4])
})
