/** A device that does what another does, but never at once: as a disk or a network does. */

import {
  type Answer,
  type BlockDevice,
  type Geometry,
  type Span,
  withBlockSize,
} from '@caravan/core'

export class LateDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean

  constructor(private readonly device: BlockDevice) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  read(spans: readonly Span[]): Promise<void> {
    return this.later(() => this.device.read(spans))
  }

  prog(spans: readonly Span[]): Promise<void> {
    return this.later(() => this.device.prog(spans))
  }

  erase(blocks: readonly number[]): Promise<void> {
    return this.later(() => this.device.erase(blocks))
  }

  sync(): Promise<void> {
    return this.later(() => this.device.sync())
  }

  close(): Promise<void> {
    return this.later(() => this.device.close())
  }

  withBlockSize(blockSize: number): BlockDevice {
    return new LateDevice(withBlockSize(this.device, blockSize))
  }

  private async later(request: () => Answer): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    await request()
  }
}
