/** Draws operations that are likely to mean something for the tree as it is. */

import type { Content, Operation } from './operation.js'
import type { Random } from './random.js'
import type { ModelNode, TreeModel } from './tree-model.js'

/** What the sizes of a test follow. */
export interface Profile {
  readonly blockSize: number
  readonly blockCount: number
  /** The largest inline file, in bytes. */
  readonly inlineMax: number
  /** Handles that may be open at once; 0 for none. */
  readonly slots: number
  /** Also leave the mounted filesystem and mount again. */
  readonly remounts: boolean
  /** How often each kind is drawn, where other than usual; 0 for never. */
  readonly weights?: Partial<Record<Operation['do'], number>>
}

const NAMES = [
  'a',
  'ab',
  'abc',
  'b',
  'dir',
  'sub',
  'x',
  'Z',
  'ü',
  'file.txt',
  'a-name-of-32-bytes-for-a-change-',
]

/** How often each kind is drawn, usually. */
const WEIGHTS: Readonly<Record<Operation['do'], number>> = {
  writeFile: 16,
  appendFile: 6,
  truncateFile: 4,
  mkdir: 12,
  remove: 12,
  removeTree: 1,
  rename: 16,
  setAttribute: 6,
  removeAttribute: 3,
  open: 10,
  write: 16,
  read: 6,
  seek: 5,
  truncate: 5,
  sync: 5,
  close: 8,
  gc: 1,
  makeConsistent: 1,
  remount: 3,
}

type Kind = Operation['do']

const NEEDS_HANDLE = new Set<Kind>(['write', 'read', 'seek', 'truncate', 'sync', 'close'])

export function drawOperation(random: Random, model: TreeModel, profile: Profile): Operation {
  const kind = drawKind(random, model, profile)
  const slot = random.pick([...model.handles.keys()]) ?? 0
  switch (kind) {
    case 'writeFile':
    case 'appendFile':
      return { do: kind, path: anyPath(random, model, 'file'), content: content(random, profile) }
    case 'truncateFile':
      return { do: kind, path: anyPath(random, model, 'file'), size: drawSize(random, profile) }
    case 'mkdir':
      return { do: kind, path: newPath(random, model) }
    case 'remove':
    case 'removeTree':
      return { do: kind, path: anyPath(random, model) }
    case 'rename': {
      const path = anyPath(random, model)
      return {
        do: kind,
        path,
        to: random.oneIn(3) ? anyPath(random, model) : newPath(random, model),
      }
    }
    case 'setAttribute': {
      const value = { seed: random.seed(), size: attributeSize(random, profile) }
      return { do: kind, path: anyPath(random, model), type: random.int(3) * 0x40, content: value }
    }
    case 'removeAttribute':
      return { do: kind, path: anyPath(random, model), type: random.int(3) * 0x40 }
    case 'open': {
      const mode = {
        ...(random.oneIn(2) ? { read: true } : {}),
        ...(random.oneIn(4) ? {} : { write: true }),
        ...(random.oneIn(2) ? { create: true } : {}),
        ...(random.oneIn(12) ? { exclusive: true } : {}),
        ...(random.oneIn(4) ? { truncate: true } : {}),
        ...(random.oneIn(5) ? { append: true } : {}),
      }
      return { do: kind, slot: freeSlot(model), path: anyPath(random, model, 'file'), mode }
    }
    case 'write':
      return { do: kind, slot, content: content(random, profile) }
    case 'read':
      return { do: kind, slot, size: drawSize(random, profile) }
    case 'seek': {
      const size = drawSize(random, profile)
      const origin = random.pick(['start', 'current', 'end'] as const)
      return {
        do: kind,
        slot,
        offset: origin === 'start' ? size : size - random.int(2 * size + 1),
        origin,
      }
    }
    case 'truncate':
      return { do: kind, slot, size: drawSize(random, profile) }
    case 'sync':
    case 'close':
      return { do: kind, slot }
    default:
      return { do: kind }
  }
}

function drawKind(random: Random, model: TreeModel, profile: Profile): Kind {
  const weights = { ...WEIGHTS, ...profile.weights }
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  for (;;) {
    let left = random.int(total)
    for (const kind of Object.keys(weights) as Kind[]) {
      left -= weights[kind]
      if (left >= 0) continue
      if (NEEDS_HANDLE.has(kind) && !model.hasHandles) break
      if (kind === 'open' && model.handles.size >= profile.slots) break
      if (kind === 'remount' && !profile.remounts) break
      return kind
    }
  }
}

function freeSlot(model: TreeModel): number {
  for (let slot = 0; ; slot++) if (!model.handles.has(slot)) return slot
}

/** Mostly small, often at the edges of inline files and blocks, at times a good part of the device. */
function drawSize(random: Random, { blockSize, blockCount, inlineMax }: Profile): number {
  switch (random.int(8)) {
    case 0:
      return 0
    case 1:
      return Math.max(0, inlineMax - 1 + random.int(3))
    case 2:
      return blockSize * (1 + random.int(3)) - 1 + random.int(3)
    case 3:
      return random.int(Math.min(blockSize * blockCount, 2 ** 20) >> 2)
    case 4:
    case 5:
      return random.int(4 * Math.min(blockSize, 4096))
    default:
      return random.int(Math.min(blockSize, 100))
  }
}

/** Mostly small, at times a good part of a log, at times all that a log can hold. */
function attributeSize(random: Random, { blockSize }: Profile): number {
  if (random.oneIn(24)) return Math.max(0, blockSize - random.int(100))
  return random.oneIn(8) ? random.int(blockSize >> 2) : random.int(24)
}

function content(random: Random, profile: Profile): Content {
  return { seed: random.seed(), size: drawSize(random, profile) }
}

/** Mostly one that exists, of a kind where wanted. */
function anyPath(random: Random, model: TreeModel, kind?: ModelNode['kind']): string {
  if (random.oneIn(3)) return newPath(random, model)
  const paths = [...model.paths()].filter(([, node]) => kind === undefined || node.kind === kind)
  const path = random.pick(paths)?.[0]
  return path === undefined || (path === '/' && !random.oneIn(4)) ? newPath(random, model) : path
}

/** A name, most often a new one, in a directory that mostly exists. */
function newPath(random: Random, model: TreeModel): string {
  const directories = [...model.paths()].filter(([, node]) => node.kind === 'directory')
  const parents = random.oneIn(20) ? [...model.paths()] : directories
  const [parent] = random.pick(parents) as [string, ModelNode]
  const name = random.oneIn(3) ? `n${random.int(40)}` : random.pick(NAMES)
  const deep = random.oneIn(30) ? `missing/${name}` : name
  return parent === '/' ? `/${deep}` : `${parent}/${deep}`
}
