import { nextTurn, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { KIND_NAMES, kindOf, type Place, place, places } from './crash-kinds.js'
import { type CrashCounts, cutStory, recordStory, type ToldStory, tellStory } from './crash-run.js'
import { liveWithCuts, RENAMES } from './life-run.js'
import { drawNarrowSetup, drawSmallSetup } from './model-run.js'
import told from './stories.json' with { type: 'json' }

/** Wear and version in all their kinds; more places are drawn. */
const USUAL_PLACES: readonly Place[] = [1, 2, -1].flatMap((blockCycles) =>
  (['2.0', '2.1'] as const).flatMap((diskVersion) => [
    place(512, 16, { blockCycles, diskVersion }),
    place(128, 128, { blockCycles, diskVersion, eraseValue: 0x00 }),
  ]),
)

const stories = told as unknown as readonly ToldStory[]

describe('power cut at every request: old or new, and it goes on', () => {
  const { seed, runs } = seedFromEnvironment(120)
  const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }

  it.each(KIND_NAMES)('%s', { timeout: 600_000 }, async (name) => {
    const random = new Random(seed)
    const all = places()
    const drawn = Array.from({ length: Math.ceil(runs / 40) }, () => random.pick(all))
    for (const { setup, unit } of [...USUAL_PLACES, ...drawn]) {
      await nextTurn()
      const story = recordStory(setup, random, ...kindOf(name, unit))
      const wrong = cutStory(story, random, counts, { samples: 1, cutAgain: 15 })
      expect(wrong, `${JSON.stringify(setup)}, CARAVAN_SEED=${seed}`).toBeUndefined()
    }
  })

  // Each once lost something: stories.json says what.
  it.each(stories)('the story of seed $seed', { timeout: 600_000 }, async (told) => {
    for (const round of [1, 2]) {
      await nextTurn()
      const random = new Random(told.seed + round)
      const story = recordStory(told.setup, random, told.preparation, told.operations)
      const wrong = cutStory(story, random, counts, { samples: 2, thorough: true, cutAgain: 10 })
      expect(wrong, told.story).toBeUndefined()
    }
  })

  it('random operations on random geometry', { timeout: 3_600_000 }, async () => {
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = drawSmallSetup(random)
      const wrong = tellStory(setup, random, counts, { samples: 1, cutAgain: 20 })
      const replay = `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`
      expect(wrong, `${replay}: ${JSON.stringify(setup)}`).toBeUndefined()
    }
    console.log(`${counts.states} states cut, ${counts.doubleCuts} cut again during the repair`)
    expect(counts.states).toBeGreaterThan(20 * runs)
  })

  it('a life with many cuts, each going on from where the last one left it', {
    timeout: 3_600_000,
  }, async () => {
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = drawSmallSetup(random)
      const { wrong } = liveWithCuts(setup, random, 12, counts)
      const replay = `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`
      expect(wrong, `${replay}: ${JSON.stringify(setup)}`).toBeUndefined()
    }
  })

  it('renames across directories while pairs move, split and empty, cut again and again', {
    timeout: 3_600_000,
  }, async () => {
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = drawNarrowSetup(random)
      const { wrong } = liveWithCuts(setup, random, 25, counts, RENAMES)
      const replay = `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`
      expect(wrong, `${replay}: ${JSON.stringify(setup)}`).toBeUndefined()
    }
  })
})
