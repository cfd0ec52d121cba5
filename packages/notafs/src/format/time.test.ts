import { Timestamp } from '@caravan/core'
import { describe, expect, it } from 'vitest'
import { secondsOf, secondsOfMs, secondsOfNs, timestampOf } from './time.js'

describe('times as doubles', () => {
  it.each([
    [0, 0, 0n],
    [1.5, 0, 1_500_000_000_000n],
    [-1, -1, 86_399_000_000_000_000n],
    // A damaged disk had one: the nearest double to what is left of the day is the whole of it.
    [-1e-12, 0, 0n],
    [-Number.MIN_VALUE, 0, 0n],
  ])('%d', (seconds, days, picoseconds) => {
    expect(timestampOf(seconds)).toEqual(new Timestamp(days, picoseconds))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e300])('%d is no time', (seconds) => {
    expect(timestampOf(seconds)).toBeUndefined()
  })
})

// The original reads the years 0 to 9999, and refuses a disk with any other.
describe('times as they are stored', () => {
  it.each([
    [0, 0],
    [-1, -1],
    [253_402_300_799, 253_402_300_799],
    [253_402_300_800, 253_402_300_799],
    [1e12, 253_402_300_799],
    [-62_167_219_200, -62_167_219_200],
    [-62_167_219_201, -62_167_219_200],
    [-1e11, -62_167_219_200],
  ])('%d', (seconds, stored) => {
    expect(secondsOfMs(seconds * 1000)).toBe(stored)
    expect(secondsOfNs(BigInt(seconds) * 1_000_000_000n)).toBe(stored)
    const days = Math.floor(seconds / 86_400)
    const picoseconds = BigInt(seconds - days * 86_400) * 1_000_000_000_000n
    expect(secondsOf(new Timestamp(days, picoseconds))).toBe(stored)
  })

  it('a clock that tells no time', () => {
    expect(secondsOfMs(Number.NaN)).toBe(0)
    expect(secondsOfMs(Number.POSITIVE_INFINITY)).toBe(253_402_300_799)
  })
})
