/**
 * All that is in an image, in the order in which its directories hold it: that of the C library, which
 * has a longer name before what it begins with (`abc`, `ab`, `b`).
 */

import { compareNames, type LittleFS, type WalkEntry } from '@caravan/littlefs'

export interface Folder {
  readonly entry: WalkEntry
  readonly children: (NamedFile | NamedFolder)[]
}

interface NamedFile {
  readonly name: Uint8Array
  readonly entry: WalkEntry
  readonly folder?: undefined
}

interface NamedFolder {
  readonly name: Uint8Array
  readonly entry: WalkEntry
  readonly folder: Folder
}

const SLASH = 0x2f

/** The root. What is neither file nor directory is left out. */
export async function readImageTree(fs: LittleFS): Promise<Folder> {
  let root: Folder | undefined
  const folders = new Map<string, Folder>()
  for await (const entry of fs.walk()) {
    const { pathBytes, type } = entry
    const last = pathBytes.lastIndexOf(SLASH)
    if (root === undefined) {
      root = { entry, children: [] }
      folders.set('/', root)
      continue
    }
    const above = folders.get(byteString(pathBytes.subarray(0, Math.max(last, 1))))
    // A slash that belongs to a name: no name for this computer.
    const name = pathBytes.subarray(above === undefined ? 1 : last + 1)
    const { children } = above ?? root
    if (type === 'file') children.push({ name, entry })
    if (type !== 'directory') continue
    const folder: Folder = { entry, children: [] }
    folders.set(byteString(pathBytes), folder)
    children.push({ name, entry, folder })
  }
  for (const { children } of folders.values()) {
    children.sort((a, b) => compareInDirectory(a.name, b.name))
  }
  return root as Folder
}

/** Where names stand to each other in a directory. */
function compareInDirectory(a: Uint8Array, b: Uint8Array): number {
  return compareNames(byteString(a), byteString(b))
}

/** A character a byte, as names are compared, and found in a map. */
function byteString(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
