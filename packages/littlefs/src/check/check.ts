/**
 * Check: everything that is wrong with an image, as data; nothing is changed, and nothing is thrown for
 * what is found.
 *
 * The image is not mounted: what keeps it from being mounted is what is looked for. In the order of the
 * reading: superblock, list of all pairs, global state, tree, files.
 */

import { type Geometry, MisuseError, type Op } from '@caravan/core'
import { hasChamelonLimits, recogniseChamelon } from '../chamelon/recognise.js'
import { type Crc32, crc32 as portableCrc32 } from '../format/crc32.js'
import type { BlockPair } from '../format/metadata-log.js'
import { BLOCK_SIZE_MIN_BYTES, type Superblock } from '../format/superblock.js'
import { driverLimits } from '../mount.js'
import { BlockOwners } from './block-owners.js'
import { finding, type LittlefsFinding, type Place, type Report } from './findings.js'
import { type CheckedPair, keyOf, PairReader } from './pair-reader.js'
import { findRoot, type ImageSizes, readSuperblock, superblockEntry } from './superblock-check.js'
import { checkState, readThread } from './thread-check.js'
import { TreeCheck } from './tree-check.js'

export interface CheckOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Blocks of the device that will use it. Default: the superblock's count. */
  readonly blockCount?: number
  /** A faster CRC-32 where the platform has one. Default: a portable one. */
  readonly crc32?: Crc32
}

export interface CheckReport {
  /** Errors first, then warnings, then notes, each in the order in which they were met. */
  readonly findings: readonly LittlefsFinding[]
  /** Metadata pairs, directories and files that could be looked at. */
  readonly pairCount: number
  readonly directoryCount: number
  readonly fileCount: number
}

/** @param geometry the device in blocks of the filesystem's size. */
export function* checkImage(geometry: Geometry, options: CheckOptions = {}): Op<CheckReport> {
  return yield* new Check(geometry, options).run()
}

/** What a block is used for, as far as the tree and the list of pairs lead to it. */
type SurveyedUse =
  | { readonly kind: 'data'; readonly path: string; readonly index: number }
  | {
      readonly kind: 'metadata'
      /** The directory; `undefined` where none leads to it. */
      readonly path: string | undefined
      readonly blocks: BlockPair
      readonly inForce: boolean
    }

/** All that could be reached of an image. */
export interface Survey {
  readonly report: CheckReport
  /** By block; of one that is used twice, the first use. */
  readonly uses: ReadonlyMap<number, SurveyedUse>
  readonly pairs: readonly SurveyedPair[]
}

export interface SurveyedPair extends CheckedPair {
  readonly path: string | undefined
}

/** {@link checkImage}, and what it came by. */
export function* surveyImage(geometry: Geometry, options: CheckOptions = {}): Op<Survey> {
  const check = new Check(geometry, options)
  const report = yield* check.run()
  return { report, ...check.came() }
}

/** What is said of an image of which not even the block size is known. */
export function withoutSuperblock(what: string): CheckReport {
  const findings = [finding('SUPERBLOCK_MISSING', what)]
  return { findings, pairCount: 0, directoryCount: 0, fileCount: 0 }
}

const FIRST_PAIR_KEY = keyOf([0, 1])

const SEVERITIES = ['error', 'warning', 'note']

class Check {
  private readonly found: { readonly finding: LittlefsFinding; readonly pairKey?: string }[] = []
  private readonly reader: PairReader
  private readonly sizes: ImageSizes
  private pairCount = 0
  private tree: TreeCheck | undefined
  private readonly uses = new Map<number, SurveyedUse>()

  constructor(
    private readonly geometry: Geometry,
    { blockCount, crc32 = portableCrc32 }: CheckOptions,
  ) {
    const { blockSize } = geometry
    if (blockCount !== undefined && (!Number.isInteger(blockCount) || blockCount < 1)) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `blockCount is ${blockCount}: give a whole number of 1 or more.`,
      )
    }
    this.sizes = { blockSize, blockCount, heldBlockCount: geometry.blockCount }
    const { heldBlockCount } = this.sizes
    this.reader = new PairReader(blockSize, heldBlockCount, crc32, (code, what, key, place) => {
      // Without the first pair nothing is known of the filesystem.
      const told = code === 'PAIR_LOST' && key === FIRST_PAIR_KEY ? 'SUPERBLOCK_MISSING' : code
      this.found.push({ finding: finding(told, what, place), pairKey: key })
    })
  }

  private readonly report: Report = (code, what, place) => {
    this.found.push({ finding: finding(code, what, place) })
  };

  *run(): Op<CheckReport> {
    const { blockSize, blockCount } = this.geometry
    if (blockSize < BLOCK_SIZE_MIN_BYTES) {
      const what = `Blocks of ${blockSize} bytes are asked for; littlefs needs ${BLOCK_SIZE_MIN_BYTES} at least.`
      this.report('WRONG_GEOMETRY', what)
    } else if (blockCount < 2) {
      this.report(
        'SUPERBLOCK_MISSING',
        `The image holds ${blockCount} blocks of ${blockSize} bytes.`,
      )
    } else yield* this.checkAll()
    return this.finish()
  }

  private *checkAll(): Op<void> {
    const first = yield* this.reader.pair([0, 1])
    if (first === undefined) return
    const superblock = readSuperblock(first, this.sizes, this.report)
    if (superblock === undefined) return
    if (hasChamelonLimits(superblock)) {
      const { blockSize, blockCount } = this.geometry
      if ((yield* recogniseChamelon({ blockSize, blockCount })) !== undefined) {
        // By the rules of another format all of it would be wrong.
        this.found.length = 0
        const what = 'This is a volume of chamelon, a dialect of littlefs.'
        this.report('CHAMELON_VOLUME', what, { block: 0 })
        return
      }
    }
    yield* this.checkBehind(superblock)
  }

  private *checkBehind(first: Superblock): Op<void> {
    const { reader, report, sizes } = this
    if (sizes.blockCount !== undefined) reader.blockCount = sizes.blockCount
    else if (first.blockCount >= 2) reader.blockCount = first.blockCount
    const thread = yield* readThread(reader, report, () => {
      this.pairCount++
    })
    const pairs = thread.map(({ pair }) => pair)
    const root = findRoot(pairs, report)
    const superblock = this.superblockInForce(first, pairs)
    if (superblock === undefined) return
    const state = checkState(thread, report)
    const { readSize, blockSize } = this.geometry
    const { blockCount } = reader
    const defaults = driverLimits({})
    this.tree = new TreeCheck({
      sizes: { blockSize, blockCount, heldBlockCount: sizes.heldBlockCount, readSize },
      limits: {
        nameMax: superblock.nameMax || defaults.nameMax,
        fileMax: superblock.fileMax || defaults.fileMax,
        attrMax: superblock.attrMax || defaults.attrMax,
      },
      owners: new BlockOwners(sizes.heldBlockCount),
      onData: (path, block, index) => this.use(block, { kind: 'data', path, index }),
      ...{ reader, thread, root, state, report },
    })
    yield* this.tree.run()
    if (superblock.minorVersion >= 1) return
    for (const { key, block } of reader.forwardCrcs) {
      const what = `Block ${block} holds a forward CRC, which version 2.0 does not have.`
      this.found.push({ finding: finding('FORWARD_CRC_UNEXPECTED', what, { block }), pairKey: key })
    }
  }

  /** The copy that begins the root directory. */
  private superblockInForce(
    first: Superblock,
    pairs: readonly CheckedPair[],
  ): Superblock | undefined {
    let current = first
    for (const pair of pairs.slice(1)) {
      if (superblockEntry(pair) === undefined) break
      const copy = readSuperblock(pair, this.sizes, this.report)
      if (copy === undefined) return undefined
      current = copy
    }
    return current
  }

  private use(block: number, use: SurveyedUse): void {
    if (!this.uses.has(block)) this.uses.set(block, use)
  }

  /** After {@link run}. */
  came(): Omit<Survey, 'report'> {
    const pairs = this.reader.pairs.map((pair) => ({
      ...pair,
      path: this.tree?.pathsOfPairs.get(keyOf(pair.blocks)),
    }))
    const uses = new Map<number, SurveyedUse>()
    for (const { blocks, active, path } of pairs) {
      for (const block of blocks) {
        if (!uses.has(block)) {
          uses.set(block, { kind: 'metadata', path, blocks, inForce: block === active })
        }
      }
    }
    for (const [block, use] of this.uses) if (!uses.has(block)) uses.set(block, use)
    return { uses, pairs }
  }

  private finish(): CheckReport {
    const paths = this.tree?.pathsOfPairs
    const findings = this.found.map(({ finding: each, pairKey }) => {
      const path = pairKey === undefined ? undefined : paths?.get(pairKey)
      return each.path === undefined && path !== undefined ? withPath(each, path) : each
    })
    const inOrder = SEVERITIES.flatMap((severity) =>
      findings.filter((each) => each.severity === severity),
    )
    const { directoryCount = 0, fileCount = 0 } = this.tree ?? {}
    return { findings: inOrder, pairCount: this.pairCount, directoryCount, fileCount }
  }
}

function withPath(found: LittlefsFinding, path: string): LittlefsFinding {
  const { block }: Place = found
  return finding(found.code, found.what, { ...(block === undefined ? {} : { block }), path })
}
