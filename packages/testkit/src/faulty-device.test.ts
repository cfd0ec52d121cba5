import type { Answer, Span } from '@caravan/core'
import { DeviceError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { type Fault, FaultyDevice } from './faulty-device.js'
import { Random } from './model/random.js'

const memory = () => new MemoryDevice({ blockSize: 8, blockCount: 4, progSize: 2, eraseValue: 0 })

const ones = (block: number): Span => ({ block, offset: 0, bytes: new Uint8Array(8).fill(1) })

/** What each of some progs of blocks 0, 1, 2... came to. */
function outcomes(fault: Fault, count: number) {
  const device = new FaultyDevice(memory(), { fault })
  return Array.from({ length: count }, (_, i) => {
    try {
      device.prog([ones(i)])
      return 'answered'
    } catch (error) {
      return error instanceof DeviceError ? error.code : 'untyped'
    }
  })
}

describe('a request fails', () => {
  it('once, a few times, or for ever', () => {
    expect(outcomes({ way: 'refused', from: 1, count: 1 }, 4)).toEqual([
      'answered',
      'IO',
      'answered',
      'answered',
    ])
    expect(outcomes({ way: 'short', from: 0, count: 2 }, 3)).toEqual([
      'SHORT_TRANSFER',
      'SHORT_TRANSFER',
      'answered',
    ])
    expect(outcomes({ way: 'refused', from: 2 }, 4)).toEqual(['answered', 'answered', 'IO', 'IO'])
  })

  it('of one kind only', () => {
    const device = new FaultyDevice(memory(), { fault: { way: 'refused', from: 0, only: 'sync' } })
    device.prog([ones(0)])
    device.erase([1])
    device.read([ones(2)])
    expect(() => device.sync()).toThrow(expect.objectContaining({ code: 'IO', request: 'sync' }))
    expect([device.requestCount, device.failedCount]).toEqual([4, 1])
  })

  it.each([
    ['refused', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['short', [1, 1, 1, 1, 0, 0, 0, 0]],
    ['lost answer', [1, 1, 1, 1, 1, 1, 1, 1]],
  ] as const)('%s: that part of a prog, an erase and a read is done', (way, expected) => {
    const inner = memory()
    const device = new FaultyDevice(inner, { fault: { way, from: 0 } })
    expect(() => device.prog([ones(0)])).toThrow(DeviceError)
    expect([...inner.bytes.subarray(0, 8)]).toEqual(expected)
    inner.bytes.fill(7)
    expect(() => device.erase([0, 1])).toThrow(DeviceError)
    const erased = [0, 1].map((block) => inner.bytes[block * 8] === 0)
    expect(erased).toEqual(
      { refused: [false, false], short: [true, false], 'lost answer': [true, true] }[way],
    )
    const read = { block: 3, offset: 0, bytes: new Uint8Array(8) }
    expect(() => device.read([read])).toThrow(DeviceError)
    expect([...read.bytes]).toEqual(expected.map((byte) => byte * 7))
  })

  it('short by chance: never whole, and at every unit in the end', () => {
    const seen = new Set<number>()
    const random = new Random(1)
    for (let i = 0; i < 100; i++) {
      const inner = memory()
      const device = new FaultyDevice(inner, { fault: { way: 'short', from: 0 }, random })
      expect(() => device.prog([ones(0), ones(1)])).toThrow(DeviceError)
      seen.add(inner.bytes.reduce((sum, byte) => sum + byte, 0))
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 2, 4, 6, 8, 10, 12, 14])
  })

  it('late: answers and failures come in a later turn', async () => {
    const device = new FaultyDevice(memory(), {
      fault: { way: 'lost answer', from: 1 },
      late: true,
    })
    const turns: string[] = []
    const told = async (name: string, answer: Answer) => {
      await Promise.resolve(answer).catch((error) => turns.push((error as DeviceError).code))
      turns.push(name)
    }
    const all = [told('first', device.prog([ones(0)])), told('second', device.sync())]
    turns.push('made')
    await Promise.all(all)
    expect(turns).toEqual(['made', 'first', 'IO', 'second'])
  })
})
