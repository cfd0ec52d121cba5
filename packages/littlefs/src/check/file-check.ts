/**
 * File check: the blocks of files, every pointer of every block followed; of many files at once, so that
 * a slow device is asked in few rounds.
 *
 * A block's place in its file is what the first pointer to it says. Every other pointer must agree.
 *
 * Source: littlefs SPEC.md, "0x202 LFS_TYPE_CTZSTRUCT"; DESIGN.md, "CTZ skip-lists".
 */

import type { Op, Span } from '@caravan/core'
import { blockCountOf, POINTER_SIZE_BYTES, pointerCount } from '../format/ctz-list.js'
import { readWord } from '../format/word.js'
import { readWhatCan } from '../metadata-pair.js'
import type { Report } from './findings.js'

interface FileToCheck {
  readonly path: string
  readonly head: number
  /** Bytes. */
  readonly size: number
}

export interface FileSizes {
  readonly blockSize: number
  readonly blockCount: number
  readonly heldBlockCount: number
  readonly readSize: number
}

/** Blocks read in one request; bounds what a check takes in memory. */
const REQUEST_SPANS = 512

/** Places of files that are followed together, beyond which no further file joins; 4 bytes each. */
const TOGETHER_ADDRESSES = 2 ** 20

const UNKNOWN = 0xffffffff

interface Followed {
  readonly path: string
  /** By index in the file. */
  readonly addresses: Uint32Array
}

interface Step {
  readonly file: Followed
  readonly index: number
}

/**
 * Told of each block that a file has, once a place in it, with its index there; false where its pointers
 * are not to be followed.
 */
type OnBlock = (path: string, block: number, index: number) => boolean

export function* checkFiles(
  files: readonly FileToCheck[],
  sizes: FileSizes,
  report: Report,
  onBlock: OnBlock,
): Op<void> {
  let steps: Step[] = []
  let addressCount = 0
  for (const file of files) {
    const count = believableCount(file, sizes, report)
    if (count === undefined || !onBlock(file.path, file.head, count - 1)) continue
    const addresses = new Uint32Array(count).fill(UNKNOWN)
    addresses[count - 1] = file.head
    steps.push({ file: { path: file.path, addresses }, index: count - 1 })
    addressCount += count
    if (addressCount < TOGETHER_ADDRESSES) continue
    yield* followAll(steps, sizes, report, onBlock)
    steps = []
    addressCount = 0
  }
  yield* followAll(steps, sizes, report, onBlock)
}

function* followAll(
  heads: readonly Step[],
  sizes: FileSizes,
  report: Report,
  onBlock: OnBlock,
): Op<void> {
  let steps = heads
  while (steps.length > 0) {
    const found: Step[] = []
    for (let start = 0; start < steps.length; start += REQUEST_SPANS) {
      yield* follow(steps.slice(start, start + REQUEST_SPANS), sizes, report, found)
    }
    steps = found.filter(({ file, index }) =>
      onBlock(file.path, file.addresses[index] as number, index),
    )
  }
}

/** Blocks that the file takes; `undefined` where it cannot be followed. */
function believableCount(
  { path, head, size }: FileToCheck,
  { blockSize, blockCount, heldBlockCount }: FileSizes,
  report: Report,
): number | undefined {
  if (size === 0) {
    const what = 'A file of 0 bytes has a list of blocks: an empty file is kept inline.'
    report('IMPOSSIBLE_SIZE', what, { path })
    return undefined
  }
  const count = blockCountOf(size, blockSize)
  const most = Math.min(blockCount, heldBlockCount)
  if (count > most) {
    const what = `A size of ${size} bytes takes ${count} blocks, and there are ${most}.`
    report('IMPOSSIBLE_SIZE', what, { path })
    return undefined
  }
  if (head >= most) {
    const what = `The last block of the file is said to be ${head}, and there are ${most}.`
    report('FILE_BLOCK_OUT_OF_RANGE', what, { path })
    return undefined
  }
  return count
}

function* follow(
  steps: readonly Step[],
  sizes: FileSizes,
  report: Report,
  found: Step[],
): Op<void> {
  const spans = steps.map(({ file, index }): Span => {
    // Of block 0 one byte is read, to see that it can be.
    const needed = Math.max(1, POINTER_SIZE_BYTES * pointerCount(index))
    const length = Math.min(sizes.blockSize, Math.ceil(needed / sizes.readSize) * sizes.readSize)
    return { block: file.addresses[index] as number, offset: 0, bytes: new Uint8Array(length) }
  })
  const readable = yield* readWhatCan(spans)
  for (let i = 0; i < spans.length; i++) {
    const { file, index } = steps[i] as Step
    const { block, bytes } = spans[i] as Span
    if (readable[i] === true) {
      checkPointers(file, index, bytes, sizes, report, found)
      continue
    }
    const what = `The device cannot read block ${block}, number ${index} of the file.`
    report('BLOCK_UNREADABLE', what, { block, path: file.path })
  }
}

function checkPointers(
  file: Followed,
  index: number,
  bytes: Uint8Array,
  sizes: FileSizes,
  report: Report,
  found: Step[],
): void {
  const { path, addresses } = file
  const most = Math.min(sizes.blockCount, sizes.heldBlockCount)
  const place = { block: addresses[index] as number, path }
  for (let k = 0; k < pointerCount(index); k++) {
    const target = index - 2 ** k
    const address = readWord(bytes, POINTER_SIZE_BYTES * k)
    const known = addresses[target] as number
    const pointer = `Pointer ${k} of block ${place.block}, number ${index} of the file,`
    if (address >= most) {
      report(
        'FILE_BLOCK_OUT_OF_RANGE',
        `${pointer} leads to block ${address}, and there are ${most}.`,
        place,
      )
    } else if (known === UNKNOWN) {
      addresses[target] = address
      found.push({ file, index: target })
    } else if (known !== address) {
      const what = `${pointer} leads to block ${address}, and another one says that number ${target} is block ${known}.`
      report('WRONG_POINTER', what, place)
    }
  }
}
