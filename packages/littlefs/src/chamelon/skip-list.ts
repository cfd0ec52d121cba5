/**
 * chamelon's list of blocks: that of littlefs, with other pointers. Block 0 holds data alone, block
 * 1 and every block whose index is no power of two one pointer, block 2^k (k >= 1) k of them; then
 * data. The first pointer leads to the block before.
 */

import { FormatError, type Op, type Span } from '@caravan/core'
import { POINTER_SIZE_BYTES } from '../format/ctz-list.js'
import { readWord } from '../format/word.js'
import type { Layout } from '../volume.js'

function pointerCount(index: number): number {
  if (index === 0) return 0
  const isPowerOfTwo = (index & (index - 1)) === 0
  return isPowerOfTwo ? Math.max(1, 31 - Math.clz32(index)) : 1
}

function capacityOf(index: number, blockSize: number): number {
  return blockSize - POINTER_SIZE_BYTES * pointerCount(index)
}

/** Where the data of each block begins in the value; the end is behind the last. */
function blockStarts(sizeBytes: number, blockSize: number): number[] {
  const starts = [0]
  for (let index = 0, at = 0; at < sizeBytes; index++) {
    at += capacityOf(index, blockSize)
    starts.push(Math.min(at, sizeBytes))
  }
  return starts
}

/**
 * The blocks of a value, from its last one back.
 *
 * @throws FormatError where a pointer leads nowhere.
 */
export function* findValueBlocks(layout: Layout, head: number, sizeBytes: number): Op<number[]> {
  const { blockSize, blockCount, readSize } = layout
  if (sizeBytes > blockSize * blockCount) throw damaged(head, `says ${sizeBytes} bytes`)
  const count = blockStarts(sizeBytes, blockSize).length - 1
  if (count > blockCount) throw damaged(head, `says ${sizeBytes} bytes`)
  const blocks = new Array<number>(count)
  let address = head
  for (let index = count - 1; index >= 0; index--) {
    if (address >= blockCount) throw damaged(address, `leads to block ${address}`)
    blocks[index] = address
    if (index === 0) break
    const bytes = new Uint8Array(Math.ceil(POINTER_SIZE_BYTES / readSize) * readSize)
    yield { kind: 'read', spans: [{ block: address, offset: 0, bytes }] }
    address = readWord(bytes, 0)
  }
  return blocks
}

function damaged(block: number, what: string): FormatError {
  return new FormatError(
    'CORRUPT_FILE',
    `A value's list of blocks ${what}, more than the volume has: it is damaged.`,
    { structure: 'skip list', block },
  )
}

/** The spans that hold a part of a value, whole read units each, and where the part lies in them. */
export function planRead(
  layout: Layout,
  blocks: readonly number[],
  sizeBytes: number,
  position: number,
  length: number,
): { span: Span; from: number; to: number; at: number }[] {
  const { blockSize, readSize } = layout
  const starts = blockStarts(sizeBytes, blockSize)
  const end = position + length
  return blocks.flatMap((block, index) => {
    const start = starts[index] as number
    const next = starts[index + 1] as number
    const [begin, stop] = [Math.max(start, position), Math.min(next, end)]
    if (begin >= stop) return []
    const offset = POINTER_SIZE_BYTES * pointerCount(index) + begin - start
    const aligned = offset - (offset % readSize)
    const size = Math.ceil((offset + stop - begin - aligned) / readSize) * readSize
    const span = { block, offset: aligned, bytes: new Uint8Array(size) }
    const from = offset - aligned
    return [{ span, from, to: from + stop - begin, at: begin - position }]
  })
}
