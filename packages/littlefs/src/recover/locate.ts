/**
 * Locate: where in a raw dump of a flash a littlefs begins, by its superblocks, and what speaks for
 * each place.
 *
 * Two stand one block apart and each says the size of a block, so that either leads to the beginning.
 * Within what a superblock claims others may stand: copies of it, which its tree leads to or used to; and
 * a filesystem written later, of which it does not know. That one can be read by itself.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { type BlockDevice, FormatError, type Geometry, type Op, run } from '@caravan/core'
import { BlockSet } from '../block-set.js'
import { MAGIC_OFFSET_BYTES, type Superblock } from '../format/superblock.js'
import { mountVolume } from '../mount.js'
import { HEAD_SIZE_BYTES, isSound as holdsGoodCommit, readBytes, superblockAt } from '../probe.js'
import { type BlockUse, findUsedBlocks } from '../traverse.js'

export interface LocatedFilesystem {
  /** Bytes from the beginning of the device. */
  readonly offset: number
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  /** Bytes that its superblock claims. */
  readonly sizeBytes: number
  /** As its superblock says: `2.1`. */
  readonly diskVersion: string
  /** Which of the two copies of the superblock stand where they belong. */
  readonly superblocks: 'both' | 'first' | 'second'
  /** A superblock is the end of a commit with a good CRC: this is no accident of bytes. */
  readonly isSound: boolean
  /** All of it lies on the device. */
  readonly isWhole: boolean
  /** What speaks for the place, and what against, in words: `both superblocks`, `CRC good`. */
  readonly evidence: readonly string[]
}

const CHUNK_SIZE_BYTES = 64 * 1024

/** Filesystems within others that are looked through: a dump made to harm may hold any number. */
const EXAMINED_MAX = 16

/**
 * Every place at which a littlefs may begin, in order. Reads all of the device.
 *
 * @throws DeviceError.
 */
export function locate(device: BlockDevice): Promise<LocatedFilesystem[]> {
  return run(findAll(device.geometry), device)
}

function* findAll(geometry: Geometry): Op<LocatedFilesystem[]> {
  const sizeBytes = geometry.blockSize * geometry.blockCount
  const superblocks = yield* findSuperblocks(geometry, sizeBytes)
  const found: Area[] = []
  let examined = 0
  for (const [at, superblock] of superblocks) {
    const { blockSize } = superblock
    const around = found.filter(({ end }) => at < end)
    const hasSecond = superblocks.get(at + blockSize)?.blockSize === blockSize
    if (around.length > 0) {
      const place = describe(at, superblock, 'both', true, sizeBytes)
      if (!hasSecond || !place.isWhole || examined++ >= EXAMINED_MAX) continue
      const area = { place: within(place, around), end: at + place.sizeBytes }
      const reach = yield* reachOf(geometry, place)
      if (!reach.isWhole || (yield* isPartOf(geometry, place, around))) continue
      found.push({ ...area, reach })
      continue
    }
    // Alone it may be the second of two. Partitions begin at an even number of blocks.
    const isSecond = !hasSecond && at % (2 * blockSize) === blockSize
    const offset = isSecond ? at - blockSize : at
    const isSound =
      (yield* holdsGoodCommit(geometry, at, blockSize)) ||
      (hasSecond && (yield* holdsGoodCommit(geometry, at + blockSize, blockSize)))
    const copies = hasSecond ? 'both' : isSecond ? 'second' : 'first'
    const place = describe(offset, superblock, copies, isSound, sizeBytes)
    // A size that cannot be says nothing of where the next one may begin.
    const end = offset + (place.isWhole ? place.sizeBytes : 2 * blockSize)
    found.push({ place, end, reach: undefined })
  }
  return found.map(({ place }) => place)
}

/** The part of the device that a filesystem claims. */
interface Area {
  readonly place: LocatedFilesystem
  /** Bytes from the beginning of the device. */
  readonly end: number
  /** `undefined` before it was asked for. */
  reach: Reach | undefined
}

/** What tree and list of a filesystem lead to. */
interface Reach {
  /** Of its root's pairs, each of which may hold a superblock. */
  readonly root: BlockSet
  /** Of its files. An image in a file is in pieces, unless one block holds all of it. */
  readonly files: BlockSet
  /** Of its other directories: a superblock there was written by somebody else. */
  readonly directories: BlockSet
  /** False where something cannot be followed. */
  readonly isWhole: boolean
}

/**
 * True where what can be read by itself belongs to a filesystem around it nevertheless: where that one
 * leads there, or where it may be an old copy of that one's root, which says the same sizes.
 */
function* isPartOf(
  geometry: Geometry,
  inner: LocatedFilesystem,
  around: readonly Area[],
): Op<boolean> {
  for (const outer of around) {
    outer.reach ??= yield* reachOf(geometry, outer.place)
    const { root, files, directories, isWhole } = outer.reach
    const { offset, blockSize, blockCount } = outer.place
    const distance = inner.offset - offset
    const block = Math.floor(distance / blockSize)
    const isFile = files.has(block)
    if (root.has(block) || (isFile && inner.sizeBytes <= blockSize)) return true
    const isOnGrid = distance % blockSize === 0
    const hasSameSizes = inner.blockSize === blockSize && inner.blockCount === blockCount
    const isOverwritten = isFile || directories.has(block)
    // Only a root that has grown out of blocks 0 and 1 has had its superblock elsewhere.
    const mayHaveCopies = root.size > 2 && isWhole && !isOverwritten
    if (isOnGrid && hasSameSizes && mayHaveCopies) return true
  }
  return false
}

function* reachOf(
  geometry: Geometry,
  { offset, blockSize, blockCount }: LocatedFilesystem,
): Op<Reach> {
  const view = { blockSize, blockCount, readSize: 1, progSize: 1 }
  const root = new BlockSet()
  const files = new BlockSet()
  const directories = new BlockSet()
  let isWhole = true
  const options = {
    onUse: ({ block, kind, path = '/' }: BlockUse) => {
      const used = kind === 'data' ? files : path === '/' ? root : directories
      used.add(block)
    },
    onError: () => {
      isWhole = false
    },
  }
  function* traverse(): Op<void> {
    yield* findUsedBlocks(yield* mountVolume(view, { readOnly: true }), options)
  }
  try {
    yield* readingFrom(geometry, offset, blockSize, traverse())
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    isWhole = false
  }
  return { root, files, directories, isWhole }
}

/** Runs what reads a filesystem of which block 0 stands at a place of the device. */
function* readingFrom(geometry: Geometry, offset: number, blockSize: number, reading: Op<void>) {
  for (let step = reading.next(); step.done !== true; step = reading.next()) {
    const request = step.value
    if (request.kind !== 'read') continue
    for (const { block, offset: inBlock, bytes } of request.spans) {
      const at = offset + block * blockSize + inBlock
      bytes.set(yield* readBytes(geometry, at, bytes.length))
    }
  }
}

function within(place: LocatedFilesystem, around: readonly Area[]): LocatedFilesystem {
  const evidence = around.map(
    ({ place: { offset } }) => `in what the one at 0x${offset.toString(16)} claims`,
  )
  return { ...place, evidence: [...place.evidence, ...evidence] }
}

/** What may be a superblock, by its place in bytes, in order. */
function* findSuperblocks(geometry: Geometry, sizeBytes: number): Op<Map<number, Superblock>> {
  const superblocks = new Map<number, Superblock>()
  for (let start = 0; start < sizeBytes; start += CHUNK_SIZE_BYTES) {
    const length = Math.min(CHUNK_SIZE_BYTES + HEAD_SIZE_BYTES, sizeBytes - start)
    const chunk = yield* readBytes(geometry, start, length)
    for (let at = 0; at < Math.min(CHUNK_SIZE_BYTES, length); at += 4) {
      if (chunk[at + MAGIC_OFFSET_BYTES] !== FIRST_OF_MAGIC) continue
      const superblock = superblockAt(chunk, at)
      if (superblock !== undefined) superblocks.set(start + at, superblock)
    }
  }
  return superblocks
}

function describe(
  offset: number,
  { majorVersion, minorVersion, blockSize, blockCount }: Superblock,
  superblocks: LocatedFilesystem['superblocks'],
  isSound: boolean,
  deviceBytes: number,
): LocatedFilesystem {
  const sizeBytes = blockSize * blockCount
  const isWhole = blockCount >= 2 && offset + sizeBytes <= deviceBytes
  return {
    ...{ offset, blockSize, blockCount, sizeBytes, superblocks, isSound, isWhole },
    diskVersion: `${majorVersion}.${minorVersion}`,
    evidence: [
      superblocks === 'both' ? 'both superblocks' : `only the ${superblocks} superblock`,
      isSound ? 'CRC good' : 'no good CRC',
      isWhole ? 'size plausible' : 'ends beyond the dump',
    ],
  }
}

/** The letter that the magic begins with. */
const FIRST_OF_MAGIC = 0x6c
