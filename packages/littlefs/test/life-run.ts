/**
 * A filesystem's life: random operations with many power cuts among them, and each time it goes on
 * from one of the states that the cut may have left.
 */

import {
  CrashDevice,
  type CutState,
  cutsInOrder,
  cutsOutOfOrder,
  drawOperation,
  type Operation,
  type Profile,
  Random,
  type Recording,
} from '@caravan/testkit'
import { Broken, type CrashCounts, checkReading, isStrict } from './crash-run.js'
import { ModelRun, type Setup } from './model-run.js'

/** A life of renames between directories that come and go, most of them with an entry or two. */
export const RENAMES: Partial<Profile> = {
  slots: 1,
  weights: {
    rename: 40,
    mkdir: 16,
    remove: 14,
    writeFile: 10,
    appendFile: 1,
    truncateFile: 0,
    removeTree: 0,
    setAttribute: 4,
    open: 1,
  },
}

/** Operations; then some that are recorded, and a cut among their requests. */
export interface Episode {
  readonly calm: readonly Operation[]
  readonly busy: readonly Operation[]
  /** Draws which state of which request the cut leaves. */
  readonly cutSeed: number
}

export interface LifeEnd {
  /** What went wrong, and where; undefined where all went well. */
  readonly wrong: string | undefined
  /** What was lived, to the end. */
  readonly episodes: readonly Episode[]
}

/** Lives through so many cuts, and then empties what there is. */
export function liveWithCuts(
  setup: Setup,
  random: Random,
  cutCount: number,
  counts: CrashCounts,
  profile: Partial<Profile> = { slots: 3 },
): LifeEnd {
  const draw = (run: ModelRun): Operation => {
    // Which of the states between its steps it is, a tree alone does not tell.
    const operation = drawOperation(random, run.model, { ...run.profile, ...profile })
    return operation.do === 'removeTree' ? draw(run) : operation
  }
  let left = cutCount
  return live(setup, counts, () => {
    if (left-- === 0) return undefined
    return {
      calm: Array.from({ length: random.int(6) }, () => draw),
      busy: Array.from({ length: 1 + random.int(3) }, () => draw),
      cutSeed: random.seed(),
    }
  })
}

/** Lives what is written down. */
export function relive(setup: Setup, episodes: readonly Episode[], counts: CrashCounts): LifeEnd {
  let index = 0
  const as = (operation: Operation) => () => operation
  return live(setup, counts, () => {
    const episode = episodes[index++]
    return episode && { ...episode, calm: episode.calm.map(as), busy: episode.busy.map(as) }
  })
}

/** What is to come; an operation may depend on what there is by then. */
interface Plan {
  readonly calm: readonly ((run: ModelRun) => Operation)[]
  readonly busy: readonly ((run: ModelRun) => Operation)[]
  readonly cutSeed: number
}

function live(setup: Setup, counts: CrashCounts, next: () => Plan | undefined): LifeEnd {
  const run = new ModelRun(setup)
  let strict = true
  let step = 0
  const episodes: Episode[] = []
  try {
    for (let plan = next(); plan !== undefined; plan = next()) {
      const { cutSeed } = plan
      const calm: Operation[] = []
      const busy: Operation[] = []
      episodes.push({ calm, busy, cutSeed })
      const perform = (choose: (run: ModelRun) => Operation, log: Operation[]) => {
        const operation = choose(run)
        log.push(operation)
        step++
        run.step(operation)
      }
      for (const choose of plan.calm) perform(choose, calm)
      if (plan.busy.length === 0) continue
      run.device.startRecording()
      const trees = [run.model.clone()]
      const ends = [0]
      for (const choose of plan.busy) {
        perform(choose, busy)
        trees.push(run.model.clone())
        ends.push(run.device.recordedCount)
      }
      const recording = run.device.stopRecording()
      const cut = drawCut(recording, setup, new Random(cutSeed))
      if (cut === undefined) continue
      counts.states++
      if (cut.label.startsWith('B')) counts.subsets++
      const done = ends.findLastIndex((end) => end <= cut.answered)
      const allowed = { trees: trees.slice(done, done + 2), isInSteps: false }
      const tree = checkReading(setup, cut.state, allowed, run.wasTight)
      strict &&= isStrict(setup, cut)
      run.afterCut(new CrashDevice({ ...setup, strict, state: cut.state }), tree)
    }
    run.empty()
  } catch (error) {
    const what = error instanceof Broken ? error.message : `${(error as Error).stack}`
    return { wrong: `operation ${step}: ${what}`, episodes }
  }
  return { wrong: undefined, episodes }
}

/** A state at some place of the recording. */
function drawCut(recording: Recording, setup: Setup, random: Random): CutState | undefined {
  const cuts = random.oneIn(2) ? cutsInOrder : cutsOutOfOrder
  const at = random.int(recording.requests.length + 1)
  return random.pick([
    ...cuts(recording, { geometry: setup, eraseValue: setup.eraseValue, random, at }),
  ])
}
