import { expect, test } from 'vitest'
import { blocksPerCellFor, mapBlocks } from './block-map.js'

const use = (block: number, kind: 'metadata' | 'data', active = true) => {
  return { block, kind, active, path: '/' }
}

test('one block a cell', () => {
  const uses = [use(0, 'metadata'), use(1, 'metadata', false), use(3, 'data')]
  const { cells } = mapBlocks(uses, 4, 1)
  expect(cells.map(({ kind }) => kind)).toEqual(['active', 'other', 'free', 'data'])
})

test('of several blocks the one that matters most, whatever their order', () => {
  const uses = [use(0, 'data'), use(1, 'metadata', false), use(5, 'data'), use(9, 'metadata')]
  const { cells } = mapBlocks(uses, 10, 4)
  expect(cells).toEqual([
    { kind: 'other', usedCount: 2 },
    { kind: 'data', usedCount: 1 },
    { kind: 'active', usedCount: 1 },
  ])
})

test('as few blocks a cell as fit, by powers of two', () => {
  expect(blocksPerCellFor(80, 2048)).toBe(1)
  expect(blocksPerCellFor(2048, 2048)).toBe(1)
  expect(blocksPerCellFor(2049, 2048)).toBe(2)
  expect(blocksPerCellFor(2 ** 27, 2048)).toBe(65536)
  expect(blocksPerCellFor(0, 2048)).toBe(1)
})
