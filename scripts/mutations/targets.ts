/** The images that are damaged: the small ones of a golden folder, and states after a power loss. */

import { type Recorded, readRecorded } from '../golden/littlefs/manifest.js'
import { decodeCommits } from './metadata.js'
import type { Target } from './mutate.js'

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
  const image = readImage()
  const blockCount = image.length / blockSize
  const metadataBlocks: number[] = []
  for (let block = 0; block < blockCount; block++) {
    const bytes = image.subarray(block * blockSize, (block + 1) * blockSize)
    if (decodeCommits(bytes).length > 0) metadataBlocks.push(block)
  }
  return { name, image, blockSize, blockCount, readSize, progSize, metadataBlocks }
}
