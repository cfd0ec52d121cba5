import { describe, expect, test } from 'vitest'
import {
  type BlockDevice,
  checkBlocks,
  checkGeometry,
  checkSpans,
  withBlockSize,
} from './device.js'
import { DeviceError, MisuseError } from './errors.js'
import type { Span } from './op.js'

const GEOMETRY = { blockSize: 16, blockCount: 4, readSize: 2, progSize: 8 }

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('It threw nothing.')
}

describe('checkGeometry', () => {
  test('takes what can be, an empty device too', () => {
    checkGeometry(GEOMETRY)
    checkGeometry({ ...GEOMETRY, blockCount: 0 })
  })

  test.each([
    [{ blockSize: 0 }, 'blockSize is 0: give a whole number of 1 or more.'],
    [{ blockSize: 1.5 }, 'blockSize is 1.5'],
    [{ blockCount: -1 }, 'blockCount is -1: give a whole number of 0 or more.'],
    [{ blockCount: Number.POSITIVE_INFINITY }, 'blockCount is Infinity'],
    [{ readSize: 0 }, 'readSize is 0'],
    [{ progSize: Number.NaN }, 'progSize is NaN'],
    [{ readSize: 3 }, 'blockSize 16 is no multiple of readSize 3'],
    [{ progSize: 32 }, 'blockSize 16 is no multiple of progSize 32'],
  ])('refuses %j', (wrong, message) => {
    const error = thrown(() => checkGeometry({ ...GEOMETRY, ...wrong }))
    expect(error).toBeInstanceOf(MisuseError)
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
  })
})

describe('checkSpans and checkBlocks', () => {
  const span = (block: number, offset: number, length: number): Span => ({
    block,
    offset,
    bytes: new Uint8Array(length),
  })

  test('take what lies inside, to the last byte', () => {
    checkSpans(GEOMETRY, 'read', [])
    checkSpans(GEOMETRY, 'read', [span(0, 0, 16), span(3, 14, 2), span(3, 16, 0)])
    checkSpans(GEOMETRY, 'prog', [span(3, 8, 8)])
    checkBlocks(GEOMETRY, [0, 3, 3])
  })

  test.each([
    ['read', span(4, 0, 2), 'OUT_OF_RANGE'],
    ['read', span(-1, 0, 2), 'OUT_OF_RANGE'],
    ['read', span(1.5, 0, 2), 'OUT_OF_RANGE'],
    ['read', span(Number.NaN, 0, 2), 'OUT_OF_RANGE'],
    ['prog', span(0, 8, 16), 'OUT_OF_RANGE'],
    ['prog', span(0, -8, 8), 'OUT_OF_RANGE'],
    ['read', span(0, 0.5, 2), 'OUT_OF_RANGE'],
    ['read', span(0, 1, 2), 'MISALIGNED'],
    ['read', span(0, 2, 3), 'MISALIGNED'],
    ['prog', span(0, 2, 8), 'MISALIGNED'],
    ['prog', span(0, 8, 2), 'MISALIGNED'],
  ] as const)('a %s of %j is %s, and the error names it', (request, bad, code) => {
    const error = thrown(() => checkSpans(GEOMETRY, request, [span(0, 0, 8), bad]))
    expect(error).toBeInstanceOf(DeviceError)
    expect(error).toMatchObject({
      code,
      request,
      block: bad.block,
      offset: bad.offset,
      length: bad.bytes.length,
      message: expect.stringContaining(
        `A ${request} of ${bad.bytes.length} bytes at block ${bad.block}, offset ${bad.offset}`,
      ),
    })
  })

  test('half an offset is refused where every size is taken, too', () => {
    const any = { ...GEOMETRY, readSize: 1 }
    expect(thrown(() => checkSpans(any, 'read', [span(0, 0.5, 1)]))).toMatchObject({
      code: 'OUT_OF_RANGE',
    })
  })

  test.each([4, -1, 0.5, Number.NaN])('an erase of block %d is out of range', (block) => {
    expect(thrown(() => checkBlocks(GEOMETRY, [0, block]))).toMatchObject({
      code: 'OUT_OF_RANGE',
      request: 'erase',
      block,
    })
  })
})

describe('withBlockSize', () => {
  /** Notes what it is asked, in blocks of its own. */
  class NotingDevice implements BlockDevice {
    readonly geometry = { blockSize: 8, blockCount: 7, readSize: 1, progSize: 2 }
    readonly readOnly = false
    readonly asked: unknown[] = []
    note(kind: string, spans: readonly Span[]) {
      this.asked.push([kind, ...spans.map((s) => [s.block, s.offset, [...s.bytes].join()])])
    }
    read(spans: readonly Span[]) {
      this.note('read', spans)
      for (const { block, bytes } of spans) bytes.fill(block)
    }
    prog(spans: readonly Span[]) {
      this.note('prog', spans)
    }
    erase(blocks: readonly number[]) {
      this.asked.push(['erase', ...blocks])
    }
    sync() {
      this.asked.push(['sync'])
    }
    close() {
      this.asked.push(['close'])
    }
  }

  test('its own size: the device itself', () => {
    const device = new NotingDevice()
    expect(withBlockSize(device, 8)).toBe(device)
  })

  test('its own means, where it has them', () => {
    const view = new NotingDevice()
    const device = Object.assign(new NotingDevice(), { withBlockSize: () => view })
    expect(withBlockSize(device, 5)).toBe(view)
  })

  test('joins whole blocks, and leaves out a rest', () => {
    const device = new NotingDevice()
    const joined = withBlockSize(device, 16)
    expect(joined.geometry).toEqual({ blockSize: 16, blockCount: 3, readSize: 1, progSize: 2 })
    const bytes = new Uint8Array(12)
    joined.read([{ block: 1, offset: 3, bytes }])
    expect([...bytes]).toEqual([2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3])
    joined.prog([
      { block: 0, offset: 6, bytes: Uint8Array.of(1, 2, 3, 4) },
      { block: 2, offset: 8, bytes: Uint8Array.of(5, 6) },
    ])
    joined.erase([2, 0])
    joined.sync()
    joined.close()
    expect(device.asked.slice(1)).toEqual([
      ['prog', [0, 6, '1,2'], [1, 0, '3,4'], [5, 0, '5,6']],
      ['erase', 4, 5, 0, 1],
      ['sync'],
      ['close'],
    ])
    expect(thrown(() => joined.read([{ block: 3, offset: 0, bytes }]))).toMatchObject({
      code: 'OUT_OF_RANGE',
      block: 3,
    })
    expect(thrown(() => joined.erase([3]))).toMatchObject({ code: 'OUT_OF_RANGE', block: 3 })
    expect(withBlockSize(joined, 32).geometry.blockCount).toBe(1)
  })

  test.each([4, 12, 0, -8, 8.5])('cannot join blocks of 8 to %d', (blockSize) => {
    expect(thrown(() => withBlockSize(new NotingDevice(), blockSize))).toMatchObject({
      name: 'MisuseError',
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('blocks of 8 bytes'),
    })
  })
})
