/**
 * The story: a program that uses littlefs as it would use `node:fs`, or as a key-value store, is
 * killed in the middle of a call, and starts again with half of it: a file with the new content and
 * the old time, a copy without its end, one key of two that belong together.
 */

import { LittleFS } from '@caravan/littlefs'
import {
  CrashDevice,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  nextTurn,
  Random,
  seedFromEnvironment,
} from '@caravan/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { type Place, place, places } from './crash-kinds.js'
import type { CrashCounts } from './crash-run.js'
import { cutChange } from './cut-change.js'
import { mountNode, mountStore, NODE_CHANGES, STORE_CHANGES } from './face-changes.js'

/** What every change goes through: usual devices, and drawn ones. */
function tryPlaces(random: Random, runs: number): Place[] {
  const roomy = places().filter(({ setup }) => setup.blockSize >= 256)
  const usual = [1, -1].map((blockCycles) => place(512, 16, { blockCycles, blockCount: 64 }))
  return [...usual, ...Array.from({ length: runs }, () => random.pick(roomy))]
}

const { seed, runs } = seedFromEnvironment(2)
const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }

afterAll(() => {
  console.log(`${counts.states} states cut`)
})

describe('node:fs, cut at every request: old or new', () => {
  test.each(NODE_CHANGES)('$name', { timeout: 600_000 }, async (change) => {
    const random = new Random(seed)
    for (const each of tryPlaces(random, runs)) {
      await nextTurn()
      const wrong = cutChange(mountNode, change, each, random, counts)
      expect(wrong, `CARAVAN_SEED=${seed} ${JSON.stringify(each.setup)}`).toBeUndefined()
    }
  })
})

describe('the key-value store, cut at every request: all of a change, or nothing of it', () => {
  test.each(STORE_CHANGES)('$name', { timeout: 600_000 }, async (change) => {
    const random = new Random(seed)
    for (const each of tryPlaces(random, runs)) {
      await nextTurn()
      const wrong = cutChange(mountStore, change, each, random, counts)
      expect(wrong, `CARAVAN_SEED=${seed} ${JSON.stringify(each.setup)}`).toBeUndefined()
    }
  })
})

/**
 * What an erase that is cut may leave of the superblock's pair: its two logs, each up to any unit.
 * A format is no rollback: the last changes may be gone, and the rest still be there.
 */
function olderLogs({ geometry, state }: CrashDevice): CrashDevice[] {
  const { blockSize, progSize } = geometry
  const ends = Array.from({ length: blockSize / progSize + 1 }, (_, unit) => unit * progSize)
  return ends.flatMap((first) =>
    ends.map((second) => {
      const older = copyOfState(state)
      older.bytes.fill(0xff, first, blockSize)
      older.bytes.fill(0xff, blockSize + second, 2 * blockSize)
      return new CrashDevice({ ...geometry, state: older })
    }),
  )
}

describe('format, cut at every request: what was there, nothing, or an empty filesystem', () => {
  test.each([true, false])('over a filesystem: %s', (isOver) => {
    const { setup } = place(512, 16, {})
    const device = new CrashDevice(setup)
    if (isOver) {
      LittleFS.formatSync(device)
      mountNode(device, {}, 1).prepare()
    }
    const paths = (on: CrashDevice) =>
      [...LittleFS.mountSync(on).walkSync('/')].map(({ path }) => path)
    const older = isOver ? olderLogs(device).map((each) => answerOf(() => paths(each))) : []
    device.startRecording()
    LittleFS.formatSync(device)
    const recording = device.stopRecording()
    const random = new Random(seed)
    const options = { geometry: setup, eraseValue: 0xff, random, thorough: true }
    const answers = new Set<string>()
    for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
      for (const { state, label, answered } of cuts(recording, options)) {
        const reborn = new CrashDevice({ ...setup, state })
        const answer = answerOf(() => paths(reborn))
        answers.add(answer)
        const expected = [...older, '/', 'NOT_LITTLEFS', 'CORRUPT_PAIR']
        expect(expected, label).toContain(answer)
        if (answered === recording.requests.length) expect(answer, label).toBe('/')
        LittleFS.formatSync(reborn)
        mountNode(reborn, {}, 2).prepare()
      }
    }
    expect(answers.size).toBeGreaterThan(1)
  })
})

function answerOf(look: () => readonly string[]): string {
  try {
    return look().join()
  } catch (error) {
    return (error as { code: string }).code
  }
}
