/**
 * A slice of the model tests for any filesystem with the face of `node:fs`, on any device that
 * answers at once, in Node or in a browser's worker: random operations beside a plain map, compared
 * after each, after remounts, and after power cuts, which leave the state before or the one after.
 *
 * It uses nothing of Node's and no test framework: it answers with what differs.
 */

import type { BlockDevice } from '@caravan/core'
import { contentOf, Random } from '../model/random.js'
import { CutDevice } from './cut-device.js'
import { type Change, ModelTree, type Tree } from './model-tree.js'

/** The calls of `node:fs` that the slice makes. */
export interface SliceFace {
  readdirSync(path: string): string[]
  statSync(path: string): { isDirectory(): boolean }
  readFileSync(path: string): Uint8Array
  writeFileSync(path: string, data: Uint8Array): void
  appendFileSync(path: string, data: Uint8Array): void
  truncateSync(path: string, size: number): void
  mkdirSync(path: string): unknown
  rmSync(path: string, options: { recursive: boolean }): void
  renameSync(from: string, to: string): void
  openSync(path: string, flags: string): number
  writeSync(fd: number, data: Uint8Array, offset: number, length: number, position: number): number
  closeSync(fd: number): void
}

export interface SliceSubject {
  /** Makes an empty filesystem of the device. */
  format(device: BlockDevice): void
  /** Mounts it; what a mount before has left in memory is not used again. */
  mount(device: BlockDevice): SliceFace
}

export interface SliceOptions {
  readonly seed: number
  /** Operations. */
  readonly steps: number
  /** One of so many is cut; 0 for none. */
  readonly cutOneIn: number
}

/** One of so many steps mounts again. */
const REMOUNT_ONE_IN = 10
/** An operation writes seldom more than this many times. */
const CUT_WRITES_MAX = 30
const SIZE_MAX = 3000

/** @returns what differs, with the step and the seed; `undefined` where nothing does. */
export function runSlice(
  subject: SliceSubject,
  device: BlockDevice,
  { seed, steps, cutOneIn }: SliceOptions,
): string | undefined {
  const random = new Random(seed)
  const model = new ModelTree()
  let change: Change | undefined
  subject.format(device)
  let face = subject.mount(device)
  for (let step = 0; step < steps; step++) {
    try {
      if (random.oneIn(REMOUNT_ONE_IN)) face = subject.mount(device)
      change = drawChange(random, model)
      const isCut = cutOneIn > 0 && random.oneIn(cutOneIn)
      const difference = isCut
        ? cutStep(subject, device, model, change, random)
        : wholeStep(face, model, change)
      if (isCut) face = subject.mount(device)
      if (difference === undefined) continue
      return `seed ${seed}, step ${step}, ${JSON.stringify(change)}${isCut ? ', cut' : ''}: ${difference}`
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return `seed ${seed}, step ${step}, ${JSON.stringify(change)}: ${what}`
    }
  }
  return undefined
}

/** An operation, whole: its answer and the tree behind it. */
function wholeStep(face: SliceFace, model: ModelTree, change: Change): string | undefined {
  const expected = model.expect(change)
  const code = codeOf(() => perform(face, change))
  if (expected.codes.length === 0 ? code !== undefined : !expected.codes.includes(code ?? '')) {
    return `${code ?? 'success'} instead of ${expected.codes.join(' or ') || 'success'}`
  }
  model.tree = expected.tree
  return differenceOf(treeOf(face), model.tree)
}

/** An operation on a device that loses its power: the tree is that before, or that after. */
function cutStep(
  subject: SliceSubject,
  device: BlockDevice,
  model: ModelTree,
  change: Change,
  random: Random,
): string | undefined {
  const before = model.tree
  const { tree: after } = model.expect(change)
  const cutting = new CutDevice(device, random.int(CUT_WRITES_MAX))
  codeOf(() => perform(subject.mount(cutting), change), true)
  const found = treeOf(subject.mount(device))
  const fromBefore = differenceOf(found, before)
  const fromAfter = differenceOf(found, after)
  if (fromAfter === undefined) model.tree = found
  else if (fromBefore !== undefined) {
    const isBetween =
      // Many entries are removed one after the other.
      (change.do === 'rm' && isBetweenTrees(found, before, after)) ||
      // As in node:fs, appending to a file that is missing first makes it, and then writes.
      (change.do === 'append' && !before.has(change.path) && isMadeOnly(found, before, change.path))
    if (!isBetween) return `neither before (${fromBefore}) nor after (${fromAfter})`
    model.tree = found
  }
  return undefined
}

function isMadeOnly(found: Tree, before: Tree, path: string): boolean {
  return differenceOf(found, new Map(before).set(path, new Uint8Array(0))) === undefined
}

/** Everything of `after` is there, and nothing that is not in `before`. */
function isBetweenTrees(found: Tree, before: Tree, after: Tree): boolean {
  const missing = [...after.keys()].some((path) => !found.has(path))
  const rest = new Map([...before].filter(([path]) => found.has(path)))
  return !missing && differenceOf(found, rest) === undefined
}

function perform(face: SliceFace, change: Change): void {
  switch (change.do) {
    case 'write':
      face.writeFileSync(change.path, contentOf(change.seed, change.size))
      return
    case 'append':
      face.appendFileSync(change.path, contentOf(change.seed, change.size))
      return
    case 'patch': {
      const bytes = contentOf(change.seed, change.size)
      const fd = face.openSync(change.path, 'r+')
      try {
        for (let done = 0; done < bytes.length; ) {
          const rest = bytes.length - done
          done += face.writeSync(fd, bytes, done, rest, change.position + done)
        }
      } finally {
        face.closeSync(fd)
      }
      return
    }
    case 'truncate':
      face.truncateSync(change.path, change.size)
      return
    case 'mkdir':
      face.mkdirSync(change.path)
      return
    case 'rm':
      face.rmSync(change.path, { recursive: true })
      return
    case 'rename':
      face.renameSync(change.path, change.to)
      return
  }
}

/** The errno code of what is thrown; other errors are thrown on, unless any will do. */
function codeOf(call: () => void, any = false): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    const isErrno = error instanceof Error && 'errno' in error && 'code' in error
    if (isErrno) return String(error.code)
    if (any) return 'cut'
    throw error
  }
}

function treeOf(face: SliceFace): Tree {
  const tree: Tree = new Map()
  const pending = ['']
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of face.readdirSync(directory === '' ? '/' : directory)) {
      const path = `${directory}/${name}`
      const isDirectory = face.statSync(path).isDirectory()
      tree.set(path, isDirectory ? undefined : face.readFileSync(path))
      if (isDirectory) pending.push(path)
    }
  }
  return tree
}

function differenceOf(found: Tree, expected: Tree): string | undefined {
  for (const [path, bytes] of expected) {
    if (!found.has(path)) return `${path} is missing`
    const there = found.get(path)
    if ((there === undefined) !== (bytes === undefined)) return `${path} is of another kind`
    if (there === undefined || bytes === undefined) continue
    if (there.length !== bytes.length) {
      return `${path} has ${there.length} bytes instead of ${bytes.length}`
    }
    const at = there.findIndex((byte, i) => byte !== bytes[i])
    if (at !== -1) return `${path} has byte ${there[at]} at ${at} instead of ${bytes[at]}`
  }
  for (const path of found.keys()) if (!expected.has(path)) return `${path} should not be there`
  return undefined
}

function drawChange(random: Random, model: ModelTree): Change {
  const path = drawPath(random, model)
  const size = random.int(random.oneIn(3) ? SIZE_MAX : 60)
  const seed = random.seed()
  const kind = random.pick([
    ...(['write', 'write', 'append', 'patch', 'truncate'] as const),
    ...(['mkdir', 'mkdir', 'rm', 'rename', 'rename'] as const),
  ])
  switch (kind) {
    case 'write':
    case 'append':
      return { do: kind, path, seed, size }
    case 'patch':
      return { do: kind, path, seed, size, position: random.int(SIZE_MAX) }
    case 'truncate':
      return { do: kind, path, size }
    case 'mkdir':
    case 'rm':
      return { do: kind, path }
    case 'rename':
      return { do: kind, path, to: drawPath(random, model) }
  }
}

const NAMES = ['a', 'b', 'c', 'dir', 'a-longer-name.txt', 'grüezi']

/** Mostly one that is there, or a new name in a directory that is. */
function drawPath(random: Random, model: ModelTree): string {
  const paths = [...model.tree.keys()]
  if (paths.length > 0 && random.oneIn(2)) return random.pick(paths) as string
  const directories = paths.filter((path) => model.tree.get(path) === undefined)
  const parent = random.oneIn(15) ? random.pick(paths) : random.pick(['', ...directories])
  return `${parent ?? ''}/${random.pick(NAMES)}`
}
