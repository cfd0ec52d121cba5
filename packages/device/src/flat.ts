/**
 * Flat media: bytes without blocks of their own (memory, a file), seen as blocks of any size.
 *
 * 1. The extent is what may be addressed: `blockCount * blockSize` where a count was given, else
 *    all bytes that there are. It stays the same whatever the size of the blocks.
 * 2. A rest of the extent smaller than a block belongs to no block.
 */

import { checkGeometry, type Geometry, MisuseError } from '@caravan/core'

/** How a flat medium is seen. All sizes in bytes. */
export interface FlatOptions {
  /** What is erased together. Default 512. */
  readonly blockSize?: number
  /** Default: as many whole blocks as the medium holds; a rest is left out. */
  readonly blockCount?: number
  /** The smallest read. Default 1. */
  readonly readSize?: number
  /** The smallest prog. Default 1. */
  readonly progSize?: number
}

/** A geometry, and the extent that it was laid over. */
export interface FlatLayout {
  readonly geometry: Geometry
  readonly extentBytes: number
}

/** @throws MisuseError `INVALID_ARGUMENT` for sizes that no device can have. */
export function layOut(options: FlatOptions, sizeBytes: number): FlatLayout {
  const { blockSize = 512, readSize = 1, progSize = 1 } = options
  // Checked before it divides: a blockSize of 0 must not become an infinite count.
  checkGeometry({ blockSize, blockCount: 0, readSize, progSize })
  const blockCount = options.blockCount ?? Math.floor(sizeBytes / blockSize)
  const geometry = { blockSize, blockCount, readSize, progSize }
  checkGeometry(geometry)
  const extentBytes = options.blockCount === undefined ? sizeBytes : blockCount * blockSize
  return { geometry, extentBytes }
}

/** The same extent in blocks of another size. */
export function relay(layout: FlatLayout, blockSize: number): FlatLayout {
  const { readSize, progSize } = layout.geometry
  const { geometry } = layOut({ blockSize, readSize, progSize }, layout.extentBytes)
  return { geometry, extentBytes: layout.extentBytes }
}

/** @throws MisuseError `INVALID_ARGUMENT` for what no byte can hold. */
export function checkEraseValue(eraseValue: number): void {
  if (!Number.isInteger(eraseValue) || eraseValue < 0 || eraseValue > 255) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `eraseValue is ${eraseValue}: give the value of a byte, 0 to 255.`,
    )
  }
}
