/** `npm run bench-key-value [-- KEYS...]`: dictionaries of these sizes. */

import { keyValueTable, measureKeyValue } from './key-value.js'

const sizes = process.argv.slice(2).map(Number)
const rows = measureKeyValue(sizes.length > 0 ? sizes : [100, 1000, 10_000, 100_000])
console.log(keyValueTable(rows))
