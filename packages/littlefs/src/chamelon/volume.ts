/**
 * ChamelonVolume: a volume that chamelon wrote, read with all that it holds, as a key-value store
 * that refuses changes.
 *
 * All metadata is read when it is mounted, from every block of the device, since chamelon loses the
 * way to some of it (recovery.ts). Values stay on the device until they are asked for.
 */

import {
  type BlockDevice,
  type EntryKind,
  FormatError,
  type Geometry,
  type HashFunction,
  MisuseError,
  type Op,
  type PartialRange,
  ReadOnlyStore,
  run,
  runSync,
  type StoredEntry,
  sha256,
  type Timestamp,
  withBlockSize,
} from '@caravan/core'
import { MemoryLedger } from '../memory-ledger.js'
import { findBlockSize } from '../probe.js'
import type { Layout } from '../volume.js'
import { type ChamelonLog, decodeLog } from './log.js'
import {
  digestOf,
  findNode,
  lastModifiedOf,
  readNode,
  requireDictionaryAt,
  requireNode,
  requireValueAt,
  sizeOf,
} from './read.js'
import { recogniseChamelon } from './recognise.js'
import { type ChamelonProblem, recoverTree } from './recovery.js'
import { buildTree, type ChamelonDictionary, type ChamelonNode } from './tree.js'

export interface ChamelonOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** What digests are made with. Default: SHA-256 in plain JavaScript. */
  readonly hash?: HashFunction
}

/** What is known of a volume once all of its metadata was read. */
interface Contents {
  readonly layout: Layout
  readonly root: ChamelonDictionary
  readonly problems: readonly ChamelonProblem[]
}

/** Blocks read in one request while logs are looked for. */
const SCAN_BLOCKS = 64

export class ChamelonVolume extends ReadOnlyStore {
  private readonly digests = new WeakMap<ChamelonNode, Uint8Array>()

  private constructor(
    device: BlockDevice,
    private readonly contents: Contents,
    private readonly hash: HashFunction,
  ) {
    super({ read: (op) => run(op, device), readSync: (op) => runSync(op, device) }, WORDS)
  }

  /** @throws FormatError `NOT_CHAMELON`; DeviceError. */
  static async mount(device: BlockDevice, options: ChamelonOptions = {}): Promise<ChamelonVolume> {
    const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
    const view = viewOf(device, blockSize)
    const contents = await run(readContents(view.geometry), view)
    return new ChamelonVolume(view, contents, options.hash ?? sha256)
  }

  /** @throws as {@link ChamelonVolume.mount}; MisuseError where the device answers with promises. */
  static mountSync(device: BlockDevice, options: ChamelonOptions = {}): ChamelonVolume {
    const blockSize = options.blockSize ?? runSync(findBlockSize(device.geometry), device)
    const view = viewOf(device, blockSize)
    return new ChamelonVolume(
      view,
      runSync(readContents(view.geometry), view),
      options.hash ?? sha256,
    )
  }

  /** True where a device holds a volume of chamelon. Nothing is thrown for what holds something else. */
  static async recognises(device: BlockDevice, options: ChamelonOptions = {}): Promise<boolean> {
    const blockSize = options.blockSize ?? (await run(findBlockSize(device.geometry), device))
    if (blockSize === undefined) return false
    try {
      const view = withBlockSize(device, blockSize)
      return (await run(recogniseChamelon(view.geometry), view)) !== undefined
    } catch (error) {
      if (error instanceof MisuseError) return false
      throw error
    }
  }

  /** What chamelon has lost, or may have, each with its name. */
  get problems(): readonly ChamelonProblem[] {
    return this.contents.problems
  }

  get blockSize(): number {
    return this.contents.layout.blockSize
  }

  get blockCount(): number {
    return this.contents.layout.blockCount
  }

  // biome-ignore-start lint/correctness/useYield: the tree is in memory.
  protected *kindAt(segments: readonly string[]): Op<EntryKind | undefined> {
    return findNode(this.contents.root, segments)?.kind
  }

  protected *sizeAt(segments: readonly string[]): Op<number> {
    return sizeOf(requireNode(this.contents.root, segments))
  }

  protected *entriesAt(segments: readonly string[]): Op<readonly StoredEntry[]> {
    const { children } = requireDictionaryAt(this.contents.root, segments)
    return [...children].map(([name, { kind }]) => ({ name, kind }))
  }

  protected *timeAt(segments: readonly string[]): Op<Timestamp | undefined> {
    return lastModifiedOf(requireNode(this.contents.root, segments))
  }
  // biome-ignore-end lint/correctness/useYield: the tree is in memory.

  protected partAt(segments: readonly string[], range: PartialRange): Op<Uint8Array> {
    const { layout, root } = this.contents
    return readNode(layout, requireValueAt(root, segments), range)
  }

  protected *intoAt(segments: readonly string[], target: Uint8Array): Op<number> {
    const bytes = yield* this.partAt(segments, { length: target.length })
    target.set(bytes)
    return bytes.length
  }

  protected *digestAt(segments: readonly string[]): Op<Uint8Array> {
    const { layout, root } = this.contents
    const node = requireNode(root, segments)
    return (yield* digestOf(layout, node, this.hash, this.digests)).slice()
  }
}

const WORDS = {
  whenChanged:
    'a volume of chamelon is never changed in place: make a littlefs image of it first, with `caravan convert IMAGE NEW`',
  whenDisconnected: 'This volume was disconnected. Mount the device again to use it.',
}

function viewOf(device: BlockDevice, blockSize: number | undefined): BlockDevice {
  if (blockSize === undefined) throw notChamelon()
  return withBlockSize(device, blockSize)
}

function notChamelon(): FormatError {
  return new FormatError(
    'NOT_CHAMELON',
    'This is no volume of chamelon: blocks 0 and 1 do not hold what it writes there. For littlefs use LittleFS.mount.',
    { structure: 'superblock', block: 0 },
  )
}

function* readContents(geometry: Geometry): Op<Contents> {
  const superblock = yield* recogniseChamelon(geometry)
  if (superblock === undefined) throw notChamelon()
  // Its own count may be more than there is: chamelon never compares the two.
  const blockCount = Math.min(geometry.blockCount, superblock.blockCount)
  const heldBlockCount = geometry.blockCount
  const layout: Layout = { ...geometry, blockCount, heldBlockCount, ledger: new MemoryLedger() }
  const problems: ChamelonProblem[] = []
  const recovery = recoverTree(yield* findLogs(layout))
  const root = yield* buildTree(layout, recovery, problems)
  return { layout, root, problems }
}

function* findLogs({ blockSize, blockCount }: Layout): Op<Map<number, ChamelonLog>> {
  const logs = new Map<number, ChamelonLog>()
  for (let first = 0; first < blockCount; first += SCAN_BLOCKS) {
    const count = Math.min(SCAN_BLOCKS, blockCount - first)
    const spans = Array.from({ length: count }, (_, i) => ({
      block: first + i,
      offset: 0,
      bytes: new Uint8Array(blockSize),
    }))
    yield { kind: 'read', spans }
    for (const { block, bytes } of spans) {
      const log = decodeLog(bytes)
      if (log !== undefined) logs.set(block, log)
    }
  }
  return logs
}
