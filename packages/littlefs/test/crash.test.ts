import { type Operation, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { type CrashCounts, cutStory, recordStory } from './crash-run.js'
import { drawSetup, type Setup } from './model-run.js'
import { nextTurn } from './next-turn.js'

const content = (size: number) => ({ seed: size + 1, size })

const PREPARATION: readonly Operation[] = [
  { do: 'mkdir', path: '/dir' },
  { do: 'mkdir', path: '/dir/sub' },
  { do: 'mkdir', path: '/empty' },
  { do: 'mkdir', path: '/other' },
  { do: 'writeFile', path: '/inline', content: content(20) },
  { do: 'writeFile', path: '/dir/large', content: content(1700) },
  { do: 'writeFile', path: '/dir/sub/deep', content: content(700) },
  { do: 'setAttribute', path: '/inline', type: 1, content: content(9) },
  { do: 'writeFile', path: '/other/x', content: content(8) },
]

/** Every kind of operation, each on what was prepared. */
const KINDS: Readonly<Record<string, readonly Operation[]>> = {
  'a new inline file': [{ do: 'writeFile', path: '/dir/new', content: content(5) }],
  'a new file of many blocks': [{ do: 'writeFile', path: '/dir/new', content: content(2500) }],
  'an inline file over a large one': [{ do: 'writeFile', path: '/dir/large', content: content(7) }],
  'a large file over an inline one': [{ do: 'writeFile', path: '/inline', content: content(1500) }],
  'appending to a large file': [{ do: 'appendFile', path: '/dir/large', content: content(900) }],
  truncating: [{ do: 'truncateFile', path: '/dir/large', size: 300 }],
  'a new directory': [{ do: 'mkdir', path: '/dir/made' }],
  'removing a file': [{ do: 'remove', path: '/dir/large' }],
  'removing a directory': [{ do: 'remove', path: '/empty' }],
  'renaming within a directory': [{ do: 'rename', path: '/dir/large', to: '/dir/aaa' }],
  'renaming across directories': [{ do: 'rename', path: '/dir/large', to: '/other/moved' }],
  'renaming over a file elsewhere': [{ do: 'rename', path: '/dir/large', to: '/other/x' }],
  'renaming a directory across': [{ do: 'rename', path: '/dir/sub', to: '/other/sub' }],
  'renaming over an empty directory': [{ do: 'rename', path: '/dir/sub', to: '/empty' }],
  'renaming the only entry away': [{ do: 'rename', path: '/other/x', to: '/dir/sub/x' }],
  'setting an attribute': [
    { do: 'setAttribute', path: '/dir/large', type: 2, content: content(12) },
  ],
  'removing an attribute': [{ do: 'removeAttribute', path: '/inline', type: 1 }],
  'a handle, synced in between': [
    { do: 'open', slot: 0, path: '/dir/large', mode: { read: true, write: true } },
    { do: 'seek', slot: 0, offset: 600, origin: 'start' },
    { do: 'write', slot: 0, content: content(40) },
    { do: 'sync', slot: 0 },
    { do: 'truncate', slot: 0, size: 1000 },
    { do: 'write', slot: 0, content: content(1200) },
    { do: 'close', slot: 0 },
  ],
  'a handle whose file is renamed and removed': [
    { do: 'open', slot: 0, path: '/dir/large', mode: { write: true } },
    { do: 'write', slot: 0, content: content(600) },
    { do: 'rename', path: '/dir/large', to: '/other/moved' },
    { do: 'sync', slot: 0 },
    { do: 'write', slot: 0, content: content(100) },
    { do: 'remove', path: '/other/moved' },
    { do: 'close', slot: 0 },
  ],
  gc: [{ do: 'gc' }],
}

const GEOMETRIES = [
  { blockSize: 512, blockCount: 40, readSize: 16, progSize: 16, eraseValue: 0xff },
  { blockSize: 128, blockCount: 90, readSize: 1, progSize: 128, eraseValue: 0x00 },
]

function setupOf(geometry: (typeof GEOMETRIES)[number], variant: Partial<Setup>): Setup {
  return {
    ...geometry,
    diskVersion: '2.1',
    blockCycles: -1,
    inlineMax: Math.min(32, geometry.blockSize / 8),
    metadataMax: geometry.blockSize,
    nameMax: 255,
    fileMax: 2147483647,
    attrMax: 1022,
    ...variant,
  }
}

describe('power cut at every request: old or new, and it goes on', () => {
  const { seed, runs } = seedFromEnvironment(120)
  const counts: CrashCounts = { states: 0, doubleCuts: 0 }

  it.each(Object.keys(KINDS))('%s', { timeout: 600_000 }, async (kind) => {
    const random = new Random(seed)
    for (const geometry of GEOMETRIES) {
      for (const blockCycles of [1, 2, -1]) {
        for (const diskVersion of ['2.0', '2.1'] as const) {
          await nextTurn()
          const setup = setupOf(geometry, { blockCycles, diskVersion })
          const story = recordStory(setup, random, PREPARATION, KINDS[kind] as Operation[])
          const wrong = cutStory(story, random, counts, { samples: 1, doubleCutOneIn: 15 })
          expect(wrong, `${JSON.stringify(setup)}, CARAVAN_SEED=${seed}`).toBeUndefined()
        }
      }
    }
  })

  // Each once lost something:
  // 191, 276, 315, 345: the erase of a log's block was lost and its prog was not, so that the new log
  // went on into commits of the block's last use, which brought an older file back.
  // 12039: cut between a relocation and the list's commit, then again during the repair, which had
  // taken a block that the list still led to for free: a directory was gone.
  // 21316: the repair asked the old log of a moved parent where a directory is, and turned the list
  // back to where it was.
  // 1666387202: a move was finished before the list had the place of a pair that had moved: the tail
  // of its old log was changed, and its own was not.
  // And one that told a fault of these tests, 777268: a first cut out of order lost an erase of a 2.0
  // medium, and the second cut was judged as if on flash, which cannot lose it.
  it.each([191, 276, 315, 345, 12039, 21316, 777268, 1666387202])('seed %i', (known) => {
    const random = new Random(known)
    const setup = smallSetup(random)
    const story = recordStory(setup, random, 15, 8)
    expect(cutStory(story, random, counts, { samples: 1, doubleCutOneIn: 20 })).toBeUndefined()
  })

  it('random operations on random geometry', { timeout: 3_600_000 }, async () => {
    for (let run = 0; run < runs; run++) {
      await nextTurn()
      const random = new Random(seed + run)
      const setup = smallSetup(random)
      const story = recordStory(setup, random, 15, 8)
      const wrong = cutStory(story, random, counts, { samples: 1, doubleCutOneIn: 20 })
      const replay = `CARAVAN_SEED=${seed + run} CARAVAN_RUNS=1`
      expect(wrong, `${replay}: ${JSON.stringify(setup)}`).toBeUndefined()
    }
    console.log(`${counts.states} states cut, ${counts.doubleCuts} cut again during the repair`)
    expect(counts.states).toBeGreaterThan(20 * runs)
  })
})

/** A device of which thousands of states can be tried. */
function smallSetup(random: Random): Setup {
  const setup = drawSetup(random)
  if (setup.blockSize <= 4096 && setup.blockSize * setup.blockCount <= 128 * 1024) return setup
  return {
    ...setup,
    blockSize: 512,
    blockCount: Math.min(setup.blockCount, 64),
    progSize: Math.min(setup.progSize, 512),
    readSize: Math.min(setup.readSize, 512),
    metadataMax: 512,
    inlineMax: Math.min(setup.inlineMax, 64),
  }
}
