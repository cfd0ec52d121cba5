/**
 * The story: a cable has a bad contact, a sync fails once, and the program goes on writing to a state
 * that is not the device's; or a failed change is told as done.
 */

import { Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { type ErrorSetup, FACES, failRequests } from './device-errors-run.js'

const SETUPS: readonly ErrorSetup['setup'][] = [
  {
    blockSize: 512,
    blockCount: 48,
    readSize: 16,
    progSize: 16,
    blockCycles: -1,
    diskVersion: '2.1',
  },
  {
    blockSize: 128,
    blockCount: 96,
    readSize: 1,
    progSize: 128,
    blockCycles: 1,
    diskVersion: '2.0',
  },
]

const { seed } = seedFromEnvironment()

describe.each(FACES.map((face) => [face.name, face] as const))(
  'every request of a change fails, once or for ever: %s',
  (_, face) => {
    it.each(Object.entries(face.changes))('%s', async (_, calls) => {
      const random = new Random(seed)
      for (const setup of SETUPS) {
        for (const late of [false, true]) {
          const { errors, wrong } = await failRequests(
            face,
            calls,
            { setup, fill: [], late },
            random,
          )
          expect(
            wrong,
            `CARAVAN_SEED=${seed} late ${late} ${JSON.stringify(setup)}`,
          ).toBeUndefined()
          expect(errors).toBeGreaterThan(10)
        }
      }
    })
  },
)
