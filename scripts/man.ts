/**
 * `npm run man`: writes the pages of the manual, packages/cli/man/, and their names into the manifest of
 * the package. Every build writes the pages (`--pages`).
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { manualPages } from '@caravan/cli'

const folder = join(fileURLToPath(import.meta.url), '../../../packages/cli')
const pages = manualPages()

mkdirSync(join(folder, 'man'), { recursive: true })
for (const name of readdirSync(join(folder, 'man'))) {
  if (!pages.some((page) => page.name === name)) rmSync(join(folder, 'man', name))
}
for (const { name, text } of pages) writeFileSync(join(folder, 'man', name), text)

if (!process.argv.includes('--pages')) {
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { man: string[] }
  manifest.man = pages.map(({ name }) => `./man/${name}`)
  writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`)
  console.log(`${pages.length} pages in packages/cli/man, and in the manifest`)
}
