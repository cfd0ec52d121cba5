/** All groups of rows, in the order of the tables. */

import { fsRows } from './fs-rows.js'
import { keyValueRows } from './key-value-rows.js'
import { growthRows, littlefsRows } from './littlefs-rows.js'
import { isSameRow, type Row, type RowKey } from './row.js'

/** By name: what `--group` takes. */
export const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  littlefs: littlefsRows,
  growth: growthRows,
  fs: fsRows,
  'key-value': keyValueRows,
}

/** @throws RangeError where there is none. */
export function findRow(key: RowKey): Row {
  for (const rows of Object.values(GROUPS)) {
    const found = rows.find((row) => isSameRow(row, key))
    if (found !== undefined) return found
  }
  throw new RangeError(`There is no row '${key.name}' of ${key.subject} ${key.configuration}.`)
}
