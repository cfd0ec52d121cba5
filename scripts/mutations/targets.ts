/** The images that are damaged: the small ones of a golden folder, and states after a power loss. */

import { type Recorded, readRecorded } from '../golden/littlefs/manifest.js'
import { decodeTarget, type Target } from './mutate.js'

/** Larger images say nothing more and take longer. */
const IMAGE_SIZE_MAX = 64 << 10

export function readTargets(dir: string): Target[] {
  return readRecorded(dir)
    .filter(({ manifest }) => manifest.expect === 'ok' && manifest.blockCount > 0)
    .filter(({ manifest }) => manifest.blockSize * manifest.blockCount <= IMAGE_SIZE_MAX)
    .map(targetOf)
    .filter(({ image, blockSize }) => image.length % blockSize === 0)
}

function targetOf({ manifest, readImage }: Recorded): Target {
  const { name, blockSize, readSize, progSize } = manifest
  return decodeTarget({ name, image: readImage(), blockSize, readSize, progSize })
}
