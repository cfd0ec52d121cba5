/** The bytes of an image file as a device of endless erased blocks, of which the first ones are there. */

import { type BlockDevice, checkSpans, DeviceError, type Geometry, type Span } from '@caravan/core'

/** As many blocks as a superblock can count. */
const BLOCK_COUNT_MAX = 2 ** 32 - 1

/**
 * Read-only. What lies behind the end of the bytes reads as erased, since a file may be shorter than
 * its superblock says: cut off where nothing but erased blocks follow.
 */
export class ImageDevice implements BlockDevice {
  readonly readOnly = true
  readonly geometry: Geometry

  constructor(
    private readonly bytes: Uint8Array,
    blockSize: number,
  ) {
    const blockCount = Math.min(BLOCK_COUNT_MAX, Math.floor(Number.MAX_SAFE_INTEGER / blockSize))
    this.geometry = { blockSize, blockCount, readSize: 1, progSize: 1 }
  }

  read(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'read', spans)
    for (const { block, offset, bytes } of spans) {
      const at = block * this.geometry.blockSize + offset
      bytes.fill(0xff)
      bytes.set(this.bytes.subarray(at, at + bytes.length))
    }
  }

  prog(): void {
    throw new DeviceError('READ_ONLY', 'The image is only read.', { request: 'prog' })
  }

  erase(): void {
    throw new DeviceError('READ_ONLY', 'The image is only read.', { request: 'erase' })
  }

  sync(): void {}

  close(): void {}
}
