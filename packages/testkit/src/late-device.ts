/** A device that does what another does, but never at once: as flash, a disk or a network does. */

import {
  type Answer,
  type BlockDevice,
  type Geometry,
  type Span,
  withBlockSize,
} from '@caravan/core'

/** How long each kind of request takes at least, in milliseconds; for a series of spans or blocks, of each. */
export interface Latency {
  readonly read?: number
  readonly prog?: number
  readonly erase?: number
  readonly sync?: number
}

export class LateDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean

  /** @param latency where nothing is said of a kind, the answer comes in a later turn of the event loop */
  constructor(
    private readonly device: BlockDevice,
    private readonly latency: Latency = {},
  ) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  read(spans: readonly Span[]): Promise<void> {
    return this.later(() => this.device.read(spans), this.latency.read, spans.length)
  }

  prog(spans: readonly Span[]): Promise<void> {
    return this.later(() => this.device.prog(spans), this.latency.prog, spans.length)
  }

  erase(blocks: readonly number[]): Promise<void> {
    return this.later(() => this.device.erase(blocks), this.latency.erase, blocks.length)
  }

  sync(): Promise<void> {
    return this.later(() => this.device.sync(), this.latency.sync)
  }

  close(): Promise<void> {
    return this.later(() => this.device.close())
  }

  withBlockSize(blockSize: number): BlockDevice {
    return new LateDevice(withBlockSize(this.device, blockSize), this.latency)
  }

  private async later(request: () => Answer, milliseconds = 0, count = 1): Promise<void> {
    const wait = milliseconds * count
    await new Promise<void>((resolve) => {
      if (wait > 0) setTimeout(resolve, wait)
      else setImmediate(resolve)
    })
    await request()
  }
}
