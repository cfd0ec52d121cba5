/**
 * Randomness that can be replayed: one seed a run, printed where it is drawn, given back by the
 * environment variable `CARAVAN_SEED`. `CARAVAN_RUNS` asks for more (or fewer) random cases.
 */

import type { Parameters } from 'fast-check'

export interface Seed {
  /** A whole number of 0 to 2^31 - 1. */
  readonly seed: number
  /** Random cases to try. */
  readonly runs: number
}

/**
 * The seed of this run, printed with how to replay it: that of `CARAVAN_SEED`, else a fresh one.
 *
 * @param runs random cases where `CARAVAN_RUNS` does not say otherwise
 * @throws RangeError for a variable that is no whole number in its range
 */
export function seedFromEnvironment(runs = 100): Seed {
  const fresh = Math.floor(Math.random() * 2 ** 31)
  const seed = wholeNumber('CARAVAN_SEED', 0) ?? fresh
  console.log(`seed ${seed} (to replay: CARAVAN_SEED=${seed})`)
  return { seed, runs: wholeNumber('CARAVAN_RUNS', 1) ?? runs }
}

/** The same for fast-check's `assert(property, propertyParameters())`. */
export function propertyParameters(runs = 100): Pick<Parameters<unknown>, 'seed' | 'numRuns'> {
  const { seed, runs: numRuns } = seedFromEnvironment(runs)
  return { seed, numRuns }
}

function wholeNumber(variable: string, lowest: number): number | undefined {
  const text = process.env[variable]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < lowest || value >= 2 ** 31) {
    throw new RangeError(
      `${variable} is '${text}': give a whole number of ${lowest} to ${2 ** 31 - 1}, or leave it out.`,
    )
  }
  return value
}
