/** What every page of a disk is used for. */

import type { Op } from '@caravan/core'
import type { Volume } from './volume.js'
import { GenerationWalk, type PageUse } from './walk.js'

/** Of the last durable generation, in the order of the pages; what is not there is free, or lost. */
export function* readPageUse(volume: Volume): Op<PageUse[]> {
  const walk = new GenerationWalk(volume.layout, volume.current)
  yield* walk.run()
  return walk.uses.sort((a, b) => a.page - b.page)
}
