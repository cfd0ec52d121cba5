/**
 * ChamelonVolume: a volume that chamelon wrote, read with all that it holds, as a key-value store
 * that refuses changes.
 *
 * All metadata is read when it is mounted, from every block of the device, since chamelon loses the
 * way to some of it (recovery.ts). Values stay on the device until they are asked for.
 */

import {
  type BatchResult,
  type BlockDevice,
  type EntryKind,
  FormatError,
  type Geometry,
  type HashFunction,
  type Key,
  KeyValueError,
  type KeyValueStore,
  keyOf,
  keyText,
  MisuseError,
  type Op,
  type PartialRange,
  parseKey,
  run,
  runSync,
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
  entriesBelow,
  findNode,
  lastModifiedOf,
  listingOf,
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

export class ChamelonVolume implements KeyValueStore {
  private connected = true
  private readonly digests = new WeakMap<ChamelonNode, Uint8Array>()

  private constructor(
    private readonly device: BlockDevice,
    private readonly contents: Contents,
    private readonly hash: HashFunction,
  ) {}

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

  async exists(key: Key): Promise<EntryKind | undefined> {
    return this.existsSync(key)
  }

  existsSync(key: Key): EntryKind | undefined {
    this.enter()
    return findNode(this.contents.root, parseKey(key))?.kind
  }

  async get(key: Key): Promise<Uint8Array> {
    return this.getPartial(key, {})
  }

  getSync(key: Key): Uint8Array {
    return this.getPartialSync(key, {})
  }

  async getPartial(key: Key, range: PartialRange): Promise<Uint8Array> {
    const value = requireValueAt(this.enter(), parseKey(key))
    return run(readNode(this.contents.layout, value, range), this.device)
  }

  getPartialSync(key: Key, range: PartialRange): Uint8Array {
    const value = requireValueAt(this.enter(), parseKey(key))
    return runSync(readNode(this.contents.layout, value, range), this.device)
  }

  async getInto(key: Key, target: Uint8Array): Promise<number> {
    return copyInto(await this.getPartial(key, { length: target.length }), target)
  }

  getIntoSync(key: Key, target: Uint8Array): number {
    return copyInto(this.getPartialSync(key, { length: target.length }), target)
  }

  async size(key: Key): Promise<number> {
    return this.sizeSync(key)
  }

  sizeSync(key: Key): number {
    return sizeOf(requireNode(this.enter(), parseKey(key)))
  }

  async list(key: Key): Promise<(readonly [name: string, kind: EntryKind])[]> {
    return this.listSync(key)
  }

  listSync(key: Key): (readonly [name: string, kind: EntryKind])[] {
    return listingOf(requireDictionaryAt(this.enter(), parseKey(key)))
  }

  async lastModified(key: Key): Promise<Timestamp | undefined> {
    return this.lastModifiedSync(key)
  }

  lastModifiedSync(key: Key): Timestamp | undefined {
    return lastModifiedOf(requireNode(this.enter(), parseKey(key)))
  }

  async digest(key: Key): Promise<Uint8Array> {
    return (await run(this.digestAt(key), this.device)).slice()
  }

  digestSync(key: Key): Uint8Array {
    return runSync(this.digestAt(key), this.device).slice()
  }

  private digestAt(key: Key): Op<Uint8Array> {
    const node = requireNode(this.enter(), parseKey(key))
    return digestOf(this.contents.layout, node, this.hash, this.digests)
  }

  async *entries(key: Key = '/'): AsyncGenerator<[key: string, kind: EntryKind], void, void> {
    yield* this.entriesSync(key)
  }

  *entriesSync(key: Key = '/'): Generator<[key: string, kind: EntryKind], void, void> {
    const segments = parseKey(key)
    const top = requireDictionaryAt(this.enter(), segments)
    for (const { path, node } of entriesBelow(top, segments)) yield [keyOf(path), node.kind]
  }

  async disconnect(): Promise<void> {
    this.disconnectSync()
  }

  disconnectSync(): void {
    this.enter()
    this.connected = false
  }

  async set(key: Key): Promise<void> {
    throw refusal(key)
  }

  setSync(key: Key): void {
    throw refusal(key)
  }

  async setPartial(key: Key): Promise<void> {
    throw refusal(key)
  }

  setPartialSync(key: Key): void {
    throw refusal(key)
  }

  async allocate(key: Key): Promise<void> {
    throw refusal(key)
  }

  allocateSync(key: Key): void {
    throw refusal(key)
  }

  async remove(key: Key): Promise<void> {
    throw refusal(key)
  }

  removeSync(key: Key): void {
    throw refusal(key)
  }

  async rename(source: Key): Promise<void> {
    throw refusal(source)
  }

  renameSync(source: Key): void {
    throw refusal(source)
  }

  async batch(): Promise<BatchResult> {
    throw refusal('/')
  }

  batchSync(): BatchResult {
    throw refusal('/')
  }

  private enter(): ChamelonDictionary {
    if (this.connected) return this.contents.root
    throw new MisuseError(
      'UNMOUNTED',
      'This volume was disconnected. Mount the device again to use it.',
    )
  }
}

/** What anybody is told who asks chamelon's volume to change. */
const CONVERT_FIRST =
  'a volume of chamelon is never changed in place: make a littlefs image of it first, with `caravan convert IMAGE NEW`'

function refusal(key: Key): KeyValueError {
  return new KeyValueError('ReadOnly', keyText(key), { hint: CONVERT_FIRST })
}

function copyInto(bytes: Uint8Array, target: Uint8Array): number {
  target.set(bytes)
  return bytes.length
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
