/**
 * Campaigns stand among the tests, which are not compiled: all of them and what they use are bundled
 * into one module. They run on the sources, as the tests do.
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** A folder of campaigns has this module, which exports `campaigns(root): Campaign[]`. */
const MODULE = 'campaigns.ts'

/** The modules of campaigns of a workspace: `packages/X/test/campaigns.ts`, `scripts/X/campaigns.ts`. */
export function campaignModules(root: string): string[] {
  const folders = (under: string) =>
    readdirSync(join(root, under), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(root, under, name))
  return [
    ...folders('packages').map((folder) => join(folder, 'test', MODULE)),
    ...folders('scripts').map((folder) => join(folder, MODULE)),
  ].filter((path) => existsSync(path))
}

/** It looks for its manifest beside itself, and is used as compiled. */
const COMPILED = 'cli'

/** Where a package's name leads: its source. Longer names first, as they are matched. */
function sourcesOf(root: string): Record<string, string> {
  const sources: Record<string, string> = {}
  for (const name of readdirSync(join(root, 'packages'))) {
    if (name === COMPILED) continue
    for (const entry of ['node/', '']) {
      const path = join(root, 'packages', name, 'src', entry, 'index.ts')
      if (!existsSync(path)) continue
      sources[`@caravan/${name}${entry === '' ? '' : `/${entry.slice(0, -1)}`}`] = path
    }
  }
  return sources
}

/** @returns the path of a module that exports `campaigns`. */
export async function bundleCampaigns(root: string): Promise<string> {
  const modules = campaignModules(root)
  const imports = modules.map(
    (path, i) => `import { campaigns as c${i} } from ${JSON.stringify(path)}`,
  )
  const all = modules.map((_, i) => `...c${i}(root)`)
  const outfile = join(root, '.cache', 'soak', 'campaigns.mjs')
  await build({
    stdin: {
      contents: `${imports.join('\n')}\nexport const campaigns = (root) => [${all.join(', ')}]\n`,
      resolveDir: root,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    alias: sourcesOf(root),
    sourcemap: 'inline',
    logLevel: 'error',
  })
  return outfile
}
