/**
 * `npm run performance -- NOW.json [BEFORE.json]`: docs/performance.md and its graphs, from what
 * `npm run bench -- --json` wrote. Exits 2 on wrong use.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { graphs, page } from './performance.js'
import type { Reference } from './reference.js'
import type { Results } from './report.js'

const [now, before] = process.argv.slice(2)
if (now === undefined) {
  console.error('usage: npm run performance -- NOW.json [BEFORE.json]')
  process.exit(2)
}
const read = <T>(path: string | URL) => JSON.parse(readFileSync(path, 'utf8')) as T
const reference = read<Reference>(new URL('../reference.json', import.meta.url))
const results = read<Results>(now)
const docs = fileURLToPath(new URL('../../docs/', import.meta.url))
mkdirSync(`${docs}performance`, { recursive: true })
for (const [name, svg] of graphs(results, reference)) {
  writeFileSync(`${docs}performance/${name}.svg`, svg)
}
const old = before === undefined ? undefined : read<Results>(before)
writeFileSync(`${docs}performance.md`, page(results, old, reference))
