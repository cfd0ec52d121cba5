/**
 * `npm run soak -- [--minutes N] [--seed S] [--campaign NAME]... [--cases N] [--workers N]`: every
 * campaign of the workspace, or those named, on all cores, for N minutes (1 where nothing is said),
 * or `--cases` of each. Prints the seed, every failure with the command that repeats it, and a table.
 *
 * Exits 1 on a failure, 2 on wrong use.
 */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SEED_END } from '@caravan/testkit'
import { bundleCampaigns } from './soak/bundle.js'
import { Lane } from './soak/lane.js'
import { Ledger } from './soak/ledger.js'

/** Beyond this the process has taken more memory than any of its cases should make it. */
const MEMORY_MAX_MIB = 2048
const PROGRESS_EVERY_MS = 60_000

const root = join(fileURLToPath(import.meta.url), '../../..')
const { minutes, seed, names, cases, workers } = readArguments()
const module = await bundleCampaigns(root)
const lanes = Array.from({ length: workers }, () => new Lane(root, module))
const [known = []] = await Promise.all(lanes.map((lane) => lane.start()))
for (const name of names) {
  if (known.some((campaign) => campaign.name === name)) continue
  const all = known.map((campaign) => `  ${campaign.name.padEnd(28)}${campaign.what}`)
  refuse(`there is no campaign '${name}'; there are\n${all.join('\n')}`)
}
const chosen = known.filter(({ name }) => names.length === 0 || names.includes(name))
const ledger = new Ledger(chosen, seed, cases)
const begin = performance.now()
const end =
  cases === undefined || minutes !== undefined ? begin + (minutes ?? 1) * 60_000 : Infinity
console.log(
  `seed ${seed}, ${chosen.length} campaigns, ${cases === undefined ? `${minutes ?? 1} minutes` : `${cases} cases of each`}, ${workers} workers`,
)
let told = begin

await Promise.all(lanes.map(work))
for (const line of ledger.table()) console.log(line)
const peakMiB = process.resourceUsage().maxRSS >> 10
const isTooLarge = peakMiB > MEMORY_MAX_MIB
console.log(
  `${((performance.now() - begin) / 60_000).toFixed(1)} minutes; memory at most ${peakMiB} MiB${isTooLarge ? `, more than the ${MEMORY_MAX_MIB} MiB allowed` : ''}`,
)
const failures = ledger.failures + (isTooLarge ? 1 : 0)
console.log(`${ledger.cases - ledger.failures} passed, ${failures} failed`)
process.exitCode = failures > 0 || ledger.cases === 0 ? 1 : 0

async function work(lane: Lane): Promise<void> {
  while (performance.now() < end) {
    const batch = ledger.next()
    if (batch === undefined) break
    const result = await lane.run(batch)
    ledger.record(batch, result)
    for (const failure of result.failures) {
      console.log(`${batch.campaign}, seed ${failure.seed}: ${failure.what}`)
      console.log(`  npm run soak -- --campaign ${batch.campaign} --seed ${failure.seed} --cases 1`)
    }
    if (performance.now() - told > PROGRESS_EVERY_MS) {
      told = performance.now()
      const minute = ((told - begin) / 60_000).toFixed(0)
      console.log(`after ${minute} minutes: ${ledger.cases} cases, ${ledger.failures} failures`)
    }
  }
  await lane.stop()
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        campaign: { type: 'string', multiple: true },
        cases: { type: 'string' },
        workers: { type: 'string' },
      },
    })
    const whole = (name: string, text: string, lowest: number, highest: number) => {
      const value = Number(text)
      if (Number.isInteger(value) && value >= lowest && value <= highest) return value
      throw new TypeError(
        `--${name} is '${text}': give a whole number from ${lowest} to ${highest}`,
      )
    }
    const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
    if (minutes !== undefined && !(minutes > 0)) {
      throw new TypeError(`--minutes is '${values.minutes}': give a number above 0`)
    }
    return {
      minutes,
      seed:
        values.seed === undefined
          ? Math.floor(Math.random() * SEED_END)
          : whole('seed', values.seed, 0, SEED_END - 1),
      names: values.campaign ?? [],
      cases: values.cases === undefined ? undefined : whole('cases', values.cases, 1, 2 ** 40),
      workers: whole('workers', values.workers ?? String(availableParallelism()), 1, 256),
    }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(why: string): never {
  console.error(
    `usage: npm run soak -- [--minutes N] [--seed S] [--campaign NAME]... [--cases N] [--workers N]: ${why}`,
  )
  process.exit(2)
}
