/** Sizes of images: the options that formats share, and how many blocks a size is. */

import { Option } from 'commander'
import { asCount, asSize } from './arguments.js'
import { UsageError } from './errors.js'
import { formatSize } from './sizes.js'

export const SIZE_OPTION: Option = new Option(
  '--size <size>',
  'size of the filesystem: 320K, 1M',
).argParser(asSize)

export const BLOCK_COUNT_OPTION: Option = new Option(
  '--block-count <count>',
  'the same in blocks',
).argParser(asCount)

/** @throws UsageError for two sizes, and for one that is no whole number of blocks. */
export function blockCountOf(
  { size, blockCount }: { readonly size?: number; readonly blockCount?: number },
  blockSize: number,
): number | undefined {
  if (size !== undefined && blockCount !== undefined) {
    throw new UsageError('--size and --block-count say the same. Give one of them.')
  }
  return size === undefined ? blockCount : blocksIn(size, blockSize, '--size')
}

/** @throws UsageError for a size that is no whole number of blocks. */
export function blocksIn(sizeBytes: number, blockSize: number, what: string): number {
  if (blockSize > 0 && sizeBytes % blockSize === 0) return sizeBytes / blockSize
  const below = Math.floor(sizeBytes / blockSize)
  throw new UsageError(
    `${what} is ${sizeBytes} bytes, which is no whole number of blocks of ${blockSize} bytes. Give ${below * blockSize} or ${(below + 1) * blockSize}, or another --block-size.`,
  )
}

/** `80 blocks of 4096 bytes (320 KiB)`. */
export function blocksInWords(blockCount: number, blockSize: number): string {
  return `${blockCount} blocks of ${blockSize} bytes (${formatSize(blockCount * blockSize)})`
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what is not given: `undefined` is no value that the libraries take. */
export function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<T>
}
