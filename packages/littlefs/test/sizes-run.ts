/**
 * Random trees, shrunk and defragmented in place, cut at every request: the tree is whole, there are the
 * blocks of before or those of after, and once more finishes.
 */

import { type DefragReport, ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  type CutState,
  checkLittlefs,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  differences,
  drawOperation,
  type LittlefsCheckOptions,
  type Profile,
  type Random,
  type Recording,
  type TreeModel,
} from '@caravan/testkit'
import { Broken, type CrashCounts, isStrict } from './crash-run.js'
import {
  checkOptions,
  ModelRun,
  mountOptions,
  type Setup,
  treeOf,
  treeOfImage,
} from './model-run.js'

export type Rearrangement = 'shrink' | 'defrag'

/** A filesystem, and what is to be done to it. */
export interface SizesCase {
  readonly setup: Setup
  readonly device: CrashDevice
  readonly tree: TreeModel
  readonly what: Rearrangement
  /** What it is shrunk to. */
  readonly blockCount: number
}

interface SizesOptions {
  /** One of so many states is cut again while it is done once more; 0: none. */
  readonly cutAgain: number
  /** Operations before it. */
  readonly operationCount?: number
}

/** Makes a tree by random operations, on a device that may become smaller. */
export function drawCase(
  random: Random,
  setup: Setup,
  what: Rearrangement,
  operationCount = 30,
): SizesCase {
  const run = new ModelRun(setup)
  const profile = { ...run.profile, slots: 1, remounts: false }
  for (let i = 0; i < operationCount; i++) run.step(drawOperation(random, run.model, profile))
  run.step({ do: 'remount' })
  const { device, tree } = random.oneIn(2)
    ? leftByCut(run, random)
    : { device: run.device, tree: run.model }
  const { smallestBlockCount } = mount(device, setup).planShrinkSync()
  const room = setup.blockCount - smallestBlockCount
  const least = Math.max(2, smallestBlockCount)
  const blockCount = random.oneIn(2)
    ? least
    : Math.min(setup.blockCount, least + random.int(room + 1))
  return { setup, device, tree, what, blockCount }
}

/** What moves, and what is on its way onto the list of pairs or off it. */
const UNSETTLING: Partial<Profile> = {
  slots: 1,
  remounts: false,
  weights: { rename: 40, mkdir: 16, remove: 14, removeTree: 0 },
}

/** One more operation, cut somewhere: what it has left undone is there. */
function leftByCut(run: ModelRun, random: Random): { device: CrashDevice; tree: TreeModel } {
  const { setup } = run
  const before = run.model.clone()
  run.device.startRecording()
  run.step(drawOperation(random, run.model, { ...run.profile, ...UNSETTLING }))
  const options = { geometry: setup, eraseValue: setup.eraseValue, random }
  const { state } = random.pick([...cutsInOrder(run.device.stopRecording(), options)])
  const device = new CrashDevice({ ...setup, state })
  const seen = treeOf(mount(device, setup, true))
  return { device, tree: differences(seen, before).length === 0 ? before : run.model }
}

/** Does it, and cuts it everywhere. @returns what is wrong with the first bad state. */
export function cutCase(
  { setup, device, tree, what, blockCount }: SizesCase,
  random: Random,
  counts: CrashCounts,
  { cutAgain }: SizesOptions,
): string | undefined {
  const expected = { setup, tree, what, blockCount }
  device.startRecording()
  let recording: Recording
  try {
    perform(device, expected)
    recording = device.stopRecording()
    checkDone(device, expected, true)
  } catch (error) {
    return `uncut: ${told(error)}`
  }
  for (const cut of allCuts(recording, setup, random)) {
    counts.states++
    if (cut.label.startsWith('B')) counts.subsets++
    try {
      checkCut(cut, expected)
      const strict = isStrict(setup, cut)
      const reborn = new CrashDevice({ ...setup, strict, state: copyOfState(cut.state) })
      reborn.startRecording()
      perform(reborn, expected)
      const second = reborn.stopRecording()
      checkDone(reborn, expected, false)
      if (cutAgain === 0 || !random.oneIn(cutAgain)) continue
      for (const again of oneCutEach(second, setup, random)) {
        counts.doubleCuts++
        try {
          checkCut(again, expected)
          const isStill = strict && isStrict(setup, again)
          const last = new CrashDevice({
            ...setup,
            strict: isStill,
            state: copyOfState(again.state),
          })
          perform(last, expected)
          checkDone(last, expected, false)
        } catch (error) {
          return `${cut.label}, second cut, ${again.label}: ${told(error)}`
        }
      }
    } catch (error) {
      return `${cut.label}: ${told(error)}`
    }
  }
  return undefined
}

type Expected = Omit<SizesCase, 'device'>

function perform(device: CrashDevice, { setup, what, blockCount }: Expected): void {
  const fs = mount(device, setup)
  if (what === 'shrink') fs.shrinkSync(blockCount)
  else checkReport(fs.defragSync(), fs)
}

/** What it says of itself is what a new look says. */
function checkReport({ after, before }: DefragReport, fs: ReferenceFS): void {
  const seen = fs.fragmentationSync()
  if (JSON.stringify(seen) !== JSON.stringify(after)) {
    throw new Broken(`told ${JSON.stringify(after)}, seen ${JSON.stringify(seen)}`)
  }
  if (after.pairCount > before.pairCount) throw new Broken('more pairs than before')
}

/** The tree is there, and everything in order; the size is that of before or of after. */
function checkCut(cut: CutState, expected: Expected): void {
  const { setup, what, blockCount } = expected
  const device = new CrashDevice({ ...setup, state: copyOfState(cut.state) })
  device.startRecording()
  const fs = mount(device, setup, true)
  const found = differences(treeOf(fs), expected.tree)
  if (found.length > 0) throw new Broken(`another tree: ${found.join('; ')}`)
  const count = fs.info().blockCount
  const allowed = what === 'shrink' ? [setup.blockCount, blockCount] : [setup.blockCount]
  if (!allowed.includes(count)) throw new Broken(`${count} blocks`)
  if (device.recordedCount > 0) throw new Broken('reading wrote')
  checkSound(device, setup, { allowOrphans: true, allowPendingMove: true })
}

function checkDone(device: CrashDevice, expected: Expected, isFirst: boolean): void {
  const { setup, what, tree, blockCount } = expected
  checkSound(device, setup, {})
  const found = differences(treeOfImage(device.bytes, checkOptions(setup)), tree)
  if (found.length > 0) throw new Broken(`another tree: ${found.join('; ')}`)
  const fs = mount(device, setup)
  const { usedBlocks } = fs.dfSync()
  if (what === 'shrink') {
    if (fs.info().blockCount !== blockCount) throw new Broken(`${fs.info().blockCount} blocks`)
    const beyond = fs.blockUseSync().filter(({ block }) => block >= blockCount)
    if (beyond.length > 0) throw new Broken(`${beyond.length} blocks in use beyond the end`)
  } else if (isFirst) {
    const { freeAtEnd, freeBlocks, fragmentedCount } = fs.fragmentationSync()
    // Around what is too large to be moved, once more may find other places.
    const isPacked = freeAtEnd === freeBlocks && fragmentedCount === 0
    if (!isPacked && freeBlocks >= usedBlocks) throw new Broken('not packed, with room for all')
    device.startRecording()
    const { writtenBlocks, after } = fs.defragSync()
    if (isPacked && (writtenBlocks > 0 || device.recordedCount > 0))
      throw new Broken('once more wrote again')
    if (isPacked && after.freeAtEnd !== freeBlocks) throw new Broken('packed no more')
    device.stopRecording()
  }
  // Ordinary use goes on, as far as there is room, and nothing else changes.
  try {
    fs.mkdirSync('/~used')
    fs.writeFileSync('/~used/x', new Uint8Array(2 * setup.blockSize).fill(3))
  } catch (error) {
    if (!['ENOSPC', 'EFBIG'].includes((error as { code: string }).code)) throw error
  }
  fs.rmSync('/~used', { recursive: true, force: true })
  const left = differences(treeOf(fs), tree)
  if (left.length > 0) throw new Broken(`after use: ${left.join('; ')}`)
  checkSound(device, setup, {})
  const fresh = mount(device, setup, true).dfSync()
  if (fs.dfSync().usedBlocks !== fresh.usedBlocks) throw new Broken('blocks were lost')
  if (fresh.usedBlocks > usedBlocks + 6) throw new Broken('use has left blocks behind')
}

function checkSound(
  device: CrashDevice,
  setup: Setup,
  allowed: Pick<LittlefsCheckOptions, 'allowOrphans' | 'allowPendingMove'>,
): void {
  const options = { ...checkOptions(setup), ...allowed, allowTornCommits: true }
  const findings = checkLittlefs(device.bytes, options).filter(({ code }) => {
    // On a full device a log is written as it is, where there is no block to split it to.
    if (code === 'commit-overfull') return false
    // What a moved pair newly leads to comes onto the list when its own place is mended.
    if (code === 'directory-not-threaded' && allowed.allowOrphans === true) return false
    return code !== 'gstate-orphans'
  })
  if (findings.length > 0) throw new Broken(findings.map(({ message }) => message).join('; '))
}

function mount(device: CrashDevice, setup: Setup, readOnly = false): ReferenceFS {
  return ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly })
}

function* allCuts(recording: Recording, setup: Setup, random: Random): Generator<CutState> {
  const options = { geometry: setup, eraseValue: setup.eraseValue, random }
  yield* cutsInOrder(recording, options)
  yield* cutsOutOfOrder(recording, options)
}

function* oneCutEach(recording: Recording, setup: Setup, random: Random): Generator<CutState> {
  const at = random.int(recording.requests.length + 1)
  const options = { geometry: setup, eraseValue: setup.eraseValue, random, at }
  for (const cuts of [cutsInOrder, cutsOutOfOrder]) {
    const all = [...cuts(recording, options)]
    if (all.length > 0) yield random.pick(all)
  }
}

function told(error: unknown): string {
  return error instanceof Broken ? error.message : `${(error as Error).stack}`
}
