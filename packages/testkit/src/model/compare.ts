/** A mounted filesystem, or what an image was read to hold, against the model. */

import type { TreeModel } from './tree-model.js'

/** What was found under a path. */
export interface SeenNode {
  readonly type: 'file' | 'directory' | 'other'
  /** A file's bytes; missing where it could not be read. */
  readonly content?: Uint8Array | undefined
  readonly attributes: ReadonlyMap<number, Uint8Array>
}

/** What differs, one sentence each; empty where nothing does. */
export function differences(seen: ReadonlyMap<string, SeenNode>, model: TreeModel): string[] {
  const found: string[] = []
  const expected = new Set<string>()
  for (const [path, node] of model.paths()) {
    expected.add(path)
    const there = seen.get(path)
    if (there === undefined) {
      found.push(`${path} is missing`)
      continue
    }
    if (there.type !== node.kind) found.push(`${path} is a ${there.type}, not a ${node.kind}`)
    else if (node.kind === 'file') {
      const difference = bytesDifference(there.content, node.bytes)
      if (difference !== undefined) found.push(`${path} ${difference}`)
    }
    for (const type of new Set([...there.attributes.keys(), ...node.attributes.keys()])) {
      const difference = bytesDifference(there.attributes.get(type), node.attributes.get(type))
      if (difference !== undefined) found.push(`${path}: attribute ${type} ${difference}`)
    }
  }
  for (const path of seen.keys()) if (!expected.has(path)) found.push(`${path} should not be there`)
  return found
}

function bytesDifference(
  seen: Uint8Array | undefined,
  expected: Uint8Array | undefined,
): string | undefined {
  if (seen === undefined && expected === undefined) return undefined
  if (seen === undefined) return 'is missing its bytes'
  if (expected === undefined) return 'should not be there'
  if (seen.length !== expected.length) {
    return `has ${seen.length} bytes instead of ${expected.length}`
  }
  const at = seen.findIndex((byte, i) => byte !== expected[i])
  if (at === -1) return undefined
  return `has byte ${seen[at]} at ${at} instead of ${expected[at]} (${seen.length} bytes)`
}
