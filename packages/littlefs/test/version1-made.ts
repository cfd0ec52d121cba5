/**
 * littlefs 1 made of nothing but its specification, with what power cuts and renames leave in it: for
 * trees, geometries and states that no recording has.
 *
 * Source: littlefs v1 SPEC.md.
 */

import { createHash } from 'node:crypto'
import { contentOf, type Random } from '@caravan/testkit'
import { blockCountOf, dataOffset, dataStart, pointerCount } from '../src/format/ctz-list.js'
import {
  type BlockToWrite,
  DIRECTORY,
  type EntryToWrite,
  FILE,
  Version1Image,
} from './version1-images.js'

export interface MadeVersion1 {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly geometry: {
    readonly blockSize: number
    readonly blockCount: number
    readonly readSize: number
    readonly progSize: number
  }
  /** What a device shows of it: `/path type digest`, sorted. */
  readonly tree: readonly string[]
}

/** Marks an entry that a rename moves. */
const MOVED = 0x80
const NOWHERE = 0xffffffff
/** Header and checksum of a block of a directory; what an entry has beside its name. */
const BLOCK_COST_BYTES = 20
const ENTRY_COST_BYTES = 12

export function drawVersion1(random: Random): MadeVersion1 {
  const blockSize = random.pick([128, 256, 512, 1024])
  const blockCount = 48 + random.int(80)
  const progSize = random.pick([1, 16, 32, 128])
  return new Maker(random, blockSize, blockCount).make({ readSize: progSize, progSize })
}

/** A directory while the tree is drawn. */
interface Directory {
  readonly path: string
  readonly pairs: (readonly [number, number])[]
  readonly entries: EntryToWrite[]
}

class Maker {
  private readonly image: Version1Image
  private readonly free: number[]
  private readonly directories: Directory[] = []
  private readonly tree: string[] = ['/ directory ']

  constructor(
    private readonly random: Random,
    private readonly blockSize: number,
    private readonly blockCount: number,
  ) {
    this.free = shuffled(
      random,
      Array.from({ length: blockCount - 2 }, (_, i) => 2 + i),
    )
    this.image = new Version1Image(blockSize, blockCount, [this.free[0] ?? 2, this.free[1] ?? 3])
  }

  make(device: { readonly readSize: number; readonly progSize: number }): MadeVersion1 {
    this.fill(this.begin('/'), 0)
    if (this.random.oneIn(3)) this.leaveRename()
    const orphan = this.random.oneIn(3) && this.free.length > 8 ? this.begin('/gone') : undefined
    if (orphan !== undefined) this.addFile(orphan, 'lost', false)
    this.write()
    return {
      bytes: this.image.bytes,
      geometry: { blockSize: this.blockSize, blockCount: this.blockCount, ...device },
      tree: this.tree.sort(),
    }
  }

  /** A directory without entries, on the list behind those that are there. */
  private begin(path: string): Directory {
    const directory = { path, pairs: [this.takePair()], entries: [] }
    this.directories.push(directory)
    return directory
  }

  private fill(directory: Directory, depth: number): void {
    const { random } = this
    for (let i = random.int(9); i > 0 && this.hasRoom; i--) {
      this.addFile(directory, this.name(directory), true)
    }
    for (let i = depth < 3 ? random.int(4) : 0; i > 0 && this.hasRoom; i--) {
      const name = this.name(directory)
      const below = this.begin(join(directory.path, name))
      this.tree.push(`${below.path} directory `)
      this.add(directory, { type: DIRECTORY, data: below.pairs[0] ?? [], name })
      this.fill(below, depth + 1)
    }
  }

  /** Half of it stays free, for what a migration writes beside it. */
  private get hasRoom(): boolean {
    return this.free.length > this.blockCount / 2
  }

  private name({ entries }: Directory): string {
    const longest = Math.min(24, this.blockSize - 64)
    const length = 1 + this.random.int(longest)
    const letters = Array.from({ length }, () => this.random.pick([...'abcxyz.-_ 09']))
    const name = letters.join('')
    const isTaken = name === '.' || name === '..' || entries.some((each) => each.name === name)
    return isTaken ? this.name({ entries } as Directory) : name
  }

  private addFile(directory: Directory, name: string, isShown: boolean): void {
    const { random, blockSize } = this
    const most = 4 * blockSize
    const size = random.oneIn(5) ? 0 : random.int(random.oneIn(2) ? most : 40)
    const content = contentOf(random.seed(), size)
    const head = size === 0 ? NOWHERE : this.writeList(content)
    const attributes = random.oneIn(8) ? [1, 2, 3] : []
    this.add(directory, { type: FILE, data: [head, size], name, attributes })
    const digest = createHash('sha256').update(content).digest('hex')
    if (isShown) this.tree.push(`${join(directory.path, name)} file ${digest}`)
  }

  /** Adds an entry, in another pair where the last one is full. */
  private add(directory: Directory, entry: EntryToWrite): void {
    directory.entries.push(entry)
    const count = this.inPairs(directory.entries).length
    if (count > directory.pairs.length) directory.pairs.push(this.takePair())
  }

  private inPairs(entries: readonly EntryToWrite[]): EntryToWrite[][] {
    const pairs: EntryToWrite[][] = [[]]
    let left = this.blockSize - BLOCK_COST_BYTES
    for (const entry of entries) {
      const cost = ENTRY_COST_BYTES + entry.name.length + (entry.attributes?.length ?? 0)
      if (cost > left) {
        pairs.push([])
        left = this.blockSize - BLOCK_COST_BYTES
      }
      left -= cost
      pairs.at(-1)?.push(entry)
    }
    return pairs
  }

  /** The list of blocks of a file. @returns its last block. */
  private writeList(content: Uint8Array): number {
    const { blockSize } = this
    const count = blockCountOf(content.length, blockSize)
    const blocks = Array.from({ length: count }, () => this.take())
    blocks.forEach((block, index) => {
      const pointers = Array.from(
        { length: index === 0 ? 0 : pointerCount(index) },
        (_, i) => blocks[index - 2 ** i] as number,
      )
      this.image.words(block, pointers)
      const start = dataStart(index, blockSize)
      const at = dataOffset(index)
      const data = content.subarray(start, start + blockSize - at)
      this.image.bytes.set(data, block * blockSize + at)
    })
    return blocks.at(-1) as number
  }

  /** A rename that a power cut has left half done: both names are there, the old one marked. */
  private leaveRename(): void {
    const from = this.random.pick(this.directories)
    const to = this.random.pick(this.directories)
    const moved = from.entries.find(({ type, data }) => type === FILE && data[0] !== NOWHERE)
    if (moved === undefined || from === to) return
    const name = this.name(to)
    const at = from.entries.indexOf(moved)
    // The library takes the first entry of a directory for the one that is marked all the same.
    from.entries[at] = { ...moved, type: FILE | MOVED }
    this.add(to, { ...moved, name })
    const before = join(from.path, moved.name)
    const line = this.tree.findIndex((each) => each.startsWith(`${before} file `))
    const shown = this.tree[line] as string
    this.tree[line] = `${join(to.path, name)}${shown.slice(before.length)}`
  }

  /** All directories, one behind the other on the list. */
  private write(): void {
    this.directories.forEach(({ pairs, entries }, i) => {
      const next = this.directories[i + 1]?.pairs[0] ?? ([NOWHERE, NOWHERE] as const)
      this.inPairs(entries).forEach((own, k) => {
        const isContinued = k + 1 < pairs.length
        const tail = isContinued ? (pairs[k + 1] as readonly [number, number]) : next
        this.writePair(pairs[k] as readonly [number, number], { tail, isContinued, entries: own })
      })
    })
  }

  /** The state in force in one of the blocks; in the other an older one, or nothing. */
  private writePair(pair: readonly [number, number], state: BlockToWrite): void {
    const { random } = this
    const [active, other] = random.oneIn(2) ? pair : [pair[1], pair[0]]
    const revision = random.oneIn(10) ? 0xffffffff : 1 + random.int(1000)
    const newer = (revision + 1) >>> 0
    if (random.oneIn(2)) {
      const older = state.entries.slice(0, random.int(state.entries.length + 1))
      this.image.block(other, { ...state, revision, entries: older })
    }
    this.image.block(active, { ...state, revision: newer })
  }

  private takePair(): readonly [number, number] {
    return [this.take(), this.take()]
  }

  private take(): number {
    const block = this.free.shift()
    if (block === undefined) throw new RangeError('the tree is larger than the device')
    return block
  }
}

function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

function shuffled(random: Random, values: readonly number[]): number[] {
  const shuffle = [...values]
  for (let i = shuffle.length - 1; i > 0; i--) {
    const k = random.int(i + 1)
    const one = shuffle[i] as number
    shuffle[i] = shuffle[k] as number
    shuffle[k] = one
  }
  return shuffle
}
