/**
 * Everything that can be read of a littlefs 1, as a tree for a littlefs 2: the same names, but for
 * those that no path leads to. What is left out, or named differently, is said.
 */

import type { Op } from '@caravan/core'
import { byteStringToBytes, byteStringToText } from '../format/name.js'
import { freeName, isAboutTheImage, type SalvageProblem, storableName } from '../repair/salvage.js'
import { type Above, Descent, type Node } from './directory.js'
import { readWhole } from './file.js'
import type { Volume } from './volume.js'

export interface ReadableEntry {
  /** Where it goes, from the root. */
  readonly path: Uint8Array
  readonly node: Node
}

interface Step {
  readonly node: Node
  /** Byte strings, as the image and as the new one have it. */
  readonly path: string
  readonly target: string
  readonly above: Above | undefined
}

/** Reads each file once, to see that it can be. A directory comes before what is in it. */
export function* readTree(volume: Volume): Op<{
  readonly entries: readonly ReadableEntry[]
  readonly problems: readonly SalvageProblem[]
}> {
  const entries: ReadableEntry[] = []
  const problems: SalvageProblem[] = []
  const lose = (path: string, error: unknown) => {
    if (!isAboutTheImage(error)) throw error
    problems.push({ path: byteStringToText(path || '/'), isLost: true, what: error.message })
  }
  const descent = new Descent(volume)
  const pending: Step[] = [{ node: volume.root, path: '', target: '', above: undefined }]
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { path, target, above } = step
    try {
      const { directory, here } = yield* descent.enter(step.node.pair, above)
      const taken = new Set<string>()
      for (const node of directory.sorted()) {
        const child = `${path}/${node.name}`
        try {
          if (node.type === 'file' && node.size > 0) yield* readWhole(volume, node)
        } catch (error) {
          lose(child, error)
          continue
        }
        const name = freeName(storableName(node.name), taken)
        taken.add(name)
        const place = `${target}/${name}`
        if (name !== node.name) {
          const what = `It is stored as ${byteStringToText(place)}: no path leads to its own name.`
          problems.push({ path: byteStringToText(child), isLost: false, what })
        }
        entries.push({ path: byteStringToBytes(place), node })
        if (node.type === 'directory') {
          pending.push({ node, path: child, target: place, above: here })
        }
      }
      directory.checkWhole()
    } catch (error) {
      lose(path, error)
    }
  }
  return { entries, problems }
}
