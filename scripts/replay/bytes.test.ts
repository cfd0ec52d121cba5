import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateBytes } from './bytes.js'

describe('generateBytes', () => {
  it("gives the reference's bytes", () => {
    const first = Buffer.from(generateBytes(1, 16)).toString('hex')
    expect(first).toBe('2101c54fd1d01ab22574cb378aaef5b1')
    const digest = createHash('sha256').update(generateBytes(1, 100)).digest('hex')
    expect(digest).toBe('c064764d759016ea617d923a5272383f2a5213443895bb5b5aae82f89a956a4a')
  })

  it('starts again from its seed, and gives zeros for seed 0', () => {
    expect(generateBytes(7, 40).subarray(0, 10)).toEqual(generateBytes(7, 10))
    expect(generateBytes(0, 5)).toEqual(new Uint8Array(5))
    expect(generateBytes(2 ** 32 + 7, 10)).toEqual(generateBytes(7, 10))
  })
})
