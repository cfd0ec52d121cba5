import { expect, test } from 'vitest'
import { blocksPerCellFor, mapBlocks } from './block-map.js'

const LOOKS = ['active', 'other', 'data']

const use = (block: number, look: string) => ({ block, look, path: '/', json: {} })

test('one block a cell', () => {
  const uses = [use(0, 'active'), use(1, 'other'), use(3, 'data')]
  const { cells } = mapBlocks({ uses, blockCount: 4 }, LOOKS, 1)
  expect(cells.map(({ look }) => look)).toEqual(['active', 'other', 'free', 'data'])
})

test('of several blocks the one that matters most, whatever their order', () => {
  const uses = [use(0, 'data'), use(1, 'other'), use(5, 'data'), use(9, 'active')]
  const { cells } = mapBlocks({ uses, blockCount: 10 }, LOOKS, 4)
  expect(cells).toEqual([
    { look: 'other', usedCount: 2, age: Number.POSITIVE_INFINITY },
    { look: 'data', usedCount: 1, age: Number.POSITIVE_INFINITY },
    { look: 'active', usedCount: 1, age: Number.POSITIVE_INFINITY },
  ])
})

test('as few blocks a cell as fit, by powers of two', () => {
  expect(blocksPerCellFor(80, 2048)).toBe(1)
  expect(blocksPerCellFor(2048, 2048)).toBe(1)
  expect(blocksPerCellFor(2049, 2048)).toBe(2)
  expect(blocksPerCellFor(2 ** 27, 2048)).toBe(65536)
  expect(blocksPerCellFor(0, 2048)).toBe(1)
})
