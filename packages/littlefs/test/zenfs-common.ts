/** What zenfs' own cases are handed in place of its `common.ts`: our face, and what it can do. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDevice } from '@caravan/device'
import { nodeFs } from '@caravan/fs/node'
import { LittleFS } from '@caravan/littlefs'

const device = new MemoryDevice({ blockSize: 4096, blockCount: 8192 })
LittleFS.formatSync(device)
const lfs = LittleFS.mountSync(device)

/** The folder of files that the cases work on. */
const data = process.env.ZENFS_DATA as string
for (const entry of readdirSync(data, { withFileTypes: true })) {
  if (entry.isFile()) lfs.writeFileSync(`/${entry.name}`, readFileSync(join(data, entry.name)))
}

export const fs = nodeFs(lfs)

const NOT_SUPPORTED = [
  'links',
  'symlinks',
  'watch',
  'permissions',
  'xattr',
  'lchmod',
  'promises.exists',
]

/** Leaves out the cases of what littlefs does not have. */
export function config(...required: readonly string[]): { skip?: string } {
  const missing = required.find((flag) => NOT_SUPPORTED.includes(flag))
  return missing === undefined ? {} : { skip: `${missing} is not supported` }
}
