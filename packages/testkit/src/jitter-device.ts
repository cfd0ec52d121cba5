/** A device that answers at random times: some requests at once, others late: for tests of concurrency. */

import type { Answer, BlockDevice, Geometry, Span } from '@caravan/core'
import type { Random } from './model/random.js'

export class JitterDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean

  /** @param random how late each answer is, in turns of the event loop */
  constructor(
    private readonly device: BlockDevice,
    private readonly random: Random,
  ) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  read(spans: readonly Span[]): Answer {
    return this.later(() => this.device.read(spans))
  }

  prog(spans: readonly Span[]): Answer {
    return this.later(() => this.device.prog(spans))
  }

  erase(blocks: readonly number[]): Answer {
    return this.later(() => this.device.erase(blocks))
  }

  sync(): Answer {
    return this.later(() => this.device.sync())
  }

  close(): Answer {
    return this.device.close()
  }

  private later(ask: () => Answer): Answer {
    if (this.random.oneIn(6)) return ask()
    return this.wait().then(async () => {
      await ask()
      await this.wait()
    })
  }

  private async wait(): Promise<void> {
    for (let turns = this.random.int(4); turns > 0; turns--) {
      if (this.random.oneIn(3)) await new Promise((resolve) => setImmediate(resolve))
      else await undefined
    }
  }
}
