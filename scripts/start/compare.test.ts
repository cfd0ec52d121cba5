import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { compareTrees, hashOf, readTree } from './compare.js'

const work = mkdtempSync(join(tmpdir(), 'caravan-compare-'))
afterAll(() => rmSync(work, { recursive: true }))

it('reads a tree', () => {
  mkdirSync(join(work, 'a', 'b'), { recursive: true })
  writeFileSync(join(work, 'a', 'f'), 'text')
  const expected = new Map([
    ['a', null],
    ['a/b', null],
    ['a/f', hashOf(Buffer.from('text'))],
  ])
  expect(readTree(work)).toEqual(expected)
  expect(compareTrees(readTree(work), expected)).toEqual([])
})

it('finds each difference', () => {
  const expected = new Map([
    ['same', 'x'],
    ['changed', 'x'],
    ['missing', 'x'],
    ['type', null],
  ])
  const found = new Map([
    ['same', 'x'],
    ['changed', 'y'],
    ['type', 'x'],
    ['more', null],
  ])
  expect(compareTrees(expected, found)).toEqual([
    'changed has another content',
    'missing is missing',
    'type has another content',
    'more should not be there',
  ])
})
