/**
 * The tail list that threads all metadata pairs, and the global state that is spread over it.
 *
 * Source: littlefs SPEC.md, "LFS_TYPE_TAIL" and "LFS_TYPE_MOVESTATE".
 */
import {
  type BlockImage,
  type BlockPair,
  type LittlefsCheckOptions,
  le32,
  pairKey,
  pairText,
  type Report,
} from './finding.js'
import { type MetadataPair, readPair } from './metadata.js'

/** Reads each pair once, so that what is wrong with it is reported once. */
export class PairReader {
  private readonly read = new Map<string, MetadataPair | undefined>()

  constructor(
    private readonly image: BlockImage,
    private readonly report: Report,
  ) {}

  /** `undefined` when the pair is out of range or holds nothing valid; reported the first time. */
  pair(pair: BlockPair, path?: string): MetadataPair | undefined {
    const key = pairKey(pair)
    if (this.read.has(key)) return this.read.get(key)
    const where = path === undefined ? { pair } : { pair, path }
    let metadata: MetadataPair | undefined
    if (pair[0] === pair[1] || pair.some((block) => block >= this.image.blockCount)) {
      this.report('pair-range', `${pairText(pair)} is no pair of this device's blocks`, where)
    } else {
      metadata = readPair(this.image, pair, this.report)
      if (metadata === undefined) {
        this.report('pair-invalid', `neither half of ${pairText(pair)} holds a valid commit`, where)
      }
    }
    this.read.set(key, metadata)
    return metadata
  }

  all(): MetadataPair[] {
    return [...this.read.values()].filter((pair) => pair !== undefined)
  }
}

export interface ThreadNode {
  readonly metadata: MetadataPair
  /** The kind of tail that led here. */
  readonly reached: 'start' | 'soft' | 'hard'
  /** The directory that it belongs to, once the tree has been walked. */
  owner: string | undefined
}

export function readThread(pairs: PairReader, report: Report): ThreadNode[] {
  const nodes: ThreadNode[] = []
  const seen = new Set<string>()
  let reached: ThreadNode['reached'] = 'start'
  let next: BlockPair | undefined = [0, 1]
  while (next !== undefined) {
    if (seen.has(pairKey(next))) {
      report('tail-cycle', `the tail list comes back to ${pairText(next)}`, { pair: next })
      break
    }
    seen.add(pairKey(next))
    const metadata = pairs.pair(next)
    if (metadata === undefined) break
    nodes.push({ metadata, reached, owner: undefined })
    reached = metadata.tail?.hard === true ? 'hard' : 'soft'
    next = metadata.tail?.pair
  }
  return nodes
}

export interface GlobalState {
  /** The tail list may hold orphans and half-orphans. */
  readonly hasOrphans: boolean
  /** The source of a move that was not completed. */
  readonly move: { readonly id: number; readonly pair: BlockPair } | undefined
}

function readGlobalState(thread: readonly ThreadNode[]): Uint8Array {
  const sum = new Uint8Array(12)
  for (const { metadata } of thread) {
    metadata.delta?.forEach((byte, index) => {
      sum[index] ^= byte
    })
  }
  return sum
}

export function checkGlobalState(
  thread: readonly ThreadNode[],
  options: LittlefsCheckOptions,
  report: Report,
): GlobalState {
  const sum = readGlobalState(thread)
  const tag = le32(sum, 0)
  const pair: BlockPair = [le32(sum, 4), le32(sum, 8)]
  const hasOrphans = tag >>> 31 === 1
  const type = (tag >>> 20) & 0x7ff
  const id = (tag >>> 10) & 0x3ff
  if (hasOrphans && options.allowOrphans !== true) {
    report('gstate-orphans', 'the global state says that the tail list may hold orphans')
  }
  if ((tag & 0x3ff) !== 0) {
    report('gstate-malformed', `padding of the move state is ${tag & 0x3ff}, not 0`)
  }
  if (type === 0) {
    if (id !== 0 || pair[0] !== 0 || pair[1] !== 0) {
      report('gstate-malformed', `no move, but id ${id} of ${pairText(pair)} is named`)
    }
    return { hasOrphans, move: undefined }
  }
  if (type !== 0x4ff) {
    report('gstate-malformed', `move type 0x${type.toString(16)}, expected 0 or 0x4ff`)
    return { hasOrphans, move: undefined }
  }
  if (options.allowPendingMove !== true) {
    report('gstate-move', `entry ${id} of ${pairText(pair)} is still to be removed`, { pair })
  }
  const source = thread.find(({ metadata }) => pairKey(metadata.pair) === pairKey(pair))
  if (source === undefined || id >= source.metadata.entries.length) {
    report('gstate-move-target', `entry ${id} of ${pairText(pair)} does not exist`, { pair })
  }
  return { hasOrphans, move: { id, pair } }
}
