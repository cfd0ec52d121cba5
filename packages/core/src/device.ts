/**
 * What a block device is.
 *
 * 1. Reads are multiples of `readSize` and aligned to it, progs likewise to `progSize`.
 * 2. A span lies inside one block; blocks count from 0 to `blockCount - 1`.
 * 3. A byte is programmed at most once after its block was erased.
 * 4. What was answered before a `sync` is durable when the `sync` is answered; of anything later a
 *    power cut may keep all, some or none (docs/crash-model.md).
 * 5. A device keeps no reference to spans or buffers once it has answered.
 * 6. A device answers at once (`undefined`), or with a promise; it throws, or rejects with, a
 *    `DeviceError`.
 */

import { DeviceError, MisuseError } from './errors.js'
import type { Span } from './op.js'

/** Sizes in bytes. */
export interface Geometry {
  /** What is erased together. */
  readonly blockSize: number
  readonly blockCount: number
  /** The smallest read. */
  readonly readSize: number
  /** The smallest prog. */
  readonly progSize: number
}

/** `undefined` when done, a promise when it will be. */
export type Answer = void | Promise<void>

export interface BlockDevice {
  readonly geometry: Geometry
  /** True where prog and erase are refused. */
  readonly readOnly: boolean
  /** True where every request is a round trip: whoever can plan asks for more at once. */
  readonly isRemote?: boolean
  /**
   * True where what was programmed cannot read back as anything else, and an erased block holds one
   * value throughout: memory of the process. Nobody has to read back there what was written.
   */
  readonly isFaithful?: boolean
  read(spans: readonly Span[]): Answer
  prog(spans: readonly Span[]): Answer
  erase(blocks: readonly number[]): Answer
  sync(): Answer
  /** Gives back what the device holds. A second call does nothing. */
  close(): Answer
  /**
   * The same bytes seen as blocks of another size, where the medium has no blocks of its own
   * (memory, a file). Sharing the storage and the life of this device.
   */
  withBlockSize?(blockSize: number): BlockDevice
}

/** @throws MisuseError `INVALID_ARGUMENT` for a geometry that no device can have. */
export function checkGeometry(geometry: Geometry): void {
  const { blockSize, blockCount, readSize, progSize } = geometry
  const positive = (value: number, name: string, lowest: number) => {
    if (!Number.isSafeInteger(value) || value < lowest) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `${name} is ${value}: give a whole number of ${lowest} or more.`,
      )
    }
  }
  positive(blockSize, 'blockSize', 1)
  positive(blockCount, 'blockCount', 0)
  positive(readSize, 'readSize', 1)
  positive(progSize, 'progSize', 1)
  for (const [name, size] of [
    ['readSize', readSize],
    ['progSize', progSize],
  ] as const) {
    if (blockSize % size !== 0) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `blockSize ${blockSize} is no multiple of ${name} ${size}: choose sizes that divide the block.`,
      )
    }
  }
}

/**
 * Checks a read or a prog against the geometry, before any of it is done.
 *
 * @throws DeviceError `OUT_OF_RANGE` or `MISALIGNED`, naming the span.
 */
export function checkSpans(
  geometry: Geometry,
  request: 'read' | 'prog',
  spans: readonly Span[],
): void {
  const { blockSize, blockCount } = geometry
  const unit = request === 'read' ? geometry.readSize : geometry.progSize
  for (let i = 0; i < spans.length; i++) {
    const { block, offset, bytes } = spans[i] as Span
    const length = bytes.length
    if (
      !(block >= 0 && block < blockCount && offset >= 0 && offset + length <= blockSize) ||
      !Number.isInteger(block) ||
      !Number.isInteger(offset)
    ) {
      throw new DeviceError(
        'OUT_OF_RANGE',
        `A ${request} of ${length} bytes at block ${block}, offset ${offset} lies outside the device, which has ${blockCount} blocks of ${blockSize} bytes.`,
        { request, block, offset, length },
      )
    }
    if (unit !== 1 && (offset % unit !== 0 || length % unit !== 0)) {
      throw new DeviceError(
        'MISALIGNED',
        `A ${request} of ${length} bytes at block ${block}, offset ${offset} is not aligned: this device takes multiples of ${unit} bytes.`,
        { request, block, offset, length },
      )
    }
  }
}

/** @throws DeviceError `OUT_OF_RANGE`, naming the block. */
export function checkBlocks(geometry: Geometry, blocks: readonly number[]): void {
  for (const block of blocks) {
    if (!(block >= 0 && block < geometry.blockCount) || !Number.isInteger(block)) {
      throw new DeviceError(
        'OUT_OF_RANGE',
        `An erase of block ${block} lies outside the device, which has ${geometry.blockCount} blocks.`,
        { request: 'erase', block },
      )
    }
  }
}

/**
 * The device seen as blocks of `blockSize` bytes: as it is where that is its own size, by the
 * device's own means where it has them, else by joining whole blocks of it.
 *
 * A rest of the device smaller than `blockSize` is left out.
 *
 * @throws MisuseError `INVALID_ARGUMENT` where the device's blocks cannot be joined to that size.
 */
export function withBlockSize(device: BlockDevice, blockSize: number): BlockDevice {
  if (device.geometry.blockSize === blockSize) return device
  if (device.withBlockSize !== undefined) return device.withBlockSize(blockSize)
  return new JoinedBlocks(device, blockSize)
}

/** Several blocks of a device as one. */
class JoinedBlocks implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  readonly isRemote: boolean
  readonly isFaithful: boolean
  /** Blocks of the device in one of ours. */
  private readonly factor: number

  constructor(
    private readonly device: BlockDevice,
    blockSize: number,
  ) {
    const own = device.geometry
    if (!Number.isSafeInteger(blockSize) || blockSize <= 0 || blockSize % own.blockSize !== 0) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `This device erases blocks of ${own.blockSize} bytes: a block size of ${blockSize} is no multiple of that.`,
      )
    }
    this.factor = blockSize / own.blockSize
    this.geometry = { ...own, blockSize, blockCount: Math.floor(own.blockCount / this.factor) }
    this.readOnly = device.readOnly
    this.isRemote = device.isRemote === true
    this.isFaithful = device.isFaithful === true
  }

  read(spans: readonly Span[]): Answer {
    checkSpans(this.geometry, 'read', spans)
    return this.device.read(this.split(spans))
  }

  prog(spans: readonly Span[]): Answer {
    checkSpans(this.geometry, 'prog', spans)
    return this.device.prog(this.split(spans))
  }

  erase(blocks: readonly number[]): Answer {
    checkBlocks(this.geometry, blocks)
    const own: number[] = []
    for (const block of blocks) {
      for (let i = 0; i < this.factor; i++) own.push(block * this.factor + i)
    }
    return this.device.erase(own)
  }

  sync(): Answer {
    return this.device.sync()
  }

  close(): Answer {
    return this.device.close()
  }

  private split(spans: readonly Span[]): Span[] {
    const size = this.device.geometry.blockSize
    const own: Span[] = []
    for (const { block, offset, bytes } of spans) {
      for (let done = 0; done < bytes.length; ) {
        const at = offset + done
        const inner = at % size
        const length = Math.min(bytes.length - done, size - inner)
        own.push({
          block: block * this.factor + Math.floor(at / size),
          offset: inner,
          bytes: bytes.subarray(done, done + length),
        })
        done += length
      }
    }
    return own
  }
}
