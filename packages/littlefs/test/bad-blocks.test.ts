/**
 * Blocks that wear out while they are used: what was saved stays, and another block is taken as long
 * as there is one.
 */

import { DeviceError, type Span } from '@caravan/core'
import { MemoryDevice, type MemoryDeviceGeometry } from '@caravan/device'
import { Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'

/** How a block is bad: what it refuses, or that it forgets a bit. `read`: from its next erase on. */
type Fault = 'erase' | 'prog' | 'read' | 'silent'

class WornDevice extends MemoryDevice {
  readonly faults = new Map<number, Fault>()
  private readonly unreadable = new Set<number>()

  constructor(geometry: MemoryDeviceGeometry) {
    super(geometry)
  }

  override read(spans: readonly Span[]): void {
    for (const { block } of spans) if (this.unreadable.has(block)) throw badBlock('read', block)
    super.read(spans)
  }

  override prog(spans: readonly Span[]): void {
    for (const span of spans) {
      const fault = this.faults.get(span.block)
      if (fault === 'prog') throw badBlock('prog', span.block)
      const bytes = span.bytes.slice()
      if (fault === 'silent') bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
      super.prog([{ ...span, bytes }])
    }
  }

  override erase(blocks: readonly number[]): void {
    for (const block of blocks) {
      const fault = this.faults.get(block)
      if (fault === 'erase') throw badBlock('erase', block)
      if (fault === 'read') this.unreadable.add(block)
      super.erase([block])
    }
  }
}

function badBlock(request: 'read' | 'prog' | 'erase', block: number): DeviceError {
  return new DeviceError('BAD_BLOCK', `block ${block} is worn out`, { request, block })
}

describe('while blocks wear out', () => {
  it('every change is done, and everything reads as it was written', () => {
    const { seed, runs } = seedFromEnvironment(20)
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run)
      const device = new WornDevice({ blockSize: 256 << random.int(3), blockCount: 256 })
      ReferenceFS.formatSync(device, { diskVersion: random.oneIn(2) ? '2.0' : '2.1' })
      const fs = ReferenceFS.mountSync(device, { blockCycles: random.oneIn(2) ? -1 : 2 })
      for (const name of ['/d', '/e']) fs.mkdirSync(name)
      const model = new Map<string, Uint8Array>()
      for (let step = 0; step < 100; step++) {
        if (random.oneIn(4)) {
          const faults = ['erase', 'prog', 'read', 'silent'] as const
          device.faults.set(2 + random.int(254), faults[random.int(4)] as Fault)
        }
        const path = `${['', '/d', '/e'][random.int(3)]}/${random.int(8)}`
        if (random.oneIn(4)) {
          fs.rmSync(path, { force: true })
          model.delete(path)
        } else {
          const content = new Uint8Array(random.int(2500)).fill(step)
          fs.writeFileSync(path, content)
          model.set(path, content)
        }
      }
      for (const mounted of [fs, ReferenceFS.mountSync(device)]) {
        const files = [...mounted.walkSync()].filter((entry) => entry.type === 'file')
        const found = new Map(files.map(({ path }) => [path, mounted.readFileSync(path)]))
        expect(new Map([...found].sort()), `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`).toEqual(
          new Map([...model].sort()),
        )
      }
    }
  })

  // The commit into the parent failed after the directory had moved, and memory went on at its new
  // place: everything saved from then on was lost with the next mount.
  it('what is said to be saved is there, also where the superblock takes no more writes', () => {
    for (let before = 0; before < 12; before++) {
      const device = new WornDevice({ blockSize: 512, blockCount: 32 })
      ReferenceFS.formatSync(device)
      const fs = ReferenceFS.mountSync(device, { blockCycles: 2 })
      fs.mkdirSync('/d')
      for (let i = 0; i < before; i++) fs.setAttributeSync('/', 1, new Uint8Array(10).fill(i))
      const handle = fs.openSync('/d/f', { write: true, create: true })
      device.faults.set(0, 'erase').set(1, 'erase')
      let saved = -1
      let last = 0
      for (; last < 250; last++) {
        handle.seek(0)
        try {
          handle.writeSync(Uint8Array.of(last))
          handle.syncSync()
          saved = last
        } catch {
          break
        }
      }
      // What failed may be there or not.
      const found = ReferenceFS.mountSync(device).readFileSync('/d/f')[0]
      expect([saved, last]).toContain(found)
      for (let i = 0; i < 20; i++) {
        try {
          handle.seek(0)
          handle.writeSync(Uint8Array.of(last))
          handle.syncSync()
          saved = last
        } catch {}
      }
      expect([saved, last]).toContain(ReferenceFS.mountSync(device).readFileSync('/d/f')[0])
      if (saved === last) expect(ReferenceFS.mountSync(device).readFileSync('/d/f')[0]).toBe(saved)
    }
  })
})
