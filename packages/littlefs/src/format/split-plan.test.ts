import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentMaxIn, planSplit } from './split-plan.js'

describe('planSplit', () => {
  const sizes = fc.array(fc.integer({ min: 8, max: 600 }), { maxLength: 700 })

  it('covers all entries, in order, with no log too large unless one entry alone is', () => {
    const metadataMax = fc.constantFrom(128, 512, 4096, 65536)
    const progSize = fc.constantFrom(1, 16, 128)
    const packings = fc.constantFrom('loose' as const, 'dense' as const)
    fc.assert(
      fc.property(sizes, metadataMax, progSize, packings, (all, most, prog, packing) => {
        const starts = planSplit(all, most, prog, packing)
        expect(starts[0]).toBe(0)
        starts.forEach((start, i) => {
          const end = starts[i + 1] ?? all.length
          if (i > 0) expect(start).toBeGreaterThan(starts[i - 1] as number)
          const total = all.slice(start, end).reduce((sum, size) => sum + size, 0)
          const half = Math.ceil(Math.floor(most / 2) / prog) * prog
          const full = packing === 'dense' ? most : half
          if (end - start > 1) expect(total).toBeLessThanOrEqual(Math.min(full, contentMaxIn(most)))
          expect(end - start).toBeLessThanOrEqual(0xfe)
        })
      }),
      propertyParameters(200),
    )
  })

  it('leaves alone what fits, and halves what has just grown too large', () => {
    expect(planSplit([], 512, 16, 'loose')).toEqual([0])
    expect(planSplit([100, 100], 512, 16, 'loose')).toEqual([0])
    expect(planSplit([70, 70, 70, 70], 512, 16, 'loose')).toEqual([0, 2])
  })

  it('fills pair after pair with what is many logs worth', () => {
    expect(planSplit(Array<number>(12).fill(100), 512, 16, 'loose')).toEqual([0, 2, 4, 6, 8, 10])
  })

  it('fills logs to the end where they are to be few', () => {
    expect(planSplit([70, 70, 70, 70], 512, 16, 'dense')).toEqual([0])
    expect(planSplit(Array<number>(12).fill(100), 512, 16, 'dense')).toEqual([0, 4, 8])
  })
})
