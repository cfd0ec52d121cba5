/** Check: everything that is wrong with a generation; nothing is changed. */

import type { Op } from '@caravan/core'
import { sectorOf } from './generations.js'
import type { Volume } from './volume.js'
import { type CheckFinding, GenerationWalk } from './walk.js'

/** Of the last durable generation of a volume. */
export function* checkVolume(volume: Volume): Op<CheckFinding[]> {
  const walk = new GenerationWalk(volume.layout, volume.current)
  yield* walk.run()
  walk.checkFreeSpace()
  // What was found at the mount is overwritten by the first commit.
  const found = volume.isClean ? [] : [...damagedRoots(volume), ...interrupted(volume)]
  return [...found, ...walk.findings]
}

function interrupted({ found, generation }: Volume): CheckFinding[] {
  const newer = found.all.filter(({ leaf }) => leaf.generation > generation)
  return newer.map((each) => ({
    code: 'INTERRUPTED' as const,
    page: sectorOf(each),
    message: `Generation ${each.leaf.generation} is not whole, as a power cut leaves it, or damage: generation ${generation} is shown.`,
  }))
}

function damagedRoots({ found }: Volume): CheckFinding[] {
  return found.roots.flatMap((root, i) => {
    if (root !== undefined) return []
    const page = 1 + i
    return [
      {
        code: 'DAMAGED_ROOT' as const,
        page,
        message: `Root sector ${page} is damaged. Nothing is lost by it here, but the original does not open the disk: the next change, or caravan repair, writes it anew.`,
      },
    ]
  })
}
