/** Repair: makes the newest generation that is whole the current one, and its free space right. */

import { FormatError, type Op } from '@caravan/core'
import { flush } from './commit.js'
import type { Layout } from './format/layout.js'
import { readGenerations } from './generations.js'
import { readHeader } from './mount.js'
import { Volume } from './volume.js'
import { type CheckFinding, GenerationWalk } from './walk.js'

export interface RepairResult {
  /** The generation that was found whole. */
  readonly generation: number
  /** Newer ones, the newest first, and what is wrong with each: their changes are lost. */
  readonly lost: readonly {
    readonly generation: number
    readonly findings: readonly CheckFinding[]
  }[]
  /** What was put right: damaged roots, free space. */
  readonly repaired: readonly CheckFinding[]
}

/** @throws FormatError `NO_GENERATION`; FsError `ENOSPC`; DeviceError. */
export function* repairVolume(layout: Layout, erases: boolean): Op<RepairResult> {
  const header = yield* readHeader(layout)
  const found = yield* readGenerations(header)
  const lost: { generation: number; findings: CheckFinding[] }[] = []
  for (const generation of found.all) {
    const walk = new GenerationWalk(layout, generation)
    yield* walk.run()
    if (walk.findings.length > 0) {
      lost.push({ generation: generation.leaf.generation, findings: walk.findings })
      continue
    }
    walk.checkFreeSpace()
    const damagedRoots = found.roots.some((root) => root === undefined)
    const volume = new Volume(
      header,
      { commitEvery: 1, cacheBytes: 2 ** 22, transactionBytes: 2 ** 22, erases, readOnly: false },
      found,
      generation,
      [],
    )
    const repaired = [...rootFindings(found.roots), ...walk.findings]
    if (lost.length > 0 || damagedRoots || walk.findings.length > 0) {
      if (walk.findings.length > 0) {
        yield* volume.tree()
        volume.resetFreeSpace(walk)
      }
      yield* volume.begin()
      yield* flush(volume, true)
    }
    return { generation: generation.leaf.generation, lost, repaired }
  }
  throw new FormatError(
    'NO_GENERATION',
    `No generation of this disk is whole: ${found.all.length} leaves were found, and something is damaged under each. Mount one read-only with its number to save what can be read.`,
    { structure: 'generation leaf' },
  )
}

function rootFindings(roots: readonly unknown[]): CheckFinding[] {
  return roots.flatMap((root, i) =>
    root === undefined
      ? [
          {
            code: 'DAMAGED_ROOT' as const,
            page: 1 + i,
            message: `Root sector ${1 + i} was damaged.`,
          },
        ]
      : [],
  )
}
