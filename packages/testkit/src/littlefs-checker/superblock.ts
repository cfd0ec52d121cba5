/**
 * The superblock entries: the one in pair {0, 1}, and the copies that a root which was compacted often
 * leaves behind it on the tail list.
 *
 * Source: littlefs SPEC.md, "LFS_TYPE_SUPERBLOCK".
 */
import {
  type BlockImage,
  type BlockPair,
  type LittlefsCheckOptions,
  latin1,
  le32,
  pairText,
  type Report,
} from './finding.js'
import type { Entry, MetadataPair } from './metadata.js'

export interface Superblock {
  readonly minorVersion: number
  readonly blockCount: number
  readonly nameMax: number
  readonly fileMax: number
  readonly attrMax: number
}

const MAGIC = 'littlefs'
/** What the reference's driver accepts; a limit of 0 in the superblock means the same. */
const NAME_MAX = 255
const FILE_MAX = 0x7fffffff
const ATTR_MAX = 1022

/** The superblock entry of a pair, if it has one: id 0 by specification. */
export function superblockEntry(pair: MetadataPair): Entry | undefined {
  const entry = pair.entries[0]
  return entry?.nameType === 0x0ff ? entry : undefined
}

/** Reads and checks one superblock entry; `undefined` where the rest of the image cannot be judged. */
export function readSuperblock(
  pair: MetadataPair,
  image: BlockImage,
  options: LittlefsCheckOptions,
  report: Report,
): Superblock | undefined {
  const where = { pair: pair.pair, block: pair.log.block }
  const entry = superblockEntry(pair)
  if (entry === undefined) {
    report('superblock-missing', `id 0 of ${pairText(pair.pair)} is no superblock entry`, where)
    return undefined
  }
  if (latin1(entry.name) !== MAGIC || latin1(pair.log.bytes.subarray(8, 16)) !== MAGIC) {
    report(
      'superblock-magic',
      `"${MAGIC}" does not stand at offset 8 of block ${pair.log.block}`,
      where,
    )
    return undefined
  }
  if (entry.structType !== 0x201 || entry.struct.length !== 24) {
    report('superblock-struct', `expected an inline struct of 24 bytes behind the magic`, where)
    return undefined
  }
  const [version, blockSize, blockCount, nameMax, fileMax, attrMax] = [0, 4, 8, 12, 16, 20].map(
    (offset) => le32(entry.struct, offset),
  )
  const minorVersion = version & 0xffff
  if (version >>> 16 !== 2 || minorVersion > 1) {
    report(
      'superblock-version',
      `version ${version >>> 16}.${minorVersion}, known: 2.0, 2.1`,
      where,
    )
    return undefined
  }
  if (blockSize !== options.blockSize) {
    report('superblock-geometry', `block size ${blockSize}, expected ${options.blockSize}`, where)
    return undefined
  }
  if (blockCount < 2 || (options.blockCount !== undefined && blockCount !== options.blockCount)) {
    const expected = options.blockCount ?? 'at least 2'
    report('superblock-geometry', `block count ${blockCount}, expected ${expected}`, where)
  }
  if (blockCount * blockSize > image.bytes.length) {
    report(
      'image-size',
      `${blockCount} blocks of ${blockSize} in ${image.bytes.length} bytes`,
      where,
    )
  }
  if (nameMax > NAME_MAX || fileMax > FILE_MAX || attrMax > ATTR_MAX) {
    report(
      'superblock-limits',
      `limits ${nameMax}, ${fileMax}, ${attrMax} beyond the format's`,
      where,
    )
  }
  return {
    minorVersion,
    blockCount,
    nameMax: nameMax === 0 ? NAME_MAX : nameMax,
    fileMax: fileMax === 0 ? FILE_MAX : fileMax,
    attrMax: attrMax === 0 ? ATTR_MAX : attrMax,
  }
}

/** Blocks 0 and 1: formatting writes both, and every later compaction leaves the other one whole. */
export function checkSuperblockHalves(
  pair: MetadataPair,
  options: LittlefsCheckOptions,
  report: Report,
): void {
  const other = pair.otherLog
  if (other === undefined) return
  const where = { block: other.block, pair: pair.pair }
  if (other.commits.length === 0) {
    if (options.allowTornCommits === true) return
    report(
      'superblock-half',
      `block ${other.block} holds no valid commit (${other.endReason})`,
      where,
    )
  } else if (latin1(other.bytes.subarray(8, 16)) !== MAGIC) {
    report(
      'superblock-magic',
      `"${MAGIC}" does not stand at offset 8 of block ${other.block}`,
      where,
    )
  }
}

/** The superblock pairs at the head of the tail list; the last of them begins the root directory. */
export function superblockChain(
  thread: readonly {
    readonly metadata: MetadataPair
    readonly reached: 'start' | 'soft' | 'hard'
  }[],
  report: Report,
): BlockPair {
  let last = 0
  thread.forEach(({ metadata }, index) => {
    if (superblockEntry(metadata) === undefined) return
    if (index > 0 && index !== last + 1) {
      report('superblock-chain', 'a superblock entry behind pairs that have none', {
        pair: metadata.pair,
      })
      return
    }
    last = index
  })
  for (const { metadata } of thread.slice(0, last)) {
    if (metadata.entries.length > 1) {
      report('superblock-chain', `${metadata.entries.length - 1} files before the root directory`, {
        pair: metadata.pair,
      })
    }
  }
  return thread[last].metadata.pair
}
