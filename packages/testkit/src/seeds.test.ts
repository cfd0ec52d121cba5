import { afterEach, describe, expect, it, vi } from 'vitest'
import { propertyParameters, seedFromEnvironment } from './seeds.js'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('seedFromEnvironment', () => {
  it('prints a fresh seed, and the same seed replays', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    vi.stubEnv('CARAVAN_SEED', '')
    vi.stubEnv('CARAVAN_RUNS', '')
    const { seed, runs } = seedFromEnvironment(7)
    expect(log.mock.calls.flat().join()).toContain(`CARAVAN_SEED=${seed}`)
    expect(runs).toBe(7)
    vi.stubEnv('CARAVAN_SEED', String(seed))
    vi.stubEnv('CARAVAN_RUNS', '9')
    expect(seedFromEnvironment(7)).toEqual({ seed, runs: 9 })
    expect(propertyParameters(7)).toEqual({ seed, numRuns: 9 })
  })

  it.each(['x', '-1', '1.5', '4294967296'])('refuses CARAVAN_SEED=%s', (text) => {
    vi.stubEnv('CARAVAN_SEED', text)
    expect(() => seedFromEnvironment()).toThrow(/CARAVAN_SEED is/)
  })
})
