import { fileURLToPath } from 'node:url'
import { runCampaign, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { campaigns } from './mutations/campaigns.js'
import { watchCost } from './mutations/cost.js'
import { probe } from './mutations/probe.js'
import { readTargets } from './mutations/targets.js'

describe('damaged images', () => {
  it('give an answer or a typed error, in bounded time and memory', async () => {
    const targets = readTargets(fileURLToPath(new URL('../golden/littlefs', import.meta.url)))
    const { seed, runs } = seedFromEnvironment(2500)
    const faults: string[] = []
    const outcomes = new Map<string, number>()
    for (let index = 0; index < runs; index++) {
      const cost = watchCost()
      const { outcome, fault = cost(), kind, target } = await probe(targets, seed, index)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (fault !== undefined) faults.push(`${index} (${kind}, ${target}): ${fault}`)
    }
    expect(faults, `seed ${seed}`).toEqual([])
    expect([...outcomes.keys()].sort()).toEqual(['damage seen', 'read whole', 'refused'])
  }, 600_000)
})

describe('made-up images with hostile names', () => {
  it('are extracted by the command into their directory alone', { timeout: 300_000 }, async () => {
    const { seed } = seedFromEnvironment()
    const campaign = campaigns('').find(({ name }) => name === 'littlefs-extract')
    if (campaign === undefined) return expect.fail('no such campaign')
    const { failures, counts } = await runCampaign(campaign, seed, 60)
    expect(failures).toEqual([])
    expect(counts).toEqual({ 'images extracted': 60 })
  })
})
