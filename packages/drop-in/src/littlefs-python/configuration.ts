/**
 * What the options say of a filesystem: shown as `-v` shows it, checked, and in the engine's words.
 *
 * Towards littlefs a block is what is read, programmed and cached: so every commit fills one, and
 * files up to an eighth of it stand in the metadata.
 */

import { constants } from 'node:buffer'
import type { MountOptions } from '@caravan/littlefs'
import type { Call } from './call.js'
import { Failure } from './failure.js'

const BLOCK_SIZE_MIN = 128n
/** Bytes of a name, at most. */
export const NAME_MAX_MAX = 1022

const ATTR_MAX_MAX = 1022n
const FILE_MAX_MAX = 2147483647n
const UINT32_MAX = 2n ** 32n - 1n

/** Sizes of a filesystem, in bytes and blocks. */
interface ShownSizes {
  readonly imageSize: bigint
  /** Of the file, where it is not that of the filesystem. */
  readonly inputSize?: bigint
  readonly blockCount: bigint
  /** The image's path. */
  readonly image: string
}

/** The lines that `-v` begins with. */
export function describeConfiguration({ blockSize, limits }: Call, sizes: ShownSizes): string {
  const { imageSize, inputSize, blockCount, image } = sizes
  const lines = [
    'LittleFS Configuration:',
    `  Block Size:  ${inDigits(blockSize)}  /  ${inHex(blockSize)}`,
    `  Image Size:  ${inDigits(imageSize)}  /  ${inHex(imageSize)}`,
  ]
  if (inputSize !== undefined) {
    lines.push(`  Input Image Size (compacted): ${inDigits(inputSize)}  /  ${inHex(inputSize)}`)
  }
  lines.push(`  Block Count: ${inDigits(blockCount)}`, `  Name Max:    ${inDigits(limits.nameMax)}`)
  const { inlineMax, attrMax, fileMax } = limits
  if (inlineMax !== 0n) lines.push(`  Inline Max:  ${inDigits(inlineMax)}  /  ${inHex(inlineMax)}`)
  if (attrMax !== 0n) lines.push(`  Attr Max:    ${inDigits(attrMax)}`)
  if (fileMax !== 0n) lines.push(`  File Max:    ${inDigits(fileMax)}`)
  lines.push(`  Image:       ${image}`)
  return lines.map((line) => `${line}\n`).join('')
}

function inDigits(value: bigint): string {
  return String(value).padStart(9)
}

function inHex(value: bigint): string {
  return `0x${value.toString(16).toUpperCase()}`
}

/** The options as the engine takes them. @throws Failure for what cannot be. */
export function engineOptions({ blockSize, limits }: Call): MountOptions & { blockSize: number } {
  checkRange('--block-size', blockSize, BLOCK_SIZE_MIN, UINT32_MAX)
  checkRange('--name-max', limits.nameMax, 0n, BigInt(NAME_MAX_MAX))
  checkRange('--attr-max', limits.attrMax, 0n, ATTR_MAX_MAX)
  checkRange('--file-max', limits.fileMax, 0n, FILE_MAX_MAX)
  const attrMax = limits.attrMax || ATTR_MAX_MAX
  const inlineMost = blockSize / 8n < attrMax ? blockSize / 8n : attrMax
  checkRange('--inline-max', limits.inlineMax, 0n, inlineMost)
  const { inlineMax, fileMax } = limits
  return {
    blockSize: Number(blockSize),
    cacheSize: Number(blockSize),
    nameMax: Number(limits.nameMax) || NAME_MAX_MAX,
    attrMax: Number(attrMax),
    ...(fileMax === 0n ? {} : { fileMax: Number(fileMax) }),
    ...(inlineMax === 0n ? {} : { inlineMax: Number(inlineMax) }),
    blockCycles: -1,
  }
}

/**
 * How many blocks a new image has. @throws Failure for a filesystem of no or one block, and for one
 * that does not fit in memory.
 */
export function checkBlockCount(blockSize: number, blockCount: bigint): number {
  if (blockCount < 2n) {
    throw new Failure(
      blockCount === 1n ? 'LFS_ERR_NOSPC' : 'LFS_ERR_INVAL',
      `littlefs needs at least two blocks of ${blockSize} bytes, and the image would have ${blockCount}. Give a --fs-size of ${2 * blockSize} or more.`,
    )
  }
  const sizeBytes = BigInt(blockSize) * blockCount
  if (blockCount > UINT32_MAX || sizeBytes > BigInt(constants.MAX_LENGTH)) {
    throw tooLarge(sizeBytes)
  }
  return Number(blockCount)
}

export function tooLarge(sizeBytes: bigint): Failure {
  return new Failure(
    'LFS_ERR_NOMEM',
    `the image would have ${sizeBytes} bytes, more than fit in memory. For one of this size use caravan create.`,
  )
}

function checkRange(option: string, value: bigint, least: bigint, most: bigint): void {
  if (value >= least && value <= most) return
  throw new Failure('USAGE', `${option} is ${value}: give a number from ${least} to ${most}.`)
}
