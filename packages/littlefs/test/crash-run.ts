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
  type SeenNode,
  type TreeModel,
} from '@caravan/testkit'
import { checkOptions, codeOf, ModelRun, mountOptions, type Setup, treeOf } from './model-run.js'

/** A story as it is written down: what once went wrong, and how to try it again. */
export interface ToldStory {
  /** That found it, or 0. */
  readonly seed: number
  readonly story: string
  readonly setup: Setup
  readonly preparation: readonly Operation[]
  readonly operations: readonly Operation[]
}

/** Operations recorded on a device, and what is on it after each. */
export interface Story {
  readonly setup: Setup
  /** What was done before the recording began. */
  readonly preparation: readonly Operation[]
  readonly operations: readonly Operation[]
  readonly recording: Recording
  /** `trees[i]` once `ends[i]` requests were answered; the first before anything. */
  readonly trees: readonly TreeModel[]
  readonly ends: readonly number[]
  readonly wasTight: boolean
}

export interface CrashCounts {
  states: number
  doubleCuts: number
  /** Of the states and double cuts, those with a part of the unsynced writes (variants B). */
  subsets: number
}

/** How thoroughly a story is cut. */
export interface CutStoryOptions {
  /** Cases drawn for each cut and variant where there are too many. */
  readonly samples: number
  /** Every prefix and, where they are few, every subset. Default false. */
  readonly thorough?: boolean
  /**
   * One of so many states is cut again during the repair and the use after it: in one place in
   * order and in one out of order. Or `'all'`: each of them, everywhere.
   */
  readonly cutAgain: number | 'all'
  /** Only the cuts with so many requests answered. Default: all. */
  readonly at?: number
}

/** What a state after a cut lacks. */
export class Broken extends Error {}

/** Makes a tree, then records operations: those given, or drawn. */
export function recordStory(
  setup: Setup,
  random: Random,
  preparation: readonly Operation[] | number,
  recorded: readonly Operation[] | number,
): Story {
  const run = new ModelRun(setup)
  const next = (source: readonly Operation[] | number, index: number): Operation =>
    typeof source === 'number'
      ? drawOperation(random, run.model, { ...run.profile, slots: 2 })
      : (source[index] as Operation)
  const lengthOf = (source: readonly Operation[] | number) =>
    typeof source === 'number' ? source : source.length
  const prepared: Operation[] = []
  for (let i = 0; i < lengthOf(preparation); i++) {
    const operation = next(preparation, i)
    prepared.push(operation)
    run.step(operation)
  }
  run.device.startRecording()
  const trees = [run.model.clone()]
  const ends = [0]
  const operations: Operation[] = []
  for (let i = 0; i < lengthOf(recorded); i++) {
    const operation = next(recorded, i)
    operations.push(operation)
    run.step(operation)
    trees.push(run.model.clone())
    ends.push(run.device.recordedCount)
  }
  const { wasTight } = run
  const recording = run.device.stopRecording()
  return { setup, preparation: prepared, operations, recording, trees, ends, wasTight }
}

/** Records random operations and cuts them everywhere. @returns what is wrong, or undefined. */
export function tellStory(
  setup: Setup,
  random: Random,
  counts: CrashCounts,
  options: CutStoryOptions,
): string | undefined {
  let story: Story
  try {
    story = recordStory(setup, random, 15, 8)
  } catch (error) {
    return `before any cut: ${(error as Error).stack}`
  }
  return cutStory(story, random, counts, options)
}

/** Cuts a story everywhere. @returns what is wrong with the first bad state. */
export function cutStory(
  story: Story,
  random: Random,
  counts: CrashCounts,
  options: CutStoryOptions,
): string | undefined {
  const { setup } = story
  const { samples, thorough = false } = options
  const cutOptions = {
    geometry: setup,
    eraseValue: setup.eraseValue,
    random,
    samples,
    thorough,
    ...(options.at !== undefined && { at: options.at }),
  }
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    for (const cut of cuts(story.recording, cutOptions)) {
      const done = story.ends.findLastIndex((end) => end <= cut.answered)
      counts.states++
      if (cuts === cutsOutOfOrder) counts.subsets++
      const { cutAgain } = options
      const isCutAgain = cutAgain === 'all' || random.oneIn(cutAgain)
      const wrong = checkCut(story, cut, done, isCutAgain ? random : undefined, counts, options)
      if (wrong === undefined) continue
      const during = JSON.stringify(story.operations[done])
      return `${cut.label}, during operation ${done} ${during}: ${wrong}`
    }
  }
  return undefined
}

/** What a state may show: a tree before or after, and where a change goes in steps, one between. */
interface Allowed {
  readonly trees: readonly TreeModel[]
  readonly isInSteps: boolean
}

function checkCut(
  story: Story,
  cut: CutState,
  done: number,
  random: Random | undefined,
  counts: CrashCounts,
  options: CutStoryOptions,
): string | undefined {
  const { setup } = story
  const trees = story.trees.slice(done, done + 2)
  // Removing a tree goes in steps, each of which may be the last.
  const isInSteps = story.operations[done]?.do === 'removeTree'
  try {
    const tree = checkReading(setup, cut.state, { trees, isInSteps }, story.wasTight)
    const device = deviceOf(setup, cut, isStrict(setup, cut))
    device.startRecording()
    const after = goOn(setup, device, tree, story.wasTight)
    const recording = device.stopRecording()
    fillAgain(setup, device, after.trees.at(-1) as TreeModel)
    if (random === undefined) return undefined
    for (const again of secondCuts(recording, setup, random, options)) {
      counts.doubleCuts++
      if (again.label.startsWith('B')) counts.subsets++
      const step = after.ends.findLastIndex((end) => end <= again.answered)
      // What the first cut left of the medium is there at the second too.
      const strict = isStrict(setup, cut) && isStrict(setup, again)
      const next = { trees: after.trees.slice(step, step + 2), isInSteps: false }
      const state = checkAgain(setup, again, strict, next, story.wasTight)
      if (state !== undefined) return `second cut, ${again.label}, step ${step}: ${state}`
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
  allowed: Allowed,
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
export function isStrict(setup: Setup, cut: CutState): boolean {
  return setup.diskVersion === '2.1' || cut.label.startsWith('A')
}

function deviceOf(setup: Setup, cut: CutState, strict: boolean): CrashDevice {
  return new CrashDevice({ ...setup, strict, state: copyOfState(cut.state) })
}

/** One cut in order and one out of order, somewhere; or all of both. */
function* secondCuts(
  recording: Recording,
  setup: Setup,
  random: Random,
  { cutAgain, thorough = false }: CutStoryOptions,
): Generator<CutState> {
  const options = { geometry: setup, eraseValue: setup.eraseValue, random }
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    if (cutAgain === 'all') {
      yield* cuts(recording, { ...options, thorough })
    } else {
      const all = [
        ...cuts(recording, { ...options, at: random.int(recording.requests.length + 1) }),
      ]
      if (all.length > 0) yield random.pick(all)
    }
  }
}

/** P1 to P4 and P6: it mounts, shows the tree before or after, and reading writes nothing. */
export function checkReading(
  setup: Setup,
  state: DeviceState,
  allowed: Allowed,
  wasTight: boolean,
): TreeModel {
  const device = new CrashDevice({ ...setup, state: copyOfState(state) })
  device.startRecording()
  const fs = ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly: true })
  const seen = treeOf(fs)
  fs.dfSync()
  if (device.recordedCount > 0) throw new Broken('reading wrote')
  const trees = [...allowed.trees]
  if (allowed.isInSteps) trees.push(withoutMissing(trees[0] as TreeModel, seen))
  const found = trees.map((tree) => differences(seen, tree))
  const which = found.findIndex((each) => each.length === 0)
  if (which === -1) throw new Broken(`neither old nor new: ${JSON.stringify(found)}`)
  const pending = { allowOrphans: true, allowPendingMove: true }
  checkSound(setup, device, 'as the cut left it', wasTight, pending)
  return trees[which] as TreeModel
}

/** The tree without what is not there, and nothing else changed. */
function withoutMissing(tree: TreeModel, seen: ReadonlyMap<string, SeenNode>): TreeModel {
  const rest = tree.clone()
  const paths = [...rest.paths()].map(([path]) => path)
  for (const path of paths.reverse()) if (!seen.has(path)) rest.apply({ do: 'remove', path })
  return rest
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

/**
 * The rest of the device can be filled, emptied and filled again as far: no block is lost. Four
 * blocks less the second time: wear may move metadata, and the superblock may expand.
 */
function fillAgain(setup: Setup, device: CrashDevice, model: TreeModel): void {
  const fs = ReferenceFS.mountSync(device, mountOptions(setup))
  const fileBlocks = Math.min(fs.dfSync().freeBlocks, Math.floor(setup.fileMax / setup.blockSize))
  const write = (blocks: number) => {
    // As much as a list of so many blocks holds at least, with eight bytes a block for pointers.
    const content = { seed: blocks, size: blocks * (setup.blockSize - 8) }
    return performSync(fs, new Map(), { do: 'writeFile', path: '/fill', content }, codeOf).error
  }
  let filled = fileBlocks
  while (filled > 0) {
    const error = write(filled)
    if (error === undefined) break
    if (error !== 'ENOSPC') throw new Broken(`filling: ${error}`)
    filled -= Math.ceil(filled / 4)
  }
  const same = differences(withoutFill(treeOf(fs)), model)
  if (same.length > 0) throw new Broken(`filling changed ${same.join('; ')}`)
  if (filled === 0) return
  fs.removeSync('/fill')
  const error = write(Math.max(0, filled - 4))
  if (error !== undefined) throw new Broken(`${filled} blocks were filled and freed, now ${error}`)
}

function withoutFill(seen: Map<string, SeenNode>): Map<string, SeenNode> {
  seen.delete('/fill')
  return seen
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
    // What a moved pair newly leads to comes onto the list when its own place is mended.
    if (code === 'directory-not-threaded' && allowed.allowOrphans === true) return false
    return code !== 'gstate-orphans' || when === 'after the repair'
  })
  if (findings.length === 0) return
  throw new Broken(
    `${when}: ${findings.map(({ code, message }) => `${code} ${message}`).join('; ')}`,
  )
}
