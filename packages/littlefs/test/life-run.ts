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
  type Random,
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

/** Lives through so many cuts. @returns what went wrong, and where. */
export function liveWithCuts(
  setup: Setup,
  random: Random,
  cutCount: number,
  counts: CrashCounts,
  profile: Partial<Profile> = { slots: 3 },
): string | undefined {
  const run = new ModelRun(setup)
  let strict = true
  let step = 0
  const log: Operation[] = []
  const draw = (): Operation => {
    // Which of the states between its steps it is, a tree alone does not tell.
    const operation = drawOperation(random, run.model, { ...run.profile, ...profile })
    return operation.do === 'removeTree' ? draw() : operation
  }
  const perform = () => {
    const operation = draw()
    log.push(operation)
    step++
    run.step(operation)
  }
  try {
    for (let cuts = 0; cuts < cutCount; cuts++) {
      for (let calm = random.int(6); calm > 0; calm--) perform()
      run.device.startRecording()
      const trees = [run.model.clone()]
      const ends = [0]
      for (let busy = 1 + random.int(3); busy > 0; busy--) {
        perform()
        trees.push(run.model.clone())
        ends.push(run.device.recordedCount)
      }
      const recording = run.device.stopRecording()
      const cut = drawCut(recording, setup, random)
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
    const last = log.slice(-6).map((operation) => JSON.stringify(operation))
    return `operation ${step}: ${what}\n${last.join('\n')}`
  }
  return undefined
}

/** A state at some place of the recording. */
function drawCut(recording: Recording, setup: Setup, random: Random): CutState | undefined {
  const cuts = random.oneIn(2) ? cutsInOrder : cutsOutOfOrder
  const at = random.int(recording.requests.length + 1)
  return random.pick([
    ...cuts(recording, { geometry: setup, eraseValue: setup.eraseValue, random, at }),
  ])
}
