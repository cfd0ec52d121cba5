/**
 * A run of random operations on littlefs and on the model, compared after every step.
 *
 * A failure says what differs, and carries the operations, so that it can be replayed and shrunk.
 */

import { FsError } from '@caravan/core'
import { type MountOptions, ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  copyOfState,
  type DeviceState,
  differences,
  drawOperation,
  type HandleUnderTest,
  isOnHandle,
  type LittlefsCheckOptions,
  type Operation,
  type Outcome,
  type Profile,
  performSync,
  type Random,
  readLittlefsTree,
  type SeenNode,
  TreeModel,
} from '@caravan/testkit'

/** A device and how it is used. Sizes in bytes. */
export interface Setup {
  readonly blockSize: number
  readonly blockCount: number
  readonly readSize: number
  readonly progSize: number
  readonly eraseValue: number
  readonly diskVersion: '2.0' | '2.1'
  readonly blockCycles: number
  readonly inlineMax: number
  readonly metadataMax: number
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

export function drawSetup(random: Random): Setup {
  const blockSize = random.pick([128, 128, 256, 512, 512, 1024, 4096, 16384, 65536])
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096].filter((n) => n <= blockSize)
  const progSize = random.pick(sizes)
  const readSize = random.oneIn(2) ? 1 : random.pick(sizes)
  const blockCount = random.oneIn(2)
    ? 4 + random.int(20)
    : 4 + random.int(Math.min(200, 2 ** 20 / blockSize))
  // As a multiple of the program size, and large enough for a superblock.
  const part = Math.ceil(Math.max(128, blockSize / 2, 2 * progSize) / progSize) * progSize
  const metadataMax = random.oneIn(4) && part < blockSize ? part : blockSize
  const attrMax = random.oneIn(4) ? 64 : 1022
  const inlineLimit = Math.min(attrMax, Math.floor(metadataMax / 8))
  return {
    blockSize,
    blockCount,
    readSize,
    progSize,
    eraseValue: random.pick([0xff, 0xff, 0x00, 0xa5]),
    diskVersion: random.pick(['2.0', '2.1']),
    blockCycles: random.pick([1, 2, 5, 100, -1]),
    inlineMax: random.pick([0, inlineLimit, random.int(inlineLimit + 1)]),
    metadataMax,
    nameMax: random.oneIn(4) ? 16 : 255,
    fileMax: random.oneIn(4) ? 3 * blockSize : 2147483647,
    attrMax,
  }
}

/** A device of which thousands of states can be tried. */
export function drawSmallSetup(random: Random): Setup {
  const setup = drawSetup(random)
  if (setup.blockSize <= 4096 && setup.blockSize * setup.blockCount <= 128 * 1024) return setup
  return {
    ...setup,
    blockSize: 512,
    blockCount: Math.min(setup.blockCount, 64),
    progSize: Math.min(setup.progSize, 512),
    readSize: Math.min(setup.readSize, 512),
    metadataMax: 512,
    inlineMax: Math.min(setup.inlineMax, 64),
  }
}

/** Logs so small and worn so fast that pairs split, empty and move all the time. */
export function drawNarrowSetup(random: Random): Setup {
  const blockSize = random.pick([128, 256])
  return {
    ...drawSetup(random),
    blockSize,
    blockCount: 120,
    readSize: 1,
    progSize: random.pick([1, 16, 128]),
    blockCycles: random.pick([1, 2]),
    inlineMax: 16,
    metadataMax: blockSize,
    attrMax: 1022,
  }
}

export interface Failure {
  readonly step: number
  readonly what: string
  readonly operations: readonly Operation[]
}

/** What differs, found in the middle of a run. */
class Mismatch extends Error {}

function claim(holds: boolean, what: () => string): void {
  if (!holds) throw new Mismatch(what())
}

export class ModelRun {
  device: CrashDevice
  model: TreeModel
  readonly options: MountOptions
  fs: ReferenceFS
  private handles = new Map<number, HandleUnderTest>()
  private previous: DeviceState | undefined
  /** True once there was no block to split a log to. */
  wasTight = false
  /** True once power was cut: blocks may hold torn commits behind good ones. */
  private wasCut = false
  /** Of the handle that an operation is on. */
  private sizeBefore: number | undefined
  /** Operations for which there was no space. */
  fullCount = 0

  constructor(readonly setup: Setup) {
    this.device = new CrashDevice(setup)
    this.options = mountOptions(setup)
    this.model = new TreeModel(setup)
    ReferenceFS.formatSync(this.device, { ...this.options, diskVersion: setup.diskVersion })
    this.fs = ReferenceFS.mountSync(this.device, this.options)
  }

  get profile(): Profile {
    const { blockSize, blockCount, inlineMax } = this.setup
    return { blockSize, blockCount, inlineMax, slots: 4, remounts: true }
  }

  /** Goes on with what a power cut has left, which shows this tree. */
  afterCut(device: CrashDevice, tree: TreeModel): void {
    this.device = device
    this.model = tree.clone()
    this.wasCut = true
    this.handles = new Map()
    this.fs = ReferenceFS.mountSync(device, this.options)
    this.compare()
  }

  step(asked: Operation): void {
    const { model, setup } = this
    // Which of two versions a handle went over to is not to be seen where they are of one size.
    const isUnclear = isOnHandle(asked) && model.isUnclear(asked.slot)
    const operation: Operation = isUnclear ? { do: 'remount' } : asked
    // What is left of a handle after a failed write nobody says, but nothing of it is saved.
    if (isOnHandle(operation) && model.handles.get(operation.slot)?.failed === true) {
      if (!['sync', 'close'].includes(operation.do)) return
    }
    const mayFill = !model.hasHandles && !isOnHandle(operation)
    this.previous = mayFill ? copyOfState(this.device.state) : undefined
    this.sizeBefore = isOnHandle(operation) ? this.handles.get(operation.slot)?.size : undefined
    if (isOnHandle(operation)) {
      model.refresh(operation.slot, ({ length }) => length === this.sizeBefore)
    }
    const refused = model.refuses(operation)
    const seen = performSync(this.fs, this.handles, operation, codeOf)
    if (seen.error === 'ENOSPC' && !refused) {
      this.fullCount++
      this.checkSpaceIsShort(operation)
      if (operation.do === 'sync') this.syncAgain(operation)
      else model.applyWithoutSpace(operation)
      if (operation.do === 'open') this.handles.delete(operation.slot)
    } else if (seen.error === 'ENAMETOOLONG' && !refused) {
      const longest = Math.max(...pathsOf(operation).map((path) => nameLength(path)))
      claim(longest > setup.metadataMax - 60, () => `ENAMETOOLONG for ${longest} bytes`)
    } else {
      this.checkOutcome(operation, seen)
    }
    if (operation.do === 'remount') this.remount()
    this.compare()
  }

  /** The tree by the mounted filesystem, the space that it counts, and what the image says. */
  compare(): void {
    const found = differences(treeOf(this.fs), this.model)
    claim(found.length === 0, () => found.join('; '))
    const space = this.fs.dfSync()
    if (space.freeBlocks < 8) this.wasTight = true
    if (this.model.hasHandles) return
    const fresh = ReferenceFS.mountSync(this.device, { ...this.options, readOnly: true })
    const freshSpace = fresh.dfSync()
    claim(space.usedBlocks === freshSpace.usedBlocks, () => {
      return `${space.usedBlocks} blocks count as used, and a new mount counts ${freshSpace.usedBlocks}`
    })
  }

  /** The image as it is, by the checker, which shares no code with the engine. */
  checkImage(options: Partial<LittlefsCheckOptions> = {}): void {
    const all = { ...checkOptions(this.setup), ...options }
    const findings = checkLittlefs(this.device.bytes, all).filter(({ code }) => {
      // Where there was no block to split a log to, it is written as it is.
      if (code === 'commit-overfull') return !this.wasTight
      // That there are no more orphans is said with the next commit.
      return code !== 'gstate-orphans'
    })
    claim(findings.length === 0, () => findings.map(({ message }) => message).join('; '))
    const found = differences(treeOfImage(this.device.bytes, all), this.model)
    claim(found.length === 0, () => `the image itself: ${found.join('; ')}`)
  }

  remount(): void {
    this.handles = new Map()
    this.fs = ReferenceFS.mountSync(this.device, this.options)
    if (this.wasCut) this.fs.makeConsistentSync()
    this.checkImage(this.wasCut ? { allowTornCommits: true } : {})
  }

  /** Everything can be removed, however full it was, and then something be written. */
  empty(): void {
    this.step({ do: 'remount' })
    const paths = [...this.model.paths()].map(([path]) => path).filter((path) => path !== '/')
    for (const path of paths.reverse()) {
      const before = this.fullCount
      this.step({ do: 'remove', path })
      claim(this.fullCount === before, () => `no space to remove ${path}`)
    }
    this.step({ do: 'writeFile', path: '/after', content: { seed: 1, size: 3 } })
    this.step({ do: 'remount' })
  }

  /** Where only the commit had no space, a later sync may still save; else it says what was lost. */
  private syncAgain(operation: Operation): void {
    const again = performSync(this.fs, this.handles, operation, codeOf)
    if (again.error === 'EIO') this.model.applyWithoutSpace(operation)
    else if (again.error === undefined) this.model.apply(operation)
    else claim(again.error === 'ENOSPC', () => `${again.error} after a sync without space`)
  }

  private checkOutcome(operation: Operation, seen: Outcome): void {
    // A handle that has written nothing may go over to newer content when space is short.
    if (isOnHandle(operation)) {
      const position = this.model.handles.get(operation.slot)?.position ?? 0
      this.model.refresh(operation.slot, (view) => {
        if (view.length !== this.sizeBefore) return false
        if (operation.do !== 'read' || seen.bytes === undefined) return true
        return isSame(seen.bytes, view.slice(position, position + operation.size))
      })
    }
    const expected = this.model.apply(operation)
    claim(
      seen.error === expected.error,
      () => `${seen.error ?? 'success'} instead of ${expected.error ?? 'success'}`,
    )
    claim(isSame(seen.bytes, expected.bytes), () => 'other bytes were read')
    if (expected.size !== undefined) {
      claim(seen.size === expected.size, () => `size ${seen.size} instead of ${expected.size}`)
      claim(seen.position === expected.position, () => {
        return `position ${seen.position} instead of ${expected.position}`
      })
    }
  }

  /** No space is to be said only where a new mount of the same image has none either. */
  private checkSpaceIsShort(operation: Operation): void {
    if (this.previous === undefined) return
    const { setup } = this
    const device = new CrashDevice({ ...setup, state: this.previous })
    const copy = ReferenceFS.mountSync(device, this.options)
    const again = performSync(copy, new Map(), operation, codeOf)
    claim(again.error === 'ENOSPC', () => 'no space, and a new mount has enough')
  }
}

/** Runs operations drawn from a seed, or those given. */
export function runModel(
  setup: Setup,
  source: { random: Random; count: number } | readonly Operation[],
): Failure | undefined {
  const operations: Operation[] = []
  try {
    const run = new ModelRun(setup)
    if ('random' in source) {
      for (let i = 0; i < source.count; i++) {
        const operation = drawOperation(source.random, run.model, run.profile)
        operations.push(operation)
        run.step(operation)
      }
    } else {
      for (const operation of source) {
        operations.push(operation)
        run.step(operation)
      }
    }
    run.empty()
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { step: operations.length, what, operations }
  }
  return undefined
}

export function mountOptions(setup: Setup): MountOptions {
  const { blockSize, blockCycles, inlineMax, metadataMax, nameMax, fileMax, attrMax } = setup
  return { blockSize, blockCycles, inlineMax, metadataMax, nameMax, fileMax, attrMax }
}

export function checkOptions(setup: Setup): LittlefsCheckOptions {
  const { blockSize, progSize, eraseValue, inlineMax } = setup
  return { blockSize, progSize, eraseValue, inlineMax }
}

export function treeOf(fs: ReferenceFS): Map<string, SeenNode> {
  const nodes = new Map<string, SeenNode>()
  for (const { path, type, attributes, error } of fs.walkSync()) {
    if (error !== undefined) throw error
    const content = type === 'file' ? fs.readFileSync(path) : undefined
    nodes.set(path, { type, attributes, content })
  }
  return nodes
}

/** What the checker reads, by paths as text. */
export function treeOfImage(
  image: Uint8Array,
  options: LittlefsCheckOptions,
): Map<string, SeenNode> {
  const nodes = [...readLittlefsTree(image, options)]
  return new Map(nodes.map(([path, node]) => [Buffer.from(path, 'latin1').toString(), node]))
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof FsError ? error.code : undefined
}

function pathsOf(operation: Operation): string[] {
  if (operation.do === 'rename') return [operation.path, operation.to]
  return 'path' in operation ? [operation.path] : ['']
}

function nameLength(path: string): number {
  return new TextEncoder().encode(path.slice(path.lastIndexOf('/') + 1)).length
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
