/**
 * Repair: makes the newest generation that is whole the current one, and its free space right. Where a
 * root is damaged, the disk is searched for the leaves that it led to.
 */

import { FormatError, type Op } from '@caravan/core'
import { flush } from './commit.js'
import type { Header } from './format/header.js'
import type { Layout } from './format/layout.js'
import {
  type Generation,
  type Generations,
  readGenerations,
  searchGenerations,
} from './generations.js'
import { readHeader } from './mount.js'
import { Volume } from './volume.js'
import { type CheckFinding, GenerationWalk } from './walk.js'

interface LostGeneration {
  readonly generation: number
  readonly findings: readonly CheckFinding[]
}

const REPAIR_OPTIONS = {
  commitEvery: 1,
  cacheBytes: 2 ** 22,
  transactionBytes: 2 ** 22,
  readOnly: false,
}

export interface RepairResult {
  /** The generation that was found whole. */
  readonly generation: number
  /** Newer ones, the newest first, and what is wrong with each: their changes are lost. */
  readonly lost: readonly LostGeneration[]
  /** What was put right: damaged roots, keys of the directory, free space. */
  readonly repaired: readonly CheckFinding[]
}

/** Generations that are tried: older ones are long overwritten. */
const CANDIDATES_MAX = 64

/** @throws FormatError `NO_GENERATION`; FsError `ENOSPC`; DeviceError. */
export function* repairVolume(layout: Layout, erases: boolean): Op<RepairResult> {
  const header = yield* readHeader(layout)
  const found = yield* readGenerations(header)
  const lost: LostGeneration[] = []
  const candidates = yield* candidatesOf(header, found)
  const repaired = yield* repairNewest(header, found, candidates, erases, lost)
  if (repaired !== undefined) return repaired
  throw new FormatError(
    'NO_GENERATION',
    `No generation of this disk is whole: ${lost.length} leaves were found, and something is damaged under each. Mount one read-only with its number to save what can be read.`,
    { structure: 'generation leaf' },
  )
}

/** The newest first. */
function* candidatesOf(header: Header, found: Generations): Op<readonly Generation[]> {
  const damagedRoot = found.roots.indexOf(undefined)
  if (damagedRoot < 0) return found.all
  const isKnown = new Set(found.all.map(({ leaf }) => leaf.generation))
  const searched = yield* searchGenerations(header, 1 + damagedRoot)
  return [...searched.filter(({ leaf }) => !isKnown.has(leaf.generation)), ...found.all]
    .sort((a, b) => b.leaf.generation - a.leaf.generation)
    .slice(0, CANDIDATES_MAX)
}

/** Makes the first that is whole the current one; notes those before it. */
function* repairNewest(
  header: Header,
  found: Generations,
  candidates: readonly Generation[],
  erases: boolean,
  lost: LostGeneration[],
): Op<RepairResult | undefined> {
  for (const generation of candidates) {
    const walk = new GenerationWalk(header.layout, generation)
    yield* walk.run()
    const keyCount = walk.findings.filter(({ code }) => code === 'WRONG_KEY').length
    if (walk.findings.length > keyCount) {
      lost.push({ generation: generation.leaf.generation, findings: walk.findings })
      continue
    }
    walk.checkFreeSpace()
    const repaired = [...rootFindings(found.roots), ...walk.findings]
    if (lost.length > 0 || repaired.length > 0) {
      const volume = new Volume(header, { ...REPAIR_OPTIONS, erases }, found, generation, [])
      if (walk.findings.length > keyCount) {
        yield* volume.tree()
        volume.resetFreeSpace(walk)
      }
      yield* volume.begin()
      if (keyCount > 0) volume.payload.renew()
      yield* flush(volume, true)
    }
    return { generation: generation.leaf.generation, lost, repaired }
  }
  return undefined
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
