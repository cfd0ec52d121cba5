/** Bytes of a device by their place on it, whatever its blocks. */

import type { BlockDevice, Span } from '@caravan/core'

/** Bytes of the device. */
export function deviceSizeBytes(device: BlockDevice): number {
  const { blockSize, blockCount } = inSmallUnits(device).geometry
  return blockSize * blockCount
}

/** So that a rest smaller than the blocks that it has now is reached too. */
function inSmallUnits(device: BlockDevice): BlockDevice {
  return device.withBlockSize?.(device.geometry.progSize) ?? device
}

/**
 * `length` bytes from `start` on, fewer where the device ends.
 *
 * @throws DeviceError.
 */
export async function readBytes(
  device: BlockDevice,
  start: number,
  length: number,
): Promise<Uint8Array> {
  const end = Math.min(start + length, deviceSizeBytes(device))
  if (end <= start) return new Uint8Array(0)
  const { readSize, progSize } = device.geometry
  const unit = Math.max(readSize, progSize)
  const first = start - (start % unit)
  const last = Math.ceil(end / unit) * unit
  // All up to there as one block, where the device can be seen so: then no span is split.
  const view = device.withBlockSize?.(last) ?? device
  const { blockSize } = view.geometry
  const bytes = new Uint8Array(last - first)
  const spans: Span[] = []
  for (let done = 0; done < bytes.length; ) {
    const at = first + done
    const part = Math.min(bytes.length - done, blockSize - (at % blockSize))
    const piece = bytes.subarray(done, done + part)
    spans.push({ block: Math.floor(at / blockSize), offset: at % blockSize, bytes: piece })
    done += part
  }
  await view.read(spans)
  return bytes.subarray(start - first, end - first)
}
