/**
 * A life of a notafs disk, cut everywhere: random changes on one mount, recorded; then every state
 * that a power cut may leave of it is mounted, compared, written to, and cut again.
 *
 * What must hold: the state is exactly that of the last change that was answered, or of the one that
 * was under way; never a mixture (docs/crash-model.md, P1 to P5).
 */

import { NotaFS, type NotaFSOptions } from '@caravan/notafs'
import {
  CrashDevice,
  type CutState,
  checkNotafs,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  Random,
  type Recording,
} from '@caravan/testkit'
import { contentsOf, difference, fill, type Model, modelOf, step } from './changes.js'

export interface LifeOptions {
  /** Changes before the recorded ones: fewer than this. Default 12. */
  readonly before?: number
  /** Changes in the recorded life. Default 8. */
  readonly changes?: number
  /** Fill the disk before. Default: one life in three. */
  readonly fills?: boolean
  /** Second cuts for each first one. Default 3. */
  readonly secondCuts?: number
  /** Every prefix, every subset of few unsynced writes, every unit torn. Default false. */
  readonly thorough?: boolean
}

/** What was judged. */
export interface LifeCounts {
  states: number
  doubleCuts: number
  /** Of the states, those with some of the unsynced writes and not others. */
  subsets: number
}

interface Disk {
  readonly device: CrashDevice
  readonly options: NotaFSOptions
  /** False where pages carry no checksums: then units are pages, and they are not torn. */
  readonly checked: boolean
  /** How cuts are drawn, and what was judged. */
  readonly settings: LifeOptions
  readonly counts: LifeCounts
}

/** @throws Error with the seed and the case that fails. */
export function crashLife(seed: number, settings: LifeOptions = {}): LifeCounts {
  const random = new Random(seed)
  const disk = makeDisk(random, settings)
  let model: Model = new Map()
  const fs = NotaFS.mountSync(disk.device, disk.options)
  for (let i = random.int(settings.before ?? 12); i > 0; i--)
    model = step(fs, model, random, `seed ${seed}, before`)
  if (settings.fills ?? random.oneIn(3)) model = fill(fs, model, random)
  disk.device.startRecording()
  const states: { model: Model; answered: number; what: string }[] = [
    { model, answered: 0, what: 'start' },
  ]
  for (let i = settings.changes ?? 8; i > 0; i--) {
    model = step(fs, model, random, `seed ${seed}`)
    states.push({ model, answered: disk.device.recordedCount, what: `change ${states.length}` })
  }
  const recording = disk.device.stopRecording()
  for (const cut of cutsOf(recording, disk, random)) {
    // The last change that was answered before the cut, and the one that was under way.
    let durable = 0
    states.forEach((state, i) => {
      if (state.answered <= cut.answered) durable = i
    })
    const allowed = states.slice(durable, durable + 2).map((state) => state.model)
    judge(disk, cut, allowed, random, `seed ${seed}, ${cut.label}`, settings.secondCuts ?? 3)
  }
  return disk.counts
}

function makeDisk(random: Random, settings: LifeOptions): Disk {
  const checked = !random.oneIn(5)
  const blockSize = random.pick([512, 512, 1024])
  const blockCount = random.pick([96, 128, 255, 256, 300])
  const progSize = checked ? random.pick([16, 64, 512]) : blockSize
  // As flash: what is not erased may not be programmed.
  const erases = random.oneIn(4)
  const device = new CrashDevice({ blockSize, blockCount, readSize: 1, progSize, strict: erases })
  if (!erases) random.oneIn(2) ? device.bytes.fill(0) : random.fill(device.bytes)
  const checksum = checked ? 'ADLER-32' : 'NO-CHECK'
  NotaFS.formatSync(device, { pageSize: blockSize, checksum, erases })
  let clock = 1_700_000_000_000
  const options = {
    now: () => clock++,
    transactionBytes: random.pick([0, 2048, 2 ** 20]),
    cacheBytes: random.pick([0, 4096, 2 ** 20]),
    erases,
  }
  const counts = { states: 0, doubleCuts: 0, subsets: 0 }
  return { device, options, checked, settings, counts }
}

function* cutsOf(recording: Recording, disk: Disk, random: Random): Generator<CutState> {
  const { geometry, eraseValue } = disk.device
  const { thorough = false } = disk.settings
  const options = { geometry, eraseValue, random, samples: thorough ? 1 : 2, thorough }
  for (const cut of cutsInOrder(recording, options)) if (isPossible(disk, cut)) yield cut
  for (const cut of cutsOutOfOrder(recording, options)) if (isPossible(disk, cut)) yield cut
}

/** Without checksums only what leaves every unit whole is promised. */
function isPossible({ checked }: Disk, { label }: CutState): boolean {
  return checked || !/^[AB]3/.test(label)
}

function reopened(disk: Disk, cut: CutState): Disk {
  const device = new CrashDevice({
    ...disk.device.geometry,
    strict: disk.options.erases === true,
    state: copyOfState(cut.state),
  })
  return { ...disk, device }
}

function judge(
  disk: Disk,
  cut: CutState,
  allowed: readonly Model[],
  random: Random,
  about: string,
  secondCuts: number,
): void {
  if (secondCuts < 0) disk.counts.doubleCuts++
  else disk.counts.states++
  if (cut.label.startsWith('B')) disk.counts.subsets++
  const after = reopened(disk, cut)
  const fs = NotaFS.mountSync(after.device, after.options)
  const found = readAll(fs, about)
  const state = allowed.find((model) => difference(model, found) === undefined)
  if (state === undefined) {
    throw new Error(`${about}: ${allowed.map((model) => difference(model, found)).join('; or ')}`)
  }
  const { generation } = fs.info()
  after.device.startRecording()
  const next = step(fs, state, random, about)
  const recording = after.device.stopRecording()
  const isCommitted = fs.info().generation > generation
  const problem =
    difference(next, contentsOf(fs)) ?? (isCommitted ? problemOnDisk(after, next) : undefined)
  if (problem !== undefined) throw new Error(`${about}, then a change: ${problem}`)
  if (secondCuts <= 0) return
  const cuts = [...cutsOf(recording, after, random)]
  for (let i = 0; i < secondCuts && cuts.length > 0; i++) {
    const second = random.pick(cuts)
    const whole = second.answered >= recording.requests.length
    const states = whole ? [next] : [state, next]
    judge(after, second, states, random, `${about}, then ${second.label}`, -1)
  }
}

function readAll(fs: NotaFS, about: string): Map<string, Uint8Array> {
  try {
    return contentsOf(fs)
  } catch (error) {
    throw new Error(`${about}: ${error instanceof Error ? error.stack : error}`)
  }
}

/** What the independent checker says, once a generation was made. */
function problemOnDisk(disk: Disk, model: Model): string | undefined {
  const { nodes, findings } = checkNotafs(disk.device.bytes)
  const [finding] = findings
  if (finding !== undefined) return finding.message
  return difference(model, modelOf(nodes))
}
