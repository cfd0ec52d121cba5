/** What the tests of the face share: a filesystem in memory, and copies of trees to and from disk. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockDevice } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type NodeFileSystem, nodeFs } from '@caravan/fs/node'
import { LittleFS, type LittleFSOptions } from '../src/index.js'

export function freshDevice(blockCount = 256): MemoryDevice {
  const device = new MemoryDevice({ blockSize: 4096, blockCount })
  LittleFS.formatSync(device)
  return device
}

export function freshFs(options?: LittleFSOptions, blockCount?: number): LittleFS {
  return LittleFS.mountSync(freshDevice(blockCount), options)
}

/** A mount as a Node.js program is handed it. */
export function mountForNode(device: BlockDevice, options?: LittleFSOptions): NodeFileSystem {
  return nodeFs(LittleFS.mountSync(device, options))
}

/** Copies what is below a directory of ours to one of the host. */
export function extractTree(fs: LittleFS, from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const { name, parentPath, ...entry } of fs.readdirSync(from, { withFileTypes: true })) {
    const source = `${parentPath === '/' ? '' : parentPath}/${name}`
    if (entry.type === 'directory') extractTree(fs, source, join(to, name))
    else writeFileSync(join(to, name), fs.readFileSync(source))
  }
}
