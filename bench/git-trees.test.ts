import { expect, test } from 'vitest'
import { type GitTreeRow, gitTreeTable } from './git-trees.js'

test('the table has a line a row, with its ratio', () => {
  const rows: GitTreeRow[] = [
    { repository: 'r', work: 'w', ms: 3, gitMs: 2, otherMs: { archive: 5 } },
    { repository: 'r', work: 'x', ms: 3, gitMs: undefined, otherMs: {} },
  ]
  const table = gitTreeTable(rows, [
    { repository: 'r', addedBytes: 2 ** 21, processBytes: 2 ** 26 },
  ])
  expect(table).toMatch(/^w, r +3\.00 ms +2\.00 ms +1\.50 {2}archive 5\.00 ms$/m)
  expect(table).toMatch(/^x, r +3\.00 ms$/m)
  expect(table).toMatch(/2 MiB of heap and buffers; the process 64 MiB/)
})
