/** Ways to damage an image. Each takes the bytes and random numbers, and changes the bytes. */

import {
  type Commit,
  decodeCommits,
  type Entry,
  encodeCommits,
  lengthOf,
  repairChecksum,
} from './metadata.js'
import type { Random } from './random.js'

/** An undamaged image, and what of it is worth hitting. */
export interface Target {
  readonly name: string
  readonly image: Uint8Array
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
  /** Blocks that hold at least one valid commit. */
  readonly metadataBlocks: readonly number[]
}

/** Looks where an image's metadata is. */
export function decodeTarget(
  target: Pick<Target, 'name' | 'image' | 'blockSize' | 'readSize' | 'progSize'>,
): Target {
  const { image, blockSize } = target
  const blockCount = image.length / blockSize
  const metadataBlocks: number[] = []
  for (let block = 0; block < blockCount; block++) {
    const bytes = image.subarray(block * blockSize, (block + 1) * blockSize)
    if (decodeCommits(bytes).length > 0) metadataBlocks.push(block)
  }
  return { ...target, blockCount, metadataBlocks }
}

type Mutator = (image: Uint8Array, target: Target, random: Random) => Uint8Array

const blockOf = (image: Uint8Array, { blockSize }: Target, block: number) =>
  image.subarray(block * blockSize, (block + 1) * blockSize)

function anyBlock(image: Uint8Array, target: Target, random: Random): Uint8Array {
  return blockOf(image, target, random.below(image.length / target.blockSize))
}

function metadataBlock(image: Uint8Array, target: Target, random: Random): Uint8Array {
  if (target.metadataBlocks.length === 0) return anyBlock(image, target, random)
  return blockOf(image, target, random.pick(target.metadataBlocks))
}

function flipBits(bytes: Uint8Array, random: Random): void {
  if (bytes.length === 0) return
  for (let left = 1 + random.below(8); left > 0; left--) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
  }
}

/** Values that a pointer, a count or a size is likely to be mistaken with. */
function word({ blockCount, blockSize }: Target, random: Random): number {
  return random.pick([
    0,
    1,
    2,
    blockCount - 1,
    blockCount,
    blockCount + 7,
    blockSize,
    0x7fffffff,
    0x80000000,
    0xfffffffe,
    0xffffffff,
    random.below(blockCount),
    random.below(blockCount),
    random.below(blockCount),
    random.word(),
  ])
}

/** Entry types of SPEC.md, for tags that are made up. */
const TYPES = [
  0x001, 0x002, 0x003, 0x0ff, 0x200, 0x201, 0x202, 0x203, 0x300, 0x374, 0x401, 0x4ff, 0x500, 0x5ff,
  0x600, 0x601, 0x602, 0x7ff, 0x7fe,
]

/** One entry more, less, elsewhere or otherwise; the checksums fit again afterwards. */
function editEntries(entries: readonly Entry[], target: Target, random: Random): readonly Entry[] {
  const edited = [...entries]
  const at = random.below(edited.length)
  const entry = edited[at]
  const change = entry === undefined ? 'insert' : random.pick(EDITS)
  if (entry === undefined || change === 'insert') {
    const length = random.pick([0, 4, 8, 12, 24, random.below(64)])
    const id = random.pick([0, 1, random.below(8), 0x3ff, random.below(0x400)])
    const tag = (random.pick(TYPES) << 20) | (id << 10) | length
    edited.splice(at, 0, { tag, data: filled(length, target, random) })
  } else if (change === 'remove') {
    edited.splice(at, 1)
  } else if (change === 'repeat') {
    edited.splice(random.below(edited.length + 1), 0, entry)
  } else if (change === 'swap') {
    const other = random.below(edited.length)
    edited[at] = edited[other] as Entry
    edited[other] = entry
  } else if (change === 'data') {
    const data = entry.data.slice()
    flipBits(data, random)
    edited[at] = { ...entry, data }
  } else if (change === 'word') {
    const data = entry.data.slice()
    if (data.length >= 4) {
      const view = new DataView(data.buffer)
      view.setUint32(4 * random.below(data.length >> 2), word(target, random), true)
    }
    edited[at] = { ...entry, data }
  } else {
    edited[at] = changeTag(entry, change, random)
  }
  return edited
}

const EDITS = [
  'insert',
  'remove',
  'repeat',
  'swap',
  'data',
  'word',
  'word',
  'word',
  'type',
  'id',
  'length',
  'bit',
] as const

function changeTag(
  { tag, data }: Entry,
  field: 'type' | 'id' | 'length' | 'bit',
  random: Random,
): Entry {
  let changed = tag
  if (field === 'type') changed = (tag & 0x800fffff) | (random.pick(TYPES) << 20)
  else if (field === 'id') changed = (tag & ~(0x3ff << 10)) | (random.below(0x400) << 10)
  else if (field === 'bit') changed = tag ^ (1 << random.below(31))
  else changed = (tag & ~0x3ff) | random.pick([0, 1, 4, 8, 0x3ff, random.below(0x40)])
  changed >>>= 0
  // The data follows the length, or what comes after would be read from the middle of something.
  const sized = new Uint8Array(lengthOf(changed))
  sized.set(data.subarray(0, sized.length))
  return { tag: changed, data: sized }
}

function filled(length: number, target: Target, random: Random): Uint8Array {
  const data = new Uint8Array(length)
  const view = new DataView(data.buffer)
  for (let at = 0; at + 4 <= length; at += 4) view.setUint32(at, word(target, random), true)
  return data
}

function withCommit(
  image: Uint8Array,
  target: Target,
  random: Random,
  change: (block: Uint8Array, commits: Commit[], chosen: number) => void,
): Uint8Array {
  const block = metadataBlock(image, target, random)
  const commits = decodeCommits(block)
  if (commits.length > 0) change(block, commits, random.below(commits.length))
  return image
}

export const MUTATORS: Readonly<Record<string, Mutator>> = {
  'bit flips'(image, _target, random) {
    flipBits(image, random)
    return image
  },
  'bit flips in metadata'(image, target, random) {
    flipBits(metadataBlock(image, target, random), random)
    return image
  },
  'run of bytes'(image, target, random) {
    const length = 1 + random.below(random.pick([8, 64, 2 * target.blockSize]))
    const at = random.below(image.length)
    const value = random.pick([0x00, 0xff, undefined])
    for (let i = at; i < Math.min(at + length, image.length); i++) image[i] = value ?? random.word()
    return image
  },
  'block swap'(image, target, random) {
    const one = anyBlock(image, target, random)
    const other = metadataBlock(image, target, random)
    const kept = one.slice()
    one.set(other)
    other.set(kept)
    return image
  },
  'block copy'(image, target, random) {
    anyBlock(image, target, random).set(metadataBlock(image, target, random))
    return image
  },
  'block from another age'(image, target, random) {
    // The revision count alone decides between the two blocks of a pair.
    const block = metadataBlock(image, target, random)
    new DataView(block.buffer, block.byteOffset).setUint32(0, word(target, random), true)
    const [first] = decodeCommits(
      target.image.slice(block.byteOffset, block.byteOffset + block.length),
    )
    if (first !== undefined) repairChecksum(block, first)
    return image
  },
  truncation(image, _target, random) {
    return image.slice(0, random.below(image.length))
  },
  'byte behind a good checksum'(image, target, random) {
    return withCommit(image, target, random, (block, commits, chosen) => {
      const commit = commits[chosen] as Commit
      const at = commit.begin + random.below(commit.crcTagAt + 4 - commit.begin)
      block[at] = random.word()
      repairChecksum(block, commit)
    })
  },
  'entry behind good checksums'(image, target, random) {
    return withCommit(image, target, random, (block, commits, chosen) => {
      const commit = commits[chosen] as Commit
      const entries = editEntries(commit.entries, target, random)
      const before = block.slice()
      commits[chosen] = { ...commit, entries }
      if (!encodeCommits(block, commits)) block.set(before)
    })
  },
}

/** Of each name, how often it is chosen. */
const WEIGHTED = Object.keys(MUTATORS).flatMap((name) =>
  name.includes('checksum') ? [name, name, name, name] : [name],
)

/** A damaged copy of an image: one to four mutations, most often one. */
export function mutate(target: Target, random: Random): { image: Uint8Array; kind: string } {
  let image: Uint8Array = target.image.slice()
  let kind = ''
  for (let left = random.pick([1, 1, 1, 2, 3, 4]); left > 0 && image.length > 0; left--) {
    const name = random.pick(WEIGHTED)
    if (kind === '') kind = name
    image = (MUTATORS[name] as Mutator)(image, target, random)
    // The other mutations count on every block being there.
    if (image.length < target.image.length) break
  }
  return { image, kind }
}
