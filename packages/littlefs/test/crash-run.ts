/**
 * Operations cut by power loss: what a state must be after it (docs/crash-model.md, P1 to P6).
 */

import { ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  type CutState,
  checkLittlefs,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  type DeviceState,
  differences,
  drawOperation,
  type Operation,
  performSync,
  type Random,
  type Recording,
  type TreeModel,
} from '@caravan/testkit'
import { checkOptions, codeOf, ModelRun, mountOptions, type Setup, treeOf } from './model-run.js'

/** Operations recorded on a device, and what is on it after each. */
interface Story {
  readonly setup: Setup
  readonly recording: Recording
  /** `trees[i]` once `ends[i]` requests were answered; the first before anything. */
  readonly trees: readonly TreeModel[]
  readonly ends: readonly number[]
  readonly operations: readonly Operation[]
  readonly wasTight: boolean
}

export interface CrashCounts {
  states: number
  doubleCuts: number
}

/** What a state after a cut lacks. */
class Broken extends Error {}

/** Makes a tree, then records operations: those given, or drawn. */
export function recordStory(
  setup: Setup,
  random: Random,
  preparation: readonly Operation[] | number,
  recorded: readonly Operation[] | number,
): Story {
  const run = new ModelRun(setup)
  const draw = (): Operation => {
    const operation = drawOperation(random, run.model, { ...run.profile, slots: 2 })
    // That one goes in steps, each of which may be the last.
    return operation.do === 'removeTree' ? draw() : operation
  }
  const prepared = typeof preparation === 'number' ? preparation : preparation.length
  for (let i = 0; i < prepared; i++) {
    run.step(typeof preparation === 'number' ? draw() : (preparation[i] as Operation))
  }
  run.device.startRecording()
  const trees = [run.model.clone()]
  const ends = [0]
  const operations: Operation[] = []
  const count = typeof recorded === 'number' ? recorded : recorded.length
  for (let i = 0; i < count; i++) {
    const operation = typeof recorded === 'number' ? draw() : (recorded[i] as Operation)
    operations.push(operation)
    run.step(operation)
    trees.push(run.model.clone())
    ends.push(run.device.recordedCount)
  }
  const { wasTight } = run
  return { setup, recording: run.device.stopRecording(), trees, ends, operations, wasTight }
}

/** Cuts a story everywhere. @returns what is wrong with the first bad state. */
export function cutStory(
  story: Story,
  random: Random,
  counts: CrashCounts,
  options: { readonly samples: number; readonly doubleCutOneIn: number },
): string | undefined {
  const { setup } = story
  const cutOptions = {
    geometry: setup,
    eraseValue: setup.eraseValue,
    random,
    samples: options.samples,
  }
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    for (const cut of cuts(story.recording, cutOptions)) {
      const done = story.ends.findLastIndex((end) => end <= cut.answered)
      const allowed = story.trees.slice(done, done + 2)
      counts.states++
      const isDouble = random.oneIn(options.doubleCutOneIn)
      const wrong = checkCut(story, cut, allowed, isDouble ? random : undefined, counts)
      if (wrong === undefined) continue
      const during = JSON.stringify(story.operations[done])
      return `${cut.label}, during operation ${done} ${during}: ${wrong}`
    }
  }
  return undefined
}

function checkCut(
  story: Story,
  cut: CutState,
  allowed: readonly TreeModel[],
  random: Random | undefined,
  counts: CrashCounts,
): string | undefined {
  const { setup } = story
  try {
    const tree = checkReading(setup, cut.state, allowed, story.wasTight)
    const device = deviceOf(setup, cut, isStrict(setup, cut))
    device.startRecording()
    const trees = goOn(setup, device, tree, story.wasTight)
    if (random === undefined) return undefined
    const recording = device.stopRecording()
    for (const again of secondCuts(recording, setup, random)) {
      counts.doubleCuts++
      const done = trees.ends.findLastIndex((end) => end <= again.answered)
      // What the first cut left of the medium is there at the second too.
      const strict = isStrict(setup, cut) && isStrict(setup, again)
      const next = trees.trees.slice(done, done + 2)
      const state = checkAgain(setup, again, strict, next, story.wasTight)
      if (state !== undefined) return `second cut, ${again.label}, step ${done}: ${state}`
    }
    return undefined
  } catch (error) {
    return error instanceof Broken ? error.message : `${(error as Error).stack}`
  }
}

function checkAgain(
  setup: Setup,
  cut: CutState,
  strict: boolean,
  allowed: readonly TreeModel[],
  wasTight: boolean,
): string | undefined {
  try {
    const tree = checkReading(setup, cut.state, allowed, wasTight)
    goOn(setup, deviceOf(setup, cut, strict), tree, wasTight)
    return undefined
  } catch (error) {
    return error instanceof Broken ? error.message : `${(error as Error).stack}`
  }
}

/**
 * A cache that loses an erase and keeps the prog after it belongs to a medium that takes any write.
 * There version 2.0, which has no forward CRC, may take for erased what only is all alike: the
 * padding of the block's last use. With 2.1 even such a medium is judged as flash is.
 */
function isStrict(setup: Setup, cut: CutState): boolean {
  return setup.diskVersion === '2.1' || cut.label.startsWith('A')
}

function deviceOf(setup: Setup, cut: CutState, strict: boolean): CrashDevice {
  return new CrashDevice({ ...setup, strict, state: copyOfState(cut.state) })
}

/** One cut in order and one out of order, anywhere. */
function secondCuts(recording: Recording, setup: Setup, random: Random): CutState[] {
  const options = { geometry: setup, eraseValue: setup.eraseValue, random }
  return [cutsInOrder, cutsOutOfOrder].flatMap((cuts) => {
    const all = [...cuts(recording, options)]
    return all.length === 0 ? [] : [random.pick(all)]
  })
}

/** P1 to P4 and P6: it mounts, shows the tree before or after, and reading writes nothing. */
function checkReading(
  setup: Setup,
  state: DeviceState,
  allowed: readonly TreeModel[],
  wasTight: boolean,
): TreeModel {
  const device = new CrashDevice({ ...setup, state: copyOfState(state) })
  device.startRecording()
  const fs = ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly: true })
  const seen = treeOf(fs)
  fs.dfSync()
  if (device.recordedCount > 0) throw new Broken('reading wrote')
  const found = allowed.map((tree) => differences(seen, tree))
  const which = found.findIndex((each) => each.length === 0)
  if (which === -1) throw new Broken(`neither old nor new: ${JSON.stringify(found)}`)
  const pending = { allowOrphans: true, allowPendingMove: true }
  checkSound(setup, device, 'as the cut left it', wasTight, pending)
  return allowed[which] as TreeModel
}

/** P5: it is made consistent, is sound then, and ordinary use goes on. */
function goOn(
  setup: Setup,
  device: CrashDevice,
  tree: TreeModel,
  wasTight: boolean,
): { trees: TreeModel[]; ends: number[] } {
  const model = tree.clone()
  const trees = [model.clone()]
  const ends = [0]
  const fs = ReferenceFS.mountSync(device, mountOptions(setup))
  fs.makeConsistentSync()
  trees.push(model.clone())
  ends.push(device.recordedCount)
  const changed = differences(treeOf(fs), model)
  if (changed.length > 0) throw new Broken(`repairing changed ${changed.join('; ')}`)
  checkSound(setup, device, 'after the repair', wasTight, {})
  for (const operation of ordinaryUse(model)) {
    const refused = model.refuses(operation)
    const { error } = performSync(fs, new Map(), operation, codeOf)
    if (refused || (error !== 'ENOSPC' && error !== 'ENAMETOOLONG')) {
      const expected = model.apply(operation)
      if (expected.error !== error) {
        throw new Broken(`${JSON.stringify(operation)}: ${error}, expected ${expected.error}`)
      }
    }
    trees.push(model.clone())
    ends.push(device.recordedCount)
  }
  const found = differences(treeOf(fs), model)
  if (found.length > 0) throw new Broken(`in use: ${found.join('; ')}`)
  checkSound(setup, device, 'in use', true, {})
  const fresh = ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly: true })
  const [counted, expected] = [fs.dfSync().usedBlocks, fresh.dfSync().usedBlocks]
  if (counted !== expected) throw new Broken(`${counted} blocks counted, ${expected} used`)
  return { trees, ends }
}

function ordinaryUse(model: TreeModel): Operation[] {
  const files = [...model.paths()].filter(([, node]) => node.kind === 'file')
  const operations: Operation[] = [
    { do: 'writeFile', path: '/after', content: { seed: 1, size: 300 } },
    { do: 'mkdir', path: '/after-dir' },
    { do: 'rename', path: '/after', to: '/after-dir/moved' },
  ]
  for (const [path] of files.slice(0, 2)) operations.push({ do: 'remove', path })
  operations.push({ do: 'remove', path: '/after-dir/moved' })
  operations.push({ do: 'remove', path: '/after-dir' })
  return operations
}

function checkSound(
  setup: Setup,
  device: CrashDevice,
  when: string,
  wasTight: boolean,
  allowed: { allowOrphans?: boolean; allowPendingMove?: boolean },
): void {
  const options = { ...checkOptions(setup), ...allowed, allowTornCommits: true }
  const findings = checkLittlefs(device.bytes, options).filter(({ code }) => {
    if (code === 'commit-overfull') return !wasTight
    // Padding in several CRC tags may be torn behind the first, which is good.
    if (code === 'commit-unaligned') return false
    // What a moved pair newly leads to comes onto the list when its own place is mended.
    if (code === 'directory-not-threaded' && allowed.allowOrphans === true) return false
    return code !== 'gstate-orphans' || when === 'after the repair'
  })
  if (findings.length === 0) return
  throw new Broken(
    `${when}: ${findings.map(({ code, message }) => `${code} ${message}`).join('; ')}`,
  )
}
