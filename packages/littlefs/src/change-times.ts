/** Times that a program sets, as an operation. */

import type { Op } from '@caravan/core'
import { FileTimes } from '@caravan/fs'
import type { Entry } from './metadata-pair.js'
import { setContent } from './tree-change.js'
import type { Volume } from './volume.js'

/** Gives an entry times: written where there is a dialect, else shown in this mount. */
export function changeTimes(
  volume: Volume,
  entry: Entry,
  atimeNs: bigint,
  mtimeNs: bigint,
): Op<void> {
  return volume.change('utime', () => changeTimesAlone(volume, entry, atimeNs, mtimeNs))
}

function* changeTimesAlone(
  volume: Volume,
  entry: Entry,
  atimeNs: bigint,
  mtimeNs: bigint,
): Op<void> {
  const { times } = volume
  const ctimeNs = times.nowNs()
  const before = entry.content.attributes
  const attributes = times.withTimes(before, { mtimeNs, atimeNs, ctimeNs })
  if (attributes === before || entry.removed) {
    entry.times = new FileTimes(mtimeNs, atimeNs, ctimeNs)
    return
  }
  yield* setContent(volume, entry, { ...entry.content, attributes })
  entry.times = undefined
}
