import { expect, test } from 'vitest'
import { keyValueTable, measureKeyValue } from './key-value.js'

test('every row is measured, beside the figure of chamelon', () => {
  const rows = measureKeyValue([100])
  expect(rows).toHaveLength(8)
  // Far from what is claimed, since a test may run beside others: the table is for the figures.
  for (const { ms, chamelonMs } of rows) expect(ms).toBeLessThan((chamelonMs as number) / 3)
  expect(keyValueTable(rows)).toMatch(/^dictionary digest +100 .* 31 ms +\d+ x$/m)
}, 60_000)
