/**
 * CTZ skip-lists: the blocks of a file, every pointer of every block followed.
 *
 * Source: littlefs SPEC.md, "LFS_TYPE_CTZSTRUCT", and DESIGN.md, "CTZ skip-lists".
 */
import { type BlockImage, le32, type Report } from './finding.js'

/** Pointers at the begin of the block with this index in its file: ctz(index) + 1, none in block 0. */
function pointerCount(index: number): number {
  return index === 0 ? 0 : 32 - Math.clz32(index & -index)
}

/**
 * The file's blocks, first to last; `undefined` when the list is broken (each fault is reported).
 */
export function readCtzBlocks(
  image: BlockImage,
  head: number,
  sizeBytes: number,
  path: string,
  report: Report,
): number[] | undefined {
  if (sizeBytes === 0) {
    report('ctz-size', 'a CTZ list of 0 bytes: empty files are inline', { path, block: head })
    return undefined
  }
  const blocksThere = Math.min(image.blockCount, Math.floor(image.bytes.length / image.blockSize))
  let blocksNeeded = 0
  for (let restBytes = sizeBytes; restBytes > 0; blocksNeeded++) {
    if (blocksNeeded === blocksThere) {
      report('ctz-size', `${sizeBytes} bytes need more than the device's blocks`, {
        path,
        block: head,
      })
      return undefined
    }
    restBytes -= image.blockSize - 4 * pointerCount(blocksNeeded)
  }
  const blocks = new Array<number>(blocksNeeded)
  let block = head
  for (let index = blocksNeeded - 1; index >= 0; index--) {
    const bytes = image.block(block)
    if (bytes === undefined) {
      report('ctz-range', `block ${index} of the file is said to be ${block}, outside the device`, {
        path,
        block,
      })
      return undefined
    }
    blocks[index] = block
    if (index > 0) block = le32(bytes, 0)
  }
  let sound = true
  blocks.forEach((from, index) => {
    const bytes = image.block(from)
    for (let skip = 0; bytes !== undefined && skip < pointerCount(index); skip++) {
      const target = le32(bytes, 4 * skip)
      const expected = blocks[index - 2 ** skip]
      if (target === expected) continue
      sound = false
      report(
        'ctz-pointer',
        `pointer ${skip} of file block ${index} is ${target}, not ${expected}`,
        {
          path,
          block: from,
        },
      )
    }
  })
  return sound ? blocks : undefined
}

/** The file's bytes out of its blocks. */
export function readCtzContent(
  image: BlockImage,
  blocks: readonly number[],
  sizeBytes: number,
): Uint8Array {
  const content = new Uint8Array(sizeBytes)
  let at = 0
  blocks.forEach((block, index) => {
    const data = image.block(block)?.subarray(4 * pointerCount(index)) ?? new Uint8Array(0)
    const piece = data.subarray(0, sizeBytes - at)
    content.set(piece, at)
    at += piece.length
  })
  return content
}
