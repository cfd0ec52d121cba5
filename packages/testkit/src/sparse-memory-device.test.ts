import type { BlockDevice } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { propertyParameters } from './seeds.js'
import { SparseMemoryDevice } from './sparse-memory-device.js'

const GEOMETRY = { blockSize: 1536, blockCount: 20 }

function contentOf(device: BlockDevice): Uint8Array {
  const bytes = new Uint8Array(GEOMETRY.blockSize * GEOMETRY.blockCount)
  for (let block = 0; block < GEOMETRY.blockCount; block++) {
    const at = block * GEOMETRY.blockSize
    device.read([{ block, offset: 0, bytes: bytes.subarray(at, at + GEOMETRY.blockSize) }])
  }
  return bytes
}

it('holds what a device of as many bytes holds', () => {
  const writes = fc.record({ block: fc.nat(19), offset: fc.nat(1535), length: fc.nat(1536) })
  const erases = fc.array(fc.nat(19), { maxLength: 6 })
  fc.assert(
    fc.property(fc.array(fc.oneof(writes, erases), { maxLength: 30 }), (steps) => {
      const sparse = new SparseMemoryDevice(GEOMETRY, 0x5a)
      const whole = new MemoryDevice({ ...GEOMETRY, eraseValue: 0x5a })
      steps.forEach((step, i) => {
        for (const device of [sparse, whole]) {
          if (Array.isArray(step)) {
            device.erase(step)
          } else {
            const length = Math.min(step.length, GEOMETRY.blockSize - step.offset)
            const bytes = new Uint8Array(length).fill(i)
            device.prog([{ block: step.block, offset: step.offset, bytes }])
          }
        }
      })
      expect(Buffer.compare(contentOf(sparse), whole.bytes)).toBe(0)
    }),
    propertyParameters(),
  )
})

it('takes no memory for what is erased, on 64 GiB too', () => {
  const device = new SparseMemoryDevice({ blockSize: 512, blockCount: 2 ** 27 })
  device.prog([{ block: 2 ** 27 - 1, offset: 511, bytes: Uint8Array.of(7) }])
  expect(device.heldBytes).toBe(4096)
  const bytes = new Uint8Array(2)
  device.withBlockSize(1024).read([{ block: 2 ** 26 - 1, offset: 1022, bytes }])
  expect([...bytes]).toEqual([0xff, 7])
  device.withBlockSize(4096).erase([2 ** 24 - 1])
  expect(device.heldBytes).toBe(0)
})
