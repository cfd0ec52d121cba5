/**
 * Formatting: an empty filesystem, its superblock in both blocks of the first pair.
 *
 * Source: littlefs SPEC.md, "0x0ff LFS_TYPE_SUPERBLOCK".
 */

import { DeviceError, FormatError, type Geometry, MisuseError, type Op } from '@caravan/core'
import { CommitEncoder } from './format/commit-encoder.js'
import { CRC_INITIAL, crc32 as portableCrc32 } from './format/crc32.js'
import { BLOCK_SIZE_MIN_BYTES, encodeSuperblock, MAGIC } from './format/superblock.js'
import { TagType } from './format/tag.js'
import { driverLimits, type MountOptions, writerSettings } from './mount.js'

/** Disk version, limits and writer's settings as for mounting. */
export type FormatOptions = Omit<MountOptions, 'readOnly' | 'memoryBudget'>

/**
 * Formats a device seen in blocks of the filesystem's size. What it held is lost.
 *
 * @throws FormatError `WRONG_GEOMETRY`; DeviceError `BAD_BLOCK` where blocks 0 or 1 cannot be used.
 */
export function* formatVolume(geometry: Geometry, options: FormatOptions = {}): Op<void> {
  const { blockSize, progSize, readSize } = geometry
  const blockCount = options.blockCount ?? geometry.blockCount
  if (blockSize < BLOCK_SIZE_MIN_BYTES || blockCount < 2) {
    throw new FormatError(
      'WRONG_GEOMETRY',
      `littlefs needs at least 2 blocks of at least ${BLOCK_SIZE_MIN_BYTES} bytes, and this would be ${blockCount} of ${blockSize}.`,
      { structure: 'superblock' },
    )
  }
  if (blockCount > geometry.blockCount) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `blockCount is ${blockCount}, and the device has ${geometry.blockCount} blocks of ${blockSize} bytes.`,
    )
  }
  const limits = driverLimits(options)
  writerSettings(options, blockSize, limits)
  const minorVersion = options.diskVersion === '2.0' ? 0 : 1
  const crc32 = options.crc32 ?? portableCrc32
  const superblock = { majorVersion: 2, minorVersion, blockSize, blockCount, ...limits }
  const encoder = new CommitEncoder(blockSize, progSize, crc32)

  // Harmless, and so the one that is refused where a synchronous call meets a late device.
  yield { kind: 'sync' }
  // Both first: what was there before must not be found beside what is new.
  yield { kind: 'erase', blocks: [0, 1] }
  for (const block of [0, 1]) {
    encoder.beginBlock(block + 1, options.metadataMax ?? blockSize)
    encoder.putName(TagType.SUPERBLOCK, 0, MAGIC)
    encoder.put(TagType.INLINE_STRUCT, 0, encodeSuperblock(superblock))
    const unit = new Uint8Array(Math.ceil(progSize / readSize) * readSize)
    const { end, leavesRoom } = encoder
    if (leavesRoom) {
      const offset = end - (end % readSize)
      const bytes = new Uint8Array(Math.ceil((end + progSize - offset) / readSize) * readSize)
      yield { kind: 'read', spans: [{ block, offset, bytes }] }
      unit.set(bytes.subarray(end - offset, end - offset + progSize))
    }
    const unitCrc = minorVersion >= 1 ? crc32(CRC_INITIAL, unit, 0, progSize) : undefined
    encoder.finish(leavesRoom ? { firstByte: unit[0] as number, unitCrc } : undefined)
    yield { kind: 'prog', spans: [{ block, offset: 0, bytes: encoder.encoded }] }
    yield { kind: 'sync' }
    yield* checkWritten(block, encoder.encoded, readSize)
  }
}

function* checkWritten(block: number, bytes: Uint8Array, readSize: number): Op<void> {
  const back = new Uint8Array(Math.ceil(bytes.length / readSize) * readSize)
  yield { kind: 'read', spans: [{ block, offset: 0, bytes: back }] }
  if (bytes.every((byte, i) => byte === back[i])) return
  throw new DeviceError(
    'BAD_BLOCK',
    `Block ${block} does not hold what was programmed: it is worn out, and littlefs cannot do without its first two blocks.`,
    { request: 'prog', block },
  )
}
