/** A device whose writes stay in memory, to find out whether changes fit before they are made. */

import {
  type BlockDevice,
  checkBlocks,
  checkSpans,
  type Geometry,
  type Span,
  withBlockSize,
} from '@caravan/core'

interface RehearsalOptions {
  /** Of the device that will be written to. Default: that of the device underneath. */
  readonly progSize?: number | undefined
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number | undefined
}

export class RehearsalDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = false
  /** Blocks that are no more as they are underneath. */
  private readonly changed = new Map<number, Uint8Array>()

  /** @param device is only read, and not closed. */
  constructor(
    private readonly device: BlockDevice,
    private readonly options: RehearsalOptions = {},
  ) {
    const { progSize = device.geometry.progSize } = options
    this.geometry = { ...device.geometry, progSize }
  }

  /** For a filesystem that has found its size: what was written through other sizes is not seen. */
  withBlockSize(blockSize: number): BlockDevice {
    return new RehearsalDevice(withBlockSize(this.device, blockSize), this.options)
  }

  async read(spans: readonly Span[]): Promise<void> {
    checkSpans(this.geometry, 'read', spans)
    const below: Span[] = []
    for (const span of spans) {
      const block = this.changed.get(span.block)
      if (block === undefined) below.push(span)
      else span.bytes.set(block.subarray(span.offset, span.offset + span.bytes.length))
    }
    if (below.length > 0) await this.device.read(below)
  }

  async prog(spans: readonly Span[]): Promise<void> {
    checkSpans(this.geometry, 'prog', spans)
    for (const { block, offset, bytes } of spans) (await this.ownBlock(block)).set(bytes, offset)
  }

  async erase(blocks: readonly number[]): Promise<void> {
    checkBlocks(this.geometry, blocks)
    const { eraseValue = 0xff } = this.options
    for (const block of blocks) {
      this.changed.set(block, new Uint8Array(this.geometry.blockSize).fill(eraseValue))
    }
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  private async ownBlock(block: number): Promise<Uint8Array> {
    const known = this.changed.get(block)
    if (known !== undefined) return known
    const bytes = new Uint8Array(this.geometry.blockSize)
    await this.device.read([{ block, offset: 0, bytes }])
    this.changed.set(block, bytes)
    return bytes
  }
}
