/**
 * A device over bytes in memory.
 *
 * 1. The bytes are those given: nothing is copied, and what is programmed is seen by the giver.
 * 2. All views of a device ({@link MemoryDevice.withBlockSize}) share its bytes and its life.
 * 3. A request that is refused has done nothing.
 */

import {
  type BlockDevice,
  checkBlocks,
  checkSpans,
  DeviceError,
  type Geometry,
  type Span,
} from '@caravan/core'
import { checkEraseValue, type FlatLayout, type FlatOptions, layOut, relay } from './flat.js'

export interface MemoryDeviceOptions extends FlatOptions {
  /** What an erased byte holds. Default 0xff, as flash. */
  readonly eraseValue?: number
  /** Refuse prog and erase. Default false. */
  readonly readOnly?: boolean
}

/** For a device with bytes of its own, erased to begin with. */
export interface MemoryDeviceGeometry extends MemoryDeviceOptions {
  readonly blockSize: number
  readonly blockCount: number
}

/** What all views of one device share. */
interface Memory {
  readonly bytes: Uint8Array
  readonly eraseValue: number
  readonly readOnly: boolean
  /** False for a class that extends the device: what that does with a program is its own affair. */
  readonly isFaithful: boolean
  closed: boolean
}

/** Up to this many bytes a loop is faster than `set` of a `subarray`. */
const LOOP_BYTES = 24

/** One view of a memory: what there is to a device, without the making of it. */
class MemoryBlocks implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  readonly isFaithful: boolean
  /** All bytes of the device: those it was given, or its own. */
  readonly bytes: Uint8Array
  /** Whether the image was cut short, so that blocks of the geometry may not be there. */
  private readonly isTruncated: boolean

  constructor(
    private readonly memory: Memory,
    private readonly layout: FlatLayout,
  ) {
    this.geometry = layout.geometry
    this.readOnly = memory.readOnly
    this.isFaithful = memory.isFaithful
    this.bytes = memory.bytes
    this.isTruncated = layout.extentBytes > memory.bytes.length
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `MISALIGNED`, `CLOSED`. */
  read(spans: readonly Span[]): void {
    if (this.memory.closed) throw closedError('read')
    checkSpans(this.geometry, 'read', spans)
    if (this.isTruncated) this.checkHeld('read', spans)
    const { blockSize } = this.geometry
    const from = this.bytes
    for (let i = 0; i < spans.length; i++) {
      const { block, offset, bytes } = spans[i] as Span
      const at = block * blockSize + offset
      if (bytes.length > LOOP_BYTES) bytes.set(from.subarray(at, at + bytes.length))
      else for (let j = 0; j < bytes.length; j++) bytes[j] = from[at + j] as number
    }
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `MISALIGNED`, `READ_ONLY`, `CLOSED`. */
  prog(spans: readonly Span[]): void {
    this.checkWritable('prog')
    checkSpans(this.geometry, 'prog', spans)
    if (this.isTruncated) this.checkHeld('prog', spans)
    const { blockSize } = this.geometry
    for (let i = 0; i < spans.length; i++) {
      const { block, offset, bytes } = spans[i] as Span
      this.bytes.set(bytes, block * blockSize + offset)
    }
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `READ_ONLY`, `CLOSED`. */
  erase(blocks: readonly number[]): void {
    this.checkWritable('erase')
    checkBlocks(this.geometry, blocks)
    const { blockSize } = this.geometry
    if (this.isTruncated) {
      for (const block of blocks) {
        if ((block + 1) * blockSize > this.bytes.length) {
          throw this.truncatedError('erase', block, 0, blockSize)
        }
      }
    }
    for (const block of blocks) {
      this.bytes.fill(this.memory.eraseValue, block * blockSize, (block + 1) * blockSize)
    }
  }

  sync(): void {
    if (this.memory.closed) throw closedError('sync')
  }

  /** The bytes stay where they are. */
  close(): void {
    this.memory.closed = true
  }

  /**
   * The same bytes in blocks of another size, sharing the life of this device.
   *
   * @throws MisuseError `INVALID_ARGUMENT` where that is no multiple of the read or program size.
   */
  withBlockSize(blockSize: number): BlockDevice {
    return new MemoryBlocks(this.memory, relay(this.layout, blockSize))
  }

  private checkWritable(request: 'prog' | 'erase'): void {
    if (this.memory.closed) throw closedError(request)
    if (this.readOnly) {
      throw new DeviceError(
        'READ_ONLY',
        `This memory device is read-only: it takes no ${request}. Make one without readOnly to write.`,
        { request },
      )
    }
  }

  private checkHeld(request: 'read' | 'prog', spans: readonly Span[]): void {
    for (const { block, offset, bytes } of spans) {
      if (block * this.geometry.blockSize + offset + bytes.length > this.bytes.length) {
        throw this.truncatedError(request, block, offset, bytes.length)
      }
    }
  }

  private truncatedError(
    request: 'read' | 'prog' | 'erase',
    block: number,
    offset: number,
    length: number,
  ): DeviceError {
    return new DeviceError(
      'OUT_OF_RANGE',
      `A ${request} of ${length} bytes at block ${block}, offset ${offset} lies beyond the end of a truncated image: ${this.layout.extentBytes} bytes were announced, ${this.bytes.length} are there. Get the whole image.`,
      { request, block, offset, length },
    )
  }
}

/**
 * Bytes in memory as a device that answers at once.
 *
 * A rest of the bytes smaller than a block belongs to no block, but a view of smaller blocks
 * ({@link MemoryDevice.withBlockSize}) reaches it. A `blockCount` of more than the bytes hold is
 * taken, for an image that was cut short: what is missing is refused as `OUT_OF_RANGE`.
 */
export class MemoryDevice extends MemoryBlocks {
  /**
   * @param source The bytes of an image, used in place; or the sizes of a device to make.
   * @throws MisuseError `INVALID_ARGUMENT` for sizes that no device can have.
   */
  constructor(source: Uint8Array | MemoryDeviceGeometry, options: MemoryDeviceOptions = {}) {
    const isImage = source instanceof Uint8Array
    const all: MemoryDeviceOptions = isImage ? options : { ...source, ...options }
    const { eraseValue = 0xff, readOnly = false } = all
    checkEraseValue(eraseValue)
    const layout = layOut(all, isImage ? source.length : 0)
    const bytes = isImage ? source : new Uint8Array(layout.extentBytes).fill(eraseValue)
    const isFaithful = new.target === MemoryDevice
    super({ bytes, eraseValue, readOnly, isFaithful, closed: false }, layout)
  }
}

function closedError(request: 'read' | 'prog' | 'erase' | 'sync'): DeviceError {
  return new DeviceError(
    'CLOSED',
    `A ${request} on a memory device that was closed. Make another one over its bytes.`,
    { request },
  )
}
