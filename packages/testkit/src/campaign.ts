/**
 * Campaigns: long random trials, each a function of a seed, that `npm test` runs a slice of and
 * `npm run soak` for as long as it is told.
 *
 * 1. A case is its seed and nothing else: the same seed does the same on every machine.
 * 2. A case that fails says so in its report, shrunk to what still fails; it does not throw.
 */

/** How often something was done: `states cut`, `images fuzzed`... in the plural, for a table. */
export type Counts = Record<string, number>

export interface CaseReport {
  readonly counts: Readonly<Counts>
  /** What was found wrong, in lines; the shortest case that shows it. Default: nothing. */
  readonly failure?: string | undefined
}

export interface Campaign {
  /** Unique, as it is typed: `littlefs-power-cuts`. */
  readonly name: string
  /** What is tried, in a few words. */
  readonly what: string
  /** Its part of the time, beside the others' parts. */
  readonly weight: number
  /** Tries the case of a seed. */
  run(seed: number): CaseReport | Promise<CaseReport>
}

export interface CampaignReport {
  readonly cases: number
  readonly counts: Readonly<Counts>
  readonly failures: readonly CampaignFailure[]
}

export interface CampaignFailure {
  /** The seed of the case: `npm run soak -- --campaign NAME --seed SEED --cases 1`. */
  readonly seed: number
  readonly what: string
}

/** Seeds go round: a case's seed is a whole number below this. */
export const SEED_END = 2 ** 31

/**
 * Runs the cases of `cases` seeds, from `seed` on. What a case throws is a failure of it.
 *
 * @param onCase told before each case which seed it has
 */
export async function runCampaign(
  campaign: Campaign,
  seed: number,
  cases: number,
  onCase?: (seed: number) => void,
): Promise<CampaignReport> {
  const counts: Counts = {}
  const failures: CampaignFailure[] = []
  for (let i = 0; i < cases; i++) {
    const own = (seed + i) % SEED_END
    onCase?.(own)
    let report: CaseReport
    try {
      report = await campaign.run(own)
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      report = { counts: {}, failure: `it threw ${what}` }
    }
    addCounts(counts, report.counts)
    if (report.failure !== undefined) failures.push({ seed: own, what: report.failure })
  }
  return { cases, counts, failures }
}

/** Adds one table of counts to another. */
export function addCounts(sum: Counts, counts: Readonly<Counts>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}
