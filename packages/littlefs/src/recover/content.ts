/**
 * What is left of a file's blocks: which of them still hold what they held.
 *
 * Blocks of data have no checksum, so nothing proves that one is as it was; but that it is not shows: in
 * what uses it now, in a log that it holds, in being erased, and in pointers that do not fit those of the
 * blocks behind it.
 */

import type { Op, Span } from '@caravan/core'
import type { Survey } from '../check/check.js'
import {
  blockCountOf,
  dataOffset,
  dataStart,
  POINTER_SIZE_BYTES,
  pointerCount,
} from '../format/ctz-list.js'
import { byteStringToText } from '../format/name.js'
import { readWord } from '../format/word.js'
import { readWhatCan } from '../metadata-pair.js'
import type { FileVersion } from './versions.js'

export interface RecoveredRange {
  /** Bytes from the beginning of the file. */
  readonly start: number
  readonly end: number
  readonly block: number
}

interface RecoveredContent {
  /** Bytes that the file had. */
  readonly size: number
  /** What of it is there, ascending; the rest is lost. */
  readonly ranges: readonly RecoveredRange[]
  /** Of a file that was kept in the log itself: all of it. */
  readonly inline?: Uint8Array
}

export interface ContentPlace {
  readonly survey: Survey
  readonly blockSize: number
  readonly heldBlockCount: number
  readonly logBlocks: ReadonlySet<number>
}

/** The blocks of a version, from the last one back, as far as they lead. */
export function* findContent(place: ContentPlace, version: FileVersion): Op<RecoveredContent> {
  const { struct } = version
  if (struct.kind === 'inline') {
    return { size: struct.bytes.length, ranges: [], inline: struct.bytes }
  }
  const { head, size } = struct
  const { blockSize, heldBlockCount } = place
  const count = blockCountOf(size, blockSize)
  // A size that the image has no blocks for is damage: where its blocks would be cannot be known.
  if (count === 0 || count > heldBlockCount) return { size, ranges: [] }
  const chain = new Array<number | undefined>(count)
  const ranges: RecoveredRange[] = []
  chain[count - 1] = head
  for (let index = count - 1; index >= 0; index--) {
    const block = chain[index]
    if (block === undefined || !mayHold(place, version, block, index)) continue
    const bytes = new Uint8Array(blockSize)
    const span: Span = { block, offset: 0, bytes }
    const [isReadable] = yield* readWhatCan([span])
    if (isReadable !== true || isErased(bytes) || !leadsBack(place, chain, index, bytes)) continue
    const start = dataStart(index, blockSize)
    const end = Math.min(size, start + blockSize - dataOffset(index))
    ranges.push({ start, end, block })
  }
  return { size, ranges: ranges.reverse() }
}

/** False for a block that is certainly another one's by now. */
function mayHold(
  { survey, heldBlockCount, logBlocks }: ContentPlace,
  { path, state }: FileVersion,
  block: number,
  index: number,
): boolean {
  if (block >= heldBlockCount || logBlocks.has(block)) return false
  const use = survey.uses.get(block)
  if (use === undefined) return true
  if (use.kind === 'metadata') return false
  // Versions of a file share the blocks that no change has touched.
  return state === 'shown' || (use.index === index && use.path === byteStringToText(path))
}

function isErased(bytes: Uint8Array): boolean {
  const first = bytes[0]
  return (first === 0xff || first === 0x00) && bytes.every((byte) => byte === first)
}

/** Takes over where the pointers of a block lead, unless they contradict what is known. */
function leadsBack(
  { heldBlockCount }: ContentPlace,
  chain: (number | undefined)[],
  index: number,
  bytes: Uint8Array,
): boolean {
  const targets: [number, number][] = []
  for (let k = 0; k < pointerCount(index); k++) {
    const target = index - 2 ** k
    const address = readWord(bytes, POINTER_SIZE_BYTES * k)
    if (address >= heldBlockCount) return false
    if (chain[target] !== undefined && chain[target] !== address) return false
    targets.push([target, address])
  }
  for (const [target, address] of targets) chain[target] = address
  return true
}
