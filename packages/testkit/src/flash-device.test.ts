import { DeviceError, MisuseError } from '@caravan/core'
import { describe, expect, it } from 'vitest'
import { BAD_BLOCK_WAYS, FlashDevice, type FlashDeviceOptions } from './flash-device.js'

const GEOMETRY = { blockSize: 16, blockCount: 4, readSize: 1, progSize: 4 }

const flash = (options: Partial<FlashDeviceOptions> = {}) =>
  new FlashDevice({ ...GEOMETRY, ...options })

const span = (block: number, offset: number, ...bytes: number[]) => ({
  block,
  offset,
  bytes: Uint8Array.from(bytes),
})

function readOf(device: FlashDevice, block: number, length = 4): number[] {
  const bytes = new Uint8Array(length)
  device.read([{ block, offset: 0, bytes }])
  return [...bytes]
}

const failure = (call: () => void): DeviceError => {
  try {
    call()
  } catch (error) {
    if (error instanceof DeviceError) return error
  }
  return expect.fail('no DeviceError')
}

describe('what is programmed', () => {
  it('strict: an error where it was not erased, naming the unit; what came before is done', () => {
    const device = flash()
    device.prog([span(1, 4, 1, 2, 3, 4)])
    const error = failure(() => device.prog([span(1, 0, 9, 9, 9, 9), span(1, 4, 5, 6, 7, 8)]))
    expect(error).toMatchObject({ code: 'NOT_ERASED', request: 'prog', block: 1, offset: 4 })
    expect(readOf(device, 1, 8)).toEqual([9, 9, 9, 9, 1, 2, 3, 4])
    device.erase([1])
    device.prog([span(1, 4, 5, 6, 7, 8)])
    expect(readOf(device, 1, 8)).toEqual([255, 255, 255, 255, 5, 6, 7, 8])
  })

  it('nor: bits are cleared and never set', () => {
    const device = flash({ mode: 'nor' })
    device.prog([span(0, 0, 0xf0, 0xff, 0x0f, 0x00)])
    device.prog([span(0, 0, 0x3c, 0x3c, 0x3c, 0x3c)])
    expect(readOf(device, 0)).toEqual([0x30, 0x3c, 0x0c, 0x00])
    expect(() => flash({ mode: 'nor', eraseValue: 0 })).toThrow(MisuseError)
  })

  it('overwrite: the last bytes stand', () => {
    const device = flash({ mode: 'overwrite', eraseValue: 0 })
    device.prog([span(0, 0, 1, 2, 3, 4)])
    device.prog([span(0, 0, 5, 6, 7, 8)])
    expect(readOf(device, 0)).toEqual([5, 6, 7, 8])
  })

  it('is whole units inside one block', () => {
    expect(failure(() => flash().prog([span(0, 2, 1, 2, 3, 4)])).code).toBe('MISALIGNED')
    expect(failure(() => flash().prog([span(0, 0, 1, 2)])).code).toBe('MISALIGNED')
    expect(failure(() => flash().prog([span(4, 0, 1, 2, 3, 4)])).code).toBe('OUT_OF_RANGE')
    expect(failure(() => flash().erase([4])).code).toBe('OUT_OF_RANGE')
  })
})

describe('wear', () => {
  it('counts erases of each block', () => {
    const device = flash()
    for (const block of [1, 1, 2]) device.erase([block])
    expect([...device.wear]).toEqual([0, 2, 1, 0])
  })

  it.each(BAD_BLOCK_WAYS)('a block erased as often as it may be: %s', (way) => {
    const device = flash({ wearLimit: 2, wornWay: way })
    for (let i = 0; i < 2; i++) {
      device.erase([1])
      device.prog([span(1, 0, i, i, i, i)])
    }
    expect(device.badBlockCount).toBe(0)
    expect(readOf(device, 1)).toEqual([1, 1, 1, 1])
    const attempt = (call: () => void) => {
      try {
        call()
        return 'answered'
      } catch (error) {
        return error instanceof DeviceError ? `${error.code} ${error.request}` : error
      }
    }
    const outcomes = [
      attempt(() => device.erase([1])),
      attempt(() => device.prog([span(1, 0, 0xf3, 0xf3, 0xf3, 0xf3)])),
      attempt(() => readOf(device, 1)),
    ]
    expect(device.badWay(1)).toBe(way)
    expect(outcomes).toEqual(
      ['erase', 'prog', 'read'].map((kind) =>
        way === `${kind} fails`
          ? `BAD_BLOCK ${kind}`
          : kind === 'prog' && way === 'erase fails'
            ? 'NOT_ERASED prog'
            : 'answered',
      ),
    )
    device.setBad(1, undefined)
    expect(readOf(device, 1)).toEqual(
      {
        'prog fails': [255, 255, 255, 255],
        'erase fails': [1, 1, 1, 1],
        'read fails': [0xf3, 0xf3, 0xf3, 0xf3],
        'prog does nothing': [1, 1, 1, 1],
        // What could not be erased takes what bits can be cleared: 1 & 0xf3.
        'erase does nothing': [1, 1, 1, 1],
      }[way],
    )
    // The others are as good as before.
    device.prog([span(2, 0, 5, 5, 5, 5)])
    expect(readOf(device, 2)).toEqual([5, 5, 5, 5])
  })

  it('a block can be bad from the beginning, each in its own way', () => {
    const device = flash({
      wearLimit: 1,
      wornWay: (block) => BAD_BLOCK_WAYS[block] ?? 'prog fails',
    })
    device.setBad(3, 'read fails')
    expect(failure(() => readOf(device, 3))).toMatchObject({ code: 'BAD_BLOCK', block: 3 })
    device.erase([0, 1])
    expect(failure(() => device.erase([0, 1])).block).toBe(1)
    expect([device.badWay(0), device.badWay(1)]).toEqual(['prog fails', 'erase fails'])
  })
})

it('bits are flipped on demand', () => {
  const device = flash()
  device.prog([span(2, 0, 0, 0, 0, 0)])
  device.flipBit(2, 1, 6)
  expect(readOf(device, 2)).toEqual([0, 64, 0, 0])
})
