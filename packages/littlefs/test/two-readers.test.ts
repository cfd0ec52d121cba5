/**
 * A directory is in memory once. A listing and a change once read the same directory side by side,
 * each with an object of its own; the listing's stayed, the new file went into the other's index:
 * it was on the device, was listed, and could not be opened.
 */

import type { Answer, BlockDevice, Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Answers each request one turn late, and one read later still. */
class OneLateRead implements BlockDevice {
  readonly geometry
  readonly readOnly = false
  /** Reads until the late one. */
  countdown = 0
  lateness = 0

  constructor(private readonly device: MemoryDevice) {
    this.geometry = device.geometry
  }

  async read(spans: readonly Span[]): Promise<void> {
    const turns = --this.countdown === 0 ? this.lateness : 1
    for (let i = 0; i < turns; i++) await turn()
    this.device.read(spans)
  }

  async prog(spans: readonly Span[]): Promise<void> {
    await turn()
    this.device.prog(spans)
  }

  async erase(blocks: readonly number[]): Promise<void> {
    await turn()
    this.device.erase(blocks)
  }

  async sync(): Promise<void> {
    await turn()
  }

  close(): Answer {}
}

describe('a directory read by two at once', () => {
  it.each([1, 2, 3, 4])('when read %i is the late one', async (late) => {
    for (let lateness = 2; lateness < 10; lateness++) {
      const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
      ReferenceFS.formatSync(device)
      const before = ReferenceFS.mountSync(device)
      for (let i = 0; i < 10; i++) before.mkdirSync(`/${i}`)
      const slow = new OneLateRead(device)
      // Mounting meets more than the budget, so that all is read again.
      const fs = await ReferenceFS.mount(slow, { blockSize: 512, memoryBudget: 6000 })
      slow.countdown = late
      slow.lateness = lateness
      await Promise.all([fs.readdir('/5'), fs.writeFile('/5/new', new Uint8Array(2000))])
      expect((await fs.stat('/5/new')).size).toBe(2000)
    }
  })
})
