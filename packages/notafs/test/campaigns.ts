/** The campaigns of notafs: what `npm run soak` tries for as long as it is told. */

import type { Campaign, CaseReport } from '@caravan/testkit'
import { crashLife, type LifeOptions } from './crash-run.js'
import { failRequests } from './device-errors-run.js'
import { hostileCase } from './hostile-run.js'
import { liveWithModel } from './model-run.js'

const MODEL_CHANGES = 80

export function campaigns(): Campaign[] {
  return [
    {
      name: 'notafs-power-cuts',
      what: 'random lives, cut at every request in every variant, some cut again',
      weight: 3,
      run: (seed) => life(seed, { changes: 4, secondCuts: 1 }),
    },
    {
      name: 'notafs-double-cuts',
      what: 'one change, cut at every request, each state cut again and again in the recovery',
      weight: 2,
      run: (seed) => life(seed, { changes: 1, secondCuts: 12 }),
    },
    {
      name: 'notafs-exhaustive-cuts',
      what: 'one change: all prefixes, all subsets that are few, every unit torn',
      weight: 3,
      run: (seed) => life(seed, { before: 30, changes: 1, thorough: true, secondCuts: 0 }),
    },
    {
      name: 'notafs-full-disk-cuts',
      what: 'lives on disks that are full, cut at every request, some cut again',
      weight: 3,
      run: (seed) => life(seed, { fills: true, changes: 4, secondCuts: 1 }),
    },
    {
      name: 'notafs-model',
      what: 'random changes beside a map, remounted, with snapshots, grouped commits and little memory',
      weight: 2,
      run: model,
    },
    {
      name: 'notafs-device-errors',
      what: 'every request of a change failing, once or for ever, short or late',
      weight: 1,
      run: deviceErrors,
    },
    {
      name: 'notafs-hostile',
      what: 'damaged disks, half of them with their checksums made right',
      weight: 2,
      run: hostile,
    },
  ]
}

function life(seed: number, options: LifeOptions): CaseReport {
  try {
    const { states, doubleCuts, subsets } = crashLife(seed, options)
    const counts = {
      'states cut': states,
      'double cuts': doubleCuts,
      'subsets of unsynced writes': subsets,
    }
    return { counts }
  } catch (error) {
    const lives = shorterLives(options)
    return { counts: {}, failure: shortest(lives, (life) => crashLife(seed, life), error) }
  }
}

/** Lives of fewer changes, the shortest first. */
function* shorterLives(options: LifeOptions): Generator<LifeOptions, void, void> {
  const { before = 12, changes = 8 } = options
  for (let count = 1; count <= changes; count++) {
    for (const prepared of [1, 3, 6, before]) {
      if (prepared <= before) yield { ...options, before: prepared, changes: count }
    }
  }
}

/** The first of the cases that still fails, and how; else what was found first. */
function shortest<T>(cases: Iterable<T>, run: (one: T) => unknown, found: unknown): string {
  for (const one of cases) {
    try {
      run(one)
    } catch (error) {
      return `${textOf(error)}\n  ${JSON.stringify(one)}`
    }
  }
  return textOf(found)
}

const textOf = (error: unknown) =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

function model(seed: number): CaseReport {
  try {
    return { counts: { 'operations beside a model': liveWithModel(seed, MODEL_CHANGES) } }
  } catch (error) {
    const changes = Array.from({ length: MODEL_CHANGES }, (_, i) => i + 1)
    return { counts: {}, failure: shortest(changes, (count) => liveWithModel(seed, count), error) }
  }
}

function deviceErrors(seed: number): CaseReport {
  return { counts: { 'errors injected': failRequests(seed) } }
}

function hostile(seed: number): CaseReport {
  try {
    const { isMounted, errorCount } = hostileCase(seed)
    const counts = {
      'damaged disks mounted': isMounted ? 1 : 0,
      'errors of damaged disks': errorCount,
    }
    return { counts }
  } catch (error) {
    return { counts: {}, failure: shortest([1, 2, 3], (most) => hostileCase(seed, most), error) }
  }
}
