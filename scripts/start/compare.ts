/** Trees of files, compared byte for byte. */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** By path, with slashes, from the top: the SHA-256 of a file, `null` for a directory. */
export type Tree = ReadonlyMap<string, string | null>

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function readTree(directory: string): Tree {
  const tree = new Map<string, string | null>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(directory, path).replaceAll(sep, '/')
    tree.set(name, entry.isDirectory() ? null : hashOf(readFileSync(path)))
  }
  return tree
}

/** A line for each difference; none where the trees are the same. */
export function compareTrees(expected: Tree, found: Tree): string[] {
  const differences: string[] = []
  for (const [path, hash] of expected) {
    if (!found.has(path)) differences.push(`${path} is missing`)
    else if (found.get(path) !== hash) differences.push(`${path} has another content`)
  }
  for (const path of found.keys()) {
    if (!expected.has(path)) differences.push(`${path} should not be there`)
  }
  return differences
}
