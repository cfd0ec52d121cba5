import { DeviceError, MisuseError, withBlockSize } from '@caravan/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryDevice } from './memory.js'
import { PartitionDevice } from './partition.js'

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('It threw nothing.')
}

const span = (block: number, offset: number, length: number) => ({
  block,
  offset,
  bytes: new Uint8Array(length),
})

test('holds what it takes, in every view; a class that extends it need not', () => {
  const device = new MemoryDevice({ blockSize: 512, blockCount: 4 })
  expect(device.isFaithful).toBe(true)
  expect(withBlockSize(device, 1024).isFaithful).toBe(true)
  expect(new PartitionDevice(device, { offsetBytes: 512 }).isFaithful).toBe(true)
  const worn = new (class extends MemoryDevice {})({ blockSize: 512, blockCount: 4 })
  expect(worn.isFaithful).toBe(false)
  expect(withBlockSize(worn, 1024).isFaithful).toBe(false)
  expect(new PartitionDevice(worn, { offsetBytes: 512 }).isFaithful).toBe(false)
})

describe('bytes given', () => {
  test('are used in place: a prog shows in them, a change of them in a read', () => {
    const bytes = new Uint8Array(1024)
    const device = new MemoryDevice(bytes)
    expect(device.bytes).toBe(bytes)
    device.prog([{ block: 1, offset: 3, bytes: Uint8Array.of(7, 8) }])
    expect([...bytes.subarray(514, 518)]).toEqual([0, 7, 8, 0])
    bytes[0] = 42
    const read = span(0, 0, 1)
    device.read([read])
    expect(read.bytes[0]).toBe(42)
  })

  test('that lie inside a larger buffer are left within their bounds', () => {
    const buffer = new Uint8Array(2048)
    const device = new MemoryDevice(buffer.subarray(512, 1536))
    device.erase([0, 1])
    expect(buffer.indexOf(0xff)).toBe(512)
    expect(buffer.lastIndexOf(0xff)).toBe(1535)
  })

  test('a rest smaller than a block belongs to no block, but smaller blocks reach it', () => {
    const device = new MemoryDevice(new Uint8Array(1000).fill(1))
    expect(device.geometry).toEqual({ blockSize: 512, blockCount: 1, readSize: 1, progSize: 1 })
    const view = withBlockSize(device, 100)
    expect(view.geometry.blockCount).toBe(10)
    const read = span(9, 0, 100)
    view.read([read])
    expect(read.bytes[99]).toBe(1)
    expect(withBlockSize(view, 4096).geometry.blockCount).toBe(0)
  })

  test('an image cut short: what is there is read, what is missing is refused', () => {
    const device = new MemoryDevice(new Uint8Array(1000), { blockCount: 4 })
    expect(device.geometry.blockCount).toBe(4)
    device.read([span(1, 0, 488)])
    expect(thrown(() => device.read([span(1, 480, 9)]))).toMatchObject({
      code: 'OUT_OF_RANGE',
      request: 'read',
      block: 1,
      offset: 480,
      length: 9,
      message:
        'A read of 9 bytes at block 1, offset 480 lies beyond the end of a truncated image: 2048 bytes were announced, 1000 are there. Get the whole image.',
    })
    expect(thrown(() => device.prog([span(3, 0, 1)]))).toMatchObject({ code: 'OUT_OF_RANGE' })
    expect(thrown(() => device.erase([0, 1]))).toMatchObject({ code: 'OUT_OF_RANGE', block: 1 })
    expect(device.bytes.every((byte) => byte === 0)).toBe(true)
    expect(device.withBlockSize(1024).geometry.blockCount).toBe(2)
  })
})

describe('a device of its own', () => {
  test('is erased to begin with, and erased to the same value', () => {
    const device = new MemoryDevice({ blockSize: 16, blockCount: 3, eraseValue: 0xa5 })
    expect([...device.bytes]).toEqual(new Array(48).fill(0xa5))
    device.prog([{ block: 1, offset: 0, bytes: new Uint8Array(16) }])
    device.erase([1])
    expect([...device.bytes]).toEqual(new Array(48).fill(0xa5))
    expect(new MemoryDevice({ blockSize: 1, blockCount: 1 }).bytes[0]).toBe(0xff)
  })
})

describe('refusals', () => {
  const make = () =>
    new MemoryDevice(new Uint8Array(256), { blockSize: 64, readSize: 4, progSize: 16 })

  test.each([
    ['a block beyond the end', span(4, 0, 4)],
    ['a block below 0', span(-1, 0, 4)],
    ['half a block number', span(0.5, 0, 4)],
    ['a span that leaves its block', span(0, 60, 8)],
    ['an offset below 0', span(1, -4, 4)],
    ['half an offset', span(1, 0.5, 4)],
  ])('%s is out of range', (_, bad) => {
    const device = make()
    for (const request of ['read', 'prog'] as const) {
      const error = thrown(() => device[request]([bad]))
      expect(error).toBeInstanceOf(DeviceError)
      expect(error).toMatchObject({ code: 'OUT_OF_RANGE', request, block: bad.block })
      expect((error as Error).message).toContain(`block ${bad.block}, offset ${bad.offset}`)
    }
  })

  test('reads and progs have their own alignment', () => {
    const device = make()
    device.read([span(0, 4, 8)])
    expect(thrown(() => device.prog([span(0, 4, 8)]))).toMatchObject({
      code: 'MISALIGNED',
      request: 'prog',
      message: expect.stringContaining('multiples of 16 bytes'),
    })
    expect(thrown(() => device.read([span(0, 2, 4)]))).toMatchObject({ code: 'MISALIGNED' })
    expect(thrown(() => device.read([span(0, 4, 6)]))).toMatchObject({ code: 'MISALIGNED' })
  })

  test('a refused request has done nothing, not even its good spans', () => {
    const device = make()
    const good = { block: 0, offset: 0, bytes: new Uint8Array(16).fill(9) }
    expect(thrown(() => device.prog([good, span(9, 0, 16)]))).toMatchObject({ block: 9 })
    expect(thrown(() => device.erase([0, 4]))).toMatchObject({ code: 'OUT_OF_RANGE', block: 4 })
    expect(device.bytes.every((byte) => byte === 0)).toBe(true)
  })

  test('read-only takes no prog and no erase, in its views too', () => {
    const device = new MemoryDevice(new Uint8Array(1024), { readOnly: true })
    for (const view of [device, device.withBlockSize(256)]) {
      expect(view.readOnly).toBe(true)
      view.read([span(0, 0, 4)])
      view.sync()
      expect(thrown(() => view.prog([span(0, 0, 4)]))).toMatchObject({ code: 'READ_ONLY' })
      expect(thrown(() => view.erase([0]))).toMatchObject({ code: 'READ_ONLY' })
    }
  })

  test('a closed device and all its views say so; closing again does nothing', () => {
    const device = make()
    const view = device.withBlockSize(128)
    view.close()
    view.close()
    for (const closed of [device, view]) {
      expect(thrown(() => closed.read([]))).toMatchObject({ code: 'CLOSED', request: 'read' })
      expect(thrown(() => closed.prog([]))).toMatchObject({ code: 'CLOSED', request: 'prog' })
      expect(thrown(() => closed.erase([]))).toMatchObject({ code: 'CLOSED', request: 'erase' })
      expect(thrown(() => closed.sync())).toMatchObject({ code: 'CLOSED', request: 'sync' })
    }
  })

  test.each([
    { blockSize: 0 },
    { blockSize: 10, readSize: 4 },
    { blockCount: -1 },
    { progSize: 0 },
    { eraseValue: 256 },
    { blockSize: Number.NaN },
  ])('no device has %j', (options) => {
    expect(thrown(() => new MemoryDevice(new Uint8Array(64), options))).toBeInstanceOf(MisuseError)
  })

  test('a view whose blocks the read size does not divide', () => {
    expect(thrown(() => make().withBlockSize(24))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

test('views of all sizes show the same bytes', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 600 }),
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 0, max: 79 }),
      fc.nat(79),
      (bytes, blockSize, from, length) => {
        const view = new MemoryDevice(bytes, { blockSize: 7 }).withBlockSize(blockSize)
        expect(view.geometry.blockCount).toBe(Math.floor(bytes.length / blockSize))
        const offset = from % blockSize
        const read = new Uint8Array(Math.min(length, blockSize - offset))
        for (let block = 0; block < view.geometry.blockCount; block++) {
          view.read([{ block, offset, bytes: read }])
          const at = block * blockSize + offset
          expect(read).toEqual(bytes.slice(at, at + read.length))
        }
      },
    ),
  )
})
