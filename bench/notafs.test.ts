import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { measureNotafs, notafsTable } from './notafs.js'

test('every row is measured; peers that are not installed are named', async () => {
  const sizes = { turns: 2, names: 20, commits: 8, batch: 50, large: 2 }
  const result = await measureNotafs(sizes, tmpdir())
  const own = result.rows.filter(({ store }) => store.startsWith('notafs'))
  // Commits, batch, gets of two sizes of pages; large values; appends and sets; names; mounts.
  expect(own.length).toBe(2 * 3 + 2 + 2 * 2 + 1 + 2)
  for (const { value } of result.rows) expect(value).toBeGreaterThan(0)
  const table = notafsTable(result)
  expect(table).toMatch(
    /^durable commits, 20 names +notafs, pages of 512 +\S+ +\/s +\S+ +\S+ of raw$/m,
  )
  for (const name of result.missing) expect(table).toContain(`not measured: ${name}`)
}, 120_000)
