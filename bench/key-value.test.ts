import { expect, test } from 'vitest'
import { keyValueTable, measureKeyValue } from './key-value.js'

test('every row is measured, beside the figure of chamelon', () => {
  const rows = measureKeyValue([100])
  expect(rows).toHaveLength(8)
  for (const { ms, chamelonMs } of rows) {
    expect(ms).toBeGreaterThan(0)
    expect(chamelonMs).toBeGreaterThan(0)
  }
  expect(keyValueTable(rows)).toMatch(/^dictionary digest +100 .* 31 ms +\d+ x$/m)
}, 60_000)
