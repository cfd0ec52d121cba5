/** What a soak has done so far, and which campaign is next: the one that is furthest behind its part. */

import { addCounts, type Campaign, type Counts, SEED_END } from '@caravan/testkit'
import type { BatchResult } from './lane.js'
import type { Batch } from './worker.js'

/** Small enough to stop in time, large enough not to spend it on messages. */
const BATCH_MS = 1500

interface Account {
  readonly campaign: Pick<Campaign, 'name' | 'what' | 'weight'>
  nextSeed: number
  /** Given to a lane, ended or not. */
  begun: number
  cases: number
  milliseconds: number
  failures: number
  readonly counts: Counts
}

export class Ledger {
  private readonly accounts: Account[]

  /** @param casesMax how many cases of each campaign at most */
  constructor(
    campaigns: readonly Pick<Campaign, 'name' | 'what' | 'weight'>[],
    seed: number,
    private readonly casesMax = Number.POSITIVE_INFINITY,
  ) {
    this.accounts = campaigns.map((campaign) => ({
      campaign,
      nextSeed: seed,
      begun: 0,
      cases: 0,
      milliseconds: 0,
      failures: 0,
      counts: {},
    }))
  }

  /** The next cases; `undefined` where all were begun. */
  next(): Batch | undefined {
    const open = this.accounts.filter(({ begun }) => begun < this.casesMax)
    const behind = open.sort((a, b) => spent(a) - spent(b))[0]
    if (behind === undefined) return undefined
    const cases = Math.min(casesAtOnce(behind), this.casesMax - behind.begun)
    const batch = { campaign: behind.campaign.name, seed: behind.nextSeed, cases }
    behind.nextSeed = (behind.nextSeed + cases) % SEED_END
    behind.begun += cases
    return batch
  }

  record({ campaign, cases: asked }: Batch, result: BatchResult): void {
    const account = this.accounts.find((each) => each.campaign.name === campaign) as Account
    account.cases += result.cases
    // What a hang or a death cut off is not done: the next batch goes on behind it.
    account.begun -= asked - result.cases
    account.milliseconds += result.milliseconds
    account.failures += result.failures.length
    addCounts(account.counts, result.counts)
  }

  get failures(): number {
    return this.accounts.reduce((sum, { failures }) => sum + failures, 0)
  }

  get cases(): number {
    return this.accounts.reduce((sum, { cases }) => sum + cases, 0)
  }

  /** Lines of two tables: a campaign a line, and all counts together. */
  table(): string[] {
    const lines = [row('campaign', 'cases', 'seconds', 'failures', 'counts')]
    const totals: Counts = {}
    for (const { campaign, cases, milliseconds, failures, counts } of this.accounts) {
      addCounts(totals, counts)
      const each = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
      const seconds = (milliseconds / 1000).toFixed(0)
      lines.push(row(campaign.name, String(cases), seconds, String(failures), each.join(', ')))
    }
    lines.push('')
    for (const [name, count] of Object.entries(totals)) lines.push(total(name, count))
    lines.push(total('failures', this.failures))
    return lines
  }
}

/** A new one comes first, so that each is tried at least once. */
const spent = ({ milliseconds, begun, campaign }: Account) =>
  begun === 0 ? -1 : Math.max(milliseconds, begun) / campaign.weight

function casesAtOnce({ cases, milliseconds }: Account): number {
  if (cases === 0) return 1
  return Math.max(1, Math.floor(BATCH_MS / Math.max(milliseconds / cases, 0.05)))
}

const row = (name: string, cases: string, seconds: string, failures: string, counts: string) =>
  `${name.padEnd(28)}${cases.padStart(10)}${seconds.padStart(10)}${failures.padStart(10)}  ${counts}`

const total = (name: string, count: number) => `${name.padEnd(34)}${String(count).padStart(14)}`
