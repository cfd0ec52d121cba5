/** `npm run package-sizes`: lists the sizes of all packages, as they would be published, in docs/dependencies.md. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { neededOfRegistry, pack, packPublished } from './packages/packed.js'
import { sizesOf, withSizes } from './packages/sizes.js'

const root = join(fileURLToPath(import.meta.url), '../../..')
const page = join(root, 'docs', 'dependencies.md')
const folder = mkdtempSync(join(tmpdir(), 'caravan-sizes-'))
try {
  const own = await packPublished(root, folder)
  const sizes = sizesOf(root, [...own, ...(await pack(root, folder, neededOfRegistry(root)))])
  writeFileSync(page, withSizes(readFileSync(page, 'utf8'), sizes))
  for (const { name, own, whole } of sizes) console.log(`${name}  ${own}  ${whole}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
