import { type BlockDevice, MisuseError, runSync, withBlockSize } from '@caravan/core'
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

/** A device with blocks of its own: the same, without views. */
function withOwnBlocks(device: BlockDevice): BlockDevice {
  return {
    geometry: device.geometry,
    readOnly: device.readOnly,
    read: (spans) => device.read(spans),
    prog: (spans) => device.prog(spans),
    erase: (blocks) => device.erase(blocks),
    sync: () => device.sync(),
    close: () => device.close(),
  }
}

describe('over a flat device', () => {
  test('begins at any byte, in blocks that need not divide its beginning', () => {
    const bytes = new Uint8Array(3000)
    const part = new PartitionDevice(new MemoryDevice(bytes), {
      offsetBytes: 333,
      lengthBytes: 2100,
    })
    expect(part.geometry).toEqual({ blockSize: 512, blockCount: 4, readSize: 1, progSize: 1 })
    part.erase([3])
    expect(bytes.indexOf(0xff)).toBe(333 + 3 * 512)
    expect(bytes.lastIndexOf(0xff)).toBe(333 + 4 * 512 - 1)
    part.prog([{ block: 0, offset: 1, bytes: Uint8Array.of(5) }])
    expect(bytes[334]).toBe(5)
    expect(withBlockSize(part, 100).geometry.blockCount).toBe(21)
  })

  test('reaches to the last byte of the device by default, past its last whole block', () => {
    const bytes = new Uint8Array(1000)
    bytes[999] = 3
    const part = new PartitionDevice(new MemoryDevice(bytes), { offsetBytes: 900 })
    const read = span(0, 99, 1)
    withBlockSize(part, 100).read([read])
    expect(read.bytes[0]).toBe(3)
  })

  test('needs the read and program sizes of the device for its bounds', () => {
    const device = new MemoryDevice(new Uint8Array(1024), { readSize: 4, progSize: 16 })
    expect(thrown(() => new PartitionDevice(device, { offsetBytes: 4 }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('multiple of 16'),
    })
    const part = new PartitionDevice(device, { offsetBytes: 16, lengthBytes: 992 })
    expect(part.geometry).toMatchObject({ readSize: 4, progSize: 16, blockCount: 1 })
    expect(thrown(() => part.prog([span(0, 4, 16)]))).toMatchObject({ code: 'MISALIGNED' })
    expect(thrown(() => part.withBlockSize?.(24))).toBeInstanceOf(MisuseError)
  })

  test('a partition within a partition', () => {
    const bytes = new Uint8Array(1000)
    const outer = new PartitionDevice(new MemoryDevice(bytes), { offsetBytes: 101 })
    const inner = new PartitionDevice(outer, { offsetBytes: 13, lengthBytes: 512 })
    inner.erase([0])
    expect(bytes.indexOf(0xff)).toBe(114)
    expect(bytes.lastIndexOf(0xff)).toBe(114 + 511)
  })

  test('an empty one has no block', () => {
    const part = new PartitionDevice(new MemoryDevice(new Uint8Array(10)), {
      offsetBytes: 0,
      lengthBytes: 0,
    })
    expect(part.geometry.blockCount).toBe(0)
    expect(thrown(() => part.read([span(0, 0, 1)]))).toMatchObject({ code: 'OUT_OF_RANGE' })
  })
})

describe('over a device with blocks of its own', () => {
  test('takes whole blocks only', () => {
    const device = withOwnBlocks(new MemoryDevice(new Uint8Array(2048)))
    for (const options of [{ offsetBytes: 100 }, { offsetBytes: 0, lengthBytes: 700 }]) {
      expect(thrown(() => new PartitionDevice(device, options))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('blocks of 512 bytes of its own'),
      })
    }
    const part = new PartitionDevice(device, { offsetBytes: 512 })
    expect(part.geometry.blockCount).toBe(3)
    expect(part.withBlockSize).toBeUndefined()
    expect(withBlockSize(part, 1024).geometry.blockCount).toBe(1)
    expect(thrown(() => withBlockSize(part, 256))).toBeInstanceOf(MisuseError)
  })
})

describe('refusals', () => {
  test.each([
    { offsetBytes: -1 },
    { offsetBytes: 0.5 },
    { offsetBytes: 1025 },
    { offsetBytes: 1000, lengthBytes: 25 },
    { offsetBytes: Number.NaN },
  ])('%j lies in no device of 1024 bytes', (options) => {
    const device = new MemoryDevice(new Uint8Array(1024))
    expect(thrown(() => new PartitionDevice(device, options))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  test('read-only by its device or by itself', () => {
    const bytes = new Uint8Array(1024)
    const fixed = new MemoryDevice(bytes, { readOnly: true })
    for (const part of [
      new PartitionDevice(fixed, { offsetBytes: 0, readOnly: false }),
      new PartitionDevice(new MemoryDevice(bytes), { offsetBytes: 0, readOnly: true }),
    ]) {
      expect(part.readOnly).toBe(true)
      expect(thrown(() => part.erase([0]))).toMatchObject({ code: 'READ_ONLY', request: 'erase' })
      expect(thrown(() => part.prog([span(0, 0, 1)]))).toMatchObject({ code: 'READ_ONLY' })
    }
  })

  test('closed: itself and its views, but not the device', () => {
    const device = new MemoryDevice(new Uint8Array(1024))
    const part = new PartitionDevice(device, { offsetBytes: 0 })
    const view = withBlockSize(part, 256)
    part.close()
    for (const closed of [part, view]) {
      expect(thrown(() => closed.read([]))).toMatchObject({ code: 'CLOSED' })
      expect(thrown(() => closed.sync())).toMatchObject({ code: 'CLOSED' })
    }
    device.read([span(0, 0, 1)])
  })
})

const FLAT = fc.constantFrom(true, false)

/** A request with whatever numbers, good and bad. */
const REQUEST = fc.record({
  kind: fc.constantFrom('read' as const, 'prog' as const, 'erase' as const),
  block: fc.integer({ min: -2, max: 12 }),
  offset: fc.integer({ min: -3, max: 70 }),
  length: fc.integer({ min: 0, max: 70 }),
})

test('no byte outside is touched, and inside it is a device like any other', () => {
  fc.assert(
    fc.property(
      FLAT,
      fc.nat(300),
      fc.nat(500),
      fc.integer({ min: 1, max: 64 }),
      fc.array(REQUEST, { maxLength: 30 }),
      (isFlat, anyOffset, anyLength, viewSize, requests) => {
        const unit = isFlat ? 1 : 16
        const offsetBytes = anyOffset - (anyOffset % unit)
        const lengthBytes = anyLength - (anyLength % unit)
        const bytes = new Uint8Array(816).fill(0x11)
        const memory = new MemoryDevice(bytes, { blockSize: 16 })
        const part = new PartitionDevice(isFlat ? memory : withOwnBlocks(memory), {
          offsetBytes,
          lengthBytes,
        })
        const model = new MemoryDevice(new Uint8Array(lengthBytes).fill(0x11), { blockSize: 16 })
        const device = isFlat ? withBlockSize(part, viewSize) : part
        const expected = isFlat ? withBlockSize(model, viewSize) : model
        expect(device.geometry).toEqual(expected.geometry)
        for (const request of requests) {
          expect(answer(device, request)).toEqual(answer(expected, request))
        }
        expect(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)).toEqual(model.bytes)
        bytes.fill(0x11, offsetBytes, offsetBytes + lengthBytes)
        expect(bytes.every((byte) => byte === 0x11)).toBe(true)
      },
    ),
  )
})

/** What a request answers: the bytes read, or the code of its failure. */
function answer(
  device: BlockDevice,
  {
    kind,
    block,
    offset,
    length,
  }: { kind: 'read' | 'prog' | 'erase' } & Record<'block' | 'offset' | 'length', number>,
): unknown {
  const bytes = new Uint8Array(length).fill(0x77)
  try {
    runSync(
      (function* () {
        if (kind === 'erase') yield { kind, blocks: [block, block + 1] }
        else
          yield {
            kind,
            spans: [
              { block, offset, bytes },
              { block: block + 1, offset: 0, bytes },
            ],
          }
      })(),
      device,
    )
    return bytes
  } catch (error) {
    return (error as { code: string }).code
  }
}
