/**
 * Superblock check: what the superblock says, held against the image; where its copies may stand.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import {
  ATTR_MAX_DEFAULT,
  decodeSuperblock,
  FILE_MAX_DEFAULT,
  MAGIC,
  NAME_MAX_DEFAULT,
  SUPERBLOCK_SIZE_BYTES,
  type Superblock,
} from '../format/superblock.js'
import { TagType } from '../format/tag.js'
import type { Report } from './findings.js'
import { type CheckedEntry, type CheckedPair, inWords } from './pair-reader.js'

/** What the image is held against. Sizes in bytes. */
export interface ImageSizes {
  readonly blockSize: number
  /** As it was asked for; `undefined` where the superblock's counts. */
  readonly blockCount: number | undefined
  /** Blocks that the image holds. */
  readonly heldBlockCount: number
}

/** The superblock's entry of a pair that has one: its first. */
export function superblockEntry({ entries }: CheckedPair): CheckedEntry | undefined {
  const entry = entries[0]
  return entry?.nameType === TagType.SUPERBLOCK ? entry : undefined
}

/** `undefined` where the rest of the image cannot be judged by it. */
export function readSuperblock(
  pair: CheckedPair,
  sizes: ImageSizes,
  report: Report,
): Superblock | undefined {
  const place = { block: pair.active }
  const entry = superblockEntry(pair)
  if (entry === undefined) {
    report(
      'SUPERBLOCK_MISSING',
      `The first entry of ${inWords(pair.blocks)} is no superblock.`,
      place,
    )
    return undefined
  }
  if (entry.name !== MAGIC || !pair.hasMagic) {
    report(
      'SUPERBLOCK_DAMAGED',
      `The name "${MAGIC}" does not stand at offset 8 of block ${pair.active}.`,
      place,
    )
    return undefined
  }
  const { struct } = entry
  if (struct.kind !== 'inline' || struct.size !== SUPERBLOCK_SIZE_BYTES) {
    const what = `The superblock in block ${pair.active} has no ${SUPERBLOCK_SIZE_BYTES} bytes of content.`
    report('SUPERBLOCK_DAMAGED', what, place)
    return undefined
  }
  const superblock = decodeSuperblock(struct.bytes as Uint8Array)
  return isJudgeable(superblock, sizes, (code, what) => report(code, what, place))
    ? superblock
    : undefined
}

function isJudgeable(superblock: Superblock, sizes: ImageSizes, report: Report): boolean {
  const { majorVersion, minorVersion, blockSize, blockCount } = superblock
  if (majorVersion !== 2 || minorVersion > 1) {
    const what = `The superblock says version ${majorVersion}.${minorVersion} on disk; 2.0 and 2.1 are known.`
    report('UNSUPPORTED_VERSION', what)
    return false
  }
  if (blockSize !== sizes.blockSize) {
    const what = `The superblock says blocks of ${blockSize} bytes, and ${sizes.blockSize} were asked for.`
    report('WRONG_GEOMETRY', what)
    return false
  }
  if (blockCount < 2) {
    report('WRONG_GEOMETRY', `The superblock says ${blockCount} blocks; a littlefs has at least 2.`)
  } else if (sizes.blockCount !== undefined && blockCount !== sizes.blockCount) {
    const what = `The superblock says ${blockCount} blocks, and ${sizes.blockCount} were asked for.`
    report('WRONG_GEOMETRY', what)
  }
  if (blockCount > sizes.heldBlockCount) {
    const what = `The superblock says ${blockCount} blocks of ${blockSize} bytes, and the image holds ${sizes.heldBlockCount}.`
    report('IMAGE_TRUNCATED', what)
  }
  checkLimits(superblock, report)
  return true
}

function checkLimits({ nameMax, fileMax, attrMax }: Superblock, report: Report): void {
  for (const [what, limit, usual] of [
    ['names', nameMax, NAME_MAX_DEFAULT],
    ['files', fileMax, FILE_MAX_DEFAULT],
    ['attributes', attrMax, ATTR_MAX_DEFAULT],
  ] as const) {
    if (limit <= usual) continue
    report(
      'UNSUPPORTED_LIMIT',
      `The superblock allows ${what} of ${limit} bytes; drivers usually take ${usual}.`,
    )
  }
}

/**
 * The pair that begins the root directory: the last of the superblock's copies at the head of the list
 * of pairs.
 */
export function findRoot(thread: readonly CheckedPair[], report: Report): CheckedPair {
  let last = 0
  thread.forEach((pair, i) => {
    if (i === 0 || superblockEntry(pair) === undefined) return
    if (i === last + 1) last = i
    else {
      const what = `${inWords(pair.blocks)} begins with a superblock, behind pairs that do not.`
      report('SUPERBLOCK_MISPLACED', what, { block: pair.active })
    }
  })
  for (const pair of thread.slice(0, last)) {
    if (pair.entries.length < 2) continue
    const what = `${inWords(pair.blocks)} holds ${pair.entries.length - 1} entries before the root directory.`
    report('SUPERBLOCK_MISPLACED', what, { block: pair.active })
  }
  return thread[last] as CheckedPair
}
