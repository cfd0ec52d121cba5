import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCampaign } from '@caravan/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { bundleCampaigns, campaignModules } from './soak/bundle.js'
import { Ledger } from './soak/ledger.js'

const root = fileURLToPath(new URL('..', import.meta.url))

describe('campaigns', () => {
  it('of every package are found, and bundled into one module', { timeout: 300_000 }, async () => {
    expect(campaignModules(root).map((path) => path.slice(root.length))).toContain(
      'packages/littlefs/test/campaigns.ts',
    )
    const { campaigns } = await import(await bundleCampaigns(root))
    const all = campaigns(root)
    const names = all.map(({ name }: { name: string }) => name)
    expect(names).toContain('littlefs-power-cuts')
    expect(new Set(names).size).toBe(names.length)
  })

  it('a case that throws is a failure with its seed, and the others go on', async () => {
    const campaign = {
      name: 'planted',
      what: 'fails',
      weight: 1,
      run(seed: number) {
        if (seed === 5) throw new TypeError('planted')
        return { counts: { tried: 2 }, failure: seed === 6 ? 'found' : undefined }
      },
    }
    const { cases, counts, failures } = await runCampaign(campaign, 4, 4)
    expect({ cases, counts }).toEqual({ cases: 4, counts: { tried: 6 } })
    expect(failures.map(({ seed, what }) => [seed, what.split('\n')[0]])).toEqual([
      [5, 'it threw TypeError: planted'],
      [6, 'found'],
    ])
  })
})

describe('the ledger', () => {
  const campaigns = [
    { name: 'a', what: '', weight: 1 },
    { name: 'b', what: '', weight: 3 },
  ]
  const result = (cases: number, milliseconds: number) => ({
    cases,
    milliseconds,
    counts: { tried: cases },
    failures: [],
  })

  it('gives each campaign its part of the time, and other seeds each time', () => {
    const ledger = new Ledger(campaigns, 10)
    const spent = new Map<string, number>()
    const seeds = new Set<string>()
    for (let i = 0; i < 400; i++) {
      const batch = ledger.next()
      if (batch === undefined) throw new Error('no batch')
      for (let k = 0; k < batch.cases; k++) {
        const seed = `${batch.campaign} ${batch.seed + k}`
        expect(seeds.has(seed)).toBe(false)
        seeds.add(seed)
      }
      ledger.record(batch, result(batch.cases, 100 * batch.cases))
      spent.set(batch.campaign, (spent.get(batch.campaign) ?? 0) + batch.cases)
    }
    expect((spent.get('b') ?? 0) / (spent.get('a') ?? 1)).toBeCloseTo(3, 0)
  })

  it('ends after as many cases as were asked for, and does again what a hang cut off', () => {
    const ledger = new Ledger(campaigns.slice(0, 1), 0, 5)
    for (;;) {
      const batch = ledger.next()
      if (batch === undefined) break
      ledger.record(batch, result(batch.cases > 1 ? batch.cases - 1 : 1, 1))
    }
    expect(ledger.cases).toBe(5)
    expect(ledger.table().join('\n')).toMatch(/^a +5 .*5 tried$/m)
  })
})

describe('a lane', () => {
  const dir = mkdtempSync(join(tmpdir(), 'caravan-soak-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  it('replaces a worker that hangs or dies, and names the seed', { timeout: 300_000 }, async () => {
    // The compiled one: a worker thread is started on it.
    const { Lane } = await import(join(root, 'scripts/dist/soak/lane.js'))
    const module = join(dir, 'planted.mjs')
    writeFileSync(
      module,
      `export const campaigns = () => [{ name: 'planted', what: '', weight: 1, run(seed) {
        if (seed === 2) for (;;);
        if (seed === 7) process.exit(3)
        return { counts: { tried: 1 } }
      } }]`,
    )
    const lane = new Lane(root, module, 1500)
    const hung = await lane.run({ campaign: 'planted', seed: 0, cases: 10 })
    expect(hung).toMatchObject({ cases: 3, failures: [{ seed: 2, what: 'no end after 1.5 s' }] })
    const died = await lane.run({ campaign: 'planted', seed: 5, cases: 10 })
    expect(died.failures).toEqual([{ seed: 7, what: 'the worker ended with code 3' }])
    const whole = await lane.run({ campaign: 'planted', seed: 8, cases: 10 })
    expect(whole).toMatchObject({ cases: 10, counts: { tried: 10 }, failures: [] })
    await lane.stop()
  })
})
