import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinPages, pagesOf, ReadAhead } from './plan.js'

const span = (block: number, offset: number, length: number) => ({
  block,
  offset,
  bytes: new Uint8Array(length),
})

test('the pages of spans, each once', () => {
  const spans = [span(3, 10, 5), span(0, 0, 1), span(0, 99, 2), span(2, 0, 0), span(1, 0, 100)]
  expect(pagesOf(spans, 100, 64)).toEqual([0, 1, 2, 3, 4])
  expect(pagesOf([span(2, 0, 0)], 100, 64)).toEqual([])
  expect(pagesOf([span(0, 63, 1), span(0, 64, 1)], 1000, 64)).toEqual([0, 1])
})

test('runs are joined over gaps, and cut where they are long', () => {
  const limits = { gapMax: 2, countMax: 5 }
  expect(joinPages([1, 2, 5, 9], limits)).toEqual([
    { first: 1, count: 5 },
    { first: 9, count: 1 },
  ])
  expect(joinPages([0, 1, 2, 3, 4, 5, 6], limits)).toEqual([
    { first: 0, count: 5 },
    { first: 5, count: 2 },
  ])
  expect(joinPages([], limits)).toEqual([])
})

test('runs hold every page once, in order, within the limits', () => {
  const pages = fc.uniqueArray(fc.nat(300), { maxLength: 60 })
  fc.assert(
    fc.property(pages, fc.nat(10), fc.integer({ min: 1, max: 20 }), (found, gapMax, countMax) => {
      const sorted = found.sort((a, b) => a - b)
      const runs = joinPages(sorted, { gapMax, countMax })
      const held = runs.flatMap(({ first, count }) =>
        Array.from({ length: count }, (_, i) => first + i),
      )
      expect(new Set(held).size).toBe(held.length)
      expect(held).toEqual([...held].sort((a, b) => a - b))
      for (const page of sorted) expect(held).toContain(page)
      for (const { first, count } of runs) {
        expect(count).toBeLessThanOrEqual(countMax)
        expect(sorted).toContain(first)
        expect(sorted).toContain(first + count - 1)
      }
    }),
  )
})

test('who goes on is read ahead for, twice as far each time; who jumps is not', () => {
  const ahead = new ReadAhead(8)
  expect(ahead.after(5, 5)).toBe(0)
  expect(ahead.after(6, 6)).toBe(1)
  expect(ahead.after(8, 8)).toBe(2)
  expect(ahead.after(11, 11)).toBe(4)
  expect(ahead.after(16, 20)).toBe(8)
  expect(ahead.after(29, 29)).toBe(8)
  expect(ahead.after(3, 3)).toBe(0)
  expect(ahead.after(4, 4)).toBe(1)
})
