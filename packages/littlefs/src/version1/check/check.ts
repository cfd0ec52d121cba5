/**
 * Check of a littlefs 1: superblock, tree, list, blocks. What it finds is never thrown, and it works
 * on what does not mount.
 */

import { FormatError, type Geometry, type Op } from '@caravan/core'
import { BlockOwners } from '../../check/block-owners.js'
import { checkFiles, type FileSizes } from '../../check/file-check.js'
import { MemoryLedger } from '../../memory-ledger.js'
import type { Layout } from '../../volume.js'
import { BLOCK_SIZE_MIN_BYTES, decodeSuperblock, isSupported } from '../format/superblock.js'
import { chooseHalf, entriesOf, type Half, readHalves } from '../pair.js'
import { SUPERBLOCK_PAIR } from '../thread.js'
import { type Version1Finding, type Version1Report, version1Finding } from './findings.js'
import { checkThread } from './thread-check.js'
import { TreeCheck } from './tree-check.js'

export interface Version1CheckOptions {
  /** Bytes. Default: found from the image. */
  readonly blockSize?: number
  /** Default: what the superblock says. */
  readonly blockCount?: number
}

export interface Version1CheckReport {
  readonly findings: readonly Version1Finding[]
  readonly pairCount: number
  readonly directoryCount: number
  readonly fileCount: number
}

export function withoutSuperblock(what: string): Version1CheckReport {
  const findings = [version1Finding('SUPERBLOCK_MISSING', what)]
  return { findings, pairCount: 0, directoryCount: 0, fileCount: 0 }
}

/** @param geometry the device in blocks of the filesystem's size. */
export function* checkVersion1(
  geometry: Geometry,
  options: Version1CheckOptions,
): Op<Version1CheckReport> {
  const findings: Version1Finding[] = []
  const report: Version1Report = (code, what, place) => {
    findings.push(version1Finding(code, what, place))
  }
  const { blockSize, blockCount: heldBlockCount, readSize, progSize } = geometry
  const counts = { pairCount: 0, directoryCount: 0, fileCount: 0 }
  if (blockSize < BLOCK_SIZE_MIN_BYTES || heldBlockCount < 2) {
    return withoutSuperblock('The image is too small to hold a superblock.')
  }
  const held: Layout = {
    ...{ blockSize, blockCount: heldBlockCount, heldBlockCount, readSize, progSize },
    ledger: new MemoryLedger(),
  }
  const superblock = checkSuperblock(yield* readHalves(held, SUPERBLOCK_PAIR), options, report)
  if (superblock === undefined) return { findings, ...counts }
  const said = options.blockCount ?? superblock.blockCount
  if (said > heldBlockCount) {
    const what = `The superblock says ${said} blocks, and the image has ${heldBlockCount}.`
    report('IMAGE_TRUNCATED', what, { block: 0 })
  }
  const layout: Layout = {
    ...held,
    blockCount: options.blockCount ?? Math.max(said, heldBlockCount),
  }
  const owners = new BlockOwners()
  const tree = new TreeCheck(layout, owners, report)
  yield* tree.run(superblock.root)
  const state = yield* checkThread(layout, owners, tree, report)
  yield* checkFileBlocks(tree, layout, owners, report)
  const { directoryCount, fileCount } = tree
  return { findings, pairCount: state?.pairCount ?? tree.pairCount, directoryCount, fileCount }
}

function checkSuperblock(
  halves: readonly [Half, Half],
  options: Version1CheckOptions,
  report: Version1Report,
) {
  for (const { block, isReadable } of halves) {
    if (!isReadable) report('BLOCK_UNREADABLE', `The device cannot read block ${block}.`, { block })
  }
  let pair: ReturnType<typeof chooseHalf>
  try {
    pair = chooseHalf(SUPERBLOCK_PAIR, halves)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    report('SUPERBLOCK_DAMAGED', 'Neither block 0 nor block 1 has a good checksum.', { block: 0 })
    return undefined
  }
  const block = SUPERBLOCK_PAIR[pair.active]
  const superblock = decodeSuperblock(pair.bytes)
  if (superblock === undefined) {
    const what = `Block ${block} has a good checksum, and no "littlefs" in its place.`
    report('SUPERBLOCK_MISSING', what, { block })
    return undefined
  }
  const { majorVersion, minorVersion, blockSize } = superblock
  if (!isSupported(superblock)) {
    const what = `The superblock says version ${majorVersion}.${minorVersion}: there are 1.0 and 1.1.`
    report('UNSUPPORTED_VERSION', what, { block })
    return undefined
  }
  const lost = halves.find((half) => half.isReadable && half.header === undefined)
  if (lost !== undefined) {
    const what = `Block ${lost.block} has no good checksum; the superblock in block ${block} is in force.`
    report('SUPERBLOCK_HALF_LOST', what, { block: lost.block })
  }
  if (options.blockSize !== undefined && options.blockSize !== blockSize) {
    const what = `The superblock says blocks of ${blockSize} bytes, and ${options.blockSize} were given.`
    report('WRONG_GEOMETRY', what, { block })
  }
  if (entriesOf(pair).entries[0]?.type === OLD_TYPE) {
    report('OLD_SUPERBLOCK_TYPE', 'The superblock is of type 0xe2.', { block })
  }
  return superblock
}

/** 0xe2 without the bit that elsewhere says moved. */
const OLD_TYPE = 0x62

function* checkFileBlocks(
  { files }: TreeCheck,
  layout: Layout,
  owners: BlockOwners,
  report: Version1Report,
): Op<void> {
  const sizes: FileSizes = layout
  const numbers = new Map<string, number>()
  const sound = files.filter(({ path, head, size }) => {
    if (size <= FILE_MAX && head >= FIRST_DATA_BLOCK) return true
    const what = `The entry says ${size} bytes, of which the last are in block ${head}.`
    report(size > FILE_MAX ? 'IMPOSSIBLE_SIZE' : 'FILE_BLOCK_OUT_OF_RANGE', what, { path })
    return false
  })
  yield* checkFiles(sound, sizes, report, (path, block) => {
    let number = numbers.get(path)
    if (number === undefined) {
      number = owners.owner(path)
      numbers.set(path, number)
    }
    const other = owners.take(block, number)
    if (other === undefined) return
    const whose = other === path ? 'another place of the same file' : other
    report('BLOCK_USED_TWICE', `Block ${block} is also in use by ${whose}.`, { block, path })
  })
}

const FILE_MAX = 0x7fffffff
const FIRST_DATA_BLOCK = 2
