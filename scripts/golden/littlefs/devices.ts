/** The devices that recorded images are read from. */

import type { BlockDevice, Geometry, Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import type { Manifest } from './manifest.js'

/** What of a manifest makes the device. */
type DeviceSizes = Pick<Manifest, 'blockSize' | 'blockCount' | 'readSize' | 'progSize'>

/**
 * The image as a device of the manifest's geometry, over `image` itself. Where it holds fewer bytes
 * than the device has, reading beyond them fails.
 */
export function imageDevice(
  sizes: DeviceSizes,
  image: Uint8Array,
  readOnly: boolean,
): MemoryDevice {
  const { blockSize, blockCount, readSize, progSize } = sizes
  return new MemoryDevice(image, { blockSize, blockCount, readSize, progSize, readOnly })
}

/** Answers every request with a promise, a turn later. */
export class AsynchronousDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean

  constructor(private readonly device: BlockDevice) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  async read(spans: readonly Span[]): Promise<void> {
    await null
    await this.device.read(spans)
  }

  async prog(spans: readonly Span[]): Promise<void> {
    await null
    await this.device.prog(spans)
  }

  async erase(blocks: readonly number[]): Promise<void> {
    await null
    await this.device.erase(blocks)
  }

  async sync(): Promise<void> {
    await null
    await this.device.sync()
  }

  async close(): Promise<void> {
    await null
    await this.device.close()
  }

  /** The same storage in blocks of another size, where the device can. */
  withBlockSize(blockSize: number): BlockDevice {
    if (this.device.withBlockSize === undefined) throw new TypeError('no other block size here')
    return new AsynchronousDevice(this.device.withBlockSize(blockSize))
  }
}
