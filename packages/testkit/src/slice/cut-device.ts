/**
 * A device whose power can be cut after so many writes: variant A of docs/crash-model.md (writes stay
 * in order, the last one may be torn), over a device that is really there.
 */

import { type BlockDevice, DeviceError, type Span } from '@caravan/core'

/** What all views of one device share. */
interface Power {
  /** Writes until the cut: spans to program, blocks to erase. */
  left: number
}

export class CutDevice implements BlockDevice {
  readonly geometry
  readonly readOnly
  readonly withBlockSize?: (blockSize: number) => CutDevice

  constructor(
    private readonly device: BlockDevice,
    writesLeft: number,
    private readonly power: Power = { left: writesLeft },
  ) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
    if (device.withBlockSize !== undefined) {
      this.withBlockSize = (blockSize) => {
        return new CutDevice(device.withBlockSize?.(blockSize) ?? device, 0, power)
      }
    }
  }

  /** True once the power is gone. */
  get isCut(): boolean {
    return this.power.left < 0
  }

  read(spans: readonly Span[]) {
    this.checkPower('read')
    return this.device.read(spans)
  }

  prog(spans: readonly Span[]): void {
    for (const span of spans) {
      this.checkPower('prog')
      if (this.spend()) this.device.prog([span])
      else {
        const half = span.bytes.length >> 1
        const kept = half - (half % this.geometry.progSize)
        if (kept > 0) this.device.prog([{ ...span, bytes: span.bytes.subarray(0, kept) }])
        this.checkPower('prog')
      }
    }
  }

  erase(blocks: readonly number[]): void {
    for (const block of blocks) {
      this.checkPower('erase')
      if (this.spend()) this.device.erase([block])
      else this.checkPower('erase')
    }
  }

  sync() {
    this.checkPower('sync')
    return this.device.sync()
  }

  /** The device that is under it stays open. */
  close(): void {}

  private spend(): boolean {
    this.power.left--
    return this.power.left >= 0
  }

  private checkPower(request: 'read' | 'prog' | 'erase' | 'sync'): void {
    if (!this.isCut) return
    throw new DeviceError('IO', 'The power is gone.', { request })
  }
}
