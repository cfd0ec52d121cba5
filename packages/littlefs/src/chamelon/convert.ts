/** A chamelon volume as entries of a littlefs image, times kept to the picosecond. */

import { type Key, parseKey, segmentToBytes } from '@caravan/core'
import { timeAttributeType } from '../format/time-attribute.js'
import type { ImageEntry } from '../image-entry.js'
import { encodeTime } from '../key-value/time.js'
import type { ChamelonVolume } from './volume.js'

const PIECE_SIZE_BYTES = 64 * 1024

/** Everything in a volume, for `buildImage` and `LittleFS.addTree`: a dictionary before what is in it. */
export async function* chamelonEntries(
  volume: ChamelonVolume,
): AsyncGenerator<ImageEntry, void, void> {
  for await (const [key, kind] of volume.entries()) {
    const path = pathOf(key)
    if (kind === 'dictionary') {
      yield { path, type: 'directory' }
      continue
    }
    const size = await volume.size(key)
    const time = await volume.lastModified(key)
    const attributes = new Map(
      time === undefined ? [] : [[timeAttributeType('t12'), encodeTime('t12', time)]],
    )
    yield { path, type: 'file', size, stream: piecesOf(volume, key, size), attributes }
  }
}

function pathOf(key: Key): Uint8Array {
  return segmentToBytes(`/${parseKey(key).join('/')}`)
}

async function* piecesOf(
  volume: ChamelonVolume,
  key: string,
  size: number,
): AsyncGenerator<Uint8Array, void, void> {
  for (let offset = 0; offset < size; offset += PIECE_SIZE_BYTES) {
    yield await volume.getPartial(key, { offset, length: PIECE_SIZE_BYTES })
  }
}
