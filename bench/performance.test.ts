import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { graph } from './graph.js'
import { graphs, page } from './performance.js'
import type { Reference } from './reference.js'
import type { Results, SpeedRow } from './report.js'

const reference = JSON.parse(
  readFileSync(new URL('./reference.json', import.meta.url), 'utf8'),
) as Reference

function row(name: string, median: number): SpeedRow {
  return {
    ...{ group: 'littlefs', name, subject: 'memory', configuration: 'B', unit: 'ops/s', median },
    ...{ slowest: median, fastest: median, repetitions: 5, memoryBytes: 0 },
    calibration: { copy: 1, crc: 1 },
    standing: { same: 1, better: 2, asked: 0.5 },
  }
}

function results(speed: readonly SpeedRow[]): Results {
  return { node: 'v20', processor: 'a processor', quick: false, speed, traffic: [] }
}

it('a graph has a line of its points, on logarithmic axes', () => {
  const points = [
    [1, 1],
    [10, 100],
    [100, 10],
  ] as const
  const svg = graph('title', 'x', 'y', [{ name: 'line', color: '#000', points }])
  // From the lower left, over the middle at the top, to half the height at the right.
  expect(svg).toContain('<path d="M70 310L280 40L490 175"')
})

it('what was measured of several sizes is drawn beside C', () => {
  const measured = [100, 1000, 10_000].map((size) => row(`stat each of ${size}`, size))
  const [drawn, ...others] = graphs(results(measured), reference)
  expect(others).toEqual([])
  expect(drawn?.[0]).toBe('stat')
  expect(drawn?.[1].match(/<path d="M[^"]*L[^"]*"/g)).toHaveLength(3)
})

it('the page has each row, before and now, and what is asked', () => {
  const now = results([row('create 1000 files', 2000)])
  const text = page(now, results([row('create 1000 files', 1000)]), reference)
  expect(text).toContain(
    '| create 1000 files | memory B | ops/s | 1,000 | 2,000 | 2,000 to 2,000 | 3,707 | 2.00 | 0.500 | 0.0 |',
  )
})

it('what was before is scaled by the calibration; what it lacked is told with the reason', () => {
  const now = results([row('create 1000 files', 2000), row('list 1000', 5)])
  const slowly = { ...row('create 1000 files', 300), calibration: { copy: 1, crc: 0.5 } }
  const missing = [
    { name: 'list 1000', subject: 'memory', configuration: 'B', reason: 'no such thing' },
  ]
  const text = page(now, { ...results([slowly]), commit: 'abc1234', missing }, reference)
  expect(text).toContain('| create 1000 files | memory B | ops/s | 600 | 2,000 |')
  expect(text).toContain('| list 1000 | memory B | ops/s |  | 5.00 |')
  expect(text).toContain('- list 1000, memory, B: `no such thing`')
  expect(text).toContain('git worktree add DIR abc1234')
  expect(page(now, undefined, reference)).not.toContain('Before')
})
