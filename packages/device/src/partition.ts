/**
 * A part of a device as a device.
 *
 * 1. Not a byte outside the part is read, programmed or erased.
 * 2. The device stays its opener's: closing a partition closes this part alone (and its views),
 *    for others may live beside it.
 *
 * Over a flat device (one with `withBlockSize`: memory, a file) a part may begin at any byte.
 * Its spans then go to a view in which everything is one block, so that none is split, and its
 * erases to a view in blocks that divide both its beginning and its own blocks. Over a device with
 * blocks of its own all three views are the device itself.
 */

import {
  type Answer,
  type BlockDevice,
  checkBlocks,
  checkSpans,
  DeviceError,
  type Geometry,
  MisuseError,
  type Span,
} from '@caravan/core'
import { layOut } from './flat.js'

export interface PartitionOptions {
  /** Where the part begins in the device. */
  readonly offsetBytes: number
  /** Default: all that follows. */
  readonly lengthBytes?: number
  /** Refuse prog and erase. Default: as the device. */
  readonly readOnly?: boolean
}

/** Where a partition lies; shared by its views. */
interface Part {
  readonly device: BlockDevice
  readonly offsetBytes: number
  readonly lengthBytes: number
  readonly readOnly: boolean
  closed: boolean
}

/** One view of a part: what there is to a device, without the making of it. */
class PartBlocks implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  readonly isRemote: boolean
  readonly isFaithful: boolean
  /** There where the device is flat: the part in blocks of another size, sharing its life. */
  readonly withBlockSize?: (blockSize: number) => BlockDevice
  /** Takes the spans. */
  private readonly data: BlockDevice
  /** Takes the erases. */
  private readonly erasing: BlockDevice

  constructor(
    private readonly part: Part,
    blockSize: number,
  ) {
    const { device, offsetBytes, lengthBytes } = part
    const { readSize, progSize } = device.geometry
    this.geometry = layOut({ blockSize, readSize, progSize }, lengthBytes).geometry
    this.readOnly = part.readOnly
    this.isRemote = part.device.isRemote === true
    this.isFaithful = part.device.isFaithful === true
    this.data = device
    this.erasing = device
    if (device.withBlockSize !== undefined) {
      // An empty part at the beginning has no size to give a block; it takes no span either.
      if (offsetBytes + lengthBytes > 0) {
        this.data = device.withBlockSize(offsetBytes + lengthBytes)
      }
      this.erasing = device.withBlockSize(greatestCommonDivisor(offsetBytes, blockSize))
      this.withBlockSize = (size) => new PartBlocks(part, size)
    }
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `MISALIGNED`, `CLOSED`; what the device throws. */
  read(spans: readonly Span[]): Answer {
    this.checkOpen('read')
    checkSpans(this.geometry, 'read', spans)
    return this.data.read(this.place(spans))
  }

  /** @throws DeviceError as {@link read}, and `READ_ONLY`. */
  prog(spans: readonly Span[]): Answer {
    this.checkWritable('prog')
    checkSpans(this.geometry, 'prog', spans)
    return this.data.prog(this.place(spans))
  }

  /** @throws DeviceError `OUT_OF_RANGE`, `READ_ONLY`, `CLOSED`; what the device throws. */
  erase(blocks: readonly number[]): Answer {
    this.checkWritable('erase')
    checkBlocks(this.geometry, blocks)
    const unit = this.erasing.geometry.blockSize
    const first = this.part.offsetBytes / unit
    const factor = this.geometry.blockSize / unit
    const placed: number[] = []
    for (const block of blocks) {
      for (let i = 0; i < factor; i++) placed.push(first + block * factor + i)
    }
    return this.erasing.erase(placed)
  }

  sync(): Answer {
    this.checkOpen('sync')
    return this.part.device.sync()
  }

  close(): void {
    this.part.closed = true
  }

  private place(spans: readonly Span[]): Span[] {
    const { offsetBytes } = this.part
    const own = this.geometry.blockSize
    const size = this.data.geometry.blockSize
    return spans.map(({ block, offset, bytes }) => {
      const at = offsetBytes + block * own + offset
      return { block: Math.floor(at / size), offset: at % size, bytes }
    })
  }

  private checkOpen(request: 'read' | 'prog' | 'erase' | 'sync'): void {
    if (this.part.closed) {
      throw new DeviceError(
        'CLOSED',
        `A ${request} on a partition that was closed. Make another one over its device.`,
        { request },
      )
    }
  }

  private checkWritable(request: 'prog' | 'erase'): void {
    this.checkOpen(request)
    if (this.readOnly) {
      throw new DeviceError(
        'READ_ONLY',
        `This partition is read-only: it takes no ${request}. ${
          this.part.device.readOnly
            ? 'Its device is: open that for writing.'
            : 'Make one without readOnly to write.'
        }`,
        { request },
      )
    }
  }
}

/** A part of a device. {@link close} leaves the device open. */
export class PartitionDevice extends PartBlocks {
  /**
   * @throws MisuseError `INVALID_ARGUMENT` for a part that lies outside the device, is not aligned
   *   to its read and program size, or, over a device with blocks of its own, to its blocks.
   */
  constructor(device: BlockDevice, options: PartitionOptions) {
    const { offsetBytes } = options
    const { blockSize, readSize, progSize } = device.geometry
    const unit =
      device.withBlockSize === undefined
        ? blockSize
        : (readSize / greatestCommonDivisor(readSize, progSize)) * progSize
    const sizeBytes = unit * (device.withBlockSize?.(unit) ?? device).geometry.blockCount
    const lengthBytes = options.lengthBytes ?? sizeBytes - offsetBytes
    for (const [name, value] of [
      ['offsetBytes', offsetBytes],
      ['lengthBytes', lengthBytes],
    ] as const) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new MisuseError(
          'INVALID_ARGUMENT',
          `A partition's ${name} is ${value}: give a whole number of bytes within the device's ${sizeBytes}.`,
        )
      }
      if (value % unit !== 0) {
        throw new MisuseError(
          'INVALID_ARGUMENT',
          `A partition's ${name} is ${value}: on this device it must be a multiple of ${unit} (${
            device.withBlockSize === undefined
              ? `it has blocks of ${blockSize} bytes of its own`
              : `it reads ${readSize} and programs ${progSize} bytes at least`
          }).`,
        )
      }
    }
    if (offsetBytes + lengthBytes > sizeBytes) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `A partition of ${lengthBytes} bytes at ${offsetBytes} ends beyond the device, which has ${sizeBytes} bytes: the partition table is wrong, or the image was cut short.`,
      )
    }
    const readOnly = device.readOnly || (options.readOnly ?? false)
    super({ device, offsetBytes, lengthBytes, readOnly, closed: false }, blockSize)
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
