import { expect, test } from 'vitest'
import { measureNotafs, notafsTable } from './notafs.js'

test('every row is measured; peers that are not installed are named', async () => {
  const result = await measureNotafs({ names: 20, commits: 8, batch: 50, large: 2 })
  const own = result.rows.filter(({ store }) => store.startsWith('notafs'))
  expect(own.length).toBe(3 + 3 + 2 + 1 + 2)
  for (const { value } of result.rows) expect(value).toBeGreaterThan(0)
  const table = notafsTable(result)
  for (const name of result.missing) expect(table).toContain(`not measured: ${name}`)
}, 120_000)
