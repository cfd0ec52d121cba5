/**
 * Cloning: everything of a littlefs in a new one of another geometry.
 *
 * What cannot be kept is told before anything is written, and nothing is made then. What was made is
 * read back and compared, entry by entry.
 */

import { assert, type BlockDevice, FsError, type Op, run, withBlockSize } from '@caravan/core'
import { entrySize, entryType, openDirectory, shownEntries } from '../directory.js'
import { readFileAt } from '../file-read.js'
import { byteStringToBytes, byteStringToText } from '../format/name.js'
import { FILE_MAX_DEFAULT, NAME_MAX_LIMIT } from '../format/superblock.js'
import type { FormatOptions } from '../format-volume.js'
import { planImage } from '../image.js'
import type { ImageEntry } from '../image-entry.js'
import type { ImagePlan, PlanProblem } from '../image-plan.js'
import { LittleFS } from '../littlefs.js'
import { type Entry, pairKey } from '../metadata-pair.js'
import { mountVolume } from '../mount.js'
import { viewOf } from '../mounting.js'
import { findBlockSize } from '../probe.js'
import type { Volume } from '../volume.js'

/**
 * What the new filesystem is to be. What is not said is as in the old one: block size, disk version,
 * limits, and as many blocks as its size makes.
 */
export interface CloneOptions extends FormatOptions {
  /** What the device that will use it programs at least, in bytes. Default: what the target does. */
  readonly progSize?: number
}

/** What a clone will be. */
export interface ClonePlan extends ImagePlan {
  readonly blockCount: number
  readonly diskVersion: '2.0' | '2.1'
  /** Longest name, largest file and attribute, in bytes. */
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
  /** Files and directories, the root not counted. */
  readonly entryCount: number
}

/**
 * What {@link clone} would make. Where something stands against it, `fits` is false: its `problems`, or
 * the `missingBlocks`.
 *
 * @throws as `LittleFS.mount`; FormatError where something of the source cannot be read.
 */
export async function planClone(
  source: BlockDevice,
  options: CloneOptions = {},
): Promise<ClonePlan> {
  return (await look(source, options)).plan
}

/**
 * Makes a filesystem on `target` that holds everything of the one on `source`: names, contents, all
 * attributes, limits and disk version where nothing else is said. What the target held is lost. Its
 * first blocks are for the caller to hold back until it is done, as by a file that gets its name then.
 *
 * @throws FsError `ENOSPC`, `ENOTSUP` where it cannot hold it, as {@link planClone} says: before
 *   anything is written; as {@link planClone}; DeviceError.
 */
export async function clone(
  source: BlockDevice,
  target: BlockDevice,
  options: CloneOptions = {},
): Promise<ClonePlan> {
  const { progSize } = target.geometry
  const { plan, tree, layout } = await look(source, { progSize, ...options })
  const [problem] = plan.problems
  if (problem !== undefined) {
    throw new FsError('ENOTSUP', { syscall: 'clone', path: problem.path, hint: problem.message })
  }
  if (plan.missingBlocks > 0) {
    const hint = `it needs ${plan.blocksNeeded} blocks of ${plan.blockSize} bytes, and there would be ${plan.blockCount}`
    throw new FsError('ENOSPC', { syscall: 'clone', hint })
  }
  const view = withBlockSize(target, plan.blockSize)
  await LittleFS.format(view, layout)
  // A fresh image has no wear to spread.
  const fs = await LittleFS.mount(view, { ...layout, blockCycles: -1, times: 'none' })
  await fs.addTree(tree.imageEntries())
  await fs.unmount()
  await compare(tree, await readTree(view, plan.blockSize, layout))
  return plan
}

async function look(source: BlockDevice, options: CloneOptions) {
  const tree = await readTree(source, undefined, options)
  const { volume } = tree
  const { blockSize = volume.layout.blockSize } = options
  const sizeBytes = volume.layout.blockSize * volume.layout.blockCount
  const { progSize = source.geometry.progSize } = options
  const layout = {
    ...volume.limits,
    diskVersion: volume.diskVersion,
    blockCount: Math.floor(sizeBytes / blockSize),
    ...options,
    blockSize,
    progSize,
  }
  const planned = await planImage(tree.imageEntries(), layout)
  const plan: ClonePlan = {
    ...planned,
    blockCount: layout.blockCount,
    diskVersion: layout.diskVersion,
    nameMax: layout.nameMax,
    fileMax: layout.fileMax,
    attrMax: layout.attrMax,
    entryCount: tree.entries.length - 1,
    problems: [...tree.problems, ...planned.problems],
    fits: planned.fits && tree.problems.length === 0,
  }
  return { plan, tree, layout: { ...layout, packing: planned.packing } }
}

/** A file or directory of the source. */
interface ClonedEntry {
  /** From the root, as a byte string. */
  readonly path: string
  readonly entry: Entry
}

/** Everything in a filesystem. */
class Tree {
  constructor(
    readonly volume: Volume,
    private readonly view: BlockDevice,
    readonly entries: readonly ClonedEntry[],
    readonly problems: readonly PlanProblem[],
  ) {}

  *imageEntries(): Generator<ImageEntry, void, void> {
    for (const { path, entry } of this.entries) {
      const attributes = new Map(entry.content.attributes.map(({ type, bytes }) => [type, bytes]))
      const common = { path: byteStringToBytes(path), attributes }
      if (entryType(entry) === 'directory') yield { ...common, type: 'directory' }
      else {
        const stream = { [Symbol.asyncIterator]: () => this.pieces(entry) }
        yield { ...common, type: 'file', size: entrySize(entry), stream }
      }
    }
  }

  async *pieces(entry: Entry): AsyncGenerator<Uint8Array, void, void> {
    const size = entrySize(entry)
    for (let at = 0; at < size; at += PIECE_BYTES) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, size - at))
      const count = await run(readFileAt(this.volume.layout, entry, at, piece), this.view)
      assert(count === piece.length, 'a file that is read keeps its size')
      yield piece
    }
  }
}

const PIECE_BYTES = 64 * 1024

async function readTree(
  device: BlockDevice,
  blockSize: number | undefined,
  { crc32 }: CloneOptions,
): Promise<Tree> {
  const found = blockSize ?? (await run(findBlockSize(device.geometry), device))
  const view = viewOf(device, found, {})
  const mount = { readOnly: true, nameMax: NAME_MAX_LIMIT, fileMax: FILE_MAX_DEFAULT }
  const volume = await run(
    mountVolume(view.geometry, { ...mount, ...(crc32 === undefined ? {} : { crc32 }) }),
    view,
  )
  const entries: ClonedEntry[] = []
  const problems: PlanProblem[] = []
  await run(collect(volume, entries, problems), view)
  return new Tree(volume, view, entries, problems)
}

/** All entries, a directory before what is in it; and what no new filesystem can be given. */
function* collect(volume: Volume, entries: ClonedEntry[], problems: PlanProblem[]): Op<void> {
  const root = yield* volume.readRoot()
  const pending: ClonedEntry[] = [{ path: '/', entry: root }]
  const seen = new Set<number>()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, entry } = next
    const refuse = (message: string) => {
      problems.push({ path: byteStringToText(path), code: 'ENOTSUP', message })
    }
    const other = entry.content.others[0]
    if (entryType(entry) === 'other') {
      refuse(`its type 0x${entry.content.nameType?.toString(16)} is none that littlefs 2.1 has`)
    } else if (entry.content.struct?.kind === 'unknown') {
      refuse(`its content is of a kind that littlefs 2.1 has not`)
    } else if (other !== undefined) {
      refuse(`it has a tag of type 0x${other.type.toString(16)}, which littlefs 2.1 has not`)
    } else entries.push(next)
    if (entryType(entry) !== 'directory') continue
    const directory = yield* openDirectory(volume, entry)
    const { blocks } = directory.head
    if (seen.has(pairKey(blocks))) {
      refuse('it is a directory that has another path already: the image is damaged')
      continue
    }
    seen.add(pairKey(blocks))
    const names = new Set<string>()
    for (const pair of directory.chain) {
      for (const child of shownEntries(volume, pair)) {
        const { name } = child.content
        const childPath = path === '/' ? `/${name}` : `${path}/${name}`
        if (isPathName(name) && !names.has(name)) pending.push({ path: childPath, entry: child })
        else {
          const message = `no path leads to it alone: its name stands twice, or is none`
          problems.push({ path: byteStringToText(childPath), code: 'ENOTSUP', message })
        }
        names.add(name)
      }
    }
  }
}

function isPathName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/')
}

/** It is the same, or something is wrong with this program or with the target. */
async function compare(source: Tree, target: Tree): Promise<void> {
  const targets = new Map(target.entries.map((each) => [each.path, each.entry]))
  assert(
    targets.size === source.entries.length && target.problems.length === 0,
    'a clone has as many entries as its source',
  )
  for (const { path, entry } of source.entries) {
    const made = targets.get(path)
    const isSame =
      made !== undefined &&
      entryType(made) === entryType(entry) &&
      hasSameAttributes(entry, made) &&
      (entryType(entry) === 'directory' || (await hasSameContent([source, entry], [target, made])))
    assert(isSame, `a clone holds what its source does, also at ${byteStringToText(path)}`)
  }
}

function hasSameAttributes({ content: a }: Entry, { content: b }: Entry): boolean {
  if (a.attributes.length !== b.attributes.length) return false
  const all = new Map(b.attributes.map(({ type, bytes }) => [type, bytes]))
  return a.attributes.every(({ type, bytes }) => isSame(bytes, all.get(type)))
}

async function hasSameContent(
  [source, entry]: readonly [Tree, Entry],
  [target, made]: readonly [Tree, Entry],
): Promise<boolean> {
  if (entrySize(entry) !== entrySize(made)) return false
  const others = target.pieces(made)
  for await (const piece of source.pieces(entry)) {
    const { value } = await others.next()
    if (value === undefined || !isSame(piece, value)) return false
  }
  return true
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i])
}
