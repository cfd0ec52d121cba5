/** The campaigns of notafs: what `npm run soak` tries for as long as it is told. */

import type { Campaign, CaseReport } from '@caravan/testkit'
import { crashLife, type LifeOptions } from './crash-run.js'
import { hostileCase } from './hostile-run.js'

export function campaigns(): Campaign[] {
  return [
    {
      name: 'notafs-power-cuts',
      what: 'random lives, cut at every request in every variant, some cut again',
      weight: 3,
      run: (seed) => life(seed, { secondCuts: 3 }),
    },
    {
      name: 'notafs-full-disk-cuts',
      what: 'the same on disks that are full',
      weight: 2,
      run: (seed) => life(seed, { fills: true, changes: 12, secondCuts: 2 }),
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
  return { counts: { states: crashLife(seed, options) } }
}

function hostile(seed: number): CaseReport {
  const { isMounted, errorCount } = hostileCase(seed)
  return { counts: { mounted: isMounted ? 1 : 0, errors: errorCount } }
}
