/**
 * What the C library says on standard output when it mounts: the original is built so that it does, and
 * programs that read its output find these lines in it.
 *
 * The numbers are lines of lfs.c, of the release that the original holds.
 */

import type { FormatError } from '@caravan/core'
import type { FilesystemInfo } from '@caravan/littlefs'

/** The error numbers that a mount can end with. */
const LFS_ERR_INVAL = -22
const LFS_ERR_CORRUPT = -84

/** What the C library takes at most. */
export const C_LIMITS = { nameMax: 255, fileMax: 2147483647, attrMax: 1022 } as const

const MAGIC = Buffer.from('littlefs')

/** From the magic to what the superblock says behind it, in bytes. */
const VERSION_OFFSET = 12
const BLOCK_SIZE_OFFSET = 16
const LIMIT_OFFSETS = { nameMax: 24, fileMax: 28, attrMax: 32 } as const

const SUPERBLOCK_END = 36

/**
 * The block size that the first superblock in an image says which could be one, wherever it stands.
 * Bytes; `undefined` where there is none.
 */
export function detectBlockSize(image: Buffer): number | undefined {
  for (let at = image.indexOf(MAGIC); at >= 0; at = image.indexOf(MAGIC, at + 1)) {
    // As much as the original wants to see behind it.
    if (at + BLOCK_SIZE_OFFSET + 12 > image.length) return undefined
    const blockSize = image.readUInt32LE(at + BLOCK_SIZE_OFFSET)
    if (blockSize >= 128 && blockSize <= image.length) return blockSize
  }
  return undefined
}

/** A mount that failed. */
interface MountFailure {
  /** For standard output, with its line break; empty where the C library says nothing. */
  readonly line: string
  readonly errorNumber: number
}

/** A failed mount as the C library puts it. */
export function mountFailure(error: FormatError, image: Buffer, blockSize: number): MountFailure {
  switch (error.code) {
    case 'UNSUPPORTED_VERSION':
    case 'UNSUPPORTED_LIMIT':
    case 'WRONG_GEOMETRY':
    case 'CORRUPT_SUPERBLOCK':
      return { line: refusal(image, blockSize), errorNumber: LFS_ERR_INVAL }
    case 'TAIL_CYCLE':
      return {
        line: 'littlefs/lfs.c:4464:warn: Cycle detected in tail list\n',
        errorNumber: LFS_ERR_CORRUPT,
      }
    default:
      return { line: corruptPair(error, image, blockSize), errorNumber: LFS_ERR_CORRUPT }
  }
}

/** Why the superblock is refused, in the order in which the C library looks at it. */
function refusal(image: Buffer, blockSize: number): string {
  const at = image.indexOf(MAGIC)
  if (at < 0 || at + SUPERBLOCK_END > image.length) return ''
  const version = image.readUInt32LE(at + VERSION_OFFSET)
  const major = version >>> 16
  const minor = version & 0xffff
  if (major !== 2 || minor > 1) {
    return `littlefs/lfs.c:4531:error: Invalid version v${major}.${minor} != v2.1\n`
  }
  const older = minor < 1 ? olderVersion(minor) : ''
  const limits = [
    ['nameMax', 'name_max', 4561],
    ['fileMax', 'file_max', 4572],
    ['attrMax', 'attr_max', 4583],
  ] as const
  for (const [limit, name, line] of limits) {
    const value = image.readUInt32LE(at + LIMIT_OFFSETS[limit])
    if (value <= C_LIMITS[limit]) continue
    return `${older}littlefs/lfs.c:${line}:error: Unsupported ${name} (${value} > ${C_LIMITS[limit]})\n`
  }
  const stated = image.readUInt32LE(at + BLOCK_SIZE_OFFSET)
  return stated === blockSize
    ? older
    : `${older}littlefs/lfs.c:4607:error: Invalid block size (${stated} != ${blockSize})\n`
}

function olderVersion(minor: number): string {
  return `littlefs/lfs.c:4546:debug: Found older minor version v2.${minor} < v2.1\n`
}

/** The half with the newer revision count is named first, were it never so broken. */
function corruptPair({ code, pair }: FormatError, image: Buffer, blockSize: number): string {
  // Of a pair that lies outside the filesystem nothing is said.
  if (code === 'CORRUPT_PAIR' && pair === undefined) return ''
  const [first, second] = pair ?? [0, 1]
  const isNewer = (revisionOf(image, second, blockSize) - revisionOf(image, first, blockSize)) | 0
  const [a, b] = isNewer > 0 ? [second, first] : [first, second]
  const hex = (block: number) => `0x${(block >>> 0).toString(16)}`
  return `littlefs/lfs.c:1378:error: Corrupted dir pair at {${hex(a)}, ${hex(b)}}\n`
}

function revisionOf(image: Buffer, block: number, blockSize: number): number {
  const at = block * blockSize
  return at + 4 <= image.length ? image.readUInt32LE(at) : 0xffffffff
}

/** What it says of an image that it mounts. */
export function mountRemarks(info: FilesystemInfo): string {
  const { diskVersion, pendingMove, hasOrphans, needsSuperblock } = info
  const older = diskVersion === '2.0' ? olderVersion(0) : ''
  const tag =
    (hasOrphans ? 0x80000000 : 0) +
    (pendingMove === undefined ? 0 : 0x4ff00000 + pendingMove.id * 0x400) +
    (needsSuperblock ? 0x200 : 0)
  if (tag === 0) return older
  const words = [tag, ...(pendingMove?.pair ?? [0, 0])]
  const hex = words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  return `${older}littlefs/lfs.c:4623:debug: Found pending gstate 0x${hex}\n`
}
