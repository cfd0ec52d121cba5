/** The campaigns of littlefs: what `npm run soak` tries for as long as it is told. */

import {
  type Campaign,
  type CaseReport,
  drawOperation,
  type Operation,
  Random,
  type Recording,
  shrinkList,
} from '@caravan/testkit'
import { runConcurrently } from './concurrency-run.js'
import { type CrashCounts, cutStory, recordStory } from './crash-run.js'
import { drawSetup, type Failure, ModelRun, runModel, type Setup } from './model-run.js'

const PREPARED = 15
const RECORDED = 8
const MODEL_STEPS = 100
const BATCHES = 8

/** Subsets of one write, of requests and of units, and with noise: see `cutsOutOfOrder`. */
const SUBSETS_A_WRITE = 4

export function campaigns(): Campaign[] {
  return [
    {
      name: 'littlefs-power-cuts',
      what: 'random operations, cut at every request; some cut again during the repair',
      weight: 4,
      run: (seed) => powerCuts(seed, { samples: 1, doubleCutOneIn: 20 }),
    },
    {
      name: 'littlefs-double-cuts',
      what: 'random operations, cut at every request, each state cut again during the repair',
      weight: 3,
      run: (seed) => powerCuts(seed, { samples: 1, doubleCutOneIn: 1 }),
    },
    {
      name: 'littlefs-model',
      what: 'random operations beside a model, compared after each',
      weight: 2,
      run: modelRun,
    },
    {
      name: 'littlefs-concurrency',
      what: 'many promises at once on a device that answers late',
      weight: 1,
      run: concurrency,
    },
  ]
}

interface CutOptions {
  readonly samples: number
  readonly doubleCutOneIn: number
}

function powerCuts(seed: number, options: CutOptions): CaseReport {
  const random = new Random(seed)
  const setup = smallSetup(drawSetup(random))
  const operations = drawOperations(setup, random, PREPARED + RECORDED)
  const cutSeed = random.seed()
  const counts: CrashCounts = { states: 0, doubleCuts: 0 }
  const story = recordStory(
    setup,
    random,
    operations.slice(0, PREPARED),
    operations.slice(PREPARED),
  )
  const wrong = cutStory(story, new Random(cutSeed), counts, options)
  return {
    counts: {
      'states cut': counts.states,
      'double cuts': counts.doubleCuts,
      'subsets of unsynced writes': subsetsOf(story.recording),
    },
    failure: wrong && shrunkCuts(setup, operations, cutSeed, options, wrong),
  }
}

/** Leaves operations out, of both parts, as long as a cut still breaks something. */
function shrunkCuts(
  setup: Setup,
  operations: readonly Operation[],
  cutSeed: number,
  options: CutOptions,
  wrong: string,
): string {
  type Step = { readonly operation: Operation; readonly recorded: boolean }
  let what = wrong
  const fails = (steps: readonly Step[]) => {
    const part = (recorded: boolean) =>
      steps.filter((step) => step.recorded === recorded).map(({ operation }) => operation)
    try {
      const story = recordStory(setup, new Random(cutSeed), part(false), part(true))
      const counts = { states: 0, doubleCuts: 0 }
      const found = cutStory(story, new Random(cutSeed), counts, options)
      if (found !== undefined) what = found
      return found !== undefined
    } catch {
      // A list that the model does not take is another failure than the one to be shown.
      return false
    }
  }
  const steps = operations.map((operation, i) => ({ operation, recorded: i >= PREPARED }))
  const shortest = shrinkList<Step>(steps, fails, 200)
  const lines = shortest.map(
    ({ operation, recorded }) => `  ${recorded ? 'cut' : 'before'}: ${JSON.stringify(operation)}`,
  )
  return [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n')
}

/** Operations that mean something one after the other, for both parts of a story. */
function drawOperations(setup: Setup, random: Random, count: number): Operation[] {
  const run = new ModelRun(setup)
  const operations: Operation[] = []
  while (operations.length < count) {
    const operation = drawOperation(random, run.model, { ...run.profile, slots: 2 })
    // That one goes in steps, each of which may be the last.
    if (operation.do === 'removeTree') continue
    run.step(operation)
    operations.push(operation)
  }
  return operations
}

const subsetsOf = ({ requests }: Recording) =>
  SUBSETS_A_WRITE * requests.filter(({ kind }) => kind !== 'sync').length

/** A device of which thousands of states can be tried. */
function smallSetup(setup: Setup): Setup {
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

function modelRun(seed: number): CaseReport {
  const random = new Random(seed)
  const setup = drawSetup(random)
  const failure = runModel(setup, { random, count: MODEL_STEPS })
  const counts = { 'operations beside a model': failure?.step ?? MODEL_STEPS }
  if (failure === undefined) return { counts }
  const { what, operations } = shrunkModelRun(setup, failure)
  const lines = operations.map((operation) => `  ${JSON.stringify(operation)}`)
  return { counts, failure: [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n') }
}

/** The failure of the shortest list of operations that still fails in the same way. */
function shrunkModelRun(setup: Setup, failure: Failure): Failure {
  const kind = ({ what }: Failure) => what.split('\n')[0]?.replace(/\d+/g, '#').slice(0, 40)
  const operations = shrinkList<Operation>(failure.operations, (shorter) => {
    const again = runModel(setup, shorter)
    return again !== undefined && kind(again) === kind(failure)
  })
  return runModel(setup, operations) ?? failure
}

async function concurrency(seed: number): Promise<CaseReport> {
  const random = new Random(seed)
  const setup = drawSetup(random)
  const wrong = await runConcurrently(setup, random, BATCHES)
  const failure = wrong && `${wrong}\n  ${JSON.stringify(setup)}`
  return { counts: { 'batches of promises': BATCHES }, failure }
}
