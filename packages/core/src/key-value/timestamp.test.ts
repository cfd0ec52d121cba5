import { describe, expect, test } from 'vitest'
import { latest, Timestamp } from './timestamp.js'

describe('Timestamp', () => {
  test.each([0, 1, 999, 86_399_999, 86_400_000, 1_700_000_000_123, -1, -86_400_001])(
    '%d ms, there and back',
    (ms) => {
      const time = Timestamp.fromMs(ms)
      expect(time.toMs()).toBe(ms)
      expect(time.toDate().getTime()).toBe(ms)
      expect(time).toEqual(Timestamp.fromNs(BigInt(ms) * 1_000_000n))
      expect(time.toNs()).toBe(BigInt(ms) * 1_000_000n)
    },
  )

  test('what is smaller than the unit is cut off', () => {
    expect(new Timestamp(1, 1_999_999_999n).toMs()).toBe(86_400_001)
    expect(new Timestamp(0, 1_999n).toNs()).toBe(1n)
  })

  test.each([
    [1.5, 0n],
    [2 ** 32, 0n],
    [0, -1n],
    [0, 86_400_000_000_000_000n],
  ])('%d days, %d ps are none', (days, picoseconds) => {
    expect(() => new Timestamp(days, picoseconds)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })

  test('order', () => {
    const [a, b, c] = [new Timestamp(1, 5n), new Timestamp(1, 6n), new Timestamp(2, 0n)]
    expect(a.compare(b)).toBeLessThan(0)
    expect(c.compare(b)).toBeGreaterThan(0)
    expect(a.compare(new Timestamp(1, 5n))).toBe(0)
    expect(latest(a, c)).toBe(c)
    expect(latest(undefined, a)).toBe(a)
    expect(latest(undefined, undefined)).toBeUndefined()
  })
})
