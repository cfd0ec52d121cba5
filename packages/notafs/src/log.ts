/** Log: the generations that a disk still tells of. */

import type { Op } from '@caravan/core'
import type { Layout } from './format/layout.js'
import { readGenerations, sectorOf } from './generations.js'
import { readHeader } from './mount.js'
import { GenerationWalk } from './walk.js'

export interface GenerationInfo {
  readonly generation: number
  /** Sector of its leaf. */
  readonly page: number
  /** True where all pages that it reaches are what they were. */
  readonly isWhole: boolean
  /** Files of it, and pages that it uses; of what can be read. */
  readonly fileCount: number
  readonly usedPages: number
}

/** The newest first. All pages of each are read. */
export function* readLog(layout: Layout): Op<GenerationInfo[]> {
  const header = yield* readHeader(layout)
  const { all } = yield* readGenerations(header)
  const infos: GenerationInfo[] = []
  for (const each of all) {
    const walk = new GenerationWalk(layout, each)
    yield* walk.run()
    infos.push({
      generation: each.leaf.generation,
      page: sectorOf(each),
      isWhole: walk.findings.length === 0,
      fileCount: walk.fileCount,
      usedPages: walk.uses.length,
    })
  }
  return infos
}
