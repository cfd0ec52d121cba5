/**
 * Mounting: superblock, limits and global state, gathered along the threaded list of all pairs.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK", "0x7ff LFS_TYPE_MOVESTATE"; the
 * reference's answers to damaged images.
 */

import { FormatError, type Geometry, MisuseError, type Op } from '@caravan/core'
import { hasChamelonLimits, recogniseChamelon } from './chamelon/recognise.js'
import { type Crc32, crc32 as portableCrc32 } from './format/crc32.js'
import { type GlobalState, xorStates, ZERO_STATE } from './format/global-state.js'
import type { BlockPair, LogRules, LogSummary } from './format/metadata-log.js'
import type { Packing } from './format/split-plan.js'
import {
  ATTR_MAX_DEFAULT,
  BLOCK_SIZE_MIN_BYTES,
  decodeSuperblock,
  FILE_MAX_DEFAULT,
  MAGIC,
  NAME_MAX_DEFAULT,
  NAME_MAX_LIMIT,
  type Superblock,
} from './format/superblock.js'
import { TAG_LENGTH_MAX, TagType } from './format/tag.js'
import { TIME_DIALECTS, type TimeDialect } from './format/time-attribute.js'
import { memoryBudgetOf } from './memory-budget.js'
import { MemoryLedger } from './memory-ledger.js'
import { isSamePair, type MetadataPair, newBuffers, readMetadataPair } from './metadata-pair.js'
import { TimeKeeper } from './time-keeper.js'
import {
  type DiskVersion,
  type Limits,
  noSuperblock,
  Volume,
  type WriterSettings,
} from './volume.js'

export interface MountOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Default: the superblock's. Where given, the superblock must agree. */
  readonly blockCount?: number
  /** A read-only mount never writes. Default: as the device is. */
  readonly readOnly?: boolean
  /** The newest version to accept. Default `'2.1'`. */
  readonly diskVersion?: DiskVersion
  /** The longest name that a superblock may allow, in bytes. Default 255, at most 1022. */
  readonly nameMax?: number
  /** The largest file that a superblock may allow, in bytes. Default 2147483647. */
  readonly fileMax?: number
  /** The largest attribute that a superblock may allow, in bytes. Default 1022. */
  readonly attrMax?: number
  /**
   * The cache of the device that will use the filesystem, in bytes: it can rewrite only inline files
   * that fit in. Default 64.
   */
  readonly cacheSize?: number
  /** The largest inline file, in bytes; 0 for none. Default: the smallest of `cacheSize`, `attrMax` and an eighth of `metadataMax`. */
  readonly inlineMax?: number
  /** Bytes of a block that a metadata log may take. Default: the block size. */
  readonly metadataMax?: number
  /**
   * How full metadata is written anew: `'loose'`, up to half a block, so that changes can follow;
   * `'dense'` for an image as small as can be. Default `'loose'`.
   */
  readonly packing?: Packing
  /** Compactions after which a metadata pair moves; -1: never. Default 500. */
  readonly blockCycles?: number
  /**
   * What all caches together may take in memory between operations, roughly, in bytes; 0 for the
   * least (docs/memory.md). Default 64 MiB.
   */
  readonly memoryBudget?: number
  /** A faster CRC-32 where the platform has one. Default: a portable one. */
  readonly crc32?: Crc32
}

/** Whether times are written, and in which attribute: `'auto'` in that which the image has. */
export type TimesOption = TimeDialect | 'auto' | 'none'

export interface TimeOptions {
  readonly times: TimesOption
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** As the C library has it: it keeps no times. */
const NO_TIMES: TimeOptions = { times: 'none', now: () => 0 }

const FIRST_PAIR: BlockPair = [0, 1]

/**
 * Mounts a device seen in blocks of the filesystem's size.
 *
 * @throws FormatError `NOT_LITTLEFS`, `CORRUPT_PAIR`, `UNSUPPORTED_VERSION`, `UNSUPPORTED_LIMIT`,
 *   `WRONG_GEOMETRY`, `TAIL_CYCLE`.
 */
export function* mountVolume(
  geometry: Geometry,
  options: MountOptions = {},
  timeOptions: TimeOptions = NO_TIMES,
): Op<Volume> {
  return yield* mountBy(geometry, options, timeOptions, false)
}

/**
 * Mounts what a device would refuse, to read what there is: read-only, whatever the limits and the block
 * count say, and as far as the list of pairs can be followed. Where that breaks off no global state is
 * believed.
 *
 * @throws FormatError `NOT_LITTLEFS`, `CORRUPT_PAIR` of the superblock's, `UNSUPPORTED_VERSION`,
 *   `WRONG_GEOMETRY` of the block size.
 */
export function* mountForSalvage(
  geometry: Geometry,
  { crc32 }: Pick<MountOptions, 'crc32'>,
): Op<Volume> {
  const options = {
    nameMax: NAME_MAX_LIMIT,
    readOnly: true,
    ...(crc32 === undefined ? {} : { crc32 }),
  }
  return yield* mountBy(geometry, options, NO_TIMES, true)
}

function* mountBy(
  geometry: Geometry,
  options: MountOptions,
  timeOptions: TimeOptions,
  isSalvage: boolean,
): Op<Volume> {
  checkTimes(timeOptions.times)
  const limits = driverLimits(options)
  const crc32 = options.crc32 ?? portableCrc32
  const { blockSize, readSize, progSize } = geometry
  if (blockSize < BLOCK_SIZE_MIN_BYTES) {
    throw new FormatError(
      'WRONG_GEOMETRY',
      `littlefs needs blocks of at least ${BLOCK_SIZE_MIN_BYTES} bytes, and the block size is ${blockSize}.`,
      { structure: 'superblock' },
    )
  }

  let rules: LogRules = { progSize, crc32, hasForwardCrc: true }
  // Until the superblock says otherwise, the pairs may lie anywhere on the device.
  let blockCount = geometry.blockCount
  let superblock: Superblock | undefined
  // What of it is believed: all, but where what can be read shall be.
  let stands: Superblock | undefined
  let root: BlockPair = FIRST_PAIR
  let rootRevision = 0
  let seed = 0
  let globalState: GlobalState = ZERO_STATE
  const memoryBudget = memoryBudgetOf(options)
  const buffers = newBuffers(blockSize)
  const walked: MetadataPair[] = []
  let walkedBytes = 0
  const times = new SeenTimes()
  const cycle = new CycleDetector()

  let next: BlockPair | undefined = FIRST_PAIR
  while (next !== undefined) {
    let pair: MetadataPair
    try {
      pair = yield* readMetadataPair(next, { blockSize, blockCount, isSalvage }, rules, buffers)
    } catch (error) {
      if (!isSalvage || superblock === undefined || !(error instanceof FormatError)) throw error
      globalState = ZERO_STATE
      break
    }
    const stated = superblockOf(pair)
    const found = stated && isSalvage ? believable(stated, geometry.blockCount) : stated
    if (found !== undefined) {
      checkSuperblock(found, blockSize, options, limits)
      if (superblock === undefined && hasChamelonLimits(found)) {
        yield* refuseChamelon(blockSize, geometry.blockCount)
      }
      superblock = stated
      stands = found
      blockCount = found.blockCount
      root = pair.blocks
      rootRevision = pair.summary.revision
      rules = { ...rules, hasForwardCrc: found.minorVersion >= 1 }
    }
    if (pair.summary.globalDelta !== undefined) {
      globalState = xorStates(globalState, pair.summary.globalDelta)
    }
    seed = Math.imul(seed, 31) ^ pair.summary.crcFold
    times.add(pair.summary)
    walkedBytes += pair.memoryBytes
    // What does not fit is read again when it is wanted.
    if (walked.length === 0 || walkedBytes < memoryBudget) {
      pair.predecessor = walked[walked.length - 1]
      walked.push(pair)
    }
    next = pair.summary.tail
    try {
      if (next !== undefined) cycle.check(next)
    } catch (error) {
      if (!isSalvage) throw error
      globalState = ZERO_STATE
      break
    }
  }
  if (superblock === undefined || stands === undefined) throw noSuperblock(0)

  const volume = new Volume({
    layout: {
      blockSize,
      blockCount,
      heldBlockCount: geometry.blockCount,
      readSize,
      progSize,
      isSalvage,
      ledger: new MemoryLedger(),
    },
    limits: effectiveLimits(stands, limits),
    superblock,
    root,
    globalState,
    rootRevision,
    seed,
    crc32,
    times: timeKeeper(timeOptions, times, effectiveLimits(stands, limits).attrMax),
    readOnly: options.readOnly ?? false,
    ...writerSettings(options, blockSize, effectiveLimits(stands, limits)),
    memoryBudget,
  })
  for (const pair of walked) {
    // What was read before the version was known was judged by another one's rules.
    if (volume.rules.hasForwardCrc || pair !== walked[0]) volume.pairs.keep(pair)
  }
  volume.caches.trim()
  return volume
}

/** What can be read does not depend on limits, nor on how many blocks there should be. */
function believable(superblock: Superblock, heldBlockCount: number): Superblock {
  return {
    ...superblock,
    minorVersion: Math.min(superblock.minorVersion, 1),
    nameMax: 0,
    fileMax: Math.min(superblock.fileMax, FILE_MAX_DEFAULT),
    attrMax: Math.min(superblock.attrMax, ATTR_MAX_DEFAULT),
    blockCount: heldBlockCount,
  }
}

/** Read as littlefs it would show part of what it holds, and changed it would lose the rest. */
function* refuseChamelon(blockSize: number, blockCount: number): Op<void> {
  if ((yield* recogniseChamelon({ blockSize, blockCount })) === undefined) return
  throw new FormatError(
    'CHAMELON_VOLUME',
    'This is a volume of chamelon, a dialect of littlefs: ids, lists of blocks and pairs differ. Read it with `caravan kv` (ChamelonVolume.mount), and make a littlefs image of it with `caravan convert IMAGE NEW`.',
    { structure: 'superblock', block: 0 },
  )
}

const CACHE_SIZE_DEFAULT_BYTES = 64
const BLOCK_CYCLES_DEFAULT = 500

/** @throws MisuseError `INVALID_ARGUMENT`. */
export function writerSettings(
  options: MountOptions,
  blockSize: number,
  limits: Limits,
): WriterSettings {
  const { metadataMax = blockSize, cacheSize = CACHE_SIZE_DEFAULT_BYTES } = options
  const { blockCycles = BLOCK_CYCLES_DEFAULT } = options
  checkOption('metadataMax', metadataMax, blockSize)
  checkOption('cacheSize', cacheSize, Number.MAX_SAFE_INTEGER)
  const most = Math.min(TAG_LENGTH_MAX, limits.attrMax, Math.floor(metadataMax / 8))
  const { inlineMax = Math.min(cacheSize, most) } = options
  if (!Number.isInteger(inlineMax) || inlineMax < 0 || inlineMax > most) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `inlineMax is ${inlineMax}: give a whole number from 0 to ${most}, which is what attrMax and an eighth of metadataMax leave.`,
    )
  }
  if (!Number.isInteger(blockCycles) || blockCycles < -1) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `blockCycles is ${blockCycles}: give a whole number, or -1 for pairs that never move.`,
    )
  }
  const { packing = 'loose' } = options
  return { inlineMax, metadataMax, blockCycles: Math.max(blockCycles, 0), packing }
}

function superblockOf(pair: MetadataPair): Superblock | undefined {
  if (!pair.beginsWithMagic && !isSamePair(pair.blocks, FIRST_PAIR)) return undefined
  const content = pair.entries[0]?.content
  if (content?.nameType !== TagType.SUPERBLOCK || content.name !== MAGIC) return undefined
  const { struct } = content
  if (struct?.kind !== 'inline') return undefined
  return decodeSuperblock(struct.bytes)
}

export function driverLimits(options: MountOptions): Limits {
  const { nameMax = NAME_MAX_DEFAULT, fileMax = FILE_MAX_DEFAULT } = options
  const { attrMax = ATTR_MAX_DEFAULT } = options
  checkOption('nameMax', nameMax, NAME_MAX_LIMIT)
  checkOption('fileMax', fileMax, FILE_MAX_DEFAULT)
  checkOption('attrMax', attrMax, ATTR_MAX_DEFAULT)
  return { nameMax, fileMax, attrMax }
}

function checkOption(name: string, value: number, highest: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= highest) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `${name} is ${value}: give a whole number from 1 to ${highest}.`,
  )
}

function effectiveLimits(superblock: Superblock, driver: Limits): Limits {
  return {
    nameMax: superblock.nameMax || driver.nameMax,
    fileMax: superblock.fileMax || driver.fileMax,
    attrMax: superblock.attrMax || driver.attrMax,
  }
}

function checkSuperblock(
  superblock: Superblock,
  blockSize: number,
  options: MountOptions,
  driver: Limits,
): void {
  const { majorVersion, minorVersion } = superblock
  const newestMinor = options.diskVersion === '2.0' ? 0 : 1
  const refuse = (code: string, message: string): never => {
    throw new FormatError(code, message, { structure: 'superblock', block: 0 })
  }
  if (majorVersion !== 2 || minorVersion > newestMinor) {
    refuse(
      'UNSUPPORTED_VERSION',
      `This is littlefs version ${majorVersion}.${minorVersion} on disk, and versions up to 2.${newestMinor} are accepted${minorVersion === 1 && majorVersion === 2 ? ' (diskVersion)' : ''}.`,
    )
  }
  if (superblock.blockSize !== blockSize) {
    refuse(
      'WRONG_GEOMETRY',
      `The superblock says blocks of ${superblock.blockSize} bytes, and the block size given is ${blockSize}. Give ${superblock.blockSize}, or none to have it found.`,
    )
  }
  if (options.blockCount !== undefined && superblock.blockCount !== options.blockCount) {
    refuse(
      'WRONG_GEOMETRY',
      `The superblock says ${superblock.blockCount} blocks, and the block count given is ${options.blockCount}. Give ${superblock.blockCount}, or none to take the superblock's.`,
    )
  }
  if (superblock.blockCount < 2) {
    const code = superblock.blockCount === 0 ? 'WRONG_GEOMETRY' : 'CORRUPT_SUPERBLOCK'
    refuse(
      code,
      `The superblock says ${superblock.blockCount} blocks, and a littlefs has at least 2: the superblock is damaged, or the block count is to be given.`,
    )
  }
  for (const limit of ['nameMax', 'fileMax', 'attrMax'] as const) {
    if (superblock[limit] > driver[limit]) {
      refuse(
        'UNSUPPORTED_LIMIT',
        `The superblock allows a ${limit} of ${superblock[limit]}, and at most ${driver[limit]} is accepted. Mount with ${limit} ${superblock[limit]} or more.`,
      )
    }
  }
}

/** Finds a list that runs in circles, in constant memory (Brent's way). */
class CycleDetector {
  private marked: BlockPair | undefined
  private steps = 0
  private period = 1

  check(pair: BlockPair): void {
    if (this.marked !== undefined && isSamePair(this.marked, pair)) {
      throw new FormatError(
        'TAIL_CYCLE',
        `The list of all metadata pairs comes back to {${pair[0]}, ${pair[1]}}: its tail pointers are damaged.`,
        { structure: 'tail', block: pair[0] },
      )
    }
    if (++this.steps === this.period) {
      this.marked = pair
      this.steps = 0
      this.period *= 2
    }
  }
}

/** @throws MisuseError `INVALID_ARGUMENT`. */
function checkTimes(times: string): void {
  const all: readonly string[] = ['auto', 'none', ...TIME_DIALECTS]
  if (all.includes(times)) return
  throw new MisuseError(
    'INVALID_ARGUMENT',
    `times is '${times}': give one of ${all.map((each) => `'${each}'`).join(', ')}.`,
  )
}

/** What the metadata pairs tell of the times that they hold. */
class SeenTimes {
  private readonly counts = new Map<TimeDialect, number>()
  creationBytes: number | undefined

  add({ timeDialect, creationBytes }: LogSummary): void {
    this.creationBytes ??= creationBytes
    if (timeDialect === undefined) return
    this.counts.set(timeDialect, (this.counts.get(timeDialect) ?? 0) + 1)
  }

  /** The dialect that most metadata pairs have. */
  get dialect(): TimeDialect | undefined {
    return [...this.counts].sort(([, a], [, b]) => b - a)[0]?.[0]
  }
}

function timeKeeper({ times, now }: TimeOptions, seen: SeenTimes, attrMax: number): TimeKeeper {
  if (times === 'none') return new TimeKeeper(now, undefined, 0, attrMax)
  const { creationBytes } = seen
  return new TimeKeeper(
    now,
    times === 'auto' ? seen.dialect : times,
    creationBytes === 4 || creationBytes === 8 ? creationBytes : 0,
    attrMax,
  )
}
