/** `npm run bench-notafs [-- DIR]`: files in DIR. */

import { FULL_SIZES, measureNotafs, notafsTable } from './notafs.js'

const [dir] = process.argv.slice(2)
console.log(notafsTable(await measureNotafs(FULL_SIZES, dir)))
