import { expect, test } from 'vitest'
import { type GitTreeRow, gitTreeTable } from './git-trees.js'

test('the table has a line a row, with its ratios', () => {
  const rows: GitTreeRow[] = [
    { repository: 'r', work: 'w', warmMs: 3, coldMs: 6, gitMs: 2, otherMs: { archive: 5 } },
    { repository: 'r', work: 'x', warmMs: 3, coldMs: 6, gitMs: 4, otherMs: {} },
  ]
  const table = gitTreeTable(rows, [{ repository: 'r', startedBytes: 45e6, readBytes: 96e6 }])
  expect(table).toMatch(
    /^w, r +2\.00 ms +3\.00 ms +1\.50 x +6\.00 ms +3\.00 x {2}archive 5\.00 ms$/m,
  )
  expect(table).toMatch(/^x, r +4\.00 ms +3\.00 ms +0\.75 x +6\.00 ms +1\.50 x$/m)
  expect(table).toMatch(/read once, r: the process 96 MB at its largest, 45 MB before/)
})
