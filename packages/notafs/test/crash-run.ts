/**
 * A life of a notafs disk, cut everywhere: random changes on one mount, recorded; then every state
 * that a power cut may leave of it is mounted, compared, written to, and cut again.
 *
 * What must hold: the state is exactly that of the last change that was answered, or of the one that
 * was under way; never a mixture (docs/crash-model.md, P1 to P5).
 */

import { isErrno, isKeyValueError } from '@caravan/core'
import { NotaFS, type NotaFSOptions, type Transaction } from '@caravan/notafs'
import {
  CrashDevice,
  type CutState,
  checkNotafs,
  contentOf,
  copyOfState,
  cutsInOrder,
  cutsOutOfOrder,
  Random,
  type Recording,
} from '@caravan/testkit'

export interface LifeOptions {
  /** Changes in the recorded life. Default 8. */
  readonly changes?: number
  /** Fill the disk before. Default: one life in three. */
  readonly fills?: boolean
  /** Second cuts for each first one that is cut again. Default 3. */
  readonly secondCuts?: number
}

/** What a disk holds: keys and their values. */
type Model = ReadonlyMap<string, Uint8Array>

const KEYS = ['a', 'b', 'c', 'd/x', 'd/y', 'd/s/z', 'e/f/g/h', 'long-name-of-a-key-in-the-top']
const MOVED = ['a2', 'd/b2', 'n/m']

interface Disk {
  readonly device: CrashDevice
  readonly options: NotaFSOptions
  /** False where pages carry no checksums: then units are pages, and they are not torn. */
  readonly checked: boolean
}

/** @returns states that were judged. @throws Error with the seed and the case that fails. */
export function crashLife(seed: number, settings: LifeOptions = {}): number {
  const random = new Random(seed)
  const disk = makeDisk(random)
  let model: Model = new Map()
  const fs = NotaFS.mountSync(disk.device, disk.options)
  for (let i = random.int(12); i > 0; i--) model = step(fs, model, random, `seed ${seed}, before`)
  if (settings.fills ?? random.oneIn(3)) model = fill(fs, model, random)
  disk.device.startRecording()
  const states: { model: Model; answered: number; what: string }[] = [
    { model, answered: 0, what: 'start' },
  ]
  for (let i = settings.changes ?? 8; i > 0; i--) {
    model = step(fs, model, random, `seed ${seed}`)
    states.push({ model, answered: disk.device.recordedCount, what: `change ${states.length}` })
  }
  let judged = 0
  const recording = disk.device.stopRecording()
  for (const cut of cutsOf(recording, disk, random)) {
    // The last change that was answered before the cut, and the one that was under way.
    let durable = 0
    states.forEach((state, i) => {
      if (state.answered <= cut.answered) durable = i
    })
    const allowed = states.slice(durable, durable + 2).map((state) => state.model)
    judge(disk, cut, allowed, random, `seed ${seed}, ${cut.label}`, settings.secondCuts ?? 3)
    judged++
  }
  return judged
}

function makeDisk(random: Random): Disk {
  const checked = !random.oneIn(5)
  const blockSize = random.pick([512, 512, 1024])
  const blockCount = random.pick([96, 128, 255, 256, 300])
  const progSize = checked ? random.pick([16, 64, 512]) : blockSize
  const device = new CrashDevice({ blockSize, blockCount, readSize: 1, progSize, strict: false })
  random.oneIn(2) ? device.bytes.fill(0) : random.fill(device.bytes)
  NotaFS.formatSync(device, { pageSize: blockSize, checksum: checked ? 'ADLER-32' : 'NO-CHECK' })
  let clock = 1_700_000_000_000
  const options = {
    now: () => clock++,
    transactionBytes: random.pick([0, 2048, 2 ** 20]),
    cacheBytes: random.pick([0, 4096, 2 ** 20]),
  }
  return { device, options, checked }
}

function* cutsOf(recording: Recording, disk: Disk, random: Random): Generator<CutState> {
  const { geometry, eraseValue } = disk.device
  const options = { geometry, eraseValue, random, samples: 2 }
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
    strict: false,
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
  if (secondCuts === 0) return
  const cuts = [...cutsOf(recording, after, random)]
  for (let i = 0; i < secondCuts && cuts.length > 0; i++) {
    const second = random.pick(cuts)
    const whole = second.answered >= recording.requests.length
    const states = whole ? [next] : [state, next]
    judge(after, second, states, random, `${about}, then ${second.label}`, 0)
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
  const found = new Map<string, Uint8Array>()
  for (const { path, content } of nodes) if (content !== undefined) found.set(path, content)
  return difference(model, found)
}

export function contentsOf(fs: NotaFS): Map<string, Uint8Array> {
  const kv = fs.keyValue()
  const found = new Map<string, Uint8Array>()
  for (const [key, kind] of kv.entriesSync('/')) {
    if (kind === 'value') found.set(key.slice(1), kv.getSync(key))
  }
  return found
}

export function difference(expected: Model, found: Model): string | undefined {
  for (const [key, value] of expected) {
    const other = found.get(key)
    if (other === undefined) return `'${key}' is missing`
    if (Buffer.compare(value, other) !== 0) return `'${key}' is another, of ${other.length} bytes`
  }
  for (const key of found.keys()) if (!expected.has(key)) return `'${key}' is there`
  return undefined
}

/** Fills the disk with values, and then removes a few sectors' worth. */
function fill(fs: NotaFS, model: Model, random: Random): Model {
  const next = new Map(model)
  const kv = fs.keyValue()
  for (let size = 8192; size >= 256; ) {
    const key = `full/${next.size}`
    const value = contentOf(random.seed(), size)
    try {
      kv.setSync(key, value)
      next.set(key, value)
    } catch (error) {
      if (!isKeyValueError(error, 'NoSpace')) throw error
      size = size >> 1
    }
  }
  return next
}

/** One random change, on the filesystem and on the model; where there is no space, on neither. */
export function step(fs: NotaFS, model: Model, random: Random, about: string): Model {
  const kind = random.int(10)
  try {
    if (kind < 3) return transaction(fs, model, random)
    const next = new Map(model)
    change(fs.keyValue(), next, random)
    return next
  } catch (error) {
    if (isKeyValueError(error, 'NoSpace') || isErrno(error, 'ENOSPC')) return model
    throw new Error(`${about}: ${error instanceof Error ? error.stack : error}`)
  }
}

function transaction(fs: NotaFS, model: Model, random: Random): Model {
  const next = new Map(model)
  const fails = random.oneIn(6)
  try {
    fs.transactionSync((tx) => {
      for (let i = 1 + random.int(6); i > 0; i--) change(tx, next, random, tx)
      if (fails) throw new RangeError('on purpose')
    })
    return next
  } catch (error) {
    if (error instanceof RangeError && error.message === 'on purpose') return model
    throw error
  }
}

type Store = ReturnType<NotaFS['keyValue']>

function change(kv: Store, model: Map<string, Uint8Array>, random: Random, tx?: Transaction): void {
  const key = random.pick(random.oneIn(4) ? [...KEYS, ...MOVED, ...model.keys()] : KEYS)
  const value = model.get(key)
  const data = contentOf(random.seed(), random.pick([0, 1, 20, 400, 508, 509, 1500, 6000]))
  switch (random.int(tx === undefined ? 7 : 10)) {
    case 0: {
      const other = random.pick(KEYS)
      kv.batchSync([
        { op: 'set', key, value: data },
        { op: 'remove', key: other },
      ])
      model.set(key, data)
      if (other !== key) model.delete(other)
      else model.delete(key)
      return
    }
    case 1:
      removes(() => kv.removeSync(key))
      model.delete(key)
      return
    case 2: {
      if (value === undefined) break
      const to = random.pick([...MOVED, ...KEYS])
      kv.renameSync(key, to)
      if (to === key) return
      model.delete(key)
      model.set(to, value)
      return
    }
    case 3: {
      if (value === undefined) break
      const offset = random.int(value.length + 10)
      kv.setPartialSync(key, offset, data)
      const at = Math.min(offset, value.length)
      const bytes = new Uint8Array(Math.max(value.length, at + data.length))
      bytes.set(value)
      bytes.set(data, at)
      model.set(key, bytes)
      return
    }
    case 4: {
      const dictionary = random.pick(['d', 'e/f', 'd/s', 'full'])
      removes(() => kv.removeSync(dictionary))
      for (const each of [...model.keys()]) {
        if (each.startsWith(`${dictionary}/`)) model.delete(each)
      }
      return
    }
    case 7:
      tx?.appendSync(key, data)
      model.set(key, Uint8Array.from([...(value ?? []), ...data]))
      return
    case 8: {
      if (value === undefined) break
      const size = random.int(3000)
      tx?.truncateSync(key, size)
      const bytes = new Uint8Array(size)
      bytes.set(value.subarray(0, size))
      model.set(key, bytes)
      return
    }
    case 9: {
      if (value === undefined) break
      const offset = random.int(4000)
      tx?.writeSync(key, offset, data)
      if (data.length === 0) return
      const bytes = new Uint8Array(Math.max(value.length, offset + data.length))
      bytes.set(value)
      bytes.set(data, offset)
      model.set(key, bytes)
      return
    }
    default:
  }
  kv.setSync(key, data)
  model.set(key, data)
}

/** A disk can always be deleted from. */
function removes(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!isKeyValueError(error, 'NoSpace')) throw error
    throw new RangeError(`a removal found no space: ${error.message}`)
  }
}
