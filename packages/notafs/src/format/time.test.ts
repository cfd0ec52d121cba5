import { Timestamp } from '@caravan/core'
import { describe, expect, it } from 'vitest'
import { timestampOf } from './time.js'

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
